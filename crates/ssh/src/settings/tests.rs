use fourstep_testkit::settings::{Case, group, hold, refusal};

use super::*;

#[test]
fn each_setting_is_read_and_refused() {
    let cases: &[Case<SshSettings>] = &[
        Case {
            tag: Some("fourstep:ssh-user"),
            variable: Some("USERNAME"),
            look: |group| group.users.join(","),
            default: "",
            good: &[("ec2-user", "ec2-user"), ("Jo.Doe@corp", "Jo.Doe@corp")],
            bad: &[
                "a  b",
                "a a",
                " a",
                "a ../root",
                "../root",
                "-x",
                "a;b",
                "$HOME",
                "a23456789012345678901234567890123",
            ],
        },
        Case {
            tag: None,
            variable: Some("ALLOWED_SSH_USERS"),
            look: |group| group.allowed_users.patterns.to_string(),
            default: "",
            good: &[("deploy-*, app", "deploy-*, app"), ("*", "*"), ("root", "root")],
            bad: &["app,", "app deploy", "../*", "-*"],
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
            bad: &["Role", "=web", "Role=", "Role=web + Stage", "Role=web + Role=db"],
        },
        Case {
            tag: None,
            variable: Some("ALLOWED_HOSTS_TAGS"),
            look: |group| format!("{:?}", group.allowed_hosts_tags.iter().map(Vec::len).collect::<Vec<_>>()),
            default: "[]",
            good: &[("Role=web-*, Role=db + Stage=test", "[1, 2]")],
            bad: &["Role", "Role=web,", "R*=web", "*", "Role=a + Role=b"],
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
            tag: Some("fourstep:host-names"),
            variable: Some("HOST_NAMES"),
            look: |group| format!("{:?}", group.host_names),
            default: "PrivateDns",
            good: &[("Name", "Tag(\"Name\")"), ("none", "None"), ("private-dns", "PrivateDns")],
            bad: &["a\tb"],
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
            look: |group| format!("{:?}", group.max_unreachable),
            default: "Hosts(0)",
            good: &[("2", "Hosts(2)"), ("0", "Hosts(0)"), ("10%", "Percent(10)"), ("100%", "Percent(100)")],
            bad: &["-1", "101%", "%", "1.5%", "10 %"],
        },
        Case {
            tag: None,
            variable: Some("SSH_TEST"),
            look: |group| format!("{:?}", group.test),
            default: "Login",
            good: &[("agent", "Agent"), ("login", "Login")],
            bad: &["none"],
        },
        Case {
            tag: None,
            variable: Some("SSM_DOCUMENT"),
            look: |group| group.document.clone(),
            default: "AWS-RunShellScript",
            good: &[("stack-SshDocument-1A2B", "stack-SshDocument-1A2B")],
            bad: &["a b", "a\nb"],
        },
    ];
    hold::<SshSettings>(cases, &["TAGNAME", "TAGVALUE"]);
}

#[test]
fn the_hosts_tag_of_variables_needs_name_and_value() {
    let both = [("TAGNAME", "RotateSSHKeys"), ("TAGVALUE", "True")];
    let expected = HostsTag { name: "RotateSSHKeys".to_owned(), value: "True".to_owned() };
    assert_eq!(group::<SshSettings>(&both, &[]).unwrap().hosts_tags, [expected]);
    let allowed = [both[0], both[1], ("ALLOWED_HOSTS_TAGS", "Role=web")];
    let overridden = group::<SshSettings>(&allowed, &[("fourstep:hosts-tag", "Role=web")]).unwrap().hosts_tags;
    assert_eq!((overridden[0].name.as_str(), overridden[0].value.as_str()), ("Role", "web"));
    assert!(refusal::<SshSettings>(&both[..1], &[]).contains("`TAGNAME` is set, but `TAGVALUE` is not"));
    assert!(refusal::<SshSettings>(&both[1..], &[]).contains("`TAGVALUE` is set, but `TAGNAME` is not"));
}

/// The variables of the owner, the tags of the secret, and whether they go together.
type Example<'a> = (&'a [(&'a str, &'a str)], &'a [(&'a str, &'a str)], bool);

