//! The process of a throwaway server: as whom it runs, what it starts from, and that it ends.

use std::env;
use std::fs::{self, File, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

/// The user as whom a server's programs run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct User {
    /// `None`: as we do.
    ids: Option<(u32, u32)>,
    /// Whether it may read what only root may: programs that are in root's own folder.
    reads_all: bool,
}

impl User {
    pub(crate) fn ourselves() -> Self {
        Self { ids: None, reads_all: false }
    }

    /// If we are root, a user that is not: `postgres` if there is one, or `nobody`. Some servers refuse to be root.
    pub(crate) fn not_root(reads_all: bool) -> Self {
        let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        let accounts = root.then(|| fs::read_to_string("/etc/passwd").ok()).flatten().unwrap_or_default();
        let ids = |name: &str| {
            let mut fields = accounts.lines().find(|line| line.split(':').next() == Some(name))?.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        };
        Self { ids: ids("postgres").or_else(|| ids("nobody")), reads_all }
    }

    /// Returns whether it is root.
    pub(crate) fn is_root(self) -> bool {
        self.ids.is_none() && fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
    }

    /// Creates a command that runs as this user.
    pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(self, program: S, arguments: &[&str]) -> Command {
        let mut command = match self.ids {
            None => Command::new(program),
            Some((user, group)) => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg("--clear-groups");
                if self.reads_all {
                    // Of root's rights, the one to pass through folders; containers usually have this one. Without the
                    // bit, access(2), by which PostgreSQL looks for its own programs, would leave it out of account.
                    command.arg("--securebits=+no_setuid_fixup");
                    command.args(["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]);
                }
                command.arg("--").arg(program);
                command
            }
        };
        // A locale that is not installed here would be refused; a directory of root's could not be entered.
        command.args(arguments).env("LC_ALL", "C").current_dir("/");
        command
    }

    /// Creates an empty directory of this user. `prefix` is short, because the name of a socket is limited to 107 bytes.
    pub(crate) fn directory(self, prefix: &str) -> TempDir {
        let directory = TempDir::with_prefix(prefix).expect("a temporary directory can be made");
        self.own(directory.path());
        directory
    }

    /// Writes a file that only this user may read.
    pub(crate) fn write(self, path: &Path, text: &str) {
        fs::write(path, text).expect("the directory is ours");
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the file is ours");
        self.own(path);
    }

    /// Copies a server's initial data to a place that is empty. It is made once on this machine, for each version of
    /// the program: `make` writes it.
    pub(crate) fn copy_template(self, program: &Path, to: &Path, make: impl FnOnce(&Path)) {
        let template = self.template(program, make);
        let copied = self.command("cp", &["-a", path(&template), path(to)]).status().expect("cp can be run");
        assert!(copied.success(), "the data directory cannot be copied from {}", template.display());
    }

    fn template(self, program: &Path, make: impl FnOnce(&Path)) -> PathBuf {
        let user = self.ids.map_or_else(|| "own".to_owned(), |(user, _)| user.to_string());
        // Another version in the same place has another time.
        let changed = fs::metadata(program).expect("the program was found").mtime();
        let name = format!("data{}-{changed}", program.display().to_string().replace('/', "-"));
        let templates = env::temp_dir().join(format!("fourstep-testkit-{user}"));
        let template = templates.join(name);
        if template.exists() {
            return template;
        }
        fs::create_dir_all(&templates).expect("a temporary directory can be made");
        self.own(&templates);
        // Several tests may come here at once: each makes its own, and the first to rename it wins.
        let making = TempDir::with_prefix_in("making", &templates).expect("the directory is ours");
        self.own(making.path());
        let own = making.path().join("data");
        make(&own);
        assert!(fs::rename(&own, &template).is_ok() || template.exists(), "{} cannot be made", template.display());
        template
    }

    /// Starts a server. It ends by a signal, and its directory is removed, when the returned value is dropped or this
    /// process ends in any way. What it says goes to a file.
    pub(crate) fn serve(self, program: &Path, arguments: &[&str], end: &str, directory: &Path, log: &Path) -> Process {
        // The shell holds the read end of a pipe whose other end only this process has. It is closed with the process,
        // however that ends, and the shell then ends the server and removes its files.
        let script = r#"
            exec 3<&0 </dev/null
            "$@" 3<&- & server=$!
            { cat <&3 >/dev/null; : >"$FOURSTEP_DIRECTORY/over$$"; kill -"$FOURSTEP_SIGNAL" "$server"; } 2>/dev/null &
            wait "$server"
            [ -e "$FOURSTEP_DIRECTORY/over$$" ] && rm -rf "$FOURSTEP_DIRECTORY""#;
        let words: Vec<&str> =
            ["-c", script, "sh", path(program)].into_iter().chain(arguments.iter().copied()).collect();
        let log = File::options().create(true).append(true).open(log).expect("the directory is ours");
        let mut child = self
            .command("sh", &words)
            .env("FOURSTEP_DIRECTORY", directory)
            .env("FOURSTEP_SIGNAL", end)
            .stdin(Stdio::piped())
            .stdout(log.try_clone().expect("a file can be shared"))
            .stderr(log)
            // A signal to the test's process group must not end the shell before it has tidied up.
            .process_group(0)
            .spawn()
            .expect("sh can be run");
        let held = child.stdin.take();
        Process { child, held }
    }

    fn own(self, path: &Path) {
        if let Some((user, group)) = self.ids {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    held: Option<ChildStdin>,
}

impl Process {
    pub(crate) fn ended(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.held.take());
        // Nothing is to be done if it ended before.
        let _ = self.child.wait();
    }
}

/// Chooses a port of 127.0.0.1 that nobody listens on. Somebody may take it before the server does.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
