use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::memory::{CreateSecret, MemoryStore, RotateSecret, SecretValue};
use fourstep::settings::Environment;
use fourstep::{AWSPENDING, Engine, ErrorKind, Report, Sensitive, Step, StepEvent};
use fourstep_api_key::{ApiKeys, ProviderFile};
use serde::Serialize;
use serde_json::Value;
use url::{Host, Url};

use crate::ending::Ending;
use crate::output;

const NAME: &str = "checked";
const ADMINISTRATOR: &str = "administrator";
const FUNCTION: &str = "arn:aws:lambda:::function:check";
const STEP_LIMIT: Duration = Duration::from_secs(120);

/// What is to be rotated, and how.
pub(super) struct Plan<'p> {
    pub(super) file: &'p Path,
    pub(super) provider: &'p ProviderFile,
    pub(super) url: &'p Url,
    pub(super) secret: &'p Path,
    /// How long it may take as a whole.
    pub(super) within: Duration,
    /// Whether what is done is told at once.
    pub(super) is_table: bool,
}

/// What came of it, as far as it got.
#[derive(Default, Serialize)]
pub(super) struct Rotation {
    /// What a key is taken for of which some characters were changed: `refused`, `accepted`, or what the error says.
    spoiled_key: Option<String>,
    steps: Vec<StepDone>,
    /// Where the new version of the secret is.
    new_secret: Option<PathBuf>,
}

#[derive(Serialize)]
struct StepDone {
    step: String,
    milliseconds: u128,
}

/// Runs one whole rotation of the key in a file, with a Secrets Manager in memory.
pub(super) async fn rotate(plan: &Plan<'_>, admin: Option<&Path>, done: &mut Rotation) -> Result<(), Ending> {
    let new_file = rotated(plan.secret);
    if new_file.exists() {
        return Err(Ending::forbidden_by_state(format!(
            "{} is there already: it holds the key of an earlier check. Move it away; nothing was done",
            new_file.display()
        )));
    }
    let (mut value, masterarn) = (read(plan.secret)?, "masterarn");
    let owners = value.get(masterarn).cloned();
    match (&owners, admin) {
        (Some(_), Some(_)) => value[masterarn] = ADMINISTRATOR.into(),
        (Some(_), None) => {
            return Err(Ending::wrong_usage("the secret has `masterarn`: give the administrator's secret by --admin"));
        }
        (None, Some(_)) => return Err(Ending::wrong_usage("--admin is of no use: the secret has no `masterarn`")),
        (None, None) => {}
    }
    let mut others = Vec::new();
    if let Some(admin) = admin {
        others.push((ADMINISTRATOR, read(admin)?));
    }
    let deadline = SystemTime::now() + plan.within;
    if let Some(spoiled) = spoiled(&value, &plan.provider.secret.value) {
        try_spoiled(plan, &spoiled, &others, deadline, done).await?;
    }
    let bench = Bench::new(plan, &value, &others, deadline)?;
    for step in Step::ALL {
        let report = bench.run(step).await;
        if step == Step::Create && keep(&bench.store, owners.as_ref(), &new_file)? {
            done.new_secret = Some(new_file.clone());
        }
        report.result.map_err(|error| Ending::failed(explained(plan, &error)))?;
        done.steps.push(StepDone { step: step.to_string(), milliseconds: report.duration.as_millis() });
        plan.say(&format!("{step:<12} done in {} ms", report.duration.as_millis()))?;
    }
    plan.say(&format!("The new version of the secret is in {}", new_file.display()))?;
    Ok(())
}

/// Tries a key that no service accepts.
async fn try_spoiled(
    plan: &Plan<'_>,
    spoiled: &Value,
    others: &[(&str, Value)],
    deadline: SystemTime,
    done: &mut Rotation,
) -> Result<(), Ending> {
    let bench = Bench::new(plan, spoiled, others, deadline)?;
    let (told, ending) = match bench.run(Step::Test).await.result {
        Err(error) if error.is_rejected() => ("refused".to_owned(), None),
        Err(error) if error.kind() == ErrorKind::Unavailable => return Err(Ending::failed(explained(plan, &error))),
        Err(error) => {
            plan.say(&format!(
                "The key with some characters changed is not taken for one that is refused, but for this: {}. If the service \
                 refuses it so, say it in `answers` of the request `test`, by `means = \"rejected\"`",
                error.message()
            ))?;
            (error.message().to_owned(), None)
        }
        Ok(_) => (
            "accepted".to_owned(),
            Some(Ending::failed(
                "the request `test` cannot tell a spoiled key from a good one: the key with some characters changed passes it. \
                 Let it ask for something that only a key gets, or say by `answers` what the service answers to a key that it \
                 does not know. Nothing was rotated",
            )),
        ),
    };
    if told == "refused" {
        plan.say("The key with some characters changed is refused, as it has to be")?;
    }
    done.spoiled_key = Some(told);
    ending.map_or(Ok(()), Err)
}

/// What an answer is called that says that nothing is there.
const NOT_FOUND: &str = " answered 404";

/// Explains an error, with what `--against` has to do with it.
fn explained(plan: &Plan<'_>, error: &fourstep::Error) -> String {
    let path = base_path(&plan.provider.base_url);
    if error.message().contains(NOT_FOUND) && plan.url.path().trim_end_matches('/') != path {
        let mut whole = plan.url.clone();
        whole.set_path(&path);
        return format!(
            "{error} The URL of --against takes the place of the whole `base_url`, and the file's has the path {path}: give {whole}"
        );
    }
    error.to_string()
}

