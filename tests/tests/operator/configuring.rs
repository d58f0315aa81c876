use fourstep_testkit::aws::Operation;
use serde_json::json;

use crate::world::{FUNCTION, SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn function_and_schedule_are_set_and_the_configuration_is_tested() {
    let world = World::start().await;
    let arguments = ["configure", SECRET, "--function", FUNCTION, "--every", "12h", "--window", "3h"];
    let configured = world.json(&arguments);
    assert_eq!(
        configured["rules"],
        json!({"automatically_after_days": null, "schedule_expression": "rate(12 hours)", "duration": "3h"})
    );
    let end = world.aws.rotation_end(SECRET).await.unwrap();
    assert_eq!(end.outcome, fourstep_testkit::aws::Outcome::TestSucceeded);
    assert!(world.target.accepts("first"), "nothing was rotated");

    // Only what is given changes.
    let cron = world.json(&["configure", SECRET, "--cron", "0 8 1 * ? *"]);
    assert_eq!(
        (&cron["function"], &cron["rules"]["schedule_expression"]),
        (&json!(FUNCTION), &json!("cron(0 8 1 * ? *)"))
    );
    world.aws.rotation_end(SECRET).await.unwrap();
    let now = world.json(&["configure", SECRET, "--every", "60d", "--now"]);
    world.aws.rotation_end(SECRET).await.unwrap();
    assert_eq!((&now["version"], &now["rules"]["automatically_after_days"]), (&json!(world.current()), &json!(60)));
    assert!(world.target.accepts(&world.current_password()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_that_cannot_be_is_refused_before_any_call() {
    let world = World::start().await;
    let calls = world.aws.calls().len();
    for (arguments, part) in [
        (&["--every", "3h"][..], "4h or more"),
        (&["--every", "6h", "--window", "7h"], "6h at the most"),
        (&["--cron", "15 8 1 * ? *"], "the minutes are `15`"),
        (&["--window", "3h"], "--window needs a schedule"),
        (&["--every", "sometimes"], "sometimes"),
        (&["--every", "30d", "--cron", "0 8 1 * ? *"], "cannot be used with"),
    ] {
        world.fourstep(&[&["configure", SECRET, "--function", FUNCTION], arguments].concat()).refused(2, &[part]);
    }
    assert_eq!(world.aws.calls().len(), calls);
    world.fourstep(&["configure", SECRET, "--every", "30d"]).refused(2, &["no function rotates", "--function ARN"]);
    assert_eq!(world.aws.count(Operation::RotateSecret), 0);
}
