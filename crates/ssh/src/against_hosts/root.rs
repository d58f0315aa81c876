//! Accounts that are root, whatever their names.

use super::*;

/// Gives the host an account with uid 0 that is not called root.
fn add_toor(host: &Host) {
    let made = host.root(
        "echo toor:x:0:0::/home/toor:/bin/sh >>/etc/passwd && echo 'toor:*:20000::::::' >>/etc/shadow && \
         install -d -m 700 /home/toor",
        b"",
    );
    assert!(made.status.success(), "{made:?}");
}

#[test]
fn an_account_with_uid_0_gets_keys_only_where_the_owner_lists_it_by_name() {
    let Some(hosts) = hosts() else { return };
    for host in hosts {
        add_toor(&host);
        let key = new_key();
        for action in [Action::Look, Action::Edit] {
            let order = Order { action, user: "toor", ..order(1, Phase::Set, &[(&key, "v1")]) };
            let Outcome::Failed(failure) = follow(&host, &order).outcome else { panic!("{action:?}") };
            assert_eq!((failure.kind, failure.what.as_str()), (ErrorKind::Forbidden, WHAT));
            assert!(failure.next.contains("ALLOWED_SSH_USERS"), "{}", failure.next);
        }
        assert_eq!(host.root("ls -A /home/toor", b"").stdout, b"");

        let order = Order { user: "toor", may_be_root: true, ..order(1, Phase::Set, &[(&key, "v1")]) };
        assert_eq!(follow(&host, &order).outcome, Outcome::Changed);
        let found = host.root("cat /home/toor/.ssh/authorized_keys", b"").stdout;
        assert!(String::from_utf8(found).unwrap().starts_with(&line(key.public_key(), "v1")));
    }
}

const WHAT: &str = "the user `toor` has uid 0: it is root by another name";
