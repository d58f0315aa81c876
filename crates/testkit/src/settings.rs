//! Rules that hold for every group of settings, so that the tests of a group have its cases alone.
#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "what tests call is a test too, and panics where the test is to fail"
)]

use std::collections::BTreeMap;

use fourstep::settings::{Empty, Environment, Group, Whose, read};
use fourstep::{ErrorKind, Result};

/// The variable that lets sessions go to this very machine, where the servers of tests are. [`World`](crate::world::World)
/// and [`Sandbox`](crate::runtime_api::Sandbox) set it; a test that is to see what holds without it sets it to an empty text.
pub const LOCAL_ADDRESSES: (&str, &str) = ("LOCAL_ADDRESSES", "127.*, ::1");

/// A setting, with what its values mean.
#[derive(Debug)]
pub struct Case<G> {
    /// The tag, if there is one.
    pub tag: Option<&'static str>,
    /// The variable, if there is one.
    pub variable: Option<&'static str>,
    /// Returns what of the group this setting decides, in words.
    pub look: fn(&G) -> String,
    /// What it is without a tag and a variable.
    pub default: &'static str,
    /// Values with what they mean. The first is for the variable, the second for the tag that overrides it.
    pub good: &'static [(&'static str, &'static str)],
    /// Values that are refused.
    pub bad: &'static [&'static str],
}

/// Reads a group from variables and tags.
///
/// # Errors
///
/// As [`read::group`].
pub fn group<G: Group>(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> Result<G> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment: Environment = variables.iter().map(owned).collect();
    read::group(&environment, &tags.iter().map(owned).collect::<BTreeMap<_, _>>())
}

/// Returns why a group is refused.
#[track_caller]
#[must_use]
pub fn refusal<G: Group>(variables: &[(&str, &str)], tags: &[(&str, &str)]) -> String {
    let Err(error) = group::<G>(variables, tags) else { panic!("{variables:?} {tags:?} are taken") };
    assert_eq!(error.kind(), ErrorKind::Invalid);
    error.to_string()
}

/// Holds a group to the rules of all settings. `elsewhere` names tags and variables that have tests of their own.
#[track_caller]
pub fn hold<G: Group>(cases: &[Case<G>], elsewhere: &[&str]) {
    hold_within(cases, elsewhere, str::to_owned);
}

/// Holds a group to the rules of all settings, where the variable that limits a tag says otherwise than by the tag's own
/// value what it allows: `allowing` returns what it says to allow one.
#[track_caller]
pub fn hold_within<G: Group>(cases: &[Case<G>], elsewhere: &[&str], allowing: fn(&str) -> String) {
    no_setting_is_without_a_case(cases, elsewhere);
    let defaults = group::<G>(&[], &[]).unwrap();
    for Case { tag, variable, look, default, good, bad } in cases {
        let place = variable.or(*tag).unwrap();
        assert_eq!(look(&defaults), *default, "{place}");
        for (value, meaning) in *good {
            let limit = tag.and_then(limit_of::<G>);
            let limits = allowing(value);
            for (variable, text, tag) in [(*variable, *value, None), (limit, limits.as_str(), *tag)] {
                let variables = Vec::from_iter(variable.map(|name| (name, text)));
                let tags = Vec::from_iter(tag.map(|name| (name, *value)));
                if variable.is_some() || tag.is_some() {
                    let read = group::<G>(&variables, &tags).unwrap_or_else(|error| panic!("{place}={value}: {error}"));
                    assert_eq!(look(&read), *meaning, "{place}={value}");
                }
            }
        }
        // A variable that is its own limit lists what the tag chooses among.
        if let (Some(tag), Some(variable)) = (tag, variable.filter(|_| tag.and_then(limit_of::<G>) != *variable)) {
            let [(by_variable, _), (by_tag, meaning), ..] = good else { panic!("{tag} needs two values") };
            let limits = allowing(by_tag);
            let limit = limit_of::<G>(tag).map(|limit| (limit, limits.as_str()));
            let variables: Vec<_> = [(variable, *by_variable)].into_iter().chain(limit).collect();
            let read = group::<G>(&variables, &[(tag, by_tag)]).unwrap();
            assert_eq!(look(&read), *meaning, "{tag} overrides {variable}");
        }
        for value in *bad {
            if let Some(name) = variable {
                let message = refusal::<G>(&[(name, value)], &[]);
                assert!(message.contains(name), "{name}={value}: {message}");
            }
            if let Some(name) = tag {
                let message = refusal::<G>(&[], &[(name, value)]);
                assert!(message.contains(name), "{name}={value}: {message}");
            }
        }
    }
    an_empty_variable_is_as_good_as_none(cases, &defaults);
    no_tag_widens(cases);
}

/// What a tag may name within the owner's limits is refused where the owner names none.
#[track_caller]
fn no_tag_widens<G: Group>(cases: &[Case<G>]) {
    for tag in G::TABLE.iter().filter_map(|setting| setting.row.tag) {
        let Some(limit) = limit_of::<G>(tag) else { continue };
        assert!(G::TABLE.iter().any(|setting| setting.row.variable == Some(limit)), "{tag}: {limit} is no variable");
        let case = cases.iter().find(|case| case.tag == Some(tag));
        for (value, _) in case.unwrap_or_else(|| panic!("{tag} needs a case: no tag widens")).good {
            let message = refusal::<G>(&[], &[(tag, value)]);
            assert!(message.contains(tag) && message.contains(limit), "{tag}={value}: {message}");
        }
    }
}

/// Returns the variable whose limits hold for a tag.
fn limit_of<G: Group>(tag: &str) -> Option<&'static str> {
    let row = G::TABLE.iter().map(|setting| &setting.row).find(|row| row.tag == Some(tag))?;
    if let Whose::Within(limit) = row.whose { Some(limit) } else { None }
}

#[track_caller]
fn no_setting_is_without_a_case<G: Group>(cases: &[Case<G>], elsewhere: &[&str]) {
    for row in G::TABLE.iter().map(|setting| &setting.row) {
        if let Some(variable) = row.variable.filter(|variable| !elsewhere.contains(variable)) {
            assert!(cases.iter().any(|case| case.variable == Some(variable)), "{variable} has no case");
        }
        if let Some(tag) = row.tag.filter(|tag| !elsewhere.contains(tag)) {
            assert!(cases.iter().any(|case| case.tag == Some(tag)), "{tag} has no case");
        }
    }
}

/// As the parameters of CloudFormation need it.
#[track_caller]
fn an_empty_variable_is_as_good_as_none<G: Group>(cases: &[Case<G>], defaults: &G) {
    for row in G::TABLE.iter().map(|setting| &setting.row).filter(|row| row.empty == Empty::Unset) {
        let Some(variable) = row.variable else { continue };
        let read = group::<G>(&[(variable, "")], &[]).unwrap();
        for case in cases {
            assert_eq!((case.look)(&read), (case.look)(defaults), "{variable} is empty");
        }
    }
}
