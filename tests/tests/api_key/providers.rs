//! A function with the providers of two teams: whoever writes a secret of one team reaches nothing of the other's.

use fourstep::settings::Environment;
use fourstep::{ErrorKind, Result};
use fourstep_api_key::ApiKeys;
use fourstep_test_servers::key_service::{FIRST_VALUE, KeyService};
use fourstep_testkit::secret::RotatedSecret;
use fourstep_testkit::world;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{ADMIN, PUSHED};

const ADMINISTRATORS_TOKEN: &str = "administrators-key-1";
/// What the owner of the function says.
const SECRETS: (&str, &str) = ("API_PROVIDER_SECRETS", "team-a=team-a/*, team-a=admin-of-a, team-b=team-b/*");

/// The services of both teams, the function, and one secret.
struct Teams {
    a: KeyService,
    b: KeyService,
    inner: world::World<ApiKeys>,
    _files: TempDir,
}

impl Teams {
    async fn with(name: &str, secret: &Value, variables: &[(&str, &str)]) -> Self {
        let (a, b) = (KeyService::start().await.unwrap(), KeyService::start().await.unwrap());
        let files = TempDir::new().unwrap();
        let file = |team: &str, variable: &str| {
            let path = files.path().join(format!("{team}.toml"));
            std::fs::write(&path, PUSHED.replace("KEYS_URL", variable) + ADMIN).unwrap();
            path.display().to_string()
        };
        let both = [file("team-a", "URL_A"), file("team-b", "URL_B")].join(",");
        let own = [
            ("API_PROVIDER_FILE", both.as_str()),
            ("URL_A", a.url()),
            ("URL_B", b.url()),
            ("API_LOOPBACK", "on"),
            ("ADMIN_SECRETS", "*"),
        ];
        let variables = own.iter().chain(variables).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables: Vec<(String, String)> = variables.collect();
        let keys = ApiKeys::new(variables.iter().cloned().collect::<Environment>());
        let secret = RotatedSecret::create(&std::sync::Arc::default(), name, secret);
        RotatedSecret::create(&secret.store, "admin-of-a", &json!({ "token": ADMINISTRATORS_TOKEN }));
        let mut inner = world::World::of(keys, secret);
        for (name, value) in variables {
            inner.variable(&name, value);
        }
        Self { a, b, inner, _files: files }
    }

    async fn rotate(&mut self) -> Result<()> {
        self.inner.rotate().await
    }

    /// Gives up the rotation that was refused, and rotates again.
    async fn rotate_anew(&mut self) -> Result<()> {
        self.inner.abandon_pending();
        self.rotate().await
    }

    /// Rotates, which has to be refused with all `parts` before any request is sent.
    async fn refused(&mut self, parts: &[&str]) {
        let error = self.rotate().await.expect_err("it is refused");
        let sent = [self.a.requests(), self.b.requests()];
        assert_eq!(sent, [const { Vec::<String>::new() }; 2], "no request is sent: {error}");
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        parts.iter().for_each(|part| assert!(error.to_string().contains(part), "no `{part}` in: {error}"));
    }
}

fn key() -> Value {
    json!({ "key": FIRST_VALUE })
}

#[tokio::test]
async fn a_secret_of_one_team_cannot_choose_the_provider_of_another_by_its_tag() {
    let mut teams = Teams::with("team-b/key", &key(), &[SECRETS]).await;
    teams.inner.tag("fourstep:provider", "team-a");
    let parts = ["the tag `fourstep:provider` names `team-a`", "`API_PROVIDER_SECRETS`", "secret team-b/key", "team-b"];
    teams.refused(&parts).await;
    // Its own it may choose.
    teams.inner.tag("fourstep:provider", "team-b");
    teams.rotate_anew().await.unwrap();
    assert_eq!(teams.a.requests(), Vec::<String>::new());
    assert_ne!(teams.b.state().value, FIRST_VALUE);
}

#[tokio::test]
async fn the_default_is_no_provider_of_a_secret_that_it_is_not_for() {
    let mut teams = Teams::with("team-b/key", &key(), &[SECRETS]).await;
    teams.rotate().await.unwrap();
    assert_eq!(teams.a.requests(), Vec::<String>::new(), "the first provider is for team a only");
    assert!(!teams.b.requests().is_empty());
    let mut teams = Teams::with("team-c/key", &key(), &[SECRETS]).await;
    teams
        .refused(&["`API_PROVIDER_SECRETS` names no provider for secret team-c/key", "Add `PROVIDER=team-c/key`"])
        .await;
}

#[tokio::test]
async fn where_the_owner_says_nothing_a_tag_chooses_nothing() {
    let mut teams = Teams::with("team-b/key", &key(), &[]).await;
    teams.inner.tag("fourstep:provider", "team-b");
    teams.refused(&["the tag `fourstep:provider` names `team-b`", "Add an entry such as `team-b=NAME`"]).await;
    // The first one needs no choice.
    teams.inner.tag("fourstep:provider", "team-a");
    teams.rotate_anew().await.unwrap();
    assert_eq!(teams.b.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn a_tag_of_the_owners_choice_is_as_good_as_a_name_and_any_other_is_none() {
    let by_tag = ("API_PROVIDER_SECRETS", "team-a=tag:team=a, team-b=tag:team=b");
    let mut teams = Teams::with("any/name", &key(), &[by_tag]).await;
    teams.inner.tag("owner", "b");
    teams.refused(&["names no provider for secret any/name"]).await;
    teams.inner.tag("team", "b");
    teams.rotate_anew().await.unwrap();
    assert_eq!(teams.a.requests(), Vec::<String>::new());
}

#[tokio::test]
async fn the_administrator_of_one_team_is_never_shown_to_the_service_of_another() {
    let named = json!({ "key": FIRST_VALUE, "masterarn": "admin-of-a" });
    let mut teams = Teams::with("team-b/key", &named, &[SECRETS]).await;
    teams.inner.tag("fourstep:provider", "team-b");
    // The service is the other team's: it reads whatever it is sent.
    let error = teams.rotate().await.expect_err("it is refused");
    let parts = ["`API_PROVIDER_SECRETS` does not allow provider `team-b`", "`masterarn`", "Add `team-b=`"];
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    parts.iter().for_each(|part| assert!(error.to_string().contains(part), "no `{part}` in: {error}"));
    assert!(!error.to_string().contains(ADMINISTRATORS_TOKEN), "{error}");
    assert!(!teams.b.requests().iter().any(|request| request.starts_with("PUT")), "{:?}", teams.b.requests());
    // To its own service it goes.
    let mut teams = Teams::with("team-a/key", &named, &[SECRETS]).await;
    teams.rotate().await.unwrap();
    assert_ne!(teams.a.state().value, FIRST_VALUE);
}