#[track_caller]
fn tags_are_held_to(limit: &str, examples: &[Example<'_>]) {
    for (variables, tags, allowed) in examples {
        let read = group::<SshSettings>(variables, tags);
        assert_eq!(read.is_ok(), *allowed, "{variables:?} {tags:?} {read:?}");
        if let Err(error) = read {
            let message = error.to_string();
            assert!(message.contains(tags[0].0) && message.contains(limit), "{message}");
            assert!(message.contains(&format!("{limit}=")), "the line to add: {message}");
        }
    }
}

#[test]
fn a_tag_names_only_users_that_the_owner_allows() {
    let app = ("USERNAME", "app");
    let tag = "fourstep:ssh-user";
    tags_are_held_to(
        "ALLOWED_SSH_USERS",
        &[
            (&[app], &[(tag, "app")], true),
            (&[app], &[(tag, "web")], false),
            (&[app], &[(tag, "root")], false),
            (&[app, ("ALLOWED_SSH_USERS", "web")], &[(tag, "app")], true),
            (&[app, ("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "web")], true),
            (&[("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "d-1")], true),
            (&[("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "d")], false),
            (&[("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "web2")], false),
            (&[("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "web d-1")], true),
            (&[("ALLOWED_SSH_USERS", "web, d-*")], &[(tag, "web app")], false),
            (&[("USERNAME", "app web")], &[(tag, "web")], true),
        ],
    );
}

#[test]
fn root_is_allowed_by_name_and_by_no_pattern() {
    let tag = "fourstep:ssh-user";
    for pattern in ["*", "r*", "app,*t", "root*"] {
        let variables = [("USERNAME", "app"), ("ALLOWED_SSH_USERS", pattern)];
        let message = refusal::<SshSettings>(&variables, &[(tag, "root")]);
        assert!(message.contains("no pattern stands for root"), "{pattern}: {message}");
    }
    for variables in [[("USERNAME", "root")], [("ALLOWED_SSH_USERS", "*, root")]] {
        assert!(group::<SshSettings>(&variables, &[(tag, "root")]).unwrap().names_user("root"));
    }
    assert!(group::<SshSettings>(&[("USERNAME", "toor")], &[]).unwrap().names_user("toor"));
    // What is root by another name, only the host knows.
    assert!(!group::<SshSettings>(&[("ALLOWED_SSH_USERS", "*")], &[(tag, "toor")]).unwrap().names_user("toor"));
    let both = group::<SshSettings>(&[("ALLOWED_SSH_USERS", "*, root")], &[(tag, "toor root")]).unwrap();
    assert!(both.names_user("root") && !both.names_user("toor"));
}

#[test]
fn a_tag_names_only_tags_of_hosts_that_the_owner_allows() {
    let sample = [("TAGNAME", "Role"), ("TAGVALUE", "web")];
    let [both, one] = ["Role=web + Stage=test", "Role=web"].map(|value| [("HOSTS_TAG", value)]);
    let allowed = [("ALLOWED_HOSTS_TAGS", "Role=web-*, Role=db + Stage=test")];
    let tag = "fourstep:hosts-tag";
    tags_are_held_to(
        "ALLOWED_HOSTS_TAGS",
        &[
            (&sample, &[(tag, "Role=web")], true),
            (&sample, &[(tag, "Team=mine + Role=web")], true),
            (&sample, &[(tag, "Team=mine")], false),
            (&sample, &[(tag, "Role=web2")], false),
            (&one, &[(tag, "Role=web")], true),
            (&both, &[(tag, "Stage=test + Role=web + Team=mine")], true),
            (&both, &[(tag, "Role=web")], false),
            (&[("HOSTS_TAG", "Role=*")], &[(tag, "Role=web")], false),
            (&[("SSH_HOSTS", "i-1")], &[(tag, "Role=web")], false),
            (&allowed, &[(tag, "Role=web-1")], true),
            (&allowed, &[(tag, "Role=web")], false),
            (&allowed, &[(tag, "Role=db")], false),
            (&allowed, &[(tag, "Role=db + Stage=test")], true),
            (&allowed, &[(tag, "Role=db + Stage=live")], false),
            (&allowed, &[(tag, "Team=mine + Role=web-1")], true),
        ],
    );
}

#[test]
fn a_tag_names_only_hosts_that_the_owner_names_or_that_have_the_owners_tag() {
    let sample = [("TAGNAME", "Role"), ("TAGVALUE", "web")];
    let named = [sample[0], sample[1], ("SSH_HOSTS", "i-1 i-2")];
    let direct = [("SSH_TRANSPORT", "ssh"), sample[0], sample[1]];
    let tag = "fourstep:hosts";
    tags_are_held_to(
        "SSH_HOSTS",
        &[
            (&named, &[(tag, "i-2")], true),
            (&named, &[(tag, "i-2 i-1")], true),
            (&named, &[(tag, "i-2 i-3")], false),
            (&[], &[(tag, "i-1")], false),
            (&sample, &[(tag, "i-3")], true),
            (&direct, &[(tag, "db.internal:22")], false),
            (&sample, &[(tag, "db.internal:22"), ("fourstep:ssh-transport", "ssh")], false),
            (&[("SSH_HOSTS", "db.internal")], &[(tag, "db.internal:2222"), ("fourstep:ssh-transport", "ssh")], false),
        ],
    );
    assert!(group::<SshSettings>(&sample, &[(tag, "i-3")]).unwrap().narrows());
    for (variables, tags) in [(&named[..], &[(tag, "i-2")][..]), (&sample, &[]), (&named, &[])] {
        assert!(!group::<SshSettings>(variables, tags).unwrap().narrows());
    }
}

#[test]
fn a_tag_does_not_turn_the_users_own_login_into_root() {
    let tag = [("fourstep:ssh-transport", "ssm")];
    let message = refusal::<SshSettings>(&[("SSH_TRANSPORT", "ssh")], &tag);
    assert!(message.contains(tag[0].0) && message.contains("SSH_TRANSPORT=ssm"), "{message}");
    for variables in [&[("SSH_TRANSPORT", "ssm")][..], &[]] {
        group::<SshSettings>(variables, &tag).unwrap();
    }
}
