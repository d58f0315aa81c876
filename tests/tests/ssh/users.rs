//! One key for several users of each host.

use fourstep::Step;

use crate::world::{World, assert_error, empty};

impl World {
    /// Gives a host the user `web`.
    fn add_web(&self, number: usize) {
        let made = self.host(number).root(
            "echo web:x:12346:12346::/home/web:/bin/sh >>/etc/passwd && echo 'web:*:20000::::::' >>/etc/shadow && \
             echo web:x:12346: >>/etc/group && install -d -m 750 -o web -g web /home/web",
            b"",
        );
        assert!(made.status.success(), "{made:?}");
    }

    fn keys_of_web(&self, number: usize) -> usize {
        let file = self.host(number).root("cat /home/web/.ssh/authorized_keys", b"").stdout;
        String::from_utf8(file).unwrap().lines().filter(|line| line.starts_with("ssh-")).count()
    }
}

#[tokio::test]
async fn one_key_logs_in_as_each_of_several_users() {
    let Some(mut world) = World::start(2, &empty(), &[("ALLOWED_SSH_USERS", "web")]).await else { return };
    (0..2).for_each(|number| world.add_web(number));
    world.secret.tag("fourstep:ssh-user", "app web");
    for keys in [1, 2] {
        let token = world.secret.begin();
        world.run(&token).await.unwrap();
        world.check_hosts(&token);
        assert!((0..2).all(|number| world.keys_of_web(number) == keys));
    }
    assert!((0..2).all(|number| world.host(number).log().contains("Accepted publickey for web")));
}

#[tokio::test]
async fn the_user_that_stands_in_the_way_is_named_with_its_host() {
    let Some(mut world) = World::start(2, &empty(), &[("USERNAME", "app web")]).await else { return };
    world.add_web(0);
    let token = world.secret.begin();
    let error = world.run(&token).await.unwrap_err();
    assert_error(&error, "Invalid", &["1 of 2 hosts could not: i-0001 (web): there is no user `web`"]);

    world.add_web(1);
    for step in [Step::Create, Step::Set] {
        world.step(step, &token).await.unwrap();
    }
    world.host(1).root("chmod 777 ~web", b"");
    let error = world.step(Step::Test, &token).await.unwrap_err();
    assert_error(&error, "Rejected", &["1 of 2 hosts do not accept the key: i-0001 (web)"]);
}

#[tokio::test]
async fn a_tag_names_no_user_beside_those_that_the_owner_allows() {
    let Some(mut world) = World::start(1, &empty(), &[("ALLOWED_SSH_USERS", "web")]).await else { return };
    world.secret.tag("fourstep:ssh-user", "app root");
    let error = world.rotate().await.unwrap_err();
    assert_error(&error, "Invalid", &["names the user `root`", "ALLOWED_SSH_USERS"]);
}
