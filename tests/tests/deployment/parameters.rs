//! Parameters that contradict each other are refused before anything is made.

use std::fs;

use fourstep_test_servers::ministack::Ministack;

use crate::template::{path, without_document};

#[tokio::test]
async fn what_contradicts_itself_is_refused_with_a_sentence() {
    let Some(aws) = Ministack::start(&[]).await.unwrap() else { return };
    // The rules are judged before any code is looked for.
    let text = without_document(&fs::read_to_string(path("template.yaml")).unwrap())
        .replace("CodeUri: functions/", "CodeUri: s3://dist/");
    let template = aws.upload("template.yaml", text.as_bytes()).await.unwrap();
    for (parameters, sentence) in [
        (vec![], "No function is asked for"),
        (vec![("RotatePostgres", "true"), ("SubnetIds", "subnet-1")], "SubnetIds needs SecurityGroupIds, or VpcId"),
        (vec![("RotatePostgres", "true"), ("VpcId", "vpc-1")], "VpcId needs SubnetIds"),
        (vec![("RotatePostgres", "true"), ("SecurityGroupIds", "sg-1")], "SecurityGroupIds needs SubnetIds"),
        (
            vec![
                ("RotatePostgres", "true"),
                ("SubnetIds", "subnet-1"),
                ("SecurityGroupIds", "sg-1"),
                ("VpcId", "vpc-1"),
            ],
            "Leave it or SecurityGroupIds out",
        ),
        (vec![("RotateMysql", "true"), ("Strategy", "alternating-users")], "alternating-users needs AdminSecretArns"),
        (vec![("RotateMysql", "true"), ("AdminKmsKeyArns", "arn:k")], "AdminKmsKeyArns needs AdminSecretArns"),
        (vec![("RotateMysql", "true"), ("Architecture", "mips")], "Architecture"),
        (vec![("RotateApiKey", "true")], "API keys need ApiProviders"),
        (vec![("RotateSsh", "true")], "need HostsTagName and HostsTagValue, or HostsTags"),
        (
            vec![("RotateMysql", "true"), ("ReconcileSecretArn", "arn:s")],
            "ReconcileSecretArn needs RotateSsh = true, and OperatorEvents = on or a list with reconcile",
        ),
        (
            vec![
                ("RotateSsh", "true"),
                ("HostsTags", "team=blue"),
                ("ReconcileSecretArn", "arn:s"),
                ("OperatorEvents", "diagnose,recover"),
            ],
            "ReconcileSecretArn needs RotateSsh = true, and OperatorEvents = on or a list with reconcile",
        ),
        (
            vec![("RotateMysql", "true"), ("OperatorEvents", "off,recover")],
            "OperatorEvents is off, read or on, or a list",
        ),
        (vec![("RotateMysql", "true"), ("OperatorEvents", "delete")], "OperatorEvents is off, read or on, or a list"),
        (
            vec![
                ("RotateSsh", "true"),
                ("HostsTags", "team=blue"),
                ("HostsTagName", "team"),
                ("HostsTagValue", "blue"),
            ],
            "HostsTags is in place of HostsTagName",
        ),
        (vec![("RotateSsh", "true"), ("HostsTags", "team=blue, stage=test")], "HostsTags"),
        (vec![("RotateSsh", "true"), ("AllowedHostsTags", "a=1,b=2,c=3,d=4,e=5")], "AllowedHostsTags"),
        // Which secrets are rotated is for the owner to say.
        (vec![("RotateMysql", "true"), ("SecretTag", "")], "by-tag needs SecretTag"),
        (vec![("RotateMysql", "true"), ("SecretAccess", "by-name")], "by-name needs SecretNamePrefix"),
        (
            vec![("RotateMysql", "true"), ("AlarmEmail", "a@example.com"), ("AlarmTopicArn", "arn:t")],
            "Leave it or AlarmTopicArn out",
        ),
        (
            vec![("RotateMysql", "true"), ("AlarmEmail", "a@example.com"), ("Alarms", "false")],
            "needs Alarms or FailureEvents",
        ),
    ] {
        let tag = (!parameters.iter().any(|(name, _)| *name == "SecretTag")).then_some(("SecretTag", "app"));
        let parameters: Vec<_> = parameters.into_iter().chain(tag).collect();
        let refused = aws.create_stack("refused", &template, &parameters).await.unwrap().unwrap_err();
        assert!(refused.contains(sentence), "{parameters:?}: {refused}");
        assert!(aws.resource_types("refused").await.unwrap().is_empty(), "{parameters:?}");
    }
}
