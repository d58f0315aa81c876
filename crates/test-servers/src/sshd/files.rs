use std::fs::{self, Permissions};
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// The user whose keys are rotated.
pub const USER: &str = "app";
pub(super) const USER_ID: u32 = 12_345;

/// Writes what a host has in `/etc` and nobody else: its users, its sshd's settings, its keys. `config` comes before the
/// usual settings.
pub(super) fn write_files(directory: &Path, address: Ipv4Addr, port: u16, config: &[&str]) {
    let etc = directory.join("etc");
    for folder in [etc.join("ssh"), directory.join("home")] {
        fs::create_dir_all(folder).expect("the directory is ours");
    }
    // A password that nothing matches. One that begins with `!` would lock the account.
    fs::write(etc.join("shadow"), format!("{USER}:*:20000::::::\n")).expect("the directory is ours");
    for (file, line) in [
        ("passwd", format!("{USER}:x:{USER_ID}:{USER_ID}::/home/{USER}:/bin/sh\n")),
        ("group", format!("{USER}:x:{USER_ID}:\n")),
    ] {
        let mut text = fs::read_to_string(Path::new("/etc").join(file)).expect("every machine has it");
        text.push_str(&line);
        fs::write(etc.join(file), text).expect("the directory is ours");
    }
    let mut config = config.join("\n");
    config += &format!(
        "\nListenAddress {address}\nPort {port}\nHostKey /etc/ssh/ssh_host_rsa_key\nHostKey /etc/ssh/ssh_host_ecdsa_key\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM no\n\
         PasswordAuthentication no\nLogLevel VERBOSE\nMaxStartups 500\n"
    );
    fs::write(etc.join("ssh/sshd_config"), config).expect("the directory is ours");
    make_host_keys(&etc.join("ssh"));
}

/// Makes the three keys that a distribution makes. That of RSA, which takes long, is the same on all hosts of a test.
pub(super) fn make_host_keys(folder: &Path) {
    static RSA: OnceLock<[Vec<u8>; 2]> = OnceLock::new();
    make_host_key(folder, "ed25519");
    make_host_key(folder, "ecdsa");
    let files = ["ssh_host_rsa_key", "ssh_host_rsa_key.pub"].map(|name| folder.join(name));
    let rsa = RSA.get_or_init(|| {
        make_host_key(folder, "rsa");
        files.each_ref().map(|file| fs::read(file).expect("ssh-keygen made it"))
    });
    for (file, text) in files.iter().zip(rsa) {
        fs::write(file, text).expect("the directory is ours");
    }
    fs::set_permissions(&files[0], Permissions::from_mode(0o600)).expect("the file is ours");
}

fn make_host_key(folder: &Path, kind: &str) {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", "", "-C", "host", "-f"]).arg(folder.join(format!("ssh_host_{kind}_key")));
    assert!(command.stdin(Stdio::null()).status().expect("ssh-keygen can be run").success());
}
