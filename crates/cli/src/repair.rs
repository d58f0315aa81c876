use std::collections::BTreeMap;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use fourstep::accounts::{ServerLookup, Strategies};
use fourstep_api_key::ApiKeys;
use fourstep_aws::SdkConfig;
use fourstep_mysql::Mysql;
use fourstep_ops::{Action, Place, Reply};
use fourstep_postgres::Postgres;
use fourstep_rds::RdsServers;
use fourstep_ssh::Ssh;
use serde::Deserialize as _;
use serde_json::Value;

use crate::confirm::confirm;
use crate::ending::Ending;
use crate::global::Global;
use crate::output::{self, Cell, Format};
use crate::spinner::Spinner;

/// Who acts.
#[derive(Clone, Copy, Debug, Args)]
struct By {
    /// Acts from this machine, without the function: names what the secret is for
    ///
    /// For when the function is broken or may not be invoked. The settings are still those of its variables and the
    /// secret's tags. This machine needs a way to the target; the caller needs lambda:GetFunction, and the rights on the
    /// secret that the function has.
    #[arg(long, value_name = "KIND", value_enum)]
    local: Option<Kind>,
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Kind {
    /// An account of PostgreSQL
    Postgres,
    /// An account of MySQL or MariaDB
    Mysql,
    /// The SSH keys of a fleet
    Ssh,
    /// The key of an HTTP service
    ApiKey,
}

/// Asks the function which versions open the target. It changes nothing.
///
/// The function stands in the target's network. The caller needs lambda:InvokeFunction.
#[derive(Debug, Args)]
pub(crate) struct Diagnose {
    /// Name or ARN of the secret
    name: String,
    #[command(flatten)]
    by: By,
}

/// Makes an older value work again: in the target, and then by the labels.
///
/// It is a rotation forward to the old value. Moving labels alone would lock everybody out of a target with one slot.
#[derive(Debug, Args)]
pub(crate) struct Rollback {
    /// Name or ARN of the secret
    name: String,
    /// The version, if it is not AWSPREVIOUS
    #[arg(long, value_name = "ID")]
    version: Option<String>,
    /// Goes back to that version though its credential was retired because others know it
    #[arg(long, requires = "version")]
    leaked_anyway: bool,
    #[command(flatten)]
    by: By,
}

/// Finds the version that the target accepts, and makes it AWSCURRENT.
///
/// It tries all versions, newest first, until one opens the target. So that no account is locked, it ends after one
/// refused login; what it did not try is named, and --attempts and --skip go on there.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Name or ARN of the secret
    name: String,
    /// How many refused logins are allowed
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    attempts: u32,
    /// A version that is known to be refused, and not tried
    #[arg(long, value_name = "ID")]
    skip: Vec<String>,
    /// The only version that is tried
    #[arg(long, value_name = "ID")]
    version: Option<String>,
    /// Makes that version AWSCURRENT though its credential was retired because others know it
    #[arg(long, requires = "version")]
    leaked_anyway: bool,
    #[command(flatten)]
    by: By,
}

/// Lets the target refuse AWSPREVIOUS now, and marks that version as leaked.
///
/// From then on rollback and recover leave the version alone, unless they are told its id and --leaked-anyway.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Name or ARN of the secret
    name: String,
    #[command(flatten)]
    by: By,
}

/// Brings all hosts of a secret to what it says, also those that were down.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// Name or ARN of the secret
    name: String,
    #[command(flatten)]
    by: By,
}

/// Lets the administrator set a new password of the account that AWSCURRENT names.
///
/// For when the server refuses every version. Nothing but your word says that the account is this secret's: whoever writes
/// the secret chose its name. Without --account, you are told which one it is, and nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct Reset {
    /// Name or ARN of the secret
    name: String,
    /// The account whose password is reset
    #[arg(long, value_name = "NAME", requires = "version")]
    account: Option<String>,
    /// The version that was AWSCURRENT when you were told which account it is
    #[arg(long, value_name = "ID", requires = "account")]
    version: Option<String>,
    #[command(flatten)]
    by: By,
}

/// Marks an account and its clone at the server as one secret's.
///
/// For pairs that AWS's function made, and where the mark was lost. Some version of the secret has to open one of the two.
/// Without --account, you are told which pair it is, and nothing is changed.
#[derive(Debug, Args)]
pub(crate) struct Adopt {
    /// Name or ARN of the secret
    name: String,
    /// The base account of the pair: the one whose name does not end in _clone
    #[arg(long, value_name = "NAME", requires = "version")]
    account: Option<String>,
    /// The version that was AWSCURRENT when you were told which account it is
    #[arg(long, value_name = "ID", requires = "account")]
    version: Option<String>,
    #[command(flatten)]
    by: By,
}

pub(crate) async fn diagnose(diagnose: Diagnose, global: &Global) -> Result<(), Ending> {
    operate(&diagnose.name, &Action::Diagnose, diagnose.by, global).await
}

pub(crate) async fn rollback(rollback: Rollback, global: &Global) -> Result<(), Ending> {
    let Rollback { name, version, leaked_anyway, by } = rollback;
    let to = version.as_deref().map_or_else(|| "AWSPREVIOUS".to_owned(), |version| format!("version {version}"));
    let known = if leaked_anyway { " Others may know that credential, and get in by it again." } else { "" };
    confirm(global, &format!("Makes the target of {name} accept the value of {to}, and that AWSCURRENT.{known}"))?;
    operate(&name, &Action::Rollback { version, leaked_anyway }, by, global).await
}

