use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use fourstep::memory::{CreateSecret, MemoryStore, SecretValue};
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Filter, Sensitive, Step};
use fourstep_testkit::aws::{Action, Aws, FunctionError, Operation, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::postgres::Postgres;
use fourstep_testkit::proxy::{Fault, Proxy, When};
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};
use sqlx::{Connection, Row};
use tokio::sync::watch;

use crate::account::{Account, Strategy};
use crate::point::{Kill, LIMIT, Messages, Point};

/// Secrets Manager, a server behind a proxy, and the function.
pub(crate) struct World {
    strategy: Strategy,
    server: Postgres,
    proxy: Proxy,
    aws: Aws,
    sandbox: Arc<Sandbox>,
    masterarn: Option<String>,
    accounts: usize,
    /// The roles that there may be.
    roles: BTreeSet<String>,
}

const ADMIN: &str = "boss";
const ADMIN_PASSWORD: &str = "admin-Pa\"ss/w0rd~1";

impl World {
    /// Starts all of it. `None`: PostgreSQL is not installed.
    pub(crate) async fn start(strategy: Strategy) -> Option<Self> {
        let server = Postgres::start().await?;
        let proxy = Proxy::before(server.port()).await;
        let aws = Aws::start().await.unwrap();
        let sandbox = Sandbox::new(function::binary("rotate-postgres").unwrap()).unwrap();
        let sandbox = Arc::new(sandbox.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url()));
        let (masterarn, accounts) = (None, 0);
        let mut world =
            Self { strategy, server, proxy, aws, sandbox, masterarn, accounts, roles: ["postgres".to_owned()].into() };
        if world.alternates() {
            world.make_admin().await;
        }
        Some(world)
    }

    /// Makes an administrator as Amazon RDS does: no superuser.
    async fn make_admin(&mut self) {
        self.server.execute(&format!("CREATE ROLE {ADMIN} LOGIN CREATEROLE PASSWORD '{ADMIN_PASSWORD}'")).await;
        self.roles.insert(ADMIN.to_owned());
        let value = Some(SecretValue::text(self.value(ADMIN, ADMIN_PASSWORD).to_string()));
        let secret = CreateSecret { name: ADMIN, value, ..CreateSecret::default() };
        self.masterarn = Some(self.store().with(|model| model.create_secret(secret).unwrap().arn.clone()));
    }

    /// Makes a role with its secret.
    pub(crate) async fn make_account(&mut self) -> Account {
        self.accounts += 1;
        let name = format!("app{:03}", self.accounts);
        let password = format!("first-Pa\"ss/w0rd~{name}");
        let mut statements = format!("CREATE ROLE {name} LOGIN PASSWORD '{password}'");
        // Since PostgreSQL 16 it may change only roles that it was given.
        if self.alternates() && self.is_at_least_16().await {
            statements += &format!("; GRANT {name} TO {ADMIN} WITH ADMIN OPTION");
        }
        self.server.execute(&statements).await;
        if self.alternates() {
            self.roles.insert(format!("{name}_clone"));
        }
        let mut value = self.value(&name, &password);
        if let Some(masterarn) = &self.masterarn {
            value["masterarn"] = masterarn.as_str().into();
        }
        self.roles.insert(name.clone());
        Account::make(&name, &value, self.strategy, self.store())
    }

    /// Begins a rotation, as RotateSecret does.
    pub(crate) fn begin_rotation(&self, account: &mut Account) {
        account.begin_rotation(self.store());
    }

    /// Runs the rotation that has begun, without a fault.
    pub(crate) async fn rotate(&self, account: &Account) {
        self.attempt(account, None).await.unwrap();
        self.check_end(account).await;
    }

    fn alternates(&self) -> bool {
        self.strategy == Strategy::AlternatingUsers
    }

    async fn is_at_least_16(&self) -> bool {
        self.server.rows("SELECT current_setting('server_version_num')").await[0].as_str() >= "160000"
    }

    fn value(&self, username: &str, password: &str) -> Value {
        json!({
            "engine": "postgres", "host": self.proxy.host(), "port": self.proxy.port(), "dbname": "postgres",
            "username": username, "password": password, "ssl": false,
        })
    }

    fn store(&self) -> &MemoryStore {
        self.aws.secrets()
    }

    /// Counts messages from 1 again.
    pub(crate) fn count_anew(&self) {
        self.aws.forget_calls();
        self.proxy.reset();
    }

    pub(crate) fn messages(&self) -> Messages {
        let database = self.proxy.counts();
        assert_eq!(database.refused, 0, "no login is refused");
        Messages { calls: self.aws.calls().len(), connections: database.connections, frontend: database.frontend }
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.aws.calls().iter().map(|call| call.operation).collect()
    }

    /// Gives how many processes of the function there were.
    pub(crate) fn starts(&self) -> usize {
        self.sandbox.starts()
    }

    /// Arranges that the function is killed at a point, counted from now.
    pub(crate) fn kill_at(&self, point: Point) -> Kill {
        self.count_anew();
        let (killed, kill) = watch::channel(false);
        let sandbox = Arc::clone(&self.sandbox);
        let kill_it = move || {
            sandbox.kill();
            killed.send_replace(true);
        };
        match point {
            Point::SecretsManager(number, at) => self.aws.on_call(move |call, moment| {
                if (call.number, moment) != (number, at) {
                    return Action::Proceed;
                }
                kill_it();
                // A dead caller needs no answer, and one that dies this instant shall not see the connection close.
                Action::Hang
            }),
            Point::Database(number, when) => {
                self.proxy.at(number, When::Before, Fault::Call(Box::new(kill_it)));
                match when {
                    When::Before => self.proxy.at(number, When::Before, Fault::Drop),
                    When::After => self.proxy.at(number, When::After, Fault::SwallowReplies),
                }
            }
        }
        Kill(kill)
    }

    /// Ends the faults. Where the server was to act on its last message, waits until it did.
    pub(crate) async fn recover(&self, point: Point) {
        if let Point::SecretsManager(number, _) = point {
            assert_eq!(self.aws.calls().len(), number, "{point:?}: the dead make no calls");
        }
        self.aws.heal();
        let started = Instant::now();
        if let Point::Database(_, When::After) = point {
            let sessions = "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'fourstep'";
            while !self.server.rows(sessions).await.is_empty() {
                assert!(started.elapsed() < LIMIT, "{point:?}: the session of the dead function does not end");
            }
        }
    }

    /// Runs the steps, as Secrets Manager does, up to the first that fails or that the kill ended.
    pub(crate) async fn attempt(&self, account: &Account, kill: Option<&Kill>) -> Result<(), FunctionError> {
        for step in Step::ALL {
            if kill.is_some_and(Kill::has_happened) {
                break;
            }
            let event = json!({
                "Step": step.name(),
                "SecretId": account.arn(self.store()),
                "ClientRequestToken": account.token,
                "RotationToken": rotation_token(&account.token),
            });
            self.sandbox.invoke(event).await.result?;
        }
        Ok(())
    }

    /// Checks what has to hold at every instant: whoever reads the secret can log in, in single-user perhaps with
    /// AWSPENDING.
    pub(crate) async fn check_after_kill(&self, account: &Account, point: Point) {
        let (_, current) = account.labelled(AWSCURRENT, self.store()).unwrap();
        if !self.opens(&current).await {
            assert!(!self.alternates(), "{point:?}: AWSCURRENT does not work");
            let pending = account.labelled(AWSPENDING, self.store());
            let (_, pending) = pending.unwrap_or_else(|| panic!("{point:?}: no labelled version works"));
            assert!(self.opens(&pending).await, "{point:?}: no labelled version works");
        }
        let roles = self.found_roles().await;
        assert!(roles.is_subset(&self.roles), "{point:?}: {roles:?}");
    }

    /// Checks that the rotation ended well: AWSCURRENT is its version and works; of the old credential, what is
    /// promised; and no role is there that should not be.
    pub(crate) async fn check_end(&self, account: &Account) {
        account.check_promoted(self.store());
        let (_, current) = account.labelled(AWSCURRENT, self.store()).unwrap();
        let (id, previous) = account.labelled(AWSPREVIOUS, self.store()).unwrap();
        assert_eq!(id, account.before);
        assert_ne!(current["password"], previous["password"]);
        assert_eq!(current["username"] != previous["username"], self.alternates(), "{}", account.name);
        // A clone acts as its base.
        let who = self.log_in(&current).await.unwrap();
        assert_eq!((who.0.as_str(), &who.1), (current["username"].as_str().unwrap(), &account.name));
        assert_eq!(self.opens(&previous).await, self.alternates(), "AWSPREVIOUS of {}", account.name);
        assert_eq!(self.found_roles().await, self.roles);
    }

    /// Checks that no password that ever was is in what the function wrote, nor in the server's log.
    pub(crate) fn check_secrecy(&self) {
        let passwords: Vec<Sensitive> = self.store().with(|model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            let values = versions.map(|version| serde_json::from_str::<Value>(version.text().unwrap().expose()));
            values.map(|value| Sensitive::new(value.unwrap()["password"].as_str().unwrap())).collect()
        });
        assert!(passwords.len() >= 2 * self.accounts, "old and new ones");
        let filter = Filter::new();
        passwords.iter().for_each(|password| filter.learn(password));
        filter.learn(&Sensitive::new(rotation_token("")));
        let (output, log) = (self.sandbox.output().unwrap(), self.server.log());
        assert!(output.contains("step done") && log.contains("PASSWORD 'SCRAM-SHA-256$4096:"), "both are talkative");
        for (what, text) in [("the function's output", output), ("the server's log", log)] {
            let clean = filter.apply(&text);
            if let Some((line, _)) = text.lines().zip(clean.lines()).find(|(line, clean)| line != clean) {
                panic!("a secret is in {what}: {line}");
            }
        }
    }

    async fn found_roles(&self) -> BTreeSet<String> {
        self.server.rows("SELECT rolname::text FROM pg_roles WHERE rolname !~ '^pg_'").await.into_iter().collect()
    }

    async fn opens(&self, secret: &Value) -> bool {
        match self.log_in(secret).await {
            Ok(_) => true,
            Err(sqlx::Error::Database(answer)) if answer.code().as_deref() == Some("28P01") => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Logs in as a consumer does, and gives the session's user and the current one.
    async fn log_in(&self, secret: &Value) -> sqlx::Result<(String, String)> {
        let text = |field: &str| secret[field].as_str().unwrap();
        let mut client = self.server.connect(text("username"), text("password"), text("dbname")).await?;
        let row = sqlx::raw_sql("SELECT session_user::text, current_user::text").fetch_one(&mut client).await?;
        let who = (row.try_get(0)?, row.try_get(1)?);
        client.close().await?;
        Ok(who)
    }
}
