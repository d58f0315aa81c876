//! The document of Systems Manager that the stack makes: the function may have hosts run nothing else.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use fourstep_test_servers::sshd::{Host, USER};
use fourstep_test_servers::ssm::{Node, SystemsManager};
use fourstep_testkit::aws::Aws;
use fourstep_testkit::function;
use fourstep_testkit::runtime_api::Sandbox;
use fourstep_testkit::secret::RotatedSecret;
use serde_json::{Value, json};

use crate::resolved::Resolver;
use crate::template::{json_of, path, template};

/// Returns the content of the document, as a choice of parameters makes it.
fn content(chosen: &[(&str, &str)]) -> Value {
    let template = template();
    let chosen = [&[("RotateSsh", "true"), ("HostsTagName", "a"), ("HostsTagValue", "b")], chosen].concat();
    let resolver = Resolver::new(&template, &chosen);
    let mut content = resolver.resources(&template)["SshDocument"]["Properties"]["Content"].take();
    for name in ["User", "Secret"] {
        let pattern = &mut content["parameters"][name]["allowedPattern"];
        *pattern =
            resolver.text(pattern).replace("${AWS::Partition}", "aws").replace("${AWS::AccountId}", "[0-9]+").into();
    }
    let commands = &mut content["mainSteps"][0]["inputs"]["runCommand"];
    commands[0] = resolver.text(&commands[0]).into();
    content
}

/// The last line before the text.
const BEFORE: &str = "                - |\n";

#[test]
fn the_document_holds_the_script_of_the_binary() {
    let file = path("template.yaml");
    if std::env::var_os("FOURSTEP_WRITE_TEMPLATE").is_some() {
        let text = fs::read_to_string(&file).unwrap();
        let (before, rest) = text.split_once(BEFORE).unwrap();
        let is_inside = |line: &&str| line.is_empty() || line.starts_with("                  ");
        let after: Vec<_> = rest.lines().skip_while(is_inside).collect();
        let indented = fourstep_ssh::DOCUMENT.lines().map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("                  {line}\n"),
        });
        let script: String = indented.collect();
        fs::write(&file, format!("{before}{BEFORE}{script}\n{}\n", after.join("\n"))).unwrap();
    }
    let template = json_of(&fs::read_to_string(&file).unwrap());
    let commands =
        &template["Resources"]["SshDocument"]["Properties"]["Content"]["mainSteps"][0]["inputs"]["runCommand"];
    assert_eq!(commands.as_array().unwrap().len(), 2);
    assert!(
        commands[1].as_str() == Some(fourstep_ssh::DOCUMENT),
        "the template's script is not that of crates/ssh/src/script; FOURSTEP_WRITE_TEMPLATE=1 has this test write it"
    );
}

/// The examples put what the document is for in place of `<<…>>`.
#[test]
fn the_examples_have_the_document_of_the_template_for_one_user() {
    let mut content = content(&[("SshUser", "<<user>>")]);
    let user = &mut content["parameters"]["User"]["allowedPattern"];
    assert_eq!(*user, "^(<<user>>|)$");
    *user = "^<<user's pattern>>$".into();
    let secret = &mut content["parameters"]["Secret"]["allowedPattern"];
    assert_eq!(*secret, "^arn:aws:secretsmanager:[a-z0-9-]+:[0-9]+:secret:[A-Za-z0-9/_+=.@-]+$");
    *secret = "^arn:<<partition>>:secretsmanager:[a-z0-9-]+:<<account>>:secret:[A-Za-z0-9/_+=.@-]+$".into();
    assert_eq!(content["mainSteps"][0]["inputs"]["runCommand"][0], "named_users='<<user>>,'");
    let places = ["user", "user's pattern", "partition", "account"].map(|place| format!("<<{place}>>"));
    assert!(places.iter().all(|place| !fourstep_ssh::DOCUMENT.contains(place)), "the script itself would be changed");
    let (file, text) = (path("examples/ssh-document.json"), format!("{content:#}\n"));
    if std::env::var_os("FOURSTEP_WRITE_TEMPLATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&file).unwrap() == text,
        "examples/ssh-document.json is not the template's document; FOURSTEP_WRITE_TEMPLATE=1 has this test write it"
    );
}

/// The most that a document may have, as JSON.
/// <https://docs.aws.amazon.com/general/latest/gr/ssm.html>
const LONGEST: usize = 64 * 1024;

