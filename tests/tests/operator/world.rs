use std::ffi::OsStr;
use std::io::{Seek as _, Write as _};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fourstep::accounts::AccountSettings;
use fourstep::memory::{CreateSecret, RotateSecret, SecretValue};
use fourstep::settings::{Groups, PasswordPolicy};
use fourstep::{AWSCURRENT, AWSPENDING, Context, Error, Login, Rotator, Slots};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::secret::RotatedSecret;
use fourstep_testkit::{function, world};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The name of the secret.
pub(crate) const SECRET: &str = "app/db";
pub(crate) const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:rotate";
const STEP_LIMIT: Duration = Duration::from_secs(10);

/// A Secrets Manager, a function that rotates by the real engine, and a target with one slot.
pub(crate) struct World {
    pub(crate) aws: Aws,
    pub(crate) target: Arc<Target>,
    secret: RotatedSecret,
}

/// What a run of `fourstep` came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) error: String,
}

/// A target that knows one password.
pub(crate) struct Target {
    state: Mutex<TargetState>,
}

struct TargetState {
    password: String,
    is_down: bool,
}

impl World {
    /// Starts both, with the secret, whose rotation is not configured.
    pub(crate) async fn start() -> Self {
        let aws = Aws::start().await.unwrap();
        let target =
            Arc::new(Target { state: Mutex::new(TargetState { password: "first".to_owned(), is_down: false }) });
        let secret = RotatedSecret::create(aws.secrets(), SECRET, &json!({ "password": "first" }));
        let mut function = world::World::of(Door(Arc::clone(&target)), secret.clone());
        function.limit = STEP_LIMIT;
        function.function = FUNCTION.to_owned();
        let function = Arc::new(function);
        aws.on_rotate(move |event| {
            let function = Arc::clone(&function);
            async move { function.invoke(&event).await }
        });
        Self { aws, target, secret }
    }

    /// Starts both, with rotation of the secret turned on and idle.
    pub(crate) async fn configured() -> Self {
        let world = Self::start().await;
        world.fourstep(&["configure", SECRET, "--function", FUNCTION, "--every", "30d"]).succeeded();
        world.aws.rotation_end(SECRET).await.unwrap();
        world
    }

    /// Creates another secret.
    pub(crate) fn create(&self, name: &str, value: &str) {
        let value = Some(SecretValue::text(value));
        self.aws
            .secrets()
            .with(|model| model.create_secret(CreateSecret { name, value, ..CreateSecret::default() }).map(drop))
            .unwrap();
    }

    /// Leaves the secret in a rotation whose function never came to createSecret.
    pub(crate) fn stage_empty_version(&self) -> String {
        self.aws.secrets().with(|model| model.rotate_secret(RotateSecret::now(SECRET)).answer).unwrap()
    }

    /// Returns the id of the version with a label.
    pub(crate) fn labelled(&self, label: &str) -> Option<String> {
        self.secret.id(label)
    }

    pub(crate) fn current(&self) -> String {
        self.labelled(AWSCURRENT).unwrap()
    }

    pub(crate) fn pending(&self) -> Option<String> {
        self.labelled(AWSPENDING)
    }

    /// Returns the password of AWSCURRENT.
    pub(crate) fn current_password(&self) -> String {
        self.secret.current()["password"].as_str().unwrap().to_owned()
    }

    /// Runs the command.
    pub(crate) fn fourstep(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }

    /// Runs the command and reads the JSON that it prints.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let ran = self.fourstep(&[arguments, &["--output", "json"]].concat()).succeeded();
        serde_json::from_str(&ran.out).unwrap_or_else(|_| panic!("no JSON: {}", ran.out))
    }

    /// Returns the state that `fourstep status` prints.
    pub(crate) fn state(&self) -> String {
        self.json(&["status", SECRET])["secrets"][0]["state"].as_str().unwrap().to_owned()
    }

    /// The command, with this world's end point and credentials.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        command_at(self.aws.url(), arguments)
    }

    /// Runs an example of the library, which reads `input`.
    pub(crate) fn example(&self, name: &str, arguments: &[&str], input: &str) -> Ran {
        let program = function::example("fourstep-ops", name).unwrap();
        finish_with(program_at(self.aws.url(), program, arguments), input)
    }
}

/// The command at an end point, in an environment of its own.
pub(crate) fn command_at(url: &str, arguments: &[&str]) -> Command {
    program_at(url, function::binary_of("fourstep-cli", "fourstep").unwrap(), arguments)
}

/// A program at an end point, in an environment of its own.
fn program_at(url: &str, program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_REGION", "us-east-1")
        .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

/// Runs a command that reads `input`.
pub(crate) fn finish_with(mut command: Command, input: &str) -> Ran {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(input.as_bytes()).unwrap();
    file.rewind().unwrap();
    command.stdin(file);
    finish(command)
}

pub(crate) fn finish(mut command: Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap(), out: text(stdout), error: text(stderr) }
}

impl Ran {
    #[track_caller]
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!((self.code, self.error.as_str()), (0, ""), "{}", self.out);
        self
    }

    /// Checks the exit code and that the message has all the parts.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        for part in parts {
            assert!(self.error.contains(part), "{part:?} is not in: {}", self.error);
        }
        self
    }
}

impl Target {
    pub(crate) fn accepts(&self, password: &str) -> bool {
        self.state.lock().unwrap().password == password
    }

    /// Lets it answer nobody, or again.
    pub(crate) fn set_down(&self, is_down: bool) {
        self.state.lock().unwrap().is_down = is_down;
    }
}

#[derive(Clone)]
struct Door(Arc<Target>);

#[derive(Serialize, Deserialize)]
struct Key {
    password: String,
}

impl Door {
    fn with<T>(&self, act: impl FnOnce(&mut TargetState) -> T) -> fourstep::Result<T> {
        let mut state = self.0.state.lock().unwrap();
        if state.is_down {
            // The same as the retries' end: no test waits for the back-off.
            return Err(Error::unavailable("the door does not answer").retried());
        }
        Ok(act(&mut state))
    }
}

impl Rotator for Door {
    type Secret = Key;
    const NAME: &'static str = "single-user";
    const SLOTS: Slots = Slots::One;

    /// It stands for a database's rotation, whose tags its secrets have.
    fn settings() -> Groups {
        Groups::of::<AccountSettings>().and::<PasswordPolicy>()
    }

    async fn create(&self, _current: &Key, _login: &Login<'_, Key>, cx: &Context<'_>) -> fourstep::Result<Key> {
        Ok(Key { password: cx.password("")?.expose().to_owned() })
    }

    async fn set(&self, pending: &Key, login: &Login<'_, Key>, cx: &Context<'_>) -> fourstep::Result<()> {
        login.working().await?;
        cx.fence().await?;
        self.with(|state| state.password.clone_from(&pending.password))
    }

    async fn probe(&self, secret: &Key, _cx: &Context<'_>) -> fourstep::Result<()> {
        match self.with(|state| state.password == secret.password)? {
            true => Ok(()),
            false => Err(Error::rejected("the door refuses the password")),
        }
    }
}
