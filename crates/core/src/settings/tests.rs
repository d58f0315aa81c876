mod cases;

use super::*;
use crate::error::ErrorKind;
use cases::cases;

fn read(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> Result<Settings> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Settings::read(&variables.iter().map(owned).collect(), &tags.iter().map(owned).collect())
}

fn refusal(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> String {
    let error = read(variables, tags).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
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
    assert_eq!(read(&both, &[]).unwrap().hosts_tags, [expected]);
    let overridden = read(&both, &[("fourstep:hosts-tag", "Role=web")]).unwrap().hosts_tags;
    assert_eq!((overridden[0].name.as_str(), overridden[0].value.as_str()), ("Role", "web"));
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
