//! A rotation function that goes wrong in the way that its secret asks for, and tries to tell the secret to the world.

use fourstep::{Context, Error, ErrorKind, Login, Result, Rotator, Sensitive, Slots};
use serde::{Deserialize, Serialize};

struct Misbehaving;

#[derive(Clone, Serialize, Deserialize)]
struct Secret {
    behaviour: String,
    password: Sensitive,
}

impl Rotator for Misbehaving {
    type Secret = Secret;
    const NAME: &'static str = "misbehaving";
    const SLOTS: Slots = Slots::Two;

    async fn create(&self, current: &Secret, _login: &Login<'_, Secret>, cx: &Context<'_>) -> Result<Secret> {
        let password = current.password.expose();
        match current.behaviour.as_str() {
            "panic" => panic!("the password is {password}"),
            "hang" => std::future::pending().await,
            "log" => {
                tracing::info!(password, "logged by the function itself");
                tracing::info!(target: "fourstep::plugin", password, "logged by a plugin");
                tracing::warn!(target: "sqlx::query", "ALTER ROLE app PASSWORD '{password}'");
                tracing::debug!(target: "fourstep::plugin", "logged for debugging");
                tracing::debug!(target: "aws_smithy_runtime", "a body of the SDK");
            }
            behaviour => {
                if let Some(kind) = ErrorKind::ALL.into_iter().find(|kind| kind.name() == behaviour) {
                    return Err(Error::new(kind, format!("the password is {password}")).retried());
                }
            }
        }
        Ok(Secret { password: cx.password("")?, ..current.clone() })
    }

    async fn set(&self, _pending: &Secret, _login: &Login<'_, Secret>, _cx: &Context<'_>) -> Result<()> {
        Ok(())
    }

    async fn probe(&self, _secret: &Secret, _cx: &Context<'_>) -> Result<()> {
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), fourstep_lambda::Error> {
    fourstep_lambda::run(Misbehaving).await
}
