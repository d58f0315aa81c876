use fourstep_testkit::settings::{Case, hold_within};

use super::*;

#[test]
fn each_setting_is_read_and_refused() {
    let cases: &[Case<ApiKeySettings>] = &[
        Case {
            tag: Some("fourstep:provider"),
            variable: None,
            look: |group| group.provider.clone().unwrap_or_default(),
            default: "",
            good: &[("gitlab", "gitlab"), ("my_own-1", "my_own-1")],
            bad: &["../gitlab", "a b", "gitlab,grafana"],
        },
        Case {
            tag: None,
            variable: Some("API_PROVIDER"),
            look: |group| group.providers.join("+"),
            default: "",
            good: &[("gitlab", "gitlab"), ("gitlab, my_own-1", "gitlab+my_own-1")],
            bad: &["../gitlab", "a b", "gitlab,"],
        },
        Case {
            tag: None,
            variable: Some("API_PROVIDER_FILE"),
            look: |group| format!("{:?}", group.provider_files),
            default: "[]",
            good: &[("/opt/p.toml", "[\"/opt/p.toml\"]"), ("a.toml, b.toml", "[\"a.toml\", \"b.toml\"]")],
            bad: &[],
        },
        Case {
            tag: None,
            variable: Some("API_PROVIDER_SECRETS"),
            look: |group| {
                let tags = [("team".to_owned(), "a".to_owned())].into();
                let allowed = ["gitlab", "grafana"].map(|name| group.provider_secrets.allow(name, "team-a/key", &tags));
                format!("{allowed:?}")
            },
            default: "[false, false]",
            good: &[
                ("gitlab=team-a/*", "[true, false]"),
                ("gitlab=team-b/*, grafana=*", "[false, true]"),
                ("gitlab=tag:team=a,grafana=tag:team=b", "[true, false]"),
            ],
            bad: &["gitlab", "gitlab=", "gitlab=x,", "a b=x", "gitlab=tag:team", "gitlab=tag:team=*"],
        },
        Case {
            tag: None,
            variable: Some("API_ADMIN_PARAMETERS"),
            look: |group| {
                let value = serde_json::from_str("17").unwrap();
                group.admin_parameters.allow("team-a/key", "project", &value).to_string()
            },
            default: "false",
            good: &[("team-a/*:project=1*", "true"), ("team-b/*:project=*, *:scopes=17", "false")],
            bad: &["project=17", "team-a/*:project", "team-a/*:project=", "a:b=c,"],
        },
        Case {
            tag: Some("fourstep:lifetime"),
            variable: None,
            look: |group| group.lifetime.map(|lifetime| lifetime.as_secs().to_string()).unwrap_or_default(),
            default: "",
            good: &[("12h", "43200"), ("30d", "2592000")],
            bad: &["0s", "30", "never", "-1d"],
        },
        Case {
            tag: None,
            variable: Some("API_LOOPBACK"),
            look: |group| group.loopback.to_string(),
            default: "false",
            good: &[("on", "true"), ("off", "false")],
            bad: &["true", "ON"],
        },
    ];
    hold_within::<ApiKeySettings>(cases, &[], |provider| format!("{provider}=team-a/*"));
}