pub(crate) async fn recover(recover: Recover, global: &Global) -> Result<(), Ending> {
    let Recover { name, attempts, skip, version, leaked_anyway, by } = recover;
    let tried = version.as_deref().map_or_else(|| "the versions".to_owned(), |version| format!("version {version}"));
    let known = if leaked_anyway { " Others may know that credential." } else { "" };
    confirm(
        global,
        &format!("Tries {tried} of {name} at the target, and makes the one that works AWSCURRENT.{known}"),
    )?;
    operate(&name, &Action::Recover { attempts, skip, version, leaked_anyway }, by, global).await
}

pub(crate) async fn retire(retire: Retire, global: &Global) -> Result<(), Ending> {
    let Retire { name, by } = retire;
    confirm(
        global,
        &format!("Lets the target refuse AWSPREVIOUS of {name} for good; whoever still uses it is locked out."),
    )?;
    operate(&name, &Action::Retire, by, global).await
}

pub(crate) async fn reset(reset: Reset, global: &Global) -> Result<(), Ending> {
    let Reset { name, account, version, by } = reset;
    if let Some(account) = &account {
        confirm(
            global,
            &format!(
                "Lets the administrator that {name} names set a new password of the account `{account}`, though no version of the secret proves that the account is its own. Whoever uses the account by another password is locked out."
            ),
        )?;
    }
    operate(&name, &Action::Reset { account, version }, by, global).await
}

pub(crate) async fn adopt(adopt: Adopt, global: &Global) -> Result<(), Ending> {
    let Adopt { name, account, version, by } = adopt;
    if let Some(account) = &account {
        confirm(
            global,
            &format!(
                "Marks the accounts `{account}` and `{account}_clone` as those of {name}: from its next rotation on, the administrator sets the passwords of both, and gives the second one the rights of the first."
            ),
        )?;
    }
    operate(&name, &Action::Adopt { account, version }, by, global).await
}

pub(crate) async fn reconcile(reconcile: Reconcile, global: &Global) -> Result<(), Ending> {
    operate(&reconcile.name, &Action::Reconcile, reconcile.by, global).await
}

async fn operate(name: &str, action: &Action, by: By, global: &Global) -> Result<(), Ending> {
    let operator = global.operator().await?;
    let place = if by.local.is_some() { "from this machine" } else { "by the function" };
    let spinner = Spinner::new(&format!("{} {place}", action.name()));
    let answer = match by.local {
        None => operator.operate(name, action).await,
        Some(Kind::Postgres) => {
            operator
                .operate_here(name, action, |_, config| Strategies::from(Postgres::new()).with_servers(servers(config)))
                .await
        }
        Some(Kind::Mysql) => {
            operator
                .operate_here(name, action, |_, config| Strategies::from(Mysql::new()).with_servers(servers(config)))
                .await
        }
        Some(Kind::Ssh) => operator.operate_here(name, action, |_, aws| Ssh::with_configuration(aws)).await,
        Some(Kind::ApiKey) => operator.operate_here(name, action, |variables, _| ApiKeys::new(variables.clone())).await,
    };
    drop(spinner);
    let answer = answer?;
    if global.output == Format::Json {
        return Ok(output::json(&answer)?);
    }
    show(&answer)?;
    Ok(())
}

/// Looks servers up as the operator's own configuration says.
fn servers(config: &SdkConfig) -> Arc<dyn ServerLookup> {
    Arc::new(RdsServers::with_configuration(config))
}

fn show(answer: &Value) -> std::io::Result<()> {
    let places = Vec::<Place>::deserialize(&answer["Places"]).unwrap_or_default();
    // Reconcile has nothing to tell beside its outcome, and what came of each place.
    let Ok(Reply { message, next, versions, .. }) = Reply::deserialize(answer) else { return show_places("", &places) };
    output::say(&message)?;
    if let Some(next) = next {
        output::say(&next)?;
    }
    if versions.is_empty() {
        return show_places("", &places);
    }
    output::table(
        &["version", "labels", "opens the target"],
        versions.iter().map(|tried| {
            let opens = match (tried.opens, tried.places.is_empty()) {
                (Some(true), _) => "yes",
                (Some(false), _) => "no",
                (None, true) => "not tried",
                (None, false) => "not known",
            };
            let labels = tried.labels.join(" ");
            vec![Cell::new(&tried.version_id), Cell::new(output::or_dash(Some(&labels))), Cell::new(opens)]
        }),
    )?;
    for tried in &versions {
        let name = tried.labels.first().unwrap_or(&tried.version_id);
        show_places(&format!("{name}: "), &tried.places)?;
    }
    show_places("", &places)
}

/// How many places are listed that are as they should be.
const MOST_GOOD: usize = 20;

/// Shows how many places have which outcome, and then each: first those where something is to be done.
fn show_places(of: &str, places: &[Place]) -> std::io::Result<()> {
    if places.is_empty() {
        return Ok(());
    }
    let mut counts = BTreeMap::<_, usize>::new();
    for place in places {
        *counts.entry((place.good, place.outcome.as_str())).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|((_, outcome), count)| format!("{count} {outcome}")).collect();
    output::say(&format!("{of}{}", counts.join(", ")))?;
    let (good, bad): (Vec<_>, Vec<_>) = places.iter().partition(|place| place.good);
    let listed = bad.into_iter().chain(good.iter().copied().filter(|_| good.len() <= MOST_GOOD));
    output::table(
        &["place", "outcome", "why"],
        listed.map(|place| {
            let why = output::or_dash(place.why.as_deref());
            vec![Cell::new(&place.name), Cell::new(&place.outcome), Cell::new(why)]
        }),
    )
}
