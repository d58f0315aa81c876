//! What an operator does to the rotation of a secret: looks at it, starts it, waits for it, cancels it, moves labels,
//! and repairs what is half done.
//!
//! [`Operator`] does all of it, by AWS's APIs and by the rotation function, which stands in the target's network. It
//! remembers nothing between two calls: each works out what is true from Secrets Manager, CloudTrail and the target, so
//! you can interrupt any of them and run it again.
//!
//! ```no_run
//! # async fn example() -> fourstep_ops::Result<()> {
//! use std::time::Duration;
//!
//! use fourstep_ops::{Connection, Operator, Silent, Start, State};
//!
//! let operator = Operator::connect(Connection::default()).await?;
//! let status = operator.status("rds/prod/masteruser").await?;
//! println!("{}: {}", status.judgement.state, status.judgement.works);
//! if status.judgement.state == State::Due {
//!     let start = Start { wait: Some(Duration::from_secs(15 * 60)), ..Start::default() };
//!     let started = operator.start("rds/prod/masteruser", &start, &Silent).await?;
//!     println!("rotated to version {}", started.version);
//! }
//! # Ok(()) }
//! ```
//!
//! | method | does |
//! | --- | --- |
//! | [`status`](Operator::status), [`statuses`](Operator::statuses) | derives the [`State`] of one secret, or of many |
//! | [`start`](Operator::start), [`watch`](Operator::watch) | starts a rotation, waits for its end |
//! | [`replace_compromised`](Operator::replace_compromised) | rotates, waits, and lets the target refuse the old credential |
//! | [`cancel`](Operator::cancel) | cancels a rotation, puts the labels right, resumes the schedule |
//! | [`configure`](Operator::configure), [`create`](Operator::create) | names the function and the [`Schedule`], of a secret that is there or that it makes |
//! | [`versions`](Operator::versions), [`stage`](Operator::stage) | lists versions; moves, adds and removes labels |
//! | [`rotate_fleet`](Operator::rotate_fleet) | rotates many secrets under the account's quota |
//! | [`examine`](Operator::examine) | looks at everything that a rotation needs |
//! | [`operate`](Operator::operate) | lets the function diagnose, roll back, recover, retire or reconcile |
//! | [`operate_here`](Operator::operate_here) | does the same in this process, without the function |
//!
//! What AWS's SDKs have as single calls, and tutorials as a few lines around them, is one call here. Each has an example in
//! `crates/ops/examples`, which runs with a real account: `cargo run --example rotate_now -- NAME`.
//!
//! | operation | here | example |
//! | --- | --- | --- |
//! | RotateSecret with function, rules and RotateImmediately: single-user, alternating users, an API key | [`configure`](Operator::configure) | `set_up_rotation` |
//! | RotateSecret at once, and a loop that waits for the end | [`start`](Operator::start) with [`wait`](Start::wait) | `rotate_now` |
//! | CancelRotateSecret | [`cancel`](Operator::cancel) | `cancel_rotation` |
//! | CreateSecret, then RotateSecret | [`create`](Operator::create) | `create_with_rotation` |
//! | RotateSecret with other rules, or another function | [`configure`](Operator::configure) | `change_rotation` |
//! | UpdateSecretVersionStage: promote, a label of one's own, back | [`stage`](Operator::stage); [`Action::Rollback`] changes the target too | `move_labels` |
//! | DescribeSecret, and what its labels and dates mean | [`status`](Operator::status), [`State`] | `check_rotation` |
//! | the exceptions of these calls | [`Reason`] | `handle_errors` |
//!
//! An [`Error`] has a [`Reason`], what happened, and what to do next. Results and errors hold names, labels and tags as
//! the owner of the secret wrote them: print them by [`printable`].
//!
//! # How the crate is laid out
//!
//! In reading order: a file uses only files that come later.
//!
//! ```text
//! what an operator does  status  start  cancel  configure  stage  fleet/rotate  doctor  here
//! the fleet              fleet/{run,queue,rate}  fleet
//! the doctor             doctor/{secret,function,key,lifetime,trail}  doctor/{simulation,finding}
//! what others build on   state/judge  state  function_log  function  watch
//! what AWS is asked      request  look  selection  trail  operator  profile  call
//! the ground             progress  secret  schedule  time  error  argument  printable
//! ```

mod argument;
mod call;
mod cancel;
mod configure;
mod doctor;
mod error;
mod fleet;
mod function;
mod function_log;
mod here;
mod look;
mod operator;
mod printable;
mod profile;
mod progress;
mod request;
mod schedule;
mod secret;
mod selection;
mod stage;
mod start;
mod state;
mod status;
mod time;
mod trail;
mod watch;

pub use argument::argument;
pub use cancel::{Cancel, Cancelled};
pub use configure::{Configure, Configured, Create};
pub use doctor::Examination;
pub use doctor::finding::{Finding, Health};
pub use doctor::lifetime::Lifetime;
pub use error::{Error, Reason, Result};
pub use fleet::{FleetFailure, FleetRotation, FleetSummary};
pub use fourstep::operator::{Action, Place, Reply, Tried};
pub use function_log::FunctionFailure;
pub use operator::{Connection, Operator};
pub use printable::printable;
pub use progress::{Event, Progress, Silent};
pub use schedule::{Rules, Schedule};
pub use secret::{Replica, Secret, Value, Version};
pub use selection::Selection;
pub use stage::{Stage, Staged};
pub use start::{Start, Started};
pub use state::{Judgement, State};
pub use status::{Looked, Status};
pub use trail::Failure;
pub use watch::{Ended, Outcome};