/// Returns the path of a `base_url`, in which a variable may stand for what comes before it.
fn base_path(base_url: &str) -> String {
    let rest = base_url.rsplit_once("}}").map_or_else(
        || base_url.split_once("://").and_then(|(_, rest)| rest.find('/').map(|at| &rest[at..])).unwrap_or_default(),
        |(_, rest)| rest,
    );
    rest.trim_end_matches('/').to_owned()
}

/// Returns the secret with another key of the same form. `None`: there is no text to change.
fn spoiled(secret: &Value, field: &str) -> Option<Value> {
    let key = secret.get(field)?.as_str()?;
    let half = key.chars().count() / 2;
    // Not only the last ones, which may be a checksum, or bits that nobody reads.
    let change = |(at, character): (usize, char)| match character {
        _ if at < half || at % 3 == 2 => character,
        'a'..='y' | 'A'..='Y' | '0'..='8' => char::from(u8::try_from(character).unwrap_or(b'y') + 1),
        'z' => 'a',
        'Z' => 'A',
        '9' => '0',
        other => other,
    };
    let changed: String = key.chars().enumerate().map(change).collect();
    let mut spoiled = secret.clone();
    spoiled[field] = Value::from(changed.as_str());
    (changed != key).then_some(spoiled)
}

/// A Secrets Manager in memory with the secret, in a rotation that begins, and what runs its steps.
struct Bench {
    store: Arc<MemoryStore>,
    engine: Engine,
    keys: ApiKeys,
    event: StepEvent,
    deadline: SystemTime,
}

impl Bench {
    fn new(plan: &Plan<'_>, secret: &Value, others: &[(&str, Value)], deadline: SystemTime) -> Result<Self, Ending> {
        let store = Arc::new(MemoryStore::default());
        let event = store.with(|model| -> Result<StepEvent, Ending> {
            for (name, value) in [(NAME, secret)].into_iter().chain(others.iter().map(|(name, value)| (*name, value))) {
                let value = Some(SecretValue::text(value.to_string()));
                model.create_secret(CreateSecret { name, value, ..CreateSecret::default() }).map_err(Ending::failed)?;
            }
            let request = RotateSecret { lambda_arn: Some(FUNCTION), ..RotateSecret::now(NAME) };
            let token = model.rotate_secret(request).answer.map_err(Ending::failed)?;
            Ok(StepEvent { step: Step::Create, secret_id: NAME.to_owned(), token, rotation_token: None })
        })?;
        let environment = environment(plan.url);
        let engine = Engine::new(Arc::clone(&store) as _, environment.clone());
        let keys = ApiKeys::new(environment).only(plan.file, Some(plan.url.to_string()));
        Ok(Self { store, engine, keys, event, deadline })
    }

    /// Runs a step, which ends with the time of the whole at the latest.
    async fn run(&self, step: Step) -> Report {
        let event = StepEvent { step, ..self.event.clone() };
        let deadline = self.deadline.min(SystemTime::now() + STEP_LIMIT);
        self.engine.run(&self.keys, &event, FUNCTION, deadline).await
    }
}

impl Plan<'_> {
    fn say(&self, text: &str) -> io::Result<()> {
        if self.is_table { output::say(text) } else { Ok(()) }
    }
}

/// Stores the pending version, if there is one, before the service changes any further. Returns whether there is.
fn keep(store: &MemoryStore, masterarn: Option<&Value>, file: &Path) -> Result<bool, Ending> {
    let pending = store.with(|model| {
        let version = model.secret(NAME)?.labelled(AWSPENDING)?;
        version.text().map(|text| text.expose().to_owned())
    });
    let Some(pending) = pending.map(Sensitive::new) else { return Ok(false) };
    let mut value: Value =
        serde_json::from_str(pending.expose()).map_err(|_| Ending::failed("the new version is no JSON"))?;
    if let Some(masterarn) = masterarn {
        value["masterarn"] = masterarn.clone();
    }
    // For nobody else to read.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{value:#}")?;
    file.sync_all()?;
    Ok(true)
}

fn read(path: &Path) -> Result<Value, Ending> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Ending::wrong_usage(format!("{} cannot be read: {}", path.display(), error.kind())))?;
    let value = serde_json::from_str(&text).ok().filter(Value::is_object);
    value.ok_or_else(|| Ending::wrong_usage(format!("{} does not hold a JSON object", path.display())))
}

fn rotated(secret: &Path) -> PathBuf {
    let mut name = OsString::from(secret);
    name.push(".rotated");
    name.into()
}

/// Takes the variables of this process. Whoever names this very machine wants requests to go there.
fn environment(url: &Url) -> Environment {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let of_process = ["TLS_CA_BUNDLE", "PASSWORD_LENGTH", "EXCLUDE_CHARACTERS"];
    let own = of_process.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?)));
    let administrator = [("ADMIN_SECRETS".to_owned(), ADMINISTRATOR.to_owned())];
    own.chain(administrator).chain(loopback.then(|| ("API_LOOPBACK".to_owned(), "on".to_owned()))).collect()
}
