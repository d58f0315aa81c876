//! Who gets in: which secrets the functions of the template may rotate, for whom Secrets Manager may invoke them, whom they
//! take as an administrator, and on which hosts they run their script.

use serde_json::{Value, json};

use crate::resolved::Resolver;
use crate::template::{functions, template};

const ALL: [(&str, &str); 5] = [
    ("RotatePostgres", "true"),
    ("RotateMysql", "true"),
    ("RotateSsh", "true"),
    ("RotateApiKey", "true"),
    ("SecretTag", "blue"),
];

const BY_NAME: [(&str, &str); 2] = [("SecretAccess", "by-name"), ("SecretNamePrefix", "blue/")];

const ADMINISTRATORS: &str = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:admin-AbCdEf,arn:aws:other";

/// Returns the statement by which each function reads and writes secrets, and the resource that permits to invoke it.
fn ways_in(chosen: &[(&str, &str)]) -> Vec<(Value, Value)> {
    let template = template();
    let chosen = [&ALL, chosen].concat();
    let made = Resolver::new(&template, &chosen).resources(&template);
    let way_in = |name: String| {
        let statements = &made[format!("{name}Policy")]["Properties"]["PolicyDocument"]["Statement"];
        let rotate = statements.as_array().unwrap().iter().find(|statement| statement["Sid"] == "Rotate").unwrap();
        (rotate.clone(), made[format!("{name}Invocation")]["Properties"].clone())
    };
    functions(&template).into_iter().map(|function| way_in(function.name)).collect()
}

#[test]
fn a_secret_of_a_stranger_is_not_rotated_unless_the_owner_says_by_function() {
    for (rotate, _) in ways_in(&[]) {
        assert_eq!(rotate["Condition"]["StringEquals"], json!({ "aws:ResourceTag/Fourstep": { "Ref": "SecretTag" } }));
    }
    for (rotate, _) in ways_in(&BY_NAME) {
        assert!(rotate["Resource"]["Fn::Sub"].as_str().unwrap().ends_with(":secret:${SecretNamePrefix}*"), "{rotate}");
    }
    for (rotate, _) in ways_in(&[("SecretAccess", "by-function")]) {
        assert!(rotate["Condition"]["StringEquals"].is_null(), "{rotate}");
    }
}

#[test]
fn a_secret_that_names_another_function_is_out_of_reach() {
    for chosen in [&[][..], &BY_NAME, &[("SecretAccess", "by-function")]] {
        for (rotate, _) in ways_in(chosen) {
            let functions = &rotate["Condition"]["ArnLike"]["secretsmanager:resource/AllowRotationLambdaArn"];
            assert_eq!(functions.as_array().map(Vec::len), Some(2), "{chosen:?}: {rotate}");
        }
    }
}

#[test]
fn secrets_manager_invokes_for_this_account_and_for_the_names_that_the_owner_gave() {
    for (_, permission) in ways_in(&[]) {
        assert_eq!(permission["SourceAccount"], json!({ "Ref": "AWS::AccountId" }));
        assert!(permission["SourceArn"].is_null(), "a tag is in no ARN: {permission}");
    }
    for (_, permission) in ways_in(&BY_NAME) {
        assert_eq!(permission["SourceAccount"], json!({ "Ref": "AWS::AccountId" }));
        let pattern = permission["SourceArn"]["Fn::Sub"].as_str().unwrap();
        assert!(pattern.ends_with(":${AWS::AccountId}:secret:${SecretNamePrefix}*"), "{pattern}");
    }
}

#[test]
fn a_function_takes_for_administrators_those_that_its_role_may_read() {
    let template = template();
    for (chosen, expected) in [(vec![], ""), (vec![("AdminSecretArns", ADMINISTRATORS)], ADMINISTRATORS)] {
        let resolver = Resolver::new(&template, &chosen);
        for name in ["Postgres", "Mysql", "ApiKey"] {
            let resource = |kind: &str| &template["Resources"][format!("{name}{kind}")]["Properties"];
            assert_eq!(resolver.text(&resource("Function")["Environment"]["Variables"]["ADMIN_SECRETS"]), expected);
            let statements = resource("Policy")["PolicyDocument"]["Statement"].as_array().unwrap();
            let statements = statements.iter().map(|statement| &statement["Fn::If"]);
            let read = statements.clone().find(|branches| branches[1]["Sid"] == "ReadAdministrators").unwrap();
            assert_eq!((&read[0], &read[1]["Resource"]), (&json!("Admin"), &json!({ "Ref": "AdminSecretArns" })));
        }
    }
}

