use std::process::{Command, Stdio};

use fourstep_testkit::aws::Operation;

use crate::world::{SECRET, World};

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_wait_and_a_second_run_resumes() {
    let world = World::configured().await;
    world.aws.on_rotate(|_| std::future::pending());
    let mut command = world.command(&["start", SECRET, "--wait"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Until it waits: it described the secret again after the rotation began.
    let calls = world.aws.count(Operation::DescribeSecret);
    while world.pending().is_none() || world.aws.count(Operation::DescribeSecret) < calls + 3 {
        tokio::task::yield_now().await;
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(killed.success());
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("interrupted") && error.contains("run the same command again"), "{error}");

    let pending = world.pending().unwrap();
    let again = world.fourstep(&["start", SECRET, "--wait", "--timeout", "1s"]);
    assert!(again.error.contains("did not end within"), "{again:?}");
    assert_eq!(world.pending(), Some(pending), "the same rotation goes on");
}
