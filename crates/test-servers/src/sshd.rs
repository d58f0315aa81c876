//! Hosts with a real sshd, each with users, a home, host keys and an address of its own.

mod address;
mod files;

use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::tools::skip;
pub use files::USER;

use address::{free_port, next_address};
use files::{USER_ID, make_host_keys, write_files};

/// How a host is to be.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Lines of sshd_config that come before the usual ones.
    pub config: Vec<&'static str>,
    /// Programs, by their paths, in whose place this host has another, as `("/bin/sh", "/bin/bash")`; or `/dev/null`.
    pub programs: Vec<(String, &'static str)>,
}

/// A host: an sshd on an address of 127/8, in a mount namespace of its own.
///
/// - It has a user `app` with the home `/home/app`, and nothing in it.
/// - [`root`](Self::root) runs a command on it as the agent of Systems Manager does.
/// - It ends when this value is dropped, and also when the test's process is killed.
#[derive(Debug)]
pub struct Host {
    child: Child,
    held: Option<ChildStdin>,
    /// The process that lives in the namespace.
    id: u32,
    address: Ipv4Addr,
    port: u16,
    directory: PathBuf,
}

/// Longer than any machine needs.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The namespace ends with the pipe whose other end only the test's process has.
const IN_NAMESPACE: &str = r#"
    set -e
    mount -t tmpfs -o mode=755 tmpfs /run
    mkdir -m 755 /run/sshd
    for place in /etc/ssh /etc/passwd /etc/shadow /etc/group /home; do
        mount --bind "$FOURSTEP_DIRECTORY$place" "$place"
    done
    set +e
    exec 3<&0 </dev/null
    /usr/sbin/sshd -D -e 3<&- 2>>"$FOURSTEP_DIRECTORY/log" &
    echo $$ >"$FOURSTEP_DIRECTORY/id.new"
    mv "$FOURSTEP_DIRECTORY/id.new" "$FOURSTEP_DIRECTORY/id"
    cat <&3 >/dev/null
    kill "$(cat /run/sshd.pid)" 2>/dev/null
    wait
    cd / && rm -rf "$FOURSTEP_DIRECTORY"
"#;

impl Host {
    /// Starts a host. `None`: OpenSSH's server is not installed, or the machine gives no namespaces; a line says that the
    /// test is skipped.
    ///
    /// # Panics
    ///
    /// If the host does not start; if the test would be skipped and `CI` is set.
    #[must_use]
    pub fn start() -> Option<Self> {
        Self::start_with(&Options::default())
    }

