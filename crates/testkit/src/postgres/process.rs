use std::env;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use tempfile::TempDir;

use super::log_file;

/// The server's programs, and the user as which they run.
pub(super) struct Installation {
    programs: PathBuf,
    /// The server refuses to run as root. `None`: we are not, and it runs as we do.
    user: Option<(u32, u32)>,
}

/// What a server is to log, and what it need not do because its data is thrown away.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "127.0.0.1"),
    ("log_statement", "all"),
    ("log_min_error_statement", "error"),
    ("log_connections", "on"),
    ("log_line_prefix", "%m [%p] %q%a "),
    ("fsync", "off"),
    ("full_page_writes", "off"),
    ("shared_buffers", "16MB"),
    ("wal_level", "minimal"),
    ("max_wal_senders", "0"),
    ("password_encryption", "scram-sha-256"),
    ("logging_collector", "off"),
];

impl Installation {
    /// Finds the programs of a version, or of the highest: where Debian puts them, or in `PATH`.
    pub(super) fn find(version: Option<u32>) -> Option<Self> {
        let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .filter(|(_, programs)| programs.join("initdb").exists())
            .collect();
        found.sort();
        let debian = match version {
            Some(version) => found.into_iter().find(|(major, _)| *major == version),
            None => found.pop(),
        };
        let in_path = || {
            let path = env::var_os("PATH").filter(|_| version.is_none())?;
            env::split_paths(&path).find(|directory| directory.join("initdb").exists())
        };
        let programs = debian.map(|(_, programs)| programs).or_else(in_path)?;
        Some(Self { programs, user: user() })
    }

    /// Makes an empty directory that the server's user can write to.
    pub(super) fn directory(&self) -> TempDir {
        // Short, because the name of a socket is limited to 107 bytes.
        let directory = TempDir::with_prefix("pg").expect("a temporary directory can be made");
        self.own(directory.path());
        directory
    }

    /// Writes a file that only the server's user may read.
    pub(super) fn write(&self, path: &Path, text: &str) {
        fs::write(path, text).expect("the directory is ours");
        fs::set_permissions(path, Permissions::from_mode(0o600)).expect("the file is ours");
        self.own(path);
    }

    /// Copies an initialized data directory, which is made once on this machine.
    pub(super) fn copy_template(&self, to: &Path) {
        let template = self.template();
        let copied = self.command("cp", &["-a", path(&template), path(to)]).status().expect("cp can be run");
        assert!(copied.success(), "the data directory cannot be copied from {}", template.display());
    }

    fn template(&self) -> PathBuf {
        let owner = self.user.map_or_else(|| "own".to_owned(), |(user, _)| user.to_string());
        let name = self.programs.display().to_string().replace('/', "-");
        let templates = env::temp_dir().join(format!("fourstep-testkit-{owner}"));
        let template = templates.join(format!("data{name}"));
        if template.exists() {
            return template;
        }
        fs::create_dir_all(&templates).expect("a temporary directory can be made");
        self.own(&templates);
        // Several tests may come here at once: each makes its own, and the first to rename it wins.
        let making = TempDir::with_prefix_in("making", &templates).expect("the directory is ours");
        self.own(making.path());
        let own = making.path().join("data");
        let initdb = self.programs.join("initdb");
        let arguments = ["-D", path(&own), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
        let output = self.command(path(&initdb), &arguments).output().expect("initdb can be run");
        assert!(output.status.success(), "initdb failed: {}", String::from_utf8_lossy(&output.stderr));
        assert!(fs::rename(&own, &template).is_ok() || template.exists(), "{} cannot be made", template.display());
        template
    }

    /// Starts the server. It ends when the returned value is dropped, or when this process ends in any way.
    pub(super) fn serve(&self, directory: &Path, port: u16, settings: &[(&str, &str)]) -> Process {
        let (data, log) = (directory.join("data"), log_file(directory));
        let postgres = self.programs.join("postgres");
        // The shell holds the read end of a pipe whose other end only this process has. It is closed with the process,
        // however that ends, and the shell then ends the server and removes its files.
        let script = r#"
            exec 3<&0 </dev/null
            "$@" 3<&- & server=$!
            { cat <&3 >/dev/null; : >"$FOURSTEP_DIRECTORY/over"; kill -QUIT "$server"; } 2>/dev/null &
            wait "$server"
            [ -e "$FOURSTEP_DIRECTORY/over" ] && rm -rf "$FOURSTEP_DIRECTORY""#;
        let (port, socket, hba) = (port.to_string(), path(directory), directory.join("hba.conf"));
        let (certificate, key) = (directory.join("server.pem"), directory.join("server.key"));
        let mut arguments = vec!["-c", script, "sh", path(&postgres), "-D", path(&data), "-p", &port, "-k", socket];
        let own = [("hba_file", path(&hba)), ("ssl_cert_file", path(&certificate)), ("ssl_key_file", path(&key))];
        let settings: Vec<String> =
            SETTINGS.iter().chain(&own).chain(settings).map(|(name, value)| format!("{name}={value}")).collect();
        arguments.extend(settings.iter().flat_map(|setting| ["-c", setting.as_str()]));
        let log = File::options().create(true).append(true).open(log).expect("the directory is ours");
        let mut child = self
            .command("sh", &arguments)
            .env("FOURSTEP_DIRECTORY", directory)
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

    /// Makes a command that runs as the server's user.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = if self.user.is_some() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--", program]);
            command
        } else {
            Command::new(program)
        };
        // A locale that is not installed here would be refused; a directory of root's could not be entered.
        command.args(arguments).env("LC_ALL", "C").current_dir("/");
        command
    }

    fn own(&self, path: &Path) {
        if let Some((user, group)) = self.user {
            chown(path, Some(user), Some(group)).expect("root may give files away");
        }
    }
}

/// A server that runs.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    held: Option<ChildStdin>,
}

impl Process {
    pub(super) fn ended(&mut self) -> bool {
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

/// Gives the ids of user and group `postgres`, if we are root.
fn user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").ok()?.uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").ok()?;
    let mut fields = accounts.lines().find(|line| line.starts_with("postgres:"))?.split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}
