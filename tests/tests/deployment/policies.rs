//! checkov judges what the template makes. It decides no conditions, and would pass over each policy that has one: so it is
//! given the template as it is for several choices of parameters.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use fourstep_test_servers::tools::tool;
use serde_json::{Value, json};

use crate::resolved::Resolver;
use crate::template::{path, template};

const ALL: [(&str, &str); 7] = [
    ("RotatePostgres", "true"),
    ("RotateMysql", "true"),
    ("RotateSsh", "true"),
    ("RotateApiKey", "true"),
    ("HostsTagName", "RotateSSHKeys"),
    ("HostsTagValue", "True"),
    ("ApiProviders", "gitlab"),
];
const KEY: &str = "arn:aws:kms:eu-central-1:123456789012:key/11111111-2222-4333-8444-555555555555";
const BY_FUNCTION: [(&str, &str); 10] = [
    ("SecretAccess", "by-function"),
    ("AdminSecretArns", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:admin-AbCdEf"),
    ("AdminKmsKeyArns", KEY),
    ("KmsKeyArns", KEY),
    ("RdsLookups", "true"),
    ("AllowedHostsTags", "team=blue,team=green + stage=test"),
    ("FailureEvents", "true"),
    ("Dashboard", "true"),
    ("RotatesEvery", "1d"),
    ("ReconcileSecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:ssh-AbCdEf"),
];
const BY_TAG: [(&str, &str); 7] = [
    ("SecretAccess", "by-tag"),
    ("SecretTag", "blue"),
    ("SubnetIds", "subnet-1"),
    ("VpcId", "vpc-1"),
    ("Tracing", "true"),
    ("SshTransport", "ssh"),
    ("AlarmEmail", "a@example.com"),
];
const BY_NAME: [(&str, &str); 4] = [
    ("SecretAccess", "by-name"),
    ("SecretNamePrefix", "app/"),
    ("KmsKeyArns", KEY),
    ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:policy/boundary"),
];

/// What may write without a bound: in a VPC, a role makes network interfaces. IAM knows no bound for that on a function's own
/// role, as AWSLambdaVPCAccessExecutionRole says it, too.
const NETWORK_INTERFACES: &str = "CKV_AWS_111";

#[test]
fn checkov_finds_nothing_but_what_is_explained() {
    let Some(checkov) = tool("checkov", "bin/checkov") else { return };
    let template = template();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, resources: &Value| {
        let text = json!({ "AWSTemplateFormatVersion": "2010-09-09", "Parameters": template["Parameters"], "Resources": resources });
        fs::write(folder.path().join(name), text.to_string()).unwrap();
    };
    for (name, choice) in [("by-function.json", &BY_FUNCTION[..]), ("by-tag.json", &BY_TAG), ("by-name.json", &BY_NAME)]
    {
        write(name, &Resolver::new(&template, &[&ALL, choice].concat()).resources(&template));
    }
    // So that it is seen to judge policies: this one would let a function do anything to any secret.
    let mut loose = Resolver::new(&template, &[&ALL[..], &BY_FUNCTION].concat()).resources(&template);
    let statements = loose["MysqlPolicy"]["Properties"]["PolicyDocument"]["Statement"].as_array_mut().unwrap();
    statements.push(json!({ "Effect": "Allow", "Action": "secretsmanager:*", "Resource": "*" }));
    write("loose.json", &loose);

    let output = Command::new(checkov)
        .current_dir(folder.path())
        .args(["--directory", ".", "--skip-download", "--output", "json", "--config-file"])
        .arg(fs::canonicalize(path(".checkov.yaml")).unwrap())
        .output()
        .unwrap();
    let judged: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
    let passed = found(&judged["results"]["passed_checks"]);
    let failed = found(&judged["results"]["failed_checks"]);
    let pairs = |checks: &[(&str, &str)]| -> BTreeSet<(String, String)> {
        checks.iter().map(|(check, resource)| ((*check).to_owned(), (*resource).to_owned())).collect()
    };
    let roles = ["ApiKey", "Mysql", "Postgres", "Ssh"].map(|name| format!("AWS::IAM::Role.{name}Role"));
    let in_vpc: Vec<_> = roles.iter().map(|role| (NETWORK_INTERFACES, role.as_str())).collect();
    let policy = "AWS::IAM::Policy.MysqlPolicy";
    let too_much = ["CKV_AWS_108", "CKV_AWS_109", "CKV_AWS_111"].map(|check| (check, policy));
    let expected =
        BTreeMap::from([("/by-tag.json".to_owned(), pairs(&in_vpc)), ("/loose.json".to_owned(), pairs(&too_much))]);
    assert_eq!(failed, expected);
    for name in ["by-function", "by-tag", "by-name"] {
        let passed = &passed[&format!("/{name}.json")];
        for function in ["ApiKey", "Mysql", "Postgres", "Ssh"] {
            let check = ("CKV_AWS_111".to_owned(), format!("AWS::IAM::Policy.{function}Policy"));
            assert!(passed.contains(&check), "{name}: {passed:?}");
        }
    }
}

/// Returns, for each file, the checks and the resources that they were made on.
fn found(checks: &Value) -> BTreeMap<String, BTreeSet<(String, String)>> {
    let mut found = BTreeMap::<_, BTreeSet<_>>::new();
    for check in checks.as_array().unwrap() {
        let text = |field: &str| check[field].as_str().unwrap().to_owned();
        found.entry(text("file_path")).or_default().insert((text("check_id"), text("resource")));
    }
    found
}
