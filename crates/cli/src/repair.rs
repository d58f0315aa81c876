use clap::Args;
use comfy_table::Cell;
use fourstep_ops::{Action, Diagnosis};
use serde_json::Value;

use crate::arguments::Global;
use crate::confirm::confirm;
use crate::ending::Ending;
use crate::output::{self, Format};
use crate::waiting::Spinner;

/// Asks the function which versions open the target. It changes nothing.
///
/// The function stands in the target's network. The caller needs lambda:InvokeFunction.
#[derive(Debug, Args)]
pub(crate) struct Diagnose {
    /// Name or ARN of the secret
    name: String,
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
    #[arg(long, value_name = "NUMBER")]
    attempts: Option<u32>,
    /// A version that is known to be refused, and not tried
    #[arg(long, value_name = "ID")]
    skip: Vec<String>,
}

/// Lets the target refuse AWSPREVIOUS now.
#[derive(Debug, Args)]
pub(crate) struct Retire {
    /// Name or ARN of the secret
    name: String,
}

/// Brings all hosts of a secret to what it says, also those that were down.
#[derive(Debug, Args)]
pub(crate) struct Reconcile {
    /// Name or ARN of the secret
    name: String,
}

pub(crate) async fn diagnose(diagnose: Diagnose, global: &Global) -> Result<(), Ending> {
    operate(&diagnose.name, &Action::Diagnose, global).await
}

pub(crate) async fn rollback(rollback: Rollback, global: &Global) -> Result<(), Ending> {
    let Rollback { name, version } = rollback;
    let to = version.as_deref().map_or_else(|| "AWSPREVIOUS".to_owned(), |version| format!("version {version}"));
    confirm(global, &format!("Makes the target of {name} accept the value of {to}, and that AWSCURRENT."))?;
    operate(&name, &Action::Rollback { version }, global).await
}

pub(crate) async fn recover(recover: Recover, global: &Global) -> Result<(), Ending> {
    let Recover { name, attempts, skip } = recover;
    confirm(global, &format!("Tries the versions of {name} at the target, and makes the one that works AWSCURRENT."))?;
    operate(&name, &Action::Recover { attempts, skip }, global).await
}

pub(crate) async fn retire(retire: Retire, global: &Global) -> Result<(), Ending> {
    let Retire { name } = retire;
    confirm(
        global,
        &format!("Lets the target refuse AWSPREVIOUS of {name} for good; whoever still uses it is locked out."),
    )?;
    operate(&name, &Action::Retire, global).await
}

pub(crate) async fn reconcile(reconcile: Reconcile, global: &Global) -> Result<(), Ending> {
    operate(&reconcile.name, &Action::Reconcile, global).await
}

async fn operate(name: &str, action: &Action, global: &Global) -> Result<(), Ending> {
    let spinner = Spinner::new(&format!("{} by the function", action.name()));
    let answer = global.operator().await?.operate(name, action).await;
    drop(spinner);
    let answer = answer?;
    if global.output == Format::Json {
        return Ok(output::json(&answer)?);
    }
    show(&answer)?;
    Ok(())
}

fn show(answer: &Value) -> std::io::Result<()> {
    for sentence in [&answer["Message"], &answer["Next"]] {
        if let Some(sentence) = sentence.as_str() {
            output::say(sentence)?;
        }
    }
    let tried = serde_json::from_value::<Diagnosis>(answer.clone()).unwrap_or_default().versions;
    if tried.is_empty() {
        return Ok(());
    }
    output::table(
        &["version", "labels", "opens the target"],
        tried.into_iter().map(|tried| {
            let opens = match tried.opens {
                Some(true) => "yes",
                Some(false) => "no",
                None => "not tried",
            };
            let labels = tried.labels.join(" ");
            vec![Cell::new(tried.version_id), Cell::new(output::or_dash(Some(&labels))), Cell::new(opens)]
        }),
    )
}
