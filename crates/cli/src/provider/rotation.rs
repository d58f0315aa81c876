use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use fourstep::memory::{CreateSecret, MemoryStore, RotateSecret, SecretValue};
use fourstep::settings::Environment;
use fourstep::{AWSPENDING, Engine, Sensitive, Step, StepEvent};
use fourstep_api_key::ApiKeys;
use serde_json::Value;
use url::{Host, Url};

use crate::ending::Ending;
use crate::output;

const NAME: &str = "checked";
const ADMINISTRATOR: &str = "administrator";
const FUNCTION: &str = "arn:aws:lambda:::function:check";
const STEP_LIMIT: Duration = Duration::from_secs(120);

/// Runs one whole rotation of the key in a file, with a Secrets Manager in memory.
pub(super) async fn rotate(file: &Path, url: &Url, secret: &Path, admin: Option<&Path>) -> Result<(), Ending> {
    let new_file = rotated(secret);
    if new_file.exists() {
        return Err(Ending::forbidden_by_state(format!(
            "{} is there already: it holds the key of an earlier check. Move it away; nothing was done",
            new_file.display()
        )));
    }
    let (mut value, masterarn) = (read(secret)?, "masterarn");
    let owners = value.get(masterarn).cloned();
    match (&owners, admin) {
        (Some(_), Some(_)) => value[masterarn] = ADMINISTRATOR.into(),
        (Some(_), None) => {
            return Err(Ending::wrong_usage("the secret has `masterarn`: give the administrator's secret by --admin"));
        }
        (None, Some(_)) => return Err(Ending::wrong_usage("--admin is of no use: the secret has no `masterarn`")),
        (None, None) => {}
    }
    let store = Arc::new(MemoryStore::default());
    let mut secrets = vec![(NAME, value)];
    if let Some(admin) = admin {
        secrets.push((ADMINISTRATOR, read(admin)?));
    }
    let event = store.with(|model| -> Result<StepEvent, Ending> {
        for (name, value) in secrets {
            let value = Some(SecretValue::text(value.to_string()));
            model.create_secret(CreateSecret { name, value, ..CreateSecret::default() }).map_err(Ending::failed)?;
        }
        let request = RotateSecret { lambda_arn: Some(FUNCTION), ..RotateSecret::now(NAME) };
        let token = model.rotate_secret(request).answer.map_err(Ending::failed)?;
        Ok(StepEvent { step: Step::Create, secret_id: NAME.to_owned(), token, rotation_token: None })
    })?;
    let environment = environment(url);
    let engine = Engine::new(Arc::clone(&store) as _, environment.clone());
    let keys = ApiKeys::new(environment).only(file, Some(url.to_string()));
    for step in Step::ALL {
        let event = StepEvent { step, ..event.clone() };
        let report = engine.run(&keys, &event, FUNCTION, SystemTime::now() + STEP_LIMIT).await;
        if step == Step::Create {
            keep(&store, owners.as_ref(), &new_file)?;
        }
        report.result.map_err(Ending::failed)?;
        output::say(&format!("{step:<12} done in {} ms", report.duration.as_millis()))?;
    }
    output::say(&format!("The new version of the secret is in {}", new_file.display()))?;
    Ok(())
}

/// Stores the pending version, if there is one, before the service changes any further.
fn keep(store: &MemoryStore, masterarn: Option<&Value>, file: &Path) -> Result<(), Ending> {
    let pending = store.with(|model| {
        let version = model.secret(NAME)?.labelled(AWSPENDING)?;
        version.text().map(|text| text.expose().to_owned())
    });
    let Some(pending) = pending.map(Sensitive::new) else { return Ok(()) };
    let mut value: Value =
        serde_json::from_str(pending.expose()).map_err(|_| Ending::failed("the new version is no JSON"))?;
    if let Some(masterarn) = masterarn {
        value["masterarn"] = masterarn.clone();
    }
    // For nobody else to read.
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    writeln!(file, "{value:#}")?;
    file.sync_all()?;
    Ok(())
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
