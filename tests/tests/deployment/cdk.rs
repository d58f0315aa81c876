//! The example for AWS CDK, compiled and synthesised as its head says.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

use fourstep_test_servers::tools::tool;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::permissions::{allowed, collect};
use crate::template::{functions, path, template};

/// A copy of the example, with what it is installed with, and zips that hold the name of their function.
struct Example {
    folder: TempDir,
}

impl Example {
    fn compile() -> Option<Self> {
        let installed = tool("cdk", "node_modules")?;
        let example = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(example.path()).unwrap();
        let document = "ssh-document.json";
        fs::copy(path("examples").join(document), example.folder.path().join(document)).unwrap();
        for file in fs::read_dir(path("examples/cdk")).unwrap().map(Result::unwrap) {
            if file.file_type().unwrap().is_file() {
                fs::copy(file.path(), example.path().join(file.file_name())).unwrap();
            }
        }
        symlink(fs::canonicalize(installed).unwrap(), example.path().join("node_modules")).unwrap();
        let zips = example.path().join("zips");
        fs::create_dir(&zips).unwrap();
        for function in functions(&template()) {
            for architecture in ["arm64", "x86_64"] {
                let name = format!("{}-0.1.0-{architecture}.zip", function.binary);
                fs::write(zips.join(&name), &name).unwrap();
            }
        }
        let compiled = example.command("tsc").output().unwrap();
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stdout));
        Some(example)
    }

    /// Returns the stacks by their names, or what the command says.
    fn synthesise(&self, context: &[&str]) -> Result<BTreeMap<String, Stack>, String> {
        let out = self.path().join("out");
        let mut command = self.command("cdk");
        command.args(["synth", "--quiet", "--no-notices", "--output", "out", "--context", "zips=zips"]);
        command.args(context.iter().flat_map(|value| ["--context", value]));
        let output = command.output().unwrap();
        if !output.status.success() {
            return Err(String::from_utf8(output.stderr).unwrap());
        }
        let stack = |name: &str| {
            let text = fs::read_to_string(out.join(format!("{name}.template.json"))).unwrap();
            let resources = serde_json::from_str::<Value>(&text).unwrap()["Resources"].take();
            (name.to_owned(), Stack { resources, assets: out.clone() })
        };
        Ok(["Database", "SshFleet", "ApiKey"].map(stack).into())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.path().join("node_modules/.bin").join(program));
        // It writes notes of its own into the home folder, and would ask AWS for what is new.
        command.current_dir(self.path()).env("HOME", self.path()).env("CDK_DISABLE_CLI_TELEMETRY", "true");
        command
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("cdk")
    }
}

/// A stack's resources by their logical ids.
struct Stack {
    resources: Value,
    assets: PathBuf,
}