#[test]
fn the_document_serves_the_users_of_its_stack_only_and_takes_no_text_for_a_shell() {
    let content = content(&[("SshUser", "app.1 web"), ("AllowedSshUsers", "root, deploy-*,b")]);
    let users = content["parameters"]["User"]["allowedPattern"].as_str().unwrap();
    assert_eq!(users, "^(app[.]1|web|root|deploy-[A-Za-z0-9_.@-]*|b)$");
    assert!(content.to_string().len() < LONGEST, "{}", content.to_string().len());
    for (name, parameter) in content["parameters"].as_object().unwrap() {
        let patterns = [&parameter["allowedPattern"], &parameter["allowedValues"]];
        assert!(patterns.iter().any(|pattern| !pattern.is_null()), "{name} may be anything");
        for sign in ["'", "$", "`", ";", "\n", " ", "\"", "\\"] {
            let pattern = parameter["allowedPattern"].as_str().unwrap_or("^$");
            let pattern = pattern.strip_prefix('^').unwrap().strip_suffix('$').unwrap();
            assert!(!pattern.contains(sign), "{name} may hold {sign:?}: {pattern}");
        }
    }
}

#[test]
fn the_role_may_send_the_document_of_the_stack_only() {
    let template = template();
    let sent = |chosen: &[(&str, &str)]| {
        let chosen = [&[("RotateSsh", "true"), ("HostsTagName", "a"), ("HostsTagValue", "b")], chosen].concat();
        let resolver = Resolver::new(&template, &chosen);
        let made = resolver.resources(&template);
        let statements = &made["SshPolicy"]["Properties"]["PolicyDocument"]["Statement"];
        let run = statements.as_array().unwrap().iter().find(|one| one["Sid"] == "RunTheScript").unwrap().clone();
        let resources = match &run["Resource"] {
            Value::Array(resources) => resources.iter().map(|one| resolver.text(one)).collect(),
            one => vec![resolver.text(one)],
        };
        let variable = resolver.text(&made["SshFunction"]["Properties"]["Environment"]["Variables"]["SSM_DOCUMENT"]);
        (resources, variable, made.get("SshDocument").is_some())
    };
    let own = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:document/${SshDocument}".to_owned();
    assert_eq!(sent(&[]), (vec![own], "${SshDocument}".to_owned(), true));
    let (resources, variable, made) = sent(&[("SsmDocument", "AWS-RunShellScript")]);
    assert_eq!(resources[0], "arn:${AWS::Partition}:ssm:${AWS::Region}::document/AWS-RunShellScript");
    assert_eq!((variable.as_str(), made), ("AWS-RunShellScript", false));
}

#[tokio::test]
async fn a_rotation_by_the_document_goes_as_by_that_of_aws_and_other_users_are_refused() {
    let Some(host) = Host::start().map(Arc::new) else { return };
    let made = host.root("echo toor:x:0:0::/home/toor:/bin/sh >>/etc/passwd; install -d -m 700 /home/toor", b"");
    assert!(made.status.success(), "{made:?}");
    let aws = Aws::start().await.unwrap();
    let ssm = SystemsManager::start().await.unwrap();
    ssm.add(Node::new("i-0000", Arc::clone(&host)));
    // toor is allowed by a pattern only: so it may not be root.
    ssm.add_document("stack-SshDocument", content(&[("SshUser", USER), ("AllowedSshUsers", "too*,nobody")]));
    let sandbox = ssm.found_by(Sandbox::new(function::binary("rotate-ssh").unwrap()).unwrap());
    let sandbox = sandbox
        .variable("AWS_ENDPOINT_URL_SECRETS_MANAGER", aws.url())
        .variable("SSM_DOCUMENT", "stack-SshDocument")
        .variable("ALLOWED_SSH_USERS", "toor,root")
        .variable("KEY_OPTIONS", "restrict,command=\"echo `id` $HOME 'x'; exit 7\"")
        .timeout(Duration::from_secs(60));
    let mut secret = RotatedSecret::create(aws.secrets(), "app/ssh", &json!({ "PublicKey": "", "PrivateKey": "" }));
    for _ in 0..3 {
        let token = secret.begin();
        sandbox.rotate("app/ssh", &token).await.unwrap();
    }
    assert!(host.opens(secret.current()["PrivateKey"].as_str().unwrap()), "{}", host.log());
    let sent = ssm.parameters();
    assert!(sent.iter().all(|parameters| parameters.get("commands").is_none()), "{sent:?}");

    for (user, kind, part) in [
        ("root", "Invalid", "the document in SSM_DOCUMENT refuses what it is to do"),
        ("toor", "Forbidden", "the user `toor` has uid 0"),
    ] {
        let token = secret.begin();
        secret.tag("fourstep:ssh-user", user);
        let error = sandbox.rotate("app/ssh", &token).await.unwrap_err();
        assert_eq!(error.error_type, kind, "{}", error.message);
        assert!(error.message.contains(part), "{}", error.message);
        secret.abandon(&token);
    }
    assert_eq!(host.root("ls -A /home/toor", b"").stdout, b"");
}
