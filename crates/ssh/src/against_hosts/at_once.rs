//! Two edits at the same time, and one that was killed.

use super::*;

#[test]
fn two_edits_at_once_both_come_to_their_end() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let keys: Vec<_> = (0..3).map(|_| new_key()).collect();
        std::thread::scope(|scope| {
            for (number, key) in keys.iter().enumerate() {
                let order = order(u64::try_from(number).unwrap(), Phase::Set, &[(key, "v1")]);
                scope.spawn(move || {
                    let outcome = follow(host, &order).outcome;
                    assert!(matches!(outcome, Outcome::Changed | Outcome::Stale), "{outcome:?}");
                });
            }
        });
        assert_eq!(lines_of(host)[0], line(keys[2].public_key(), "v1"), "the newest one stays");
        assert_eq!(lines_of(host).len(), 2);
    }
}

/// Another order of Systems Manager, say of a rotation that died, may be under way when the next one arrives.
#[test]
fn a_file_that_is_replaced_while_it_is_read_is_no_file_of_other_bytes() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let key = new_key();
        host.authorize(b"# short\n");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                host.user(
                    "cd ~app/.ssh && echo '# short' >a && echo '# much longer' >b && touch ~app/replaced && \
                     while [ -e ~app/replaced ]; do cp a c && mv c authorized_keys; cp b c && mv c authorized_keys; done",
                    b"",
                )
            });
            while !host.root("test -e ~app/replaced", b"").status.success() {}
            let looks = Order { action: Action::Look, ..order(1, Phase::Set, &[(&key, "v1")]) };
            let outcomes: Vec<_> = (0..40).map(|_| follow(host, &looks).outcome).collect();
            host.root("rm ~app/replaced", b"");
            assert!(outcomes.iter().all(|outcome| matches!(outcome, Outcome::Lacks)), "{outcomes:?}");
        });
    }
}

#[test]
fn an_edit_that_is_held_up_says_so_and_one_that_was_killed_is_cleaned_up() {
    let Some(hosts) = hosts() else { return };
    for host in &hosts {
        let key = new_key();
        host.authorize(b"# mine\n");
        // What a run leaves that was killed while it wrote: its lock, and a file with an old key.
        host.user(
            "cd ~app/.ssh && echo old >.fourstep.new && mkdir .fourstep.lock && sh -c 'echo $$' >.fourstep.lock/holder",
            b"",
        );
        follow(host, &order(1, Phase::Set, &[(&key, "v1")]));
        assert!(host.opens(&text(&key)));
        let left = String::from_utf8(host.root("ls -A ~app/.ssh", b"").stdout).unwrap();
        assert!(!left.contains(".fourstep.new"), "{left}");
    }
    let host = &hosts[0];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            host.user(
                "cd ~app/.ssh && exec 9<. && flock 9 && touch ~app/held && while [ -e ~app/held ]; do sleep 0.1; done",
                b"",
            )
        });
        while !host.root("test -e ~app/held", b"").status.success() {}
        let failure = failure(host);
        host.root("rm ~app/held", b"");
        assert_eq!(failure, "Unavailable: another edit of `/home/app/.ssh/authorized_keys` is under way");
    });
}
