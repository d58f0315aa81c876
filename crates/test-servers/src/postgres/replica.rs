use std::fs;

use super::installation::Installation;
use super::{Options, Postgres};
use crate::process::path;

/// Lets a server have replicas, and be one.
const SETTINGS: [(&str, &str); 2] = [("wal_level", "replica"), ("max_wal_senders", "4")];

impl Postgres {
    /// Starts a server that replicas can follow. `None`: none is installed, and a line says that the test is skipped.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub async fn start_primary() -> Option<Self> {
        let hba = vec!["local replication postgres trust"];
        Self::start_with(Options { settings: SETTINGS.to_vec(), hba, ..Options::default() }).await
    }

    /// Starts a streaming replica of a server that [`start_primary`](Self::start_primary) started. It answers, and has
    /// all that the primary had before.
    ///
    /// # Panics
    ///
    /// If the copy cannot be made, or the replica does not start.
    pub async fn start_replica(&self) -> Self {
        let installation = Installation::find(Some(self.version)).expect("the primary runs");
        let directory = installation.user.directory("pg");
        let (data, port) = (directory.path().join("data"), self.port.to_string());
        // It writes down where its primary is, too.
        let arguments = ["-h", path(&self.directory), "-p", &port, "-U", "postgres", "-D", path(&data), "-R"];
        let arguments = [arguments.as_slice(), &["-X", "stream", "-c", "fast", "--no-sync"]].concat();
        let output = installation.command("pg_basebackup", &arguments).output().expect("pg_basebackup can be run");
        assert!(output.status.success(), "pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr));
        fs::copy(self.directory.join("hba.conf"), directory.path().join("hba.conf")).expect("the directory is ours");
        Self::serve(&installation, directory, &SETTINGS).await
    }
}
