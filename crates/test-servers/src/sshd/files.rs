use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};

/// The user whose keys are rotated.
pub const USER: &str = "app";
pub(super) const USER_ID: u32 = 12_345;

/// Writes what a host has in `/etc` and nobody else: its users, its sshd's settings, its key. `config` comes before the
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
        "\nListenAddress {address}\nPort {port}\nHostKey /etc/ssh/ssh_host_ed25519_key\nUsePAM no\n\
         PasswordAuthentication no\nLogLevel VERBOSE\nMaxStartups 500\n"
    );
    fs::write(etc.join("ssh/sshd_config"), config).expect("the directory is ours");
    make_host_key(&etc.join("ssh"));
}

pub(super) fn make_host_key(folder: &Path) {
    let file = folder.join("ssh_host_ed25519_key");
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", "host", "-f"]).arg(file).stdin(Stdio::null());
    assert!(command.status().expect("ssh-keygen can be run").success());
}
