use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The secrets of a fleet that wait for their turn. Two of one group are never under way at once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    /// Groups with a secret that is under way …
    busy: BTreeSet<String>,
    /// … and those that wait for it, in order.
    held: BTreeMap<String, VecDeque<Waiting>>,
}

/// What is kept of a secret that waits for its turn.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) arn: String,
    pub(super) group: Option<String>,
}

impl Queue {
    /// Creates the queue, in the order of the secrets' names.
    pub(super) fn new(mut waiting: Vec<Waiting>) -> Self {
        waiting.sort_unstable_by(|one, other| one.arn.cmp(&other.arn));
        Self { waiting: waiting.into(), ..Self::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.held.values().map(VecDeque::len).sum::<usize>()
    }

    /// Returns the next one that may be under way now.
    pub(super) fn next(&mut self) -> Option<Waiting> {
        while let Some(next) = self.waiting.pop_front() {
            match &next.group {
                Some(group) if self.busy.contains(group) => self.held.entry(group.clone()).or_default().push_back(next),
                Some(group) => {
                    self.busy.insert(group.clone());
                    return Some(next);
                }
                None => return Some(next),
            }
        }
        None
    }

    /// Notes that one is no longer under way.
    pub(super) fn ended(&mut self, ended: &Waiting) {
        let Some(group) = &ended.group else { return };
        self.busy.remove(group);
        if let Some(next) = self.held.get_mut(group).and_then(VecDeque::pop_front) {
            self.waiting.push_front(next);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_a_busy_group_wait_and_keep_their_order() {
        let waiting = |arn: &str, group: Option<&str>| Waiting { arn: arn.to_owned(), group: group.map(str::to_owned) };
        let mut queue = Queue::new(vec![
            waiting("d", Some("two")),
            waiting("c", None),
            waiting("b", Some("one")),
            waiting("a", Some("one")),
            waiting("e", Some("one")),
        ]);
        let first = queue.next().unwrap();
        let others: Vec<_> = std::iter::from_fn(|| queue.next()).map(|next| next.arn).collect();
        assert_eq!((first.arn.as_str(), others), ("a", vec!["c".to_owned(), "d".to_owned()]));
        assert_eq!(queue.len(), 2);
        queue.ended(&first);
        let second = queue.next().unwrap();
        assert!(second.arn == "b" && queue.next().is_none());
        queue.ended(&second);
        assert_eq!(queue.next().unwrap().arn, "e");
    }
}
