use std::io::{BufRead as _, BufReader};
use std::process::Child;

use crate::failure::{Failure, Result};
use crate::process::Invocation;
use crate::terminal;

/// Servers that run for all tests together. They end with this value, and also when this program is killed: they hear
/// that nobody holds their input any more.
pub(super) struct Servers {
    child: Child,
    /// Tell the tests of them.
    variables: Vec<(String, String)>,
}

impl Servers {
    /// Starts servers by their names, such as `postgres-15`, and waits until they answer.
    ///
    /// # Errors
    ///
    /// If one does not start. It says why itself.
    pub(super) fn start(program: &str, names: &[String]) -> Result<Self> {
        let invocation = Invocation::new(program, names);
        terminal::announce("servers", &invocation.to_string());
        let mut servers = Self { child: invocation.start()?, variables: Vec::new() };
        let output = servers.child.stdout.take().expect("it is ours to read");
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| Failure::new(format!("what the servers say cannot be read: {error}")))?;
            match line.split_once('=') {
                Some((variable, value)) => servers.variables.push((variable.to_owned(), value.to_owned())),
                // The last line is empty.
                None => return Ok(servers),
            }
        }
        Err(Failure::new("the servers for the tests do not start")
            .next(format!("Run them alone with:\n    {invocation}")))
    }

    /// Passes them to a command.
    pub(super) fn tell(&self, invocation: Invocation) -> Invocation {
        let told = |invocation: Invocation, (name, value): &(String, String)| invocation.variable(name, value);
        self.variables.iter().fold(invocation, told)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Nothing is to be done if they ended before.
        let _ = self.child.wait();
    }
}
