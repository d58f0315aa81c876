//! A local user who wants to become root by the script.

use std::path::Path;

use fourstep_test_servers::tools::skip;

use super::*;

/// Swaps `~/.ssh` with a folder of the user's, and puts a link to a file of root's where the script makes its new file, as
/// fast as it can while `~/racing` is there. Perl is a part of every Debian.
const RACER: &str = r#"
    use POSIX ();
    my $renameat2 = (POSIX::uname())[4] eq "aarch64" ? 276 : 316;
    chdir "/home/app" or die;
    my ($one, $other, $here, $exchange) = (".ssh", "mine", -100, 2);
    my $links = fork();
    if ($links) {
        while (-e "/home/racing") { syscall($renameat2, $here, $one, $here, $other, $exchange); }
        waitpid($links, 0);
    } else {
        while (-e "/home/racing") { symlink("/home/secret", "$_/.fourstep.new") for ($one, $other); }
    }
"#;

/// How often the user may try. The script that remained root in a folder of root's within the home lost two of three.
const TRIES: u64 = 10;

fn race(host: &Host, home: &str) {
    let key = new_key();
    let secret = || String::from_utf8(host.root("ls -ln /home/secret; cat /home/secret", b"").stdout).unwrap();
    let made = host.root("umask 077; echo for root only >/home/secret", b"");
    assert!(made.status.success(), "{made:?}");
    let before = secret();
    for number in 0..TRIES {
        let made = host.root(&format!("rm -rf ~app; {home}; : >/home/racing"), b"");
        assert!(made.status.success(), "{made:?}");
        std::thread::scope(|scope| {
            let racer = scope.spawn(|| host.user("exec perl", RACER.as_bytes()));
            for phase in [Phase::Set, Phase::Finish] {
                // Whatever comes of it: the user may keep the key out of the own file.
                host.root(&order(number, phase, &[(&key, "v1")]).command().unwrap(), b"");
            }
            host.root("rm /home/racing", b"");
            let raced = racer.join().unwrap();
            assert!(raced.status.success(), "{raced:?}");
        });
        assert_eq!(secret(), before, "after {} tries", number + 1);
    }
}

#[test]
fn a_user_who_swaps_a_folder_of_root_in_the_home_gets_no_file_of_root() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        race(
            host,
            "install -d -m 750 -o app -g app ~app && install -d ~app/.ssh && install -d -o app -g app ~app/mine && \
             install -o app -m 600 /dev/null ~app/.ssh/authorized_keys && \
             install -o app -m 600 /dev/null ~app/mine/authorized_keys",
        );
    }
}

#[test]
fn a_user_whose_home_is_root_s_gets_no_file_of_root_when_the_folder_is_made() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        race(host, "install -d -m 755 ~app");
        // Without a race, the folder is made and the key is in its place.
        host.root("rm -rf ~app; install -d -m 755 ~app", b"");
        let key = new_key();
        assert_eq!(follow(host, &order(TRIES, Phase::Set, &[(&key, "v1")])).outcome, Outcome::Changed);
        assert!(host.opens(&text(&key)), "{}", host.log());
        assert_eq!(host.root("stat -c '%a %U %G' ~app/.ssh", b"").stdout, b"700 app app\n");
        // Nor does looking make it.
        host.root("rm -rf ~app/.ssh", b"");
        let look = Order { action: Action::Look, ..order(TRIES, Phase::Set, &[(&key, "v1")]) };
        assert_eq!(follow(host, &look).outcome, Outcome::Lacks);
        assert_eq!(host.root("ls -A ~app", b"").stdout, b"");
    }
}

#[test]
fn root_works_in_no_folder_that_others_may_change_nor_below_one() {
    let options = Options { config: vec!["AuthorizedKeysFile /run/keys/of/%u"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    let key = new_key();
    for (make, loose) in [
        ("install -d /run/keys/of", false),
        ("chmod g+w /run/keys", true),
        ("chmod o+w /run/keys", true),
        ("chown app /run/keys", true),
        ("chmod g+w /run/keys/of", true),
    ] {
        host.root("rm -rf /run/keys; install -d /run/keys/of", b"");
        assert!(host.root(make, b"").status.success());
        let outcome = follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome;
        match outcome {
            Outcome::Changed => assert!(!loose, "{make}"),
            Outcome::Failed(failure) => {
                assert!(loose, "{make}");
                assert_eq!(failure.what, "`/run/keys/of` may not be read or written", "{make}: the user may not");
            }
            outcome => panic!("{make}: {outcome:?}"),
        }
    }
    // An account that is root has nobody else to be.
    host.root("echo toor:x:0:0::/home/app:/bin/sh >>/etc/passwd; rm -rf /run/keys", b"");
    host.root("install -d /run/keys/of; chown app /run/keys", b"");
    let order = Order { user: "toor", may_be_root: true, ..order(1, Phase::Set, &[(&key, "v1")]) };
    let Outcome::Failed(failure) = follow(&host, &order).outcome else { panic!("root worked there") };
    assert_eq!(failure.what, "`/run/keys/of`, or a folder above it, may be changed by others than root");
}

/// A mount of bindfs, whose process would outlive the host.
struct Mounted<'a>(&'a Host, &'static str);

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        self.0.root(&format!("umount {}", self.1), b"");
    }
}

/// It shows whatever its maker wants: here, folders of the user's as root's alone.
#[test]
fn root_works_in_no_folder_of_a_file_system_in_user_space() {
    if !Path::new("/usr/bin/bindfs").exists() {
        return skip("bindfs is not installed; `cargo xtask setup` installs it");
    }
    let options = Options { config: vec!["AuthorizedKeysFile /run/keys/%u"], ..Options::default() };
    let Some(host) = Host::start_with(&options) else { return };
    let made = host.root(
        "install -d /run/keys; install -d -o app ~app/mine; \
         bindfs --force-user=root --force-group=root --perms=u=rwX:go=rX ~app/mine /run/keys >/dev/null 2>&1",
        b"",
    );
    let _mounted = Mounted(&host, "/run/keys");
    assert!(made.status.success(), "{made:?}");
    let shown = host.root("stat -c '%U %A' /run/keys", b"").stdout;
    assert_eq!(shown, b"root drwxr-xr-x\n");
    let key = new_key();
    let Outcome::Failed(failure) = follow(&host, &order(1, Phase::Set, &[(&key, "v1")])).outcome else {
        panic!("root worked there")
    };
    assert_eq!(failure.what, "`/run/keys` may not be read or written", "the user may not");
    host.root("echo toor:x:0:0::/home/app:/bin/sh >>/etc/passwd", b"");
    let order = Order { user: "toor", may_be_root: true, ..order(1, Phase::Set, &[(&key, "v1")]) };
    let Outcome::Failed(failure) = follow(&host, &order).outcome else { panic!("root worked there") };
    assert_eq!(failure.what, "`/run/keys`, or a folder above it, may be changed by others than root");
    assert_eq!(host.root("ls -A ~app/mine", b"").stdout, b"");
}
