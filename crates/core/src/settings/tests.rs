use super::*;
use crate::ErrorKind;

fn read(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> Result<Settings> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Settings::read(&variables.iter().map(owned).collect(), &tags.iter().map(owned).collect())
}

fn refusal(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> String {
    let error = read(variables, tags).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

/// A setting for the test: name of the tag, name of the variable, and what of `Settings` to look at.
type Look = fn(&Settings) -> String;

struct Case {
    tag: Option<&'static str>,
    variable: Option<&'static str>,
    look: Look,
    default: &'static str,
    /// Values with what they mean. The first is for the variable, the second for the tag that overrides it.
    good: &'static [(&'static str, &'static str)],
    bad: &'static [&'static str],
}

const TRUE_AND_FALSE: &[(&str, &str)] = &[
    ("true", "true"),
    ("FALSE", "false"),
    ("1", "true"),
    ("y", "true"),
    ("Yes", "true"),
    ("0", "false"),
    ("n", "false"),
    ("No", "false"),
];
const NOT_BOOLEAN: &[&str] = &["on", "t", "2", " true"];

fn cases() -> Vec<Case> {
    let boolean = |variable, look, default| Case {
        tag: None,
        variable: Some(variable),
        look,
        default,
        good: TRUE_AND_FALSE,
        bad: NOT_BOOLEAN,
    };
    vec![
        Case {
            tag: Some("fourstep:strategy"),
            variable: Some("STRATEGY"),
            look: |settings| format!("{:?}", settings.strategy),
            default: "Auto",
            good: &[
                ("single-user", "SingleUser"),
                ("alternating-users", "AlternatingUsers"),
                ("dual-password", "DualPassword"),
                ("auto", "Auto"),
            ],
            bad: &["Single-User", "single", "auto "],
        },
        Case {
            tag: Some("fourstep:retire"),
            variable: Some("RETIRE"),
            look: |settings| format!("{:?}", settings.retire),
            default: "AtNextRotation",
            good: &[("at-finish", "AtFinish"), ("at-next-rotation", "AtNextRotation")],
            bad: &["never", "at_finish"],
        },
        Case {
            tag: Some("fourstep:grants"),
            variable: Some("GRANTS"),
            look: |settings| format!("{:?}", settings.grants),
            default: "Mirror",
            good: &[("leave", "Leave"), ("mirror", "Mirror")],
            bad: &["none"],
        },
        Case {
            tag: Some("fourstep:min-age"),
            variable: Some("MIN_AGE"),
            look: |settings| settings.min_age.as_secs().to_string(),
            default: "0",
            good: &[("12h", "43200"), ("1d", "86400"), ("0s", "0"), ("1h 30m", "5400")],
            bad: &["12", "-1h", "soon", "99999999999999999999d"],
        },
        Case {
            tag: None,
            variable: Some("ENDPOINT"),
            look: |settings| settings.endpoint.as_ref().map_or_else(String::new, ToString::to_string),
            default: "",
            good: &[("Proxy.internal", "proxy.internal"), ("[::1]:5432", "[::1]:5432"), ("::1", "[::1]")],
            bad: &["proxy:0", "https://proxy", "app:hunter22@proxy", "proxy:port"],
        },
        Case {
            tag: None,
            variable: Some("ALLOWED_ENDPOINTS"),
            look: |_| String::new(),
            default: "",
            good: &[("a, b:1,[::1]:2", "")],
            bad: &["a,", "a b", "a;b"],
        },
        Case {
            tag: Some("fourstep:reset-lost"),
            variable: None,
            look: |settings| settings.reset_lost.clone().unwrap_or_default(),
            default: "",
            good: &[("a1b2c3d4-5678-90ab-cdef-EXAMPLE11111", "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111")],
            bad: &["a b", "yes!"],
        },
        Case {
            tag: Some("fourstep:password-length"),
            variable: Some("PASSWORD_LENGTH"),
            look: |settings| settings.password.length.to_string(),
            default: "32",
            good: &[("30", "30"), ("4", "4"), ("4096", "4096")],
            bad: &["0", "3", "4097", "-4", "+5", "32.0", "many", "99999999999999999999"],
        },
        Case {
            tag: None,
            variable: Some("EXCLUDE_CHARACTERS"),
            look: |settings| format!("{:?}", settings.password.exclude_characters),
            default: "None",
            good: &[("/@\"'\\", "Some(\"/@\\\"'\\\\\")"), ("", "Some(\"\")")],
            bad: &[],
        },
        boolean("EXCLUDE_NUMBERS", |settings| settings.password.exclude_numbers.to_string(), "false"),
        boolean("EXCLUDE_PUNCTUATION", |settings| settings.password.exclude_punctuation.to_string(), "false"),
        boolean("EXCLUDE_UPPERCASE", |settings| settings.password.exclude_uppercase.to_string(), "false"),
        boolean("EXCLUDE_LOWERCASE", |settings| settings.password.exclude_lowercase.to_string(), "false"),
        boolean(
            "REQUIRE_EACH_INCLUDED_TYPE",
            |settings| settings.password.require_each_included_type.to_string(),
            "true",
        ),
        Case {
            tag: Some("fourstep:adopt"),
            variable: None,
            look: |settings| settings.adopt.to_string(),
            default: "false",
            good: TRUE_AND_FALSE,
            bad: NOT_BOOLEAN,
        },
        Case {
            tag: Some("fourstep:ssh-user"),
            variable: Some("USERNAME"),
            look: |settings| settings.ssh_user.clone().unwrap_or_default(),
            default: "",
            good: &[("ec2-user", "ec2-user"), ("Jo.Doe@corp", "Jo.Doe@corp")],
            bad: &["a b", "../root", "-x", "a;b", "$HOME", "a23456789012345678901234567890123"],
        },
        Case {
            tag: Some("fourstep:hosts-tag"),
            variable: None,
            look: |settings| format!("{:?}", settings.hosts_tag),
            default: "None",
            good: &[("Role=web=1", "Some(HostsTag { name: \"Role\", value: \"web=1\" })")],
            bad: &["Role", "=web", "Role="],
        },
        Case {
            tag: None,
            variable: Some("MIN_HOSTS"),
            look: |settings| settings.min_hosts.to_string(),
            default: "1",
            good: &[("3", "3")],
            bad: &["0", "-1", "two"],
        },
        Case {
            tag: None,
            variable: Some("MAX_UNREACHABLE"),
            look: |settings| settings.max_unreachable.to_string(),
            default: "0",
            good: &[("2", "2"), ("0", "0")],
            bad: &["-1", "10%"],
        },
        Case {
            tag: None,
            variable: Some("SSH_TEST"),
            look: |settings| format!("{:?}", settings.ssh_test),
            default: "Login",
            good: &[("agent", "Agent"), ("login", "Login")],
            bad: &["none"],
        },
        Case {
            tag: Some("fourstep:provider"),
            variable: Some("API_PROVIDER"),
            look: |settings| settings.provider.clone().unwrap_or_default(),
            default: "",
            good: &[("gitlab", "gitlab"), ("my_own-1", "my_own-1")],
            bad: &["../gitlab", "a b"],
        },
        Case {
            tag: None,
            variable: Some("API_PROVIDER_FILE"),
            look: |settings| format!("{:?}", settings.provider_file),
            default: "None",
            good: &[("/opt/p.toml", "Some(\"/opt/p.toml\")")],
            bad: &[],
        },
        Case {
            tag: None,
            variable: Some("OPERATOR_EVENTS"),
            look: |settings| settings.operator_events.to_string(),
            default: "true",
            good: &[("off", "false"), ("on", "true")],
            bad: &["true", "OFF", "no"],
        },
        Case {
            tag: None,
            variable: Some("TLS_CA_BUNDLE"),
            look: |settings| format!("{:?}", settings.tls_ca_bundle),
            default: "None",
            good: &[("/opt/ca.pem", "Some(\"/opt/ca.pem\")")],
            bad: &[],
        },
    ]
}

#[test]
fn every_setting_has_its_default() {
    let settings = read(&[], &[]).unwrap();
    assert_eq!(settings, Settings::default());
    for case in cases() {
        assert_eq!((case.look)(&settings), case.default, "{:?} {:?}", case.tag, case.variable);
    }
}

#[test]
fn every_value_is_read_from_the_variable_and_from_the_tag() {
    for case in cases() {
        for (value, meaning) in case.good {
            if let Some(variable) = case.variable {
                assert_eq!((case.look)(&read(&[(variable, value)], &[]).unwrap()), *meaning, "{variable}={value}");
            }
            if let Some(tag) = case.tag {
                assert_eq!((case.look)(&read(&[], &[(tag, value)]).unwrap()), *meaning, "{tag}={value}");
            }
        }
    }
}

#[test]
fn a_tag_overrides_the_variable() {
    for case in cases() {
        let (Some(tag), Some(variable)) = (case.tag, case.variable) else { continue };
        let [(by_variable, _), (by_tag, meaning), ..] = case.good else { panic!("{tag} needs two values") };
        let settings = read(&[(variable, by_variable)], &[(tag, by_tag)]).unwrap();
        assert_eq!((case.look)(&settings), *meaning, "{tag}");
    }
}

#[test]
fn every_bad_value_is_refused_with_the_name_of_its_place() {
    for case in cases() {
        for value in case.bad {
            for message in [
                case.variable.map(|variable| (variable, refusal(&[(variable, value)], &[]))),
                case.tag.map(|tag| (tag, refusal(&[], &[(tag, value)]))),
            ] {
                let Some((place, message)) = message else { continue };
                assert!(message.contains(place), "{place}={value}: {message}");
            }
        }
    }
}

#[test]
fn no_setting_is_without_a_case() {
    let cases = cases();
    let elsewhere = ["TAGNAME", "TAGVALUE"];
    for setting in SETTINGS {
        if let Some(variable) = setting.variable.filter(|variable| !elsewhere.contains(variable)) {
            assert!(cases.iter().any(|case| case.variable == Some(variable)), "{variable} has no case");
        }
        // The endpoint by tag has tests of its own: it needs ALLOWED_ENDPOINTS.
        if let Some(tag) = setting.tag.filter(|tag| *tag != ENDPOINT_TAG) {
            assert!(cases.iter().any(|case| case.tag == Some(tag)), "{tag} has no case");
        }
    }
}

#[test]
fn a_refusal_says_what_is_accepted_and_what_holds_otherwise() {
    assert_eq!(
        refusal(&[("STRATEGY", "single")], &[]),
        "the variable `STRATEGY` is `single`; it takes auto, single-user, alternating-users or dual-password. \
         Correct it, or remove it: without it, auto holds."
    );
    assert!(refusal(&[], &[("fourstep:retire", "")]).starts_with("the tag `fourstep:retire` is empty; it takes at-"));
}

#[test]
fn a_refusal_does_not_repeat_what_may_be_a_credential() {
    for value in ["app:hunter22@proxy", &"hunter22".repeat(7)] {
        assert!(!refusal(&[("STRATEGY", value)], &[]).contains("hunter22"));
        assert!(!refusal(&[], &[(&format!("fourstep:{value}"), "x")]).contains("hunter22"));
    }
}

#[test]
fn an_unknown_tag_of_ours_is_refused_and_the_known_ones_are_named() {
    for tag in ["fourstep:stategy", "fourstep:", "fourstep:Strategy", "Fourstep:strategy", "fourstep:tls-ca-bundle"] {
        let message = refusal(&[], &[(tag, "auto")]);
        assert!(message.contains(tag) && message.contains("fourstep:strategy, fourstep:retire"), "{message}");
    }
}

#[test]
fn tags_and_variables_of_others_are_ignored() {
    let settings = read(&[("PATH", "/bin")], &[("team", "x"), ("aws:x", ""), ("fourste", ""), ("é:é", "")]).unwrap();
    assert_eq!(settings, Settings::default());
}

#[test]
fn an_empty_variable_is_as_good_as_none_but_where_awss_functions_read_it() {
    for setting in SETTINGS {
        let Some(variable) = setting.variable else { continue };
        let settings = read(&[(variable, "")], &[]).unwrap();
        let mut expected = Settings::default();
        match variable {
            "EXCLUDE_CHARACTERS" => expected.password.exclude_characters = Some(String::new()),
            "REQUIRE_EACH_INCLUDED_TYPE" => expected.password.require_each_included_type = false,
            _ => {}
        }
        assert_eq!(settings, expected, "{variable}");
    }
}

#[test]
fn an_endpoint_by_tag_must_be_allowed() {
    let allowed = ("ALLOWED_ENDPOINTS", "proxy.internal, pool.internal:6432,::1");
    for value in ["proxy.internal", "PROXY.internal:1234", "pool.internal:6432", "::1"] {
        let settings = read(&[allowed, ("ENDPOINT", "other")], &[("fourstep:endpoint", value)]).unwrap();
        assert_eq!(settings.endpoint, Some(value.parse().unwrap()));
    }
    for value in ["other.internal", "pool.internal", "pool.internal:5432", "x.proxy.internal"] {
        let message = refusal(&[allowed], &[("fourstep:endpoint", value)]);
        assert!(message.contains("fourstep:endpoint") && message.contains("ALLOWED_ENDPOINTS"), "{message}");
    }
    // The function's own endpoint is no permission for a tag.
    refusal(&[("ENDPOINT", "proxy.internal")], &[("fourstep:endpoint", "proxy.internal")]);
    assert!(refusal(&[allowed], &[("fourstep:endpoint", "a b")]).contains("host or host:port"));
}

#[test]
fn the_hosts_tag_of_variables_needs_name_and_value() {
    let both = [("TAGNAME", "RotateSSHKeys"), ("TAGVALUE", "True")];
    let expected = HostsTag { name: "RotateSSHKeys".to_owned(), value: "True".to_owned() };
    assert_eq!(read(&both, &[]).unwrap().hosts_tag, Some(expected));
    let overridden = read(&both, &[("fourstep:hosts-tag", "Role=web")]).unwrap().hosts_tag.unwrap();
    assert_eq!((overridden.name.as_str(), overridden.value.as_str()), ("Role", "web"));
    assert!(refusal(&both[..1], &[]).contains("`TAGNAME` is set, but `TAGVALUE` is not"));
    assert!(refusal(&both[1..], &[]).contains("`TAGVALUE` is set, but `TAGNAME` is not"));
}

#[test]
fn a_password_policy_that_nothing_meets_is_refused_at_once() {
    let all = ["EXCLUDE_NUMBERS", "EXCLUDE_PUNCTUATION", "EXCLUDE_UPPERCASE", "EXCLUDE_LOWERCASE"];
    assert!(refusal(&all.map(|variable| (variable, "true")), &[]).contains("leaves no character"));
    let short = read(&[("REQUIRE_EACH_INCLUDED_TYPE", "false")], &[("fourstep:password-length", "1")]).unwrap();
    assert_eq!(short.password.length, 1);
}
