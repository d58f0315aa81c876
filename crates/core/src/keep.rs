use std::time::SystemTime;

/// What [`Rotator::retire`](crate::Rotator::retire) makes the target refuse from now on, and what must go on working.
pub struct Keep<'a, S> {
    pub(crate) kept: Vec<&'a S>,
    pub(crate) gone: Vec<&'a S>,
    /// The ids of the versions that hold what is gone, in the same order, as far as there are such versions.
    pub(crate) versions: Vec<&'a str>,
    pub(crate) strays: Strays<'a>,
    pub(crate) pass: Pass,
}

/// Whether the same may have been done before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// It was not.
    First,
    /// It was done already, or begun: what looks gone is left alone.
    Again,
    /// Whether or not: an operator asks for it.
    Asked,
}

/// Which tokens' credentials may be swept where nothing names them.
pub(crate) enum Strays<'a> {
    /// None.
    None,
    /// What the rotation's own attempts left behind.
    Own { token: &'a str },
    /// What tokens left that have no label any more, sparing the rotation's own.
    Unlabelled {
        token: &'a str,
        labelled: Vec<&'a str>,
        /// When the oldest version of the secret was made that is still known.
        since: Option<SystemTime>,
    },
}

impl<S> Keep<'_, S> {
    /// Returns the secrets that must go on working.
    pub fn kept(&self) -> impl Iterator<Item = &S> {
        self.kept.iter().copied()
    }

    /// Returns the secrets to be refused that share no identity with a kept one. `identity` gives what tells two
    /// credentials apart at the target: an account's name, a key's id.
    pub fn gone<'k, I: PartialEq>(&'k self, identity: impl Fn(&S) -> I + 'k) -> impl Iterator<Item = &'k S> {
        self.gone.iter().copied().filter(move |gone| {
            let gone = identity(gone);
            self.kept.iter().all(|kept| identity(kept) != gone)
        })
    }

    /// Returns when the oldest version of the secret was made, where strays are looked for.
    pub(crate) fn since(&self) -> Option<SystemTime> {
        match self.strays {
            Strays::Unlabelled { since, .. } => since,
            Strays::None | Strays::Own { .. } => None,
        }
    }

    /// Returns whether a credential that is marked with `token` is a stray. It may still be one that is kept: compare
    /// its identity with those of [`kept`](Self::kept).
    #[must_use]
    pub fn is_stray(&self, token: &str) -> bool {
        match &self.strays {
            Strays::None => false,
            Strays::Own { token: own } => token == *own,
            Strays::Unlabelled { token: own, labelled, .. } => token != *own && !labelled.contains(&token),
        }
    }
}

impl<S> std::fmt::Debug for Keep<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keep").field("kept", &self.kept.len()).field("gone", &self.gone.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_shares_its_identity_with_a_kept_secret_is_never_gone() {
        let (kept, same, other) = (("app", 1), ("app", 2), ("old", 3));
        let keep = Keep {
            kept: vec![&kept],
            gone: vec![&same, &other],
            versions: vec![],
            strays: Strays::None,
            pass: Pass::First,
        };
        assert_eq!(keep.gone(|secret| secret.0).collect::<Vec<_>>(), [&other]);
        assert!(!keep.is_stray("t"));
    }

    #[test]
    fn strays_are_told_from_a_positive_list() {
        let keep = |strays| Keep::<()> { kept: vec![], gone: vec![], versions: vec![], strays, pass: Pass::First };
        let own = keep(Strays::Own { token: "t2" });
        assert!(own.is_stray("t2") && !own.is_stray("t1"));
        let strays = Strays::Unlabelled { token: "t3", labelled: vec!["t2", "t1"], since: None };
        let swept = keep(strays);
        assert!(swept.is_stray("t0") && !swept.is_stray("t3") && !swept.is_stray("t1"));
    }
}
