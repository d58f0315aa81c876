use crate::store::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Description};

/// Where the three labels are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Labels([(&'static str, Option<String>); 3]);

impl Labels {
    pub(super) fn of(description: &Description) -> Self {
        let at = |label| description.version_with(label).map(str::to_owned);
        let current = at(AWSCURRENT);
        // Secrets Manager takes AWSPENDING off a promoted version in its own time: that is no movement.
        let pending = at(AWSPENDING).filter(|pending| Some(pending) != current.as_ref());
        Self([(AWSCURRENT, current), (AWSPENDING, pending), (AWSPREVIOUS, at(AWSPREVIOUS))])
    }

    pub(super) fn changes(&self, after: &Self) -> Vec<String> {
        let name =
            |id: &Option<String>| id.as_deref().map_or_else(|| "no version".to_owned(), |id| format!("version {id}"));
        let pairs = self.0.iter().zip(&after.0).filter(|((_, before), (_, after))| before != after);
        pairs.map(|((label, before), (_, after))| format!("{label} from {} to {}", name(before), name(after))).collect()
    }
}
