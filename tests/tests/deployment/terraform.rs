//! The example for Terraform, parsed. Nothing here plans or applies it: its README says so.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use fourstep_test_servers::tools::tool;
use serde_json::Value;

use crate::permissions::allowed;
use crate::template::{functions, path, template};

/// The files of a folder. An expression is the text `${…}`.
struct Configuration(Vec<Value>);

impl Configuration {
    fn parse(folder: &str) -> Option<Self> {
        let parser = tool("python-hcl2", "bin/hcl2tojson")?;
        let files = fs::read_dir(path(folder)).unwrap().map(|file| file.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|end| end == "tf"));
        let options = ["--quiet", "--ndjson", "--no-explicit-blocks", "--strip-string-quotes"];
        let output = Command::new(parser).args(options).args(files).output().unwrap();
        assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        Some(Self(text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()))
    }

    /// Returns the blocks with some labels, such as `["resource", "aws_lambda_function"]`, and their names.
    fn blocks(&self, labels: &[&str]) -> Vec<(&str, &Value)> {
        let (kind, rest) = labels.split_first().unwrap();
        let blocks = self.0.iter().filter_map(|file| file[kind].as_array()).flatten();
        let named = blocks.filter_map(|block| rest.iter().try_fold(block, |block, label| block.get(label)));
        named.flat_map(|block| block.as_object().unwrap()).map(|(name, body)| (name.as_str(), body)).collect()
    }

    fn block(&self, labels: &[&str], name: &str) -> &Value {
        let blocks = self.blocks(labels);
        blocks.iter().find(|(one, _)| *one == name).unwrap_or_else(|| panic!("{labels:?} {name}: {blocks:?}")).1
    }
}

/// Returns each action of AWS that a text names: a service, and a name that begins with a capital letter.
fn actions(value: &Value) -> BTreeSet<String> {
    let text = value.to_string().replace('\\', "");
    let texts = text.split('"').filter(|text| {
        let parts: Vec<_> = text.split(':').collect();
        let [service, name] = parts.as_slice() else { return false };
        ["ec2", "logs", "secretsmanager", "ssm", "tag"].contains(service)
            && !name.is_empty()
            && name.starts_with(|letter: char| letter.is_ascii_uppercase())
            && name.chars().all(char::is_alphanumeric)
    });
    texts.map(str::to_owned).collect()
}