    /// Starts a host. `None` as for [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_with(options: &Options) -> Option<Self> {
        if !Path::new("/usr/sbin/sshd").exists() {
            skip("OpenSSH's server is not installed; `cargo xtask setup` installs it");
            return None;
        }
        if let Some((_, missing)) = options.programs.iter().find(|(_, other)| !Path::new(other).exists()) {
            skip(&format!("{missing} is not installed; `cargo xtask setup` installs it"));
            return None;
        }
        if !as_root("unshare").args(["--mount", "true"]).status().is_ok_and(|status| status.success()) {
            skip("root, or sudo without a password, is needed for a mount namespace");
            return None;
        }
        let address = next_address();
        let port = free_port(address);
        // Kept, since the files will be root's: the namespace removes it.
        let directory = TempDir::with_prefix("host").expect("a temporary directory can be made").keep();
        write_files(&directory, address, port, &options.config);
        let mut child = as_root("env")
            .arg(format!("FOURSTEP_DIRECTORY={}", directory.display()))
            .args(["unshare", "--mount", "--propagation", "private", "/bin/dash", "-c", IN_NAMESPACE])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(File::create(directory.join("namespace")).expect("the directory is ours"))
            .process_group(0)
            .spawn()
            .expect("unshare can be run");
        let held = child.stdin.take();
        let mut host = Self { child, held, id: 0, address, port, directory };
        host.wait_until("has a namespace", |host| host.directory.join("id").exists());
        let id = fs::read_to_string(host.directory.join("id")).expect("the namespace wrote it");
        host.id = id.trim().parse().expect("it is a process");
        for (program, other) in &options.programs {
            let mounted = run(host.enter(&["mount", "--bind", other, program]), b"");
            assert!(mounted.status.success(), "{mounted:?}");
        }
        let made = host.root("install -d -m 750 -o app -g app /home/app", b"");
        assert!(made.status.success(), "{made:?}");
        host.wait_until("answers", Self::answers);
        Some(host)
    }

    /// Returns the address, of 127/8.
    #[must_use]
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// Returns the port of its sshd.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a script of `sh` as root on this host, as the agent of Systems Manager does.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn root(&self, script: &str, input: &[u8]) -> Output {
        run(self.enter(&["sh", "-c", script]), input)
    }

    /// Runs a script of `sh` as the user `app` on this host.
    ///
    /// # Panics
    ///
    /// If it cannot be run.
    pub fn user(&self, script: &str, input: &[u8]) -> Output {
        let id = USER_ID.to_string();
        run(self.enter(&["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "sh", "-c", script]), input)
    }

    /// Returns what is in the user's authorized_keys. Empty: there is no such file.
    ///
    /// # Panics
    ///
    /// If the host does not run.
    #[must_use]
    pub fn authorized_keys(&self) -> Vec<u8> {
        self.root("cat /home/app/.ssh/authorized_keys", b"").stdout
    }

    /// Creates the user's authorized_keys.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn authorize(&self, text: &[u8]) {
        let made = self.user("umask 077; mkdir -p ~app/.ssh && cat >~app/.ssh/authorized_keys", text);
        assert!(made.status.success(), "{made:?}");
    }

    /// Logs in as `app` with OpenSSH's own client, which checks the host key, and tells whether the host let it.
    ///
    /// # Panics
    ///
    /// If there was no answer.
    #[must_use]
    pub fn opens(&self, private_key: &str) -> bool {
        let directory = TempDir::with_prefix("ssh").expect("a temporary directory can be made");
        let (identity, known) = (directory.path().join("identity"), directory.path().join("known_hosts"));
        fs::write(&identity, private_key).expect("the directory is ours");
        let only_mine = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&identity, only_mine).expect("the file is ours");
        fs::write(&known, self.known_hosts()).expect("the directory is ours");
        let output = Command::new("ssh")
            .args(["-F", "none", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "IdentityAgent=none", "-o", &format!("UserKnownHostsFile={}", known.display())])
            .args(["-i", &identity.display().to_string(), "-p", &self.port.to_string()])
            .args([&format!("{USER}@{}", self.address), "exit 7"])
            .stdin(Stdio::null())
            .output()
            .expect("ssh can be run");
        let errors = String::from_utf8_lossy(&output.stderr);
        match output.status.code() {
            Some(7) => true,
            _ if errors.contains("Permission denied") => false,
            status => panic!("{status:?}: {errors}"),
        }
    }

    /// Returns the lines of known_hosts with the host's own keys.
    ///
    /// # Panics
    ///
    /// If they cannot be read.
    #[must_use]
    pub fn known_hosts(&self) -> String {
        let keys = fs::read_to_string(self.directory.join("etc/ssh/ssh_host_ed25519_key.pub"));
        let keys = keys.expect("ssh-keygen made it");
        let key: Vec<_> = keys.split(' ').take(2).collect();
        format!("[{}]:{} {}\n", self.address, self.port, key.join(" "))
    }

    /// Gives the host new keys, as if it had been installed anew.
    ///
    /// # Panics
    ///
    /// If sshd does not start with them.
    pub fn change_host_key(&self) {
        self.stop();
        let folder = self.directory.join("etc/ssh");
        for kind in ["ed25519", "ecdsa"] {
            for end in ["", ".pub"] {
                fs::remove_file(folder.join(format!("ssh_host_{kind}_key{end}"))).expect("the directory is ours");
            }
        }
        make_host_keys(&folder);
        self.resume();
    }

    /// Ends sshd: connections are refused.
    ///
    /// # Panics
    ///
    /// If the host does not run.
    pub fn stop(&self) {
        let stopped = self.root("kill $(cat /run/sshd.pid)", b"");
        assert!(stopped.status.success(), "{stopped:?}");
        self.wait_until("is down", |host| !host.answers());
    }

    /// Starts sshd again.
    ///
    /// # Panics
    ///
    /// If it does not start.
    pub fn resume(&self) {
        let started = self.root(&format!("/usr/sbin/sshd -E {}/log", self.directory.display()), b"");
        assert!(started.status.success(), "{started:?}");
        self.wait_until("answers", Self::answers);
    }

    /// Returns all that sshd logged.
    ///
    /// # Panics
    ///
    /// If there is no log.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.directory.join("log")).expect("there is a log")).into_owned()
    }

    fn answers(&self) -> bool {
        TcpStream::connect((self.address, self.port)).is_ok()
    }

    fn enter(&self, command: &[&str]) -> Command {
        let mut enter = as_root("nsenter");
        enter.args(["--mount", "--target", &self.id.to_string(), "--"]).args(command);
        enter
    }

    fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let started = Instant::now();
        while !condition(self) {
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            let namespace = || fs::read_to_string(self.directory.join("namespace")).unwrap_or_default();
            assert!(started.elapsed() < START_LIMIT, "not true: the host {what}: {}{}", namespace(), log());
            // Nothing can be awaited: the other side is another process.
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        drop(self.held.take());
        // Nothing is to be done if it ended before.
        let _ = self.child.wait();
    }
}

fn as_root(program: &str) -> Command {
    let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    let mut command = Command::new(if is_root { program } else { "sudo" });
    if !is_root {
        command.args(["-n", program]);
    }
    command.current_dir("/");
    command
}

fn run(mut command: Command, input: &[u8]) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command can be run");
    let mut stdin = child.stdin.take().expect("it is piped");
    std::thread::scope(|scope| {
        // An error means that the command did not read all of it.
        scope.spawn(move || stdin.write_all(input).ok());
        child.wait_with_output().expect("it is our child")
    })
}
