//! Who may write and tag an empty key pair gets no key for a user or a host that the function's owner does not allow.

use fourstep::AWSPENDING;
use serde_json::json;

use crate::world::{World, assert_error, empty};

/// The attacker's function: its owner lets it rotate the keys of `app` on the hosts of one team, and there are none.
const OF_ANOTHER_TEAM: [(&str, &str); 2] = [("TAGNAME", "Team"), ("TAGVALUE", "mine")];

impl World {
    /// Runs a rotation that has to be refused before a key is made, and returns whether anything was sent to a host.
    async fn is_refused(&mut self, tags: &[(&str, &str)], kind: &str, parts: &[&str]) -> bool {
        let before = self.secret.current();
        for (tag, value) in tags {
            self.secret.tag(tag, value);
        }
        self.ssm.forget_calls();
        let token = self.secret.begin();
        let error = self.run(&token).await.unwrap_err();
        assert_error(&error, kind, parts);
        assert_eq!(self.secret.labelled(AWSPENDING), None, "no key is made");
        assert_eq!(self.secret.current(), before);
        self.secret.abandon(&token);
        let tags = tags.iter().map(|(tag, _)| *tag);
        self.aws.secrets().with(|model| model.untag_resource(crate::world::SECRET, tags)).unwrap();
        self.ssm.calls().iter().any(|call| call == "SendCommand")
    }

    /// Returns the paths of all that is in homes, but for the homes themselves.
    fn in_homes(&self, number: usize) -> String {
        String::from_utf8(self.host(number).root("find /home -mindepth 2", b"").stdout).unwrap()
    }
}

#[tokio::test]
async fn a_tag_for_root_gets_no_key() {
    let Some(mut world) = World::start(1, &empty(), &[]).await else { return };
    // Not that of this machine.
    let made = world.host(0).root(
        "install -d -m 700 /home/root && mount --bind /home/root /root && echo 'root:*:20000::::::' >>/etc/shadow",
        b"",
    );
    assert!(made.status.success(), "{made:?}");
    let parts = ["`fourstep:ssh-user` names the user `root`", "ALLOWED_SSH_USERS=root"];
    let sent = world.is_refused(&[("fourstep:ssh-user", "root")], "Invalid", &parts).await;
    assert!(!sent, "{:?}", world.ssm.parameters());
    assert_eq!(world.in_homes(0), "");
}

#[tokio::test]
async fn a_tag_for_hosts_of_another_team_gets_no_key() {
    let Some(mut world) = World::start(1, &empty(), &OF_ANOTHER_TEAM).await else { return };
    for (tag, value, parts) in [
        ("fourstep:hosts", "i-0000", ["`i-0000`, which is none of the hosts with the tag", "SSH_HOSTS"]),
        ("fourstep:hosts-tag", "RotateSSHKeys=True", ["`fourstep:hosts-tag`", "ALLOWED_HOSTS_TAGS=RotateSSHKeys=True"]),
    ] {
        let sent = world.is_refused(&[(tag, value)], "Invalid", &parts).await;
        assert!(!sent, "{:?}", world.ssm.parameters());
        assert_eq!(world.in_homes(0), "", "{tag}");
    }
    // A host that nobody has looks like one of another team.
    let parts = ["`i-9999`, which is none of the hosts with the tag"];
    assert!(!world.is_refused(&[("fourstep:hosts", "i-9999")], "Invalid", &parts).await);
}

#[tokio::test]
async fn a_tag_for_root_by_another_name_gets_no_key() {
    let Some(mut world) = World::start(1, &empty(), &[("ALLOWED_SSH_USERS", "*")]).await else { return };
    let made = world.host(0).root(
        "echo toor:x:0:0::/home/toor:/bin/sh >>/etc/passwd && echo 'toor:*:20000::::::' >>/etc/shadow && \
         install -d -m 700 /home/toor",
        b"",
    );
    assert!(made.status.success(), "{made:?}");
    let parts = ["i-0000: the user `toor` has uid 0", "ALLOWED_SSH_USERS"];
    world.is_refused(&[("fourstep:ssh-user", "toor")], "Forbidden", &parts).await;
    assert_eq!(world.in_homes(0), "");

    // With pins of its own, the secret keeps createSecret from asking the host. So setSecret is refused.
    let value = json!({ "PublicKey": "", "PrivateKey": "", "KnownHosts": world.host(0).known_hosts() });
    world.secret.put(&value);
    world.secret.tag("fourstep:ssh-user", "toor");
    let token = world.secret.begin();
    let error = world.run(&token).await.unwrap_err();
    assert_error(&error, "Forbidden", &parts);
    assert_eq!(world.in_homes(0), "");
}

#[tokio::test]
async fn a_tag_chooses_hosts_among_those_with_the_owners_tag() {
    let Some(mut world) = World::start(3, &empty(), &[]).await else { return };
    world.secret.tag("fourstep:hosts", "i-0002 i-0001");
    world.rotate().await.unwrap();
    assert!([1, 2].iter().all(|number| world.opens(*number, &world.secret.current())));
    assert_eq!(world.in_homes(0), "");
}

#[tokio::test]
async fn tags_choose_a_user_and_hosts_within_what_the_owner_allows() {
    let variables = [
        ("USERNAME", ""),
        ("ALLOWED_SSH_USERS", "a*"),
        ("TAGNAME", ""),
        ("TAGVALUE", ""),
        ("ALLOWED_HOSTS_TAGS", "RotateSSHKeys=T*"),
    ];
    let Some(mut world) = World::start(1, &empty(), &variables).await else { return };
    world.secret.tag("fourstep:ssh-user", "app");
    world.secret.tag("fourstep:hosts-tag", "RotateSSHKeys=True");
    world.rotate().await.unwrap();
    assert!(world.opens(0, &world.secret.current()));
}