#[test]
fn a_schedule_of_the_example_for_terraform_waits_for_permission_and_policy() {
    let Some(example) = Configuration::parse("examples/terraform") else { return };
    let schedules = example.blocks(&["resource", "aws_secretsmanager_secret_rotation"]);
    assert_eq!(schedules.len(), 3);
    for (name, schedule) in schedules {
        assert_eq!(schedule["rotation_lambda_arn"], format!("${{module.{name}_rotation.arn}}"));
        let needs: Vec<_> =
            schedule["depends_on"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
        let version = format!("${{aws_secretsmanager_secret_version.{name}}}");
        assert_eq!(needs, [format!("${{module.{name}_rotation}}"), version]);
        assert_eq!(example.block(&["module"], &format!("{name}_rotation"))["source"], "./rotation-function");
    }
    // What a schedule waits for has both.
    let Some(module) = Configuration::parse("examples/terraform/rotation-function") else { return };
    let permission = module.block(&["resource", "aws_lambda_permission"], "this");
    assert_eq!(permission["principal"], "secretsmanager.amazonaws.com");
    assert_eq!(permission["source_account"], "${local.account}");
    assert_eq!(permission["source_arn"], "${var.secrets[count.index]}");
    let policy = module.block(&["resource", "aws_iam_role_policy"], "rotation");
    assert!(policy["policy"].as_str().unwrap().contains("secretsmanager:resource/AllowRotationLambdaArn"));
    let function = module.block(&["resource", "aws_lambda_function"], "this");
    assert!(function["environment"].to_string().contains("ADMIN_SECRETS = join"), "{}", function["environment"]);
}

#[test]
fn the_example_for_terraform_allows_what_the_template_does() {
    let template = template();
    let Some(module) = Configuration::parse("examples/terraform/rotation-function") else { return };
    let Some(example) = Configuration::parse("examples/terraform") else { return };
    let policies = module.blocks(&["resource", "aws_iam_role_policy"]);
    let common: BTreeSet<_> = policies.iter().flat_map(|(_, policy)| actions(&policy["policy"])).collect();
    for function in functions(&template) {
        let name = match function.name.as_str() {
            "Postgres" | "Mysql" => "database_rotation",
            "Ssh" => "ssh_rotation",
            _ => "api_key_rotation",
        };
        let module = example.block(&["module"], name);
        assert!(module["name"].as_str().unwrap().contains(&function.binary), "{module}");
        let mut given = common.clone();
        given.extend(actions(&module["statements"]));
        // What the example leaves to the reader: keys of one's own, tracing, and the look-up of servers.
        let left = ["kms:", "xray:", "rds:"];
        let mut expected = allowed(&template, &function.name);
        expected.retain(|action| !left.iter().any(|service| action.starts_with(service)));
        assert_eq!(given, expected, "{}", function.binary);
    }
}

/// As the template does: whoever may send the public document is root on the hosts.
#[test]
fn the_example_for_terraform_sends_a_document_of_its_own_and_no_other() {
    let Some(example) = Configuration::parse("examples/terraform") else { return };
    let document = example.block(&["resource", "aws_ssm_document"], "ssh");
    assert_eq!(document["content"], "${local.document}");
    let locals: Vec<_> = example.0.iter().filter_map(|file| file["locals"].as_array()).flatten().collect();
    let local = |name: &str| {
        let found = locals.iter().find_map(|block| block.get(name)).and_then(Value::as_str);
        found.unwrap_or_else(|| panic!("{name}: {locals:?}")).replace("\\\"", "\"")
    };
    assert!(local("of_user").contains("/../ssh-document.json"), "{}", local("of_user"));
    let text = ["of_user", "of_pattern", "document"].map(local).concat();
    let file = fs::read_to_string(path("examples/ssh-document.json")).unwrap();
    for place in ["<<user>>", "<<user's pattern>>", "<<partition>>", "<<account>>"] {
        assert!(text.contains(&format!("\"{place}\"")) && file.contains(place), "{place}: {text}");
    }
    let module = example.block(&["module"], "ssh_rotation");
    assert_eq!(module["environment"]["SSM_DOCUMENT"], "${aws_ssm_document.ssh.name}");
    let statements = module["statements"].to_string();
    assert!(
        statements.contains("aws_ssm_document.ssh.arn") && !statements.contains("AWS-RunShellScript"),
        "{statements}"
    );
    assert_eq!(statements.matches("ssm:SendCommand").count(), 2, "of the document, and of hosts with the tag");
}

#[test]
fn the_example_for_terraform_has_each_strategy_and_keeps_values_out_of_its_state() {
    let Some(example) = Configuration::parse("examples/terraform") else { return };
    let conditions = example.block(&["variable"], "database_strategy")["validation"].to_string();
    for strategy in ["auto", "single-user", "dual-password", "alternating-users"] {
        assert!(conditions.contains(&format!(r#"\"{strategy}\""#)), "{conditions}");
    }
    for name in ["database_password", "api_secret"] {
        let variable = example.block(&["variable"], name);
        assert!(variable["ephemeral"] == true && variable["sensitive"] == true, "{variable}");
    }
    let versions = example.blocks(&["resource", "aws_secretsmanager_secret_version"]);
    assert_eq!(versions.len(), 3);
    for (name, version) in versions {
        assert!(version["secret_string"].is_null() && version["secret_string_wo"].is_string(), "{name}: {version}");
    }
}
