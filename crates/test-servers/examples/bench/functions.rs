//! What the functions take: to start, beside a bare one, and for a rotation of one secret.

use std::any::Any;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fourstep_test_servers::key_service::{FIRST_KEY, KeyService, PROVIDER};
use fourstep_test_servers::mysql::{Flavour, MySql};
use fourstep_test_servers::postgres::Postgres;
use fourstep_test_servers::sshd::Host;
use fourstep_test_servers::ssm::{Node, SystemsManager};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::proxy::Proxy;
use fourstep_testkit::runtime_api::Sandbox;
use serde_json::{Value, json};

use crate::rotation::{self, Figures};
use crate::{Result, mebibytes, milliseconds};

/// Of so many starts the median is shown.
const STARTS: usize = 50;

/// Of so many rotations of a secret, each by a new process, the median time is shown, the most memory, and the calls and
/// connections of the last.
const ROTATIONS: usize = 5;

/// The runtime and a client, and nothing else.
const BARE: &str = "examples/bare";

/// A function, and what it rotates here.
struct Subject {
    function: &'static str,
    rotates: &'static str,
    secret: Value,
    configure: Box<dyn Fn(Sandbox) -> Sandbox>,
    /// Counts the connections to the database.
    proxy: Option<Proxy>,
    /// What it is rotated on ends when this is dropped.
    _target: Box<dyn Any>,
}

/// Starts each function, lets it rotate, and prints a line for it.
pub(crate) async fn measure(programs: &Path) -> Result<()> {
    let subjects = [postgres().await?, mysql().await?, api_key().await?, ssh().await?];
    let mut starts = vec![Vec::new(); subjects.len() + 1];
    for _ in 0..STARTS {
        // In turns, so that a busy moment of the machine is everyone's.
        starts[0].push(start(Sandbox::new(programs.join(BARE))?).await?);
        for (subject, starts) in subjects.iter().zip(&mut starts[1..]) {
            let sandbox = Sandbox::new(programs.join(subject.function))?;
            starts.push(start((subject.configure)(sandbox)).await?);
        }
    }
    let mut starts = starts.into_iter().map(median);
    let bare = starts.next().unwrap_or_default();
    anstream::println!("{STARTS} starts, to the first poll, and {ROTATIONS} rotations, each by a new process:");
    anstream::println!("medians, but of memory the most\n");
    line("function", "rotates", ["start", "to bare", "CPU", "memory", "calls", "connections"].map(str::to_owned));
    line(
        "bare",
        "",
        [milliseconds(bare), "1.00".to_owned(), String::new(), String::new(), String::new(), String::new()],
    );
    for (subject, start) in subjects.iter().zip(starts) {
        let (figures, connections) = rotate(programs, subject).await?;
        let last = figures.last().ok_or("there was no rotation")?;
        let figure = |of: fn(&Figures) -> Duration| median(figures.iter().map(of).collect());
        let memory = figures.iter().map(|figures| figures.peak_memory).max().unwrap_or_default();
        line(
            subject.function,
            subject.rotates,
            [
                milliseconds(start),
                format!("{:.2}", start.as_secs_f64() / bare.as_secs_f64()),
                milliseconds(figure(|figures| figures.cpu)),
                mebibytes(memory),
                last.calls.to_string(),
                connections,
            ],
        );
    }
    Ok(())
}

fn line(function: &str, rotates: &str, figures: [String; 6]) {
    let [start, to_bare, cpu, memory, calls, connections] = figures;
    anstream::println!(
        "{function:<15} {rotates:<11} {start:>6} {to_bare:>7} {cpu:>7} {memory:>8} {calls:>5} {connections:>11}"
    );
}

async fn start(sandbox: Sandbox) -> Result<Duration> {
    sandbox.start().await.map_err(|error| format!("{}: {}", error.error_type, error.message))?;
    Ok(sandbox.time_to_first_poll().ok_or("the function ended")?)
}

/// Returns the figures of each rotation, and the connections of the last.
async fn rotate(programs: &Path, subject: &Subject) -> Result<(Vec<Figures>, String)> {
    let aws = Aws::start().await?;
    rotation::store(&aws, &subject.secret)?;
    let mut figures = Vec::new();
    let counts = || subject.proxy.as_ref().map(Proxy::counts).unwrap_or_default();
    let mut connections = 0;
    for number in 1..=ROTATIONS {
        let before = counts().connections;
        let sandbox = Sandbox::new(programs.join(subject.function))?;
        let sandbox = (subject.configure)(sandbox).variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url());
        figures.push(rotation::rotate(&aws, &sandbox, number).await?);
        connections = counts().connections - before;
    }
    match counts().refused {
        0 => Ok((figures, subject.proxy.as_ref().map(|_| connections.to_string()).unwrap_or_default())),
        refused => Err(format!("{refused} logins were refused").into()),
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

async fn postgres() -> Result<Subject> {
    let server = Postgres::start().await.ok_or("PostgreSQL is not installed")?;
    server.execute("CREATE ROLE app LOGIN PASSWORD 'first-password'").await;
    let proxy = Proxy::before(server.port()).await;
    let secret = account("postgres", &proxy);
    Ok(database("rotate-postgres", secret, proxy, server))
}

async fn mysql() -> Result<Subject> {
    let server = MySql::start(Flavour::MySql).await.ok_or("MySQL is not installed")?;
    server.execute("CREATE USER app@'%' IDENTIFIED BY 'first-password'").await;
    let proxy = Proxy::before_mysql(server.port()).await;
    let secret = account("mysql", &proxy);
    Ok(database("rotate-mysql", secret, proxy, server))
}

/// In plaintext, so that the proxy can count.
fn account(engine: &str, proxy: &Proxy) -> Value {
    json!({
        "engine": engine, "host": proxy.host(), "port": proxy.port(), "ssl": false,
        "username": "app", "password": "first-password",
    })
}

fn database(function: &'static str, secret: Value, proxy: Proxy, server: impl Any) -> Subject {
    let (rotates, configure, target) = ("single-user", Box::new(std::convert::identity), Box::new(server));
    Subject { function, rotates, secret, configure, proxy: Some(proxy), _target: target }
}

async fn api_key() -> Result<Subject> {
    let (service, folder) = (KeyService::start().await?, tempfile::tempdir()?);
    let file = folder.path().join("keys.toml");
    std::fs::write(&file, PROVIDER)?;
    Ok(Subject {
        function: "rotate-api-key",
        rotates: "minted key",
        secret: json!({"key": FIRST_KEY, "key_id": "key-0"}),
        configure: Box::new(move |sandbox| service.found_by(sandbox, &file)),
        proxy: None,
        _target: Box::new(folder),
    })
}

async fn ssh() -> Result<Subject> {
    let ssm = SystemsManager::start().await?;
    for id in ["i-0001", "i-0002"] {
        let host = Host::start().ok_or("OpenSSH's server is not installed, or the machine gives no namespaces")?;
        ssm.add(Node::new(id, Arc::new(host)));
    }
    Ok(Subject {
        function: "rotate-ssh",
        rotates: "2 hosts",
        secret: json!({"PublicKey": "", "PrivateKey": ""}),
        configure: Box::new(move |sandbox| ssm.found_by(sandbox)),
        proxy: None,
        _target: Box::new(()),
    })
}
