use std::borrow::Cow;

/// What is asked of a server, for messages: what it is, and the statement that gives the right to it.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What it is, as "log in".
    pub what: Cow<'static, str>,
    /// The statement that gives the right to it, if it needs one of its own.
    pub right: Option<String>,
    /// There is no session before it.
    pub login: bool,
}

impl Operation {
    /// Names an operation that needs no right of its own.
    pub fn new(what: impl Into<Cow<'static, str>>) -> Self {
        Self { what: what.into(), right: None, login: false }
    }

    /// Names the login.
    #[must_use]
    pub fn log_in() -> Self {
        Self { login: true, ..Self::new("log in") }
    }

    /// Sets the statement that gives the right to it.
    #[must_use]
    pub fn allowed_by(self, right: impl Into<String>) -> Self {
        Self { right: Some(right.into()), ..self }
    }
}
