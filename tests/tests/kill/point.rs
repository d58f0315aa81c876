use std::fmt;

use fourstep_testkit::aws::Moment;
use fourstep_testkit::kill::both_moments;
use fourstep_testkit::proxy::When;

/// How many messages a rotation has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Messages {
    /// Calls of Secrets Manager.
    pub(crate) calls: usize,
    /// Connections to the database.
    pub(crate) connections: usize,
    /// Messages to the database.
    pub(crate) frontend: usize,
}

impl Messages {
    /// Returns the points at which a rotation can be killed while it calls Secrets Manager.
    pub(crate) fn at_secrets_manager(self) -> Vec<Point> {
        both_moments(self.calls).map(|(call, moment)| Point::SecretsManager(call, moment)).collect()
    }

    /// Returns the points at which a rotation can be killed while it talks to the database.
    pub(crate) fn at_the_database(self) -> Vec<Point> {
        let moments = [When::Before, When::After];
        (1..=self.frontend).flat_map(|message| moments.map(|when| Point::Database(message, when))).collect()
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, connections, frontend } = self;
        write!(f, "{calls} calls of Secrets Manager, {frontend} messages to the database in {connections} connections")
    }
}

/// Where a rotation is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// At the call of this number: before it has its effect, or after it had it. It is not answered.
    SecretsManager(usize, Moment),
    /// At the message of this number: it is lost, or the server acts on it. Its reply is lost.
    Database(usize, When),
}