#[test]
fn an_administrator_does_not_touch_the_usual_administrators_by_default() {
    let template = template();
    let default = Resolver::new(&template, &[]).text(&json!({ "Ref": "AdminAccounts" }));
    for account in ["postgres", "rdsadmin", "rds_superuser", "admin", "root", "mysql.*"] {
        assert!(default.split(',').any(|entry| entry == format!("!{account}")), "{account}: {default}");
    }
}

#[test]
fn by_default_an_operator_repairs_and_neither_resets_nor_adopts() {
    let template = template();
    let text = |chosen: &[(&str, &str)]| {
        let variables = &template["Resources"]["MysqlFunction"]["Properties"]["Environment"]["Variables"];
        Resolver::new(&template, chosen).text(&variables["OPERATOR_EVENTS"])
    };
    assert_eq!(text(&[]), "diagnose,rollback,recover,retire,reconcile");
    assert_eq!(text(&[("OperatorEvents", "off")]), "off");
}

/// Returns the conditions on hosts of each statement that a choice makes, as IAM gets them.
fn hosts(chosen: &[(&str, &str)]) -> Vec<Value> {
    let template = template();
    let chosen = [&ALL, chosen].concat();
    let resolver = Resolver::new(&template, &chosen);
    let made = resolver.resources(&template);
    let policies = ["SshHostsPolicy", "SshMoreHostsPolicy"].map(|name| &made[name]["Properties"]["PolicyDocument"]);
    let documents = policies.into_iter().filter(|policy| !policy.is_null()).map(|policy| resolver.text(policy));
    let statements = documents.flat_map(|text| {
        let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        document["Statement"].as_array().unwrap().clone()
    });
    statements
        .map(|statement| {
            assert_eq!((&statement["Effect"], &statement["Action"]), (&json!("Allow"), &json!("ssm:SendCommand")));
            assert!(statement["Resource"][0].as_str().unwrap().ends_with(":instance/*"), "{statement}");
            let condition = statement["Condition"].as_object().unwrap();
            condition.values().next().unwrap().clone()
        })
        .collect()
}

#[test]
fn the_script_runs_only_on_hosts_with_every_tag_of_one_of_the_choices() {
    let sample = [("HostsTagName", "Rotate keys"), ("HostsTagValue", "a=b")];
    assert_eq!(hosts(&sample), [json!({ "ssm:resourceTag/Rotate keys": "a=b" })]);

    let several = [("HostsTags", "team=blue + stage=test + os=linux")];
    let all = json!({ "ssm:resourceTag/team": "blue", "ssm:resourceTag/stage": "test", "ssm:resourceTag/os": "linux" });
    assert_eq!(hosts(&several), [all]);

    let more = [sample[0], sample[1], ("AllowedHostsTags", "team=blue*,team=green + stage=test")];
    let mut conditions = hosts(&more);
    conditions.dedup();
    let blue = json!({ "ssm:resourceTag/team": "blue*" });
    let green = json!({ "ssm:resourceTag/team": "green", "ssm:resourceTag/stage": "test" });
    let all = [json!({ "ssm:resourceTag/Rotate keys": "a=b" }), blue.clone(), green.clone(), blue, green];
    assert_eq!(conditions, all, "some of them more than once");

    let four = ["a=1", "b=2", "c=3", "d=4"];
    let conditions = hosts(&[sample[0], sample[1], ("AllowedHostsTags", &four.join(","))]);
    let expected = four.map(|tag| {
        let (name, value) = tag.split_once('=').unwrap();
        json!({ format!("ssm:resourceTag/{name}"): value })
    });
    assert_eq!(conditions[1..], expected);
}
