//! The groups of settings that core has, held to the rules of all settings.
#![allow(clippy::unwrap_used, reason = "what tests call is a test too")]

use fourstep::accounts::AccountSettings;
use fourstep::settings::{EngineSettings, Groups, PasswordPolicy};
use fourstep_testkit::settings::{Case, group, hold, refusal};

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

#[test]
fn each_setting_of_the_engine_is_read_and_refused() {
    let cases: &[Case<EngineSettings>] = &[
        Case {
            tag: Some("fourstep:retire"),
            variable: Some("RETIRE"),
            look: |group| format!("{:?}", group.retire),
            default: "AtNextRotation",
            good: &[("at-finish", "AtFinish"), ("at-next-rotation", "AtNextRotation")],
            bad: &["never", "at_finish"],
        },
        Case {
            tag: Some("fourstep:min-age"),
            variable: Some("MIN_AGE"),
            look: |group| group.min_age.as_secs().to_string(),
            default: "0",
            good: &[("12h", "43200"), ("1d", "86400"), ("0s", "0"), ("1h 30m", "5400")],
            bad: &["12", "-1h", "soon", "99999999999999999999d"],
        },
        Case {
            tag: None,
            variable: Some("OPERATOR_EVENTS"),
            look: |group| group.operator_events.join(" "),
            default: "diagnose rollback recover retire reconcile",
            good: &[
                ("off", ""),
                ("read", "diagnose"),
                ("diagnose, reconcile", "diagnose reconcile"),
                ("on,reset,adopt", "diagnose rollback recover retire reconcile reset adopt"),
                ("on", "diagnose rollback recover retire reconcile"),
            ],
            bad: &["true", "OFF", "no", "diagnose,", "off,retire"],
        },
        Case {
            tag: None,
            variable: Some("ADMIN_SECRETS"),
            look: |group| group.admin_secrets.to_string(),
            default: "",
            good: &[("arn:one, arn:of:secret:admin/*", "arn:one, arn:of:secret:admin/*")],
            bad: &["arn:one,"],
        },
        Case {
            tag: None,
            variable: Some("OWNERS"),
            look: |group| format!("{:?}", group.owners),
            default: r#"Owners { tag: "", values: [] }"#,
            good: &[("team=blue, green", r#"Owners { tag: "team", values: ["blue", "green"] }"#)],
            bad: &["team", "team=", "=blue", "team=blue,", "team=:blue", "team=other"],
        },
    ];
    hold::<EngineSettings>(cases, &[]);
}

#[test]
fn each_setting_of_passwords_is_read_and_refused() {
    let boolean = |variable, look: fn(&PasswordPolicy) -> String, default| Case {
        tag: None,
        variable: Some(variable),
        look,
        default,
        good: TRUE_AND_FALSE,
        bad: NOT_BOOLEAN,
    };
    let cases: &[Case<PasswordPolicy>] = &[
        Case {
            tag: Some("fourstep:password-length"),
            variable: Some("PASSWORD_LENGTH"),
            look: |group| group.length.to_string(),
            default: "32",
            good: &[("30", "30"), ("4", "4"), ("4096", "4096")],
            bad: &["0", "3", "4097", "-4", "+5", "32.0", "many", "99999999999999999999"],
        },
        Case {
            tag: None,
            variable: Some("EXCLUDE_CHARACTERS"),
            look: |group| format!("{:?}", group.exclude_characters),
            default: "None",
            good: &[("/@\"'\\", "Some(\"/@\\\"'\\\\\")"), ("", "Some(\"\")")],
            bad: &[],
        },
        boolean("EXCLUDE_NUMBERS", |group| group.exclude_numbers.to_string(), "false"),
        boolean("EXCLUDE_PUNCTUATION", |group| group.exclude_punctuation.to_string(), "false"),
        boolean("EXCLUDE_UPPERCASE", |group| group.exclude_uppercase.to_string(), "false"),
        boolean("EXCLUDE_LOWERCASE", |group| group.exclude_lowercase.to_string(), "false"),
        boolean("REQUIRE_EACH_INCLUDED_TYPE", |group| group.require_each_included_type.to_string(), "true"),
    ];
    hold::<PasswordPolicy>(cases, &[]);
}

#[test]
fn an_empty_variable_of_a_password_means_what_awss_functions_read_in_it() {
    let read = |variable| group::<PasswordPolicy>(&[(variable, "")], &[]).unwrap();
    assert_eq!(read("EXCLUDE_CHARACTERS").exclude_characters.as_deref(), Some(""));
    assert!(!read("REQUIRE_EACH_INCLUDED_TYPE").require_each_included_type);
    let unset = PasswordPolicy::default();
    for variable in ["EXCLUDE_NUMBERS", "EXCLUDE_PUNCTUATION", "EXCLUDE_UPPERCASE", "EXCLUDE_LOWERCASE"] {
        assert_eq!(read(variable), unset, "{variable}");
    }
}

#[test]
fn a_password_policy_that_nothing_meets_is_refused_at_once() {
    let all = ["EXCLUDE_NUMBERS", "EXCLUDE_PUNCTUATION", "EXCLUDE_UPPERCASE", "EXCLUDE_LOWERCASE"];
    let refused = refusal::<PasswordPolicy>(&all.map(|variable| (variable, "true")), &[]);
    assert!(refused.contains("leaves no character"), "{refused}");
    let one = [("REQUIRE_EACH_INCLUDED_TYPE", "false")];
    let short = group::<PasswordPolicy>(&one, &[("fourstep:password-length", "1")]).unwrap();
    assert_eq!(short.length, 1);
}

#[test]
fn each_setting_of_accounts_is_read_and_refused() {
    let cases: &[Case<AccountSettings>] = &[
        Case {
            tag: Some("fourstep:strategy"),
            variable: Some("STRATEGY"),
            look: |group| format!("{:?}", group.strategy),
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
            tag: Some("fourstep:grants"),
            variable: Some("GRANTS"),
            look: |group| format!("{:?}", group.grants),
            default: "Mirror",
            good: &[("leave", "Leave"), ("mirror", "Mirror")],
            bad: &["none"],
        },
        Case {
            tag: Some("fourstep:endpoint"),
            variable: Some("ENDPOINT"),
            look: |group| group.endpoint.as_ref().map_or_else(String::new, ToString::to_string),
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
            tag: None,
            variable: Some("ADMIN_ACCOUNTS"),
            look: |group| {
                let accounts = ["app", "app2", "boss"];
                accounts.into_iter().filter(|name| group.admin_accounts.admit(name)).collect::<Vec<_>>().join(" ")
            },
            default: "app app2 boss",
            good: &[("app*", "app app2"), ("!boss", "app app2"), ("app*, !app2", "app"), ("*,! boss", "app app2")],
            bad: &["app,", "!", "app,!", ",app"],
        },
        Case {
            tag: None,
            variable: Some("ADOPTED_CLONES"),
            look: |group| group.adopted_clones.to_string(),
            default: "",
            good: &[("app_clone@db.internal,svc_clone@*", "app_clone@db.internal, svc_clone@*")],
            bad: &["app_clone@db,"],
        },
    ];
    hold::<AccountSettings>(cases, &[]);
}

#[test]
fn an_endpoint_by_tag_must_be_allowed() {
    let allowed = ("ALLOWED_ENDPOINTS", "proxy.internal, pool.internal:6432,::1");
    for value in ["proxy.internal", "PROXY.internal:1234", "pool.internal:6432", "::1"] {
        let settings = group::<AccountSettings>(&[allowed, ("ENDPOINT", "other")], &[("fourstep:endpoint", value)]);
        assert_eq!(settings.unwrap().endpoint, Some(value.parse().unwrap()));
    }
    for value in ["other.internal", "pool.internal", "pool.internal:5432", "x.proxy.internal"] {
        let message = refusal::<AccountSettings>(&[allowed], &[("fourstep:endpoint", value)]);
        assert!(message.contains("fourstep:endpoint") && message.contains("ALLOWED_ENDPOINTS"), "{message}");
    }
    // The function's own endpoint is no permission for a tag.
    let own = refusal::<AccountSettings>(&[("ENDPOINT", "proxy.internal")], &[("fourstep:endpoint", "proxy.internal")]);
    assert!(own.contains("ALLOWED_ENDPOINTS"), "{own}");
    assert!(refusal::<AccountSettings>(&[allowed], &[("fourstep:endpoint", "a b")]).contains("host or host:port"));
}

#[test]
fn a_refusal_says_what_is_accepted_and_what_holds_otherwise() {
    assert_eq!(
        refusal::<AccountSettings>(&[("STRATEGY", "single")], &[]),
        "the variable `STRATEGY` is `single`; it takes auto, single-user, alternating-users or dual-password. \
         Correct it, or remove it: without it, auto holds."
    );
    let empty = refusal::<EngineSettings>(&[], &[("fourstep:retire", "")]);
    assert!(empty.starts_with("the tag `fourstep:retire` is empty; it takes at-"), "{empty}");
}

#[test]
fn a_refusal_does_not_repeat_what_may_be_a_credential() {
    for value in ["app:hunter22@proxy", &"hunter22".repeat(7)] {
        assert!(!refusal::<AccountSettings>(&[("STRATEGY", value)], &[]).contains("hunter22"));
    }
}

#[test]
fn a_group_is_there_once_and_no_setting_is_in_two() {
    let groups = Groups::of::<EngineSettings>().and::<EngineSettings>().and::<PasswordPolicy>();
    let all = groups.with(Groups::of::<PasswordPolicy>().and::<AccountSettings>());
    let names: Vec<_> = all.rows().flat_map(|row| [row.tag, row.variable]).flatten().collect();
    let mut once = names.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(names.len(), once.len());
    assert!(once.contains(&"fourstep:retire") && once.contains(&"PASSWORD_LENGTH") && once.contains(&"STRATEGY"));
}
