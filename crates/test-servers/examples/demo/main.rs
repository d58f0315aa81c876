//! Rotates the passwords of real accounts, twice with each strategy, the key of an HTTP service and the SSH keys of a user
//! on two hosts, by the functions' own binaries, and shows it as it happens. `cargo xtask demo` runs it.

mod api_key;
mod consumer;
mod database;
mod rotation;
mod screen;
mod ssh;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use fourstep_testkit::aws::{Aws, Call, Operation};
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::{HttpApi, JsonApi};
use serde_json::{Value, json};

use consumer::Consumer;
use database::{Database, Strategy};

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> ExitCode {
    let Some(programs) = std::env::args_os().nth(1).map(PathBuf::from) else {
        screen::failed("name the folder with the functions' binaries: demo target/release");
        return ExitCode::from(2);
    };
    match demo(&programs).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            screen::failed(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

const ROTATIONS: usize = 2;
/// The administrator's secret.
const ADMINISTRATOR: &str = "demo/administrator";

async fn demo(programs: &Path) -> Result<()> {
    let aws = Aws::start().await?;
    screen::title(aws.url());
    for database in Database::start().await? {
        let function = programs.join(database.function());
        let size = size(&function)?;
        screen::function(database.function(), size);
        screen::database(&database.version().await, database.place().port());
        for strategy in database.strategies() {
            show(&database, &aws, &function, strategy).await?;
        }
    }
    let function = programs.join("rotate-api-key");
    screen::function("rotate-api-key", size(&function)?);
    api_key::show(&function).await?;
    let function = programs.join("rotate-ssh");
    screen::function("rotate-ssh", size(&function)?);
    ssh::show(&function).await
}

fn size(function: &Path) -> Result<u64> {
    Ok(function.metadata().map_err(|error| format!("{}: {error}", function.display()))?.len())
}

async fn show(database: &Database, aws: &Aws, function: &Path, strategy: &Strategy) -> Result<()> {
    screen::strategy(strategy.name, strategy.is);
    let secret = prepare(database, aws, strategy).await?;
    let sandbox =
        Sandbox::new(function)?.variable("AWS_ENDPOINT_URL", aws.url()).variable("ADMIN_SECRETS", ADMINISTRATOR);
    let sandbox = Arc::new(sandbox);
    for number in 1..=ROTATIONS {
        rotate(database, aws, &sandbox, strategy, &secret, number).await?;
    }
    if let Some(usage) = sandbox.usage() {
        screen::usage(sandbox.time_to_first_poll(), usage.cpu, usage.peak_memory, ROTATIONS);
    }
    Ok(())
}

/// Creates the account and its secret, and turns rotation on. Returns the secret's name.
async fn prepare(database: &Database, aws: &Aws, strategy: &Strategy) -> Result<String> {
    let account = strategy.name.replace('-', "_");
    let secret = format!("demo/{}", strategy.name);
    database.make_account(&account).await;
    let place = database.place();
    let place = json!({"engine": database.engine(), "host": place.host(), "port": place.port(), "ssl": false});
    let with = |username: &str, password: &str| {
        let mut secret = place.clone();
        secret["username"] = username.into();
        secret["password"] = password.into();
        secret
    };
    let api = HttpApi::new(aws.url());
    if strategy.name == "alternating-users" {
        let value = with("administrator", "administrator-password").to_string();
        call(&api, Operation::CreateSecret, &json!({"Name": ADMINISTRATOR, "SecretString": value})).await?;
    }
    let mut value = with(&account, "first-password");
    if strategy.name == "alternating-users" {
        value["masterarn"] = ADMINISTRATOR.into();
    }
    let tags = json!([{"Key": "fourstep:strategy", "Value": strategy.name}]);
    let create = json!({"Name": secret, "SecretString": value.to_string(), "Tags": tags});
    call(&api, Operation::CreateSecret, &create).await?;
    Ok(secret)
}

async fn rotate(
    database: &Database,
    aws: &Aws,
    sandbox: &Arc<Sandbox>,
    strategy: &Strategy,
    secret: &str,
    number: usize,
) -> Result<()> {
    screen::labels(&format!("rotation {number}, before"), &labels(aws, secret));
    let consumer = Consumer::start(aws.url(), secret, database.place());
    consumer.logins(5).await?;
    let before = aws.calls().len();
    rotation::run(aws, sandbox, secret).await?;
    let of_function = |call: &&Call| {
        // The consumer reads the version that is current, the function one by its id.
        let by_consumer = call.operation == Operation::GetSecretValue && call.version_id.is_none();
        call.operation != Operation::RotateSecret && !by_consumer
    };
    let calls = aws.calls()[before..].iter().filter(of_function).count();
    consumer.logins(5).await?;
    let seen = consumer.stop().await?;
    screen::labels("after", &labels(aws, secret));
    screen::consumer(&seen, calls);
    if strategy.refusals || seen.refused == 0 {
        return Ok(());
    }
    Err(format!("{} logins were refused, and none may be", seen.refused).into())
}

fn labels(aws: &Aws, secret: &str) -> screen::Labels {
    aws.secrets().with(|model| screen::Labels::of(model, secret))
}

async fn call(api: &HttpApi, operation: Operation, input: &Value) -> Result<Value> {
    api.call(operation, input).await.map_err(|refusal| format!("{operation}: {refusal:?}").into())
}
