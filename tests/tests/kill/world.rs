use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use fourstep::memory::{CreateSecret, MemoryStore, SecretValue};
use fourstep::{AWSCURRENT, AWSPENDING, AWSPREVIOUS, Sensitive, Step};
use fourstep_testkit::aws::{Action, Aws, FunctionError, Operation, rotation_token};
use fourstep_testkit::function;
use fourstep_testkit::proxy::{Fault, Proxy, When};
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secrecy::assert_clean;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::account::Account;
use crate::point::{Kill, LIMIT, Messages, Point};
use crate::server::{Kind, Server};
use crate::strategy::Strategy;

/// Secrets Manager, a server behind a proxy, and the function.
pub(crate) struct World {
    strategy: Strategy,
    server: Server,
    proxy: Proxy,
    aws: Aws,
    sandbox: Arc<Sandbox>,
    masterarn: Option<String>,
    accounts: usize,
    /// The accounts that there may be.
    names: BTreeSet<String>,
}

const ADMIN: &str = "boss";
const ADMIN_PASSWORD: &str = "admin-Pa\"ss/w0rd~1";

impl World {
    /// Starts all of it. `None`: the server is not installed.
    pub(crate) async fn start(kind: Kind, strategy: Strategy) -> Option<Self> {
        let server = Server::start(kind).await?;
        let proxy = server.proxy().await;
        let aws = Aws::start().await.unwrap();
        let sandbox = Sandbox::new(function::binary(server.function()).unwrap()).unwrap();
        let sandbox = Arc::new(sandbox.variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url()));
        let (masterarn, accounts, names) = (None, 0, BTreeSet::new());
        let mut world = Self { strategy, server, proxy, aws, sandbox, masterarn, accounts, names };
        if world.alternates() {
            world.make_admin().await;
        }
        Some(world)
    }

    async fn make_admin(&mut self) {
        self.server.make_admin(ADMIN, ADMIN_PASSWORD).await;
        self.names.insert(ADMIN.to_owned());
        let value = Some(SecretValue::text(self.value(ADMIN, ADMIN_PASSWORD).to_string()));
        let secret = CreateSecret { name: ADMIN, value, ..CreateSecret::default() };
        self.masterarn = Some(self.store().with(|model| model.create_secret(secret).unwrap().arn.clone()));
    }

    /// Creates an account with its secret.
    pub(crate) async fn make_account(&mut self) -> Account {
        self.accounts += 1;
        let name = format!("app{:03}", self.accounts);
        let password = format!("first-Pa\"ss/w0rd~{name}");
        self.server.make_account(&name, &password, self.strategy, ADMIN).await;
        if self.alternates() {
            self.names.insert(format!("{name}_clone"));
        }
        let mut value = self.value(&name, &password);
        if let Some(masterarn) = &self.masterarn {
            value["masterarn"] = masterarn.as_str().into();
        }
        self.names.insert(name.clone());
        Account::make(&name, &value, Some(self.strategy.name()), self.store())
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

    /// Old and new work at once.
    fn overlaps(&self) -> bool {
        self.strategy != Strategy::SingleUser
    }

    fn value(&self, username: &str, password: &str) -> Value {
        json!({
            "engine": self.server.engine(), "host": self.proxy.host(), "port": self.proxy.port(),
            "dbname": self.server.database(),
            "username": username, "password": password, "ssl": false,
        })
    }

    pub(crate) fn store(&self) -> &MemoryStore {
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

    /// Returns how many processes of the function there were.
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
            while self.server.has_session().await {
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
            assert!(!self.overlaps(), "{point:?}: AWSCURRENT does not work");
            let pending = account.labelled(AWSPENDING, self.store());
            let (_, pending) = pending.unwrap_or_else(|| panic!("{point:?}: no labelled version works"));
            assert!(self.opens(&pending).await, "{point:?}: no labelled version works");
        }
        let names = self.server.accounts().await;
        assert!(names.is_subset(&self.names), "{point:?}: {names:?}");
    }

    /// Checks that the rotation ended well: AWSCURRENT is its version and works; of the old credential, what is
    /// promised; and no account is there that should not be.
    pub(crate) async fn check_end(&self, account: &Account) {
        account.check_promoted(self.store());
        let (_, current) = account.labelled(AWSCURRENT, self.store()).unwrap();
        let (id, previous) = account.labelled(AWSPREVIOUS, self.store()).unwrap();
        assert_eq!(id, account.before);
        assert_ne!(current["password"], previous["password"]);
        assert_eq!(current["username"] != previous["username"], self.alternates(), "{}", account.name);
        // A clone acts as its base, or may do the same.
        assert_eq!(self.server.log_in(&current).await.as_ref(), Some(&account.name));
        assert_eq!(self.opens(&previous).await, self.overlaps(), "AWSPREVIOUS of {}", account.name);
        assert_eq!(self.server.accounts().await, self.names);
    }

    /// Checks that no password that ever was is in what the function wrote, nor in the server's log.
    pub(crate) fn check_secrecy(&self) {
        let passwords: Vec<Sensitive> = self.store().with(|model| {
            let versions = model.secrets().flat_map(|secret| &secret.versions);
            // One that was killed before it had a value stays empty.
            let texts = versions.filter_map(|version| version.text());
            let values = texts.map(|text| serde_json::from_str::<Value>(text.expose()));
            values.map(|value| Sensitive::new(value.unwrap()["password"].as_str().unwrap())).collect()
        });
        assert!(passwords.len() >= 2 * self.accounts, "old and new ones");
        let secrets = [passwords, vec![Sensitive::new(rotation_token(""))]].concat();
        let (output, (log, changed)) = (self.sandbox.output().unwrap(), self.server.log());
        assert!(output.contains("step done") && log.contains(changed), "both are talkative");
        assert_clean("the function's output", &output, &secrets);
        assert!(!output.contains("[redacted]"), "what our own filter takes out is not in it in the first place");
        assert_clean("the server's log", &log, &secrets);
    }

    pub(crate) fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    pub(crate) async fn opens(&self, secret: &Value) -> bool {
        self.server.log_in(secret).await.is_some()
    }
}