impl Stack {
    /// Returns the one resource of a type: its id, and itself.
    fn one(&self, kind: &str) -> (&str, &Value) {
        let found: Vec<_> = self.all(kind).collect();
        let [one] = found.as_slice() else { panic!("{} of {kind}", found.len()) };
        *one
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> {
        let resources = self.resources.as_object().unwrap().iter();
        resources.filter(move |(_, resource)| resource["Type"] == kind).map(|(id, resource)| (id.as_str(), resource))
    }

    /// Returns the policy that lets the function rotate.
    fn policy(&self) -> (&str, &Value) {
        let rotates = |policy: &Value| policy["Properties"].to_string().contains("AllowRotationLambdaArn");
        self.all("AWS::IAM::Policy").find(|(_, policy)| rotates(policy)).unwrap()
    }

    fn actions(&self) -> BTreeSet<String> {
        let mut actions = BTreeSet::new();
        for (_, policy) in self.all("AWS::IAM::Policy") {
            collect(&policy["Properties"]["PolicyDocument"], &mut actions);
        }
        actions
    }

    fn secret_tag(&self) -> &Value {
        &self.one("AWS::SecretsManager::Secret").1["Properties"]["Tags"][0]
    }

    /// Which zip the function is made of.
    fn zip(&self) -> String {
        let (_, function) = self.one("AWS::Lambda::Function");
        fs::read_to_string(self.assets.join(function["Metadata"]["aws:asset:path"].as_str().unwrap())).unwrap()
    }
}

#[test]
fn the_example_for_cdk_rotates_when_everything_that_it_needs_is_there() {
    let Some(example) = Example::compile() else { return };
    let stacks = example.synthesise(&[]).unwrap();
    let template = template();
    for function in functions(&template).into_iter().filter(|function| function.name != "Mysql") {
        let stack = &stacks[match function.name.as_str() {
            "Postgres" => "Database",
            "Ssh" => "SshFleet",
            name => name,
        }];
        assert_eq!(stack.zip(), format!("{}-0.1.0-arm64.zip", function.binary));
        let (secret, _) = stack.one("AWS::SecretsManager::Secret");
        let (id, _) = stack.one("AWS::Lambda::Function");
        let (permission, permitted) = stack.one("AWS::Lambda::Permission");
        let (policy, policy_of) = stack.policy();
        let (_, schedule) = stack.one("AWS::SecretsManager::RotationSchedule");
        assert_eq!(schedule["Properties"]["RotationLambdaARN"], json!({ "Fn::GetAtt": [id, "Arn"] }));
        assert_eq!(schedule["Properties"]["SecretId"], json!({ "Ref": secret }));
        let needs: BTreeSet<_> =
            schedule["DependsOn"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert_eq!(needs, BTreeSet::from([permission, policy]));
        assert_eq!(permitted["Properties"]["Principal"], "secretsmanager.amazonaws.com");
        assert_eq!(permitted["Properties"]["SourceAccount"], json!({ "Ref": "AWS::AccountId" }));
        // For this secret and no other.
        assert_eq!(permitted["Properties"]["SourceArn"], json!({ "Ref": secret }));
        let statements = policy_of["Properties"]["PolicyDocument"]["Statement"].as_array().unwrap();
        let rotate = statements.iter().find(|one| one["Condition"]["ArnLike"].is_object()).unwrap();
        assert_eq!(rotate["Resource"], json!({ "Ref": secret }));
        let allowed = allowed(&template, &function.name);
        let of = |actions: &BTreeSet<String>, service: &str| {
            actions.iter().filter(|action| action.starts_with(service)).cloned().collect::<Vec<_>>()
        };
        for service in ["secretsmanager:", "ssm:", "tag:", "logs:"] {
            assert_eq!(of(&stack.actions(), service), of(&allowed, service), "{}", function.binary);
        }
        assert!(stack.actions().is_subset(&allowed), "{}: {:?}", function.binary, stack.actions());
    }
}

/// As the template does: whoever may send the public document is root on the hosts.
#[test]
fn the_example_for_cdk_sends_a_document_of_its_own_and_no_other() {
    let Some(example) = Example::compile() else { return };
    let stack = &example.synthesise(&["user=web.1"]).unwrap()["SshFleet"];
    let (id, document) = stack.one("AWS::SSM::Document");
    let content = &document["Properties"]["Content"];
    assert_eq!(content["parameters"]["User"]["allowedPattern"], "^web[.]1$");
    let commands = &content["mainSteps"][0]["inputs"]["runCommand"];
    assert_eq!(*commands, json!(["named_users='web.1,'", fourstep_ssh::DOCUMENT]));
    let secret = &content["parameters"]["Secret"]["allowedPattern"];
    assert!(secret["Fn::Join"].to_string().contains(r#"{"Ref":"AWS::AccountId"}"#), "{secret}");
    let variables = &stack.one("AWS::Lambda::Function").1["Properties"]["Environment"]["Variables"];
    assert_eq!(variables["SSM_DOCUMENT"], json!({ "Ref": id }));
    let statements = &stack.policy().1["Properties"]["PolicyDocument"]["Statement"];
    let sends: Vec<_> =
        statements.as_array().unwrap().iter().filter(|one| one["Action"] == "ssm:SendCommand").collect();
    let [of_document, of_hosts] = sends.as_slice() else { panic!("{sends:?}") };
    let parts = of_document["Resource"]["Fn::Join"][1].as_array().unwrap();
    assert_eq!(parts[parts.len() - 2..], [json!(":document/"), json!({ "Ref": id })], "{parts:?}");
    assert!(of_hosts["Condition"].is_object() && !of_hosts["Resource"].to_string().contains("document"), "{of_hosts}");
    let refused = example.synthesise(&["user=x'; reboot"]).err().unwrap();
    assert!(refused.contains("has to be the name of one Unix user"), "{refused}");
}

#[test]
fn the_example_for_cdk_has_each_strategy() {
    let Some(example) = Example::compile() else { return };
    let stacks = example.synthesise(&["engine=mysql", "strategy=dual-password", "architecture=x86_64"]).unwrap();
    assert_eq!(*stacks["Database"].secret_tag(), json!({ "Key": "fourstep:strategy", "Value": "dual-password" }));
    assert_eq!(stacks["Database"].zip(), "rotate-mysql-0.1.0-x86_64.zip");

    let administrator = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:admin-AbCdEf";
    let chosen = ["strategy=alternating-users", &format!("administrator={administrator}")];
    let database = &example.synthesise(&chosen).unwrap()["Database"];
    assert_eq!(*database.secret_tag(), json!({ "Key": "fourstep:strategy", "Value": "alternating-users" }));
    let secret = database.one("AWS::SecretsManager::Secret").1["Properties"]["GenerateSecretString"].clone();
    let fields: Value = serde_json::from_str(secret["SecretStringTemplate"].as_str().unwrap()).unwrap();
    assert_eq!(fields["masterarn"], administrator);
    let statements = &database.policy().1["Properties"]["PolicyDocument"]["Statement"];
    let read = statements.as_array().unwrap().iter().find(|statement| statement["Resource"] == administrator).unwrap();
    assert_eq!(read["Action"], json!(["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]));
    let variables = &database.one("AWS::Lambda::Function").1["Properties"]["Environment"]["Variables"];
    assert_eq!(variables["ADMIN_SECRETS"], administrator);

    let refused = example.synthesise(&["strategy=alternating-users"]).err().unwrap();
    assert!(refused.contains("alternating-users needs the ARN of an administrator's secret"), "{refused}");
}
