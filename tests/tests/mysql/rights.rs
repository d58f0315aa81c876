//! No account is promoted that may do less than the current one of its pair.

use fourstep::{ErrorKind, Step};
use fourstep_test_servers::mysql::Flavour;

use crate::world::{assert_error, consume, name, secret, server_with_admin};

#[tokio::test]
async fn a_clone_that_lost_rights_after_set_is_forbidden_with_both_ways_out() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        let token = world.start();
        world.step(Step::Create, &token).await.unwrap();
        world.step(Step::Set, &token).await.unwrap();
        server.execute("REVOKE INSERT ON <main>.* FROM <app_clone>@'%'").await;
        let error = world.step(Step::Test, &token).await.unwrap_err();
        assert_error(
            &error,
            ErrorKind::Forbidden,
            &["it lacks INSERT ON", "Start setSecret again", "fourstep:grants=leave"],
        );
        world.tag("fourstep:grants", "leave");
        world.step(Step::Test, &token).await.unwrap();
    }
}

/// AWS's functions leave such a clone, where somebody gave it more than its base has while it was current.
#[tokio::test]
async fn a_base_that_may_do_less_than_its_current_clone_is_forbidden_with_both_ways_out() {
    for flavour in Flavour::ALL {
        for way_out in
            ["GRANT DELETE ON <main>.* TO <app>@'%'", "REVOKE DELETE ON <main>.* FROM <app_clone>@'%'", "leave"]
        {
            let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
            server
                .execute(
                    "CREATE USER <app_clone>@'%' IDENTIFIED BY 'of-aws';
                     GRANT SELECT, INSERT, DELETE ON <main>.* TO <app_clone>@'%'",
                )
                .await;
            let mut clone = secret(&server, &server.name("app_clone"), "of-aws");
            clone["masterarn"] = world.current()["masterarn"].clone();
            world.put(&clone);
            let token = world.start();
            world.step(Step::Create, &token).await.unwrap();
            world.step(Step::Set, &token).await.unwrap();
            assert_eq!(name(&server, &world.pending()), "app");
            let error = world.step(Step::Test, &token).await.unwrap_err();
            let parts =
                ["its clone", "it lacks DELETE ON", "Run GRANT … TO `", "or REVOKE … FROM `", "fourstep:grants=leave"];
            assert_error(&error, ErrorKind::Forbidden, &parts);
            consume(&server, &world.current(), "DELETE FROM t").await.unwrap();
            match way_out {
                "leave" => world.tag("fourstep:grants", "leave"),
                statement => server.execute(statement).await,
            }
            world.run(&token).await.unwrap_or_else(|error| panic!("{flavour}, {way_out}: {error}"));
            assert_eq!(name(&server, &world.current()), "app");
        }
    }
}

/// What it has in another way is not missing: by a role that is in force, or by a right on more.
#[tokio::test]
async fn a_base_that_may_do_more_than_its_current_clone_is_promoted() {
    for flavour in Flavour::ALL {
        let Some((server, mut world)) = server_with_admin(flavour).await else { continue };
        server
            .execute(
                "GRANT SELECT, INSERT, UPDATE (i) ON <main>.t TO <app>@'%';
                 CREATE ROLE <writer>; GRANT DELETE ON <main>.* TO <writer>; GRANT SELECT ON <main>.* TO <app>@'%'",
            )
            .await;
        world.rotate().await.unwrap();
        assert_eq!(name(&server, &world.current()), "app_clone");
        server.execute("REVOKE ALL ON <main>.t FROM <app>@'%'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, REFERENCES, INDEX, ALTER, CREATE VIEW, SHOW VIEW, TRIGGER ON *.* TO <app>@'%'").await;
        if flavour == Flavour::MySql {
            server
                .execute(
                    "GRANT DELETE ON <main>.* TO <app_clone>@'%'; REVOKE DELETE ON *.* FROM <app>@'%';
                     GRANT <writer> TO <app>@'%'; ALTER USER <app>@'%' DEFAULT ROLE <writer>",
                )
                .await;
        }
        world.rotate().await.unwrap_or_else(|error| panic!("{flavour}: {error}"));
        assert_eq!(name(&server, &world.current()), "app");
        consume(&server, &world.current(), "DELETE FROM t").await.unwrap();
    }
}
