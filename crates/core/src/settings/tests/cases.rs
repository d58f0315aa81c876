use crate::Settings;

type Look = fn(&Settings) -> String;

/// A setting with what its values mean.
pub(super) struct Case {
    pub(super) tag: Option<&'static str>,
    pub(super) variable: Option<&'static str>,
    /// Gives what of the settings this one decides, in words.
    pub(super) look: Look,
    pub(super) default: &'static str,
    /// Values with what they mean. The first is for the variable, the second for the tag that overrides it.
    pub(super) good: &'static [(&'static str, &'static str)],
    pub(super) bad: &'static [&'static str],
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

pub(super) fn cases() -> Vec<Case> {
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
            tag: None,
            variable: Some("USERNAME_CHARACTER_LIMIT"),
            look: |settings| format!("{:?}", settings.username_limit),
            default: "None",
            good: &[("16", "Some(16)"), ("255", "Some(255)")],
            bad: &["0", "256", "-1", "many"],
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
