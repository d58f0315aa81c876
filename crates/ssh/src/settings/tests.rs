use fourstep_testkit::settings::{Case, group, hold, refusal};

use super::*;

#[test]
fn each_setting_is_read_and_refused() {
    let cases: &[Case<SshSettings>] = &[
        Case {
            tag: Some("fourstep:ssh-user"),
            variable: Some("USERNAME"),
            look: |group| group.user.clone().unwrap_or_default(),
            default: "",
            good: &[("ec2-user", "ec2-user"), ("Jo.Doe@corp", "Jo.Doe@corp")],
            bad: &["a b", "../root", "-x", "a;b", "$HOME", "a23456789012345678901234567890123"],
        },
        Case {
            tag: Some("fourstep:hosts-tag"),
            variable: Some("HOSTS_TAG"),
            look: |group| {
                let tags = group.hosts_tags.iter().map(|tag| format!("{}: {}", tag.name, tag.value));
                tags.collect::<Vec<_>>().join(", ")
            },
            default: "",
            good: &[("Role=web=1", "Role: web=1"), ("Role=web + Stage=a b", "Role: web, Stage: a b")],
            bad: &["Role", "=web", "Role=", "Role=web + Stage"],
        },
        Case {
            tag: Some("fourstep:hosts"),
            variable: Some("SSH_HOSTS"),
            look: |group| group.hosts.join(","),
            default: "",
            good: &[("i-0abc mi-0def", "i-0abc,mi-0def"), ("[::1]:22 web.internal:2222", "[::1]:22,web.internal:2222")],
            bad: &["a;b", "a  b", "$HOME"],
        },
        Case {
            tag: Some("fourstep:ssh-transport"),
            variable: Some("SSH_TRANSPORT"),
            look: |group| format!("{:?}", group.transport),
            default: "Ssm",
            good: &[("ssm", "Ssm"), ("ssh", "Ssh")],
            bad: &["SSH", "telnet"],
        },
        Case {
            tag: Some("fourstep:key-type"),
            variable: Some("KEY_TYPE"),
            look: |group| format!("{:?}", group.key_type),
            default: "Ed25519",
            good: &[("rsa-4096", "Rsa4096"), ("ecdsa-p256", "EcdsaP256")],
            bad: &["rsa", "rsa-1024", "dsa"],
        },
        Case {
            tag: Some("fourstep:key-format"),
            variable: Some("KEY_FORMAT"),
            look: |group| format!("{:?}", group.key_format),
            default: "OpenSsh",
            good: &[("pem", "Pem"), ("openssh", "OpenSsh")],
            bad: &["PEM", "ppk"],
        },
        Case {
            tag: None,
            variable: Some("PRIVATE_KEY_FIELD"),
            look: |group| group.private_key_field.clone().unwrap_or_default(),
            default: "",
            good: &[("id_ed25519", "id_ed25519"), ("the key", "the key")],
            bad: &["a\nb"],
        },
        Case {
            tag: None,
            variable: Some("PUBLIC_KEY_FIELD"),
            look: |group| group.public_key_field.clone().unwrap_or_default(),
            default: "",
            good: &[("id_ed25519.pub", "id_ed25519.pub"), ("öffentlich", "öffentlich")],
            bad: &["a\tb"],
        },
        Case {
            tag: None,
            variable: Some("KEY_OPTIONS"),
            look: |group| group.key_options.clone().unwrap_or_default(),
            default: "",
            good: &[
                ("restrict,from=\"10.0.0.0/8\"", "restrict,from=\"10.0.0.0/8\""),
                ("command=\"echo \\\"a b\\\"\"", "command=\"echo \\\"a b\\\"\""),
            ],
            bad: &["restrict, from=\"10.0.0.0/8\"", "command=\"ls", "restrict\nssh-ed25519", "a\u{e9}"],
        },
        Case {
            tag: None,
            variable: Some("MIN_HOSTS"),
            look: |group| group.min_hosts.to_string(),
            default: "1",
            good: &[("3", "3")],
            bad: &["0", "-1", "two"],
        },
        Case {
            tag: None,
            variable: Some("MAX_UNREACHABLE"),
            look: |group| group.max_unreachable.to_string(),
            default: "0",
            good: &[("2", "2"), ("0", "0")],
            bad: &["-1", "10%"],
        },
        Case {
            tag: None,
            variable: Some("SSH_TEST"),
            look: |group| format!("{:?}", group.test),
            default: "Login",
            good: &[("agent", "Agent"), ("login", "Login")],
            bad: &["none"],
        },
    ];
    hold::<SshSettings>(cases, &["TAGNAME", "TAGVALUE"]);
}

#[test]
fn the_hosts_tag_of_variables_needs_name_and_value() {
    let both = [("TAGNAME", "RotateSSHKeys"), ("TAGVALUE", "True")];
    let expected = HostsTag { name: "RotateSSHKeys".to_owned(), value: "True".to_owned() };
    assert_eq!(group::<SshSettings>(&both, &[]).unwrap().hosts_tags, [expected]);
    let overridden = group::<SshSettings>(&both, &[("fourstep:hosts-tag", "Role=web")]).unwrap().hosts_tags;
    assert_eq!((overridden[0].name.as_str(), overridden[0].value.as_str()), ("Role", "web"));
    assert!(refusal::<SshSettings>(&both[..1], &[]).contains("`TAGNAME` is set, but `TAGVALUE` is not"));
    assert!(refusal::<SshSettings>(&both[1..], &[]).contains("`TAGVALUE` is set, but `TAGNAME` is not"));
}
