use std::borrow::Cow;
use std::collections::BTreeMap;

use fourstep::operator::{Action, OperatorEvent};
use fourstep::{Error, Result, Sensitive, Step, StepEvent};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use zeroize::Zeroize;

/// The body of an invocation, as it came. It has no `Debug`, and is wiped: it may hold a RotationToken.
///
/// Every body is accepted here, so that what is wrong with it is said by [`parse`](Self::parse): the runtime would
/// answer with serde's text, which quotes values.
pub(crate) struct Payload(Option<Box<RawValue>>);

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Box::deserialize(deserializer).ok()))
    }
}

impl Drop for Payload {
    fn drop(&mut self) {
        if let Some(json) = self.0.take() {
            String::from(Box::<str>::from(json)).zeroize();
        }
    }
}

impl Payload {
    /// Reads the event. Unknown fields are ignored, so that AWS can add some.
    ///
    /// # Errors
    ///
    /// `Invalid`, naming the field and the fix. It repeats no value but a short, plain step or action.
    pub(crate) fn parse(&self) -> Result<Event> {
        let Some(json) = &self.0 else { return Err(invalid("the event is not JSON")) };
        let fields: BTreeMap<Cow<'_, str>, &RawValue> =
            serde_json::from_str(json.get()).map_err(|_| invalid("the event is not a JSON object"))?;
        let text = |name: &str| text(&fields, name);
        let id = || secret_id(text("SecretId")?.ok_or_else(|| missing("SecretId", "the secret's ARN"))?);
        if let (Some(action), false) = (text("Action")?, fields.contains_key("Step")) {
            return Ok(Event::Operator(OperatorEvent { action: self::action(&action, &fields)?, secret_id: id()? }));
        }
        let step = text("Step")?.ok_or_else(|| missing("Step", STEPS))?;
        Ok(Event::Step(StepEvent {
            step: self::step(&step)?,
            secret_id: id()?,
            token: token(
                "ClientRequestToken",
                text("ClientRequestToken")?.ok_or_else(|| missing("ClientRequestToken", TOKEN))?,
            )?,
            rotation_token: text("RotationToken")?.map(Sensitive::new),
        }))
    }
}

/// What a function is asked to do.
#[derive(Debug)]
pub(crate) enum Event {
    /// A step of a rotation, by Secrets Manager.
    Step(StepEvent),
    /// An action, by an operator.
    Operator(OperatorEvent),
}

impl Event {
    /// Returns the secret, as the event names it.
    pub(crate) fn secret_id(&self) -> &str {
        match self {
            Self::Step(event) => &event.secret_id,
            Self::Operator(event) => &event.secret_id,
        }
    }

    /// Returns the name of the step or the action.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Step(event) => event.step.name(),
            Self::Operator(event) => event.action.name(),
        }
    }

    /// Returns the version that the rotation makes, if it is a step.
    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Self::Step(event) => Some(&event.token),
            Self::Operator(_) => None,
        }
    }
}

const STEPS: &str = "createSecret, setSecret, testSecret or finishSecret";
const TOKEN: &str = "the id of the version to make, of 32 to 64 characters";

/// The longest ARN or name that the API accepts.
/// <https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_DescribeSecret.html>
const LONGEST_SECRET_ID: usize = 2048;

fn text(fields: &BTreeMap<Cow<'_, str>, &RawValue>, name: &str) -> Result<Option<String>> {
    let Some(value) = fields.get(name) else { return Ok(None) };
    serde_json::from_str(value.get()).map_err(|_| invalid(format!("field `{name}` of the event must be a string")))
}

/// AWS's documentation spells the steps in two ways.
/// <https://docs.aws.amazon.com/secretsmanager/latest/userguide/rotate-secrets_lambda.html>
fn step(text: &str) -> Result<Step> {
    Ok(match text {
        "createSecret" | "create_secret" => Step::Create,
        "setSecret" | "set_secret" => Step::Set,
        "testSecret" | "test_secret" => Step::Test,
        "finishSecret" | "finish_secret" => Step::Finish,
        _ => return Err(invalid(format!("field `Step` of the event is {}; it takes {STEPS}", shown(text)))),
    })
}

/// Reads what an operator asks for, with what belongs to it.
fn action(name: &str, fields: &BTreeMap<Cow<'_, str>, &RawValue>) -> Result<Action> {
    Ok(match name {
        "diagnose" => Action::Diagnose,
        "rollback" => {
            let (version, leaked_anyway) = (version(fields)?, leaked_anyway(fields)?);
            Action::Rollback { version, leaked_anyway }
        }
        "recover" => {
            let attempts = fields.get("Attempts").map_or(Ok(1), |value| {
                let number = serde_json::from_str(value.get()).ok().filter(|number| (1..=20).contains(number));
                number.ok_or_else(|| unusable("field `Attempts` of the event must be a number from 1 to 20"))
            })?;
            let skip = fields.get("Skip").map_or(Ok(Vec::new()), |value| {
                let ids = serde_json::from_str(value.get());
                ids.map_err(|_| unusable("field `Skip` of the event must be a list of version ids"))
            })?;
            let (version, leaked_anyway) = (version(fields)?, leaked_anyway(fields)?);
            Action::Recover { attempts, skip, version, leaked_anyway }
        }
        "retire" => Action::Retire,
        "reconcile" => Action::Reconcile,
        "reset" => Action::Reset { account: text(fields, "Account")?, version: version(fields)? },
        "adopt" => Action::Adopt { account: text(fields, "Account")?, version: version(fields)? },
        _ => {
            let known = Action::NAMES.join(", ");
            return Err(unusable(format!("field `Action` of the event is {}; it takes {known}", shown(name))));
        }
    })
}

fn version(fields: &BTreeMap<Cow<'_, str>, &RawValue>) -> Result<Option<String>> {
    text(fields, "VersionId")?.map(|id| token("VersionId", id)).transpose()
}

/// Reads whether a version is meant though its credential was retired for a leak. Only one that is named can be.
fn leaked_anyway(fields: &BTreeMap<Cow<'_, str>, &RawValue>) -> Result<bool> {
    let Some(value) = fields.get("LeakedAnyway") else { return Ok(false) };
    let anyway = serde_json::from_str(value.get());
    let anyway = anyway.map_err(|_| unusable("field `LeakedAnyway` of the event must be true or false"))?;
    if anyway && !fields.contains_key("VersionId") {
        return Err(unusable("field `LeakedAnyway` of the event needs `VersionId`: the version that is meant"));
    }
    Ok(anyway)
}

fn unusable(message: impl Into<Cow<'static, str>>) -> Error {
    Error::invalid(message)
        .still_works("Nothing was changed")
        .next("Send {\"Action\": …, \"SecretId\": …} with one of them")
}

fn secret_id(text: String) -> Result<String> {
    // Messages repeat it.
    if text.is_empty() || text.len() > LONGEST_SECRET_ID || text.contains(|c: char| c.is_control() || c == ' ') {
        return Err(invalid("field `SecretId` of the event must be the ARN or the name of a secret"));
    }
    Ok(text)
}

fn token(name: &str, text: String) -> Result<String> {
    let length = text.chars().count();
    if !(32..=64).contains(&length) {
        return Err(invalid(format!("field `{name}` of the event has {length} characters; it must be {TOKEN}")));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid(format!(
            "field `{name}` of the event must be {TOKEN}, all of them letters, digits or signs of ASCII"
        )));
    }
    Ok(text)
}

fn missing(name: &str, what: &str) -> Error {
    invalid(format!("the event has no field `{name}`: {what}"))
}

fn invalid(message: impl Into<Cow<'static, str>>) -> Error {
    Error::invalid(message)
        .still_works("Nothing was changed")
        .next("Let Secrets Manager invoke this function (RotateSecret), or send Step, SecretId and ClientRequestToken as it does")
}

/// Quotes a short, plain word. Anything else may be a secret in the wrong place.
fn shown(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    match text.len() {
        0 => "empty".to_owned(),
        ..=40 if text.bytes().all(plain) => format!("`{text}`"),
        _ => "a text that is not repeated here".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use fourstep::ErrorKind;

    use super::*;

    const TOKEN: &str = "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111";

    fn parse(event: &str) -> Result<StepEvent> {
        match serde_json::from_str::<Payload>(event).unwrap().parse()? {
            Event::Step(event) => Ok(event),
            Event::Operator(event) => panic!("{event:?}"),
        }
    }

    #[test]
    fn an_action_needs_a_secret_and_a_step_comes_before_it() {
        let event = r#"{"Action":"reconcile","SecretId":"arn","New":[1]}"#;
        let Event::Operator(event) = serde_json::from_str::<Payload>(event).unwrap().parse().unwrap() else {
            panic!("it is an operator's")
        };
        assert_eq!(event, OperatorEvent { action: Action::Reconcile, secret_id: "arn".to_owned() });
        let both =
            format!(r#"{{"Action":"reconcile","Step":"setSecret","SecretId":"arn","ClientRequestToken":"{TOKEN}"}}"#);
        assert_eq!(parse(&both).unwrap().step, Step::Set);
    }

    #[test]
    fn each_action_is_read_with_what_belongs_to_it() {
        let version = "a1b2c3d4-5678-90ab-cdef-EXAMPLE22222";
        for (fields, expected) in [
            (r#""Action":"diagnose""#.to_owned(), Action::Diagnose),
            (r#""Action":"retire""#.to_owned(), Action::Retire),
            (r#""Action":"rollback""#.to_owned(), Action::Rollback { version: None, leaked_anyway: false }),
            (
                format!(r#""Action":"rollback","VersionId":"{version}""#),
                Action::Rollback { version: Some(version.to_owned()), leaked_anyway: false },
            ),
            (
                format!(r#""Action":"rollback","VersionId":"{version}","LeakedAnyway":true"#),
                Action::Rollback { version: Some(version.to_owned()), leaked_anyway: true },
            ),
            (
                r#""Action":"recover""#.to_owned(),
                Action::Recover { attempts: 1, skip: vec![], version: None, leaked_anyway: false },
            ),
            (
                format!(r#""Action":"recover","Attempts":3,"Skip":["{version}"]"#),
                Action::Recover { attempts: 3, skip: vec![version.to_owned()], version: None, leaked_anyway: false },
            ),
            (r#""Action":"reset""#.to_owned(), Action::Reset { account: None, version: None }),
            (
                format!(r#""Action":"adopt","Account":"app","VersionId":"{version}""#),
                Action::Adopt { account: Some("app".to_owned()), version: Some(version.to_owned()) },
            ),
        ] {
            let event = format!(r#"{{{fields},"SecretId":"arn"}}"#);
            match serde_json::from_str::<Payload>(&event).unwrap().parse().unwrap() {
                Event::Operator(event) => assert_eq!(event.action, expected),
                Event::Step(_) => panic!("{event}"),
            }
        }
    }

    #[test]
    fn both_spellings_of_each_step_are_read_and_unknown_fields_ignored() {
        for (spellings, step) in [
            (["createSecret", "create_secret"], Step::Create),
            (["setSecret", "set_secret"], Step::Set),
            (["testSecret", "test_secret"], Step::Test),
            (["finishSecret", "finish_secret"], Step::Finish),
        ] {
            for spelling in spellings {
                let event = parse(&format!(
                    r#"{{"Step":"{spelling}","SecretId":"arn","ClientRequestToken":"{TOKEN}","New":[1],"RotationToken":null}}"#
                ));
                let event = event.unwrap();
                assert_eq!((event.step, event.secret_id.as_str(), event.token.as_str()), (step, "arn", TOKEN));
                assert_eq!(event.rotation_token, None);
            }
        }
    }

    #[test]
    fn the_rotation_token_is_taken_as_a_secret() {
        let event = parse(&format!(
            r#"{{"Step":"setSecret","SecretId":"arn","ClientRequestToken":"{TOKEN}","RotationToken":"hunter22"}}"#
        ));
        let event = event.unwrap();
        assert_eq!(event.rotation_token, Some(Sensitive::new("hunter22")));
        assert!(!format!("{event:?}").contains("hunter22"));
    }

    #[test]
    fn each_bad_event_is_refused_by_the_name_of_its_field_and_without_its_value() {
        let rest = format!(r#""SecretId":"arn","ClientRequestToken":"{TOKEN}""#);
        let with_token =
            |token: &str| format!(r#"{{"Step":"setSecret","SecretId":"arn","ClientRequestToken":{token}}}"#);
        let with_id = |id: &str| format!(r#"{{"Step":"setSecret","SecretId":{id},"ClientRequestToken":"{TOKEN}"}}"#);
        let with_step = |step: &str| format!(r#"{{"Step":{step},{rest}}}"#);
        for (event, expected) in [
            ("hunter22".to_owned(), "the event is not JSON"),
            ("{\"Step\":\"hunter22".to_owned(), "the event is not JSON"),
            ("[\"hunter22\"]".to_owned(), "the event is not a JSON object"),
            ("null".to_owned(), "the event is not a JSON object"),
            ("\"hunter22\"".to_owned(), "the event is not a JSON object"),
            (
                r#"{"Action":"explode","SecretId":"arn"}"#.to_owned(),
                "field `Action` of the event is `explode`; it takes diagnose",
            ),
            (r#"{"Action":"hunter22 ?","SecretId":"arn"}"#.to_owned(), "is a text that is not repeated here; it takes"),
            (r#"{"Action":["hunter22"],"SecretId":"arn"}"#.to_owned(), "field `Action` of the event must be a string"),
            (
                r#"{"Action":"recover","Attempts":"hunter22","SecretId":"arn"}"#.to_owned(),
                "field `Attempts` of the event must be a number from 1 to 20",
            ),
            (
                r#"{"Action":"recover","Skip":"hunter22","SecretId":"arn"}"#.to_owned(),
                "field `Skip` of the event must be a list",
            ),
            (
                r#"{"Action":"rollback","VersionId":"hunter22","SecretId":"arn"}"#.to_owned(),
                "field `VersionId` of the event has 8 characters",
            ),
            (
                r#"{"Action":"rollback","LeakedAnyway":true,"SecretId":"arn"}"#.to_owned(),
                "field `LeakedAnyway` of the event needs `VersionId`",
            ),
            (
                r#"{"Action":"reset","Account":["hunter22"],"SecretId":"arn"}"#.to_owned(),
                "field `Account` of the event must be a string",
            ),
            (r#"{"Action":"reconcile"}"#.to_owned(), "the event has no field `SecretId`: the secret's ARN"),
            ("{}".to_owned(), "the event has no field `Step`: createSecret, setSecret"),
            (with_step("\"rotateSecret\""), "field `Step` of the event is `rotateSecret`; it takes createSecret"),
            (with_step("\"\""), "field `Step` of the event is empty"),
            (with_step("\"hunter22 hunter22\""), "field `Step` of the event is a text that is not repeated here"),
            (with_step("\"\\u001b[31mred\""), "field `Step` of the event is a text that is not repeated here"),
            (with_step(&format!("\"{}\"", "x".repeat(41))), "field `Step` of the event is a text that is not repeated"),
            (with_step("[\"hunter22\"]"), "field `Step` of the event must be a string"),
            (with_id("22"), "field `SecretId` of the event must be a string"),
            (with_id("\"\""), "field `SecretId` of the event must be the ARN"),
            (with_id("\"a\\nb\""), "field `SecretId` of the event must be the ARN"),
            (
                format!(r#"{{"Step":"setSecret","ClientRequestToken":"{TOKEN}"}}"#),
                "the event has no field `SecretId`: the secret's ARN",
            ),
            (
                r#"{"Step":"setSecret","SecretId":"arn"}"#.to_owned(),
                "the event has no field `ClientRequestToken`: the id of the version",
            ),
            (with_token("{}"), "field `ClientRequestToken` of the event must be a string"),
            (with_token("\"hunter22\""), "has 8 characters; it must be the id of the version"),
            (with_token(&format!("\"{}\"", "x".repeat(65))), "has 65 characters; it must be"),
            (with_token(&format!("\"{}\"", "x ".repeat(16))), "all of them letters, digits or signs of ASCII"),
            (
                format!(r#"{{"Step":"setSecret",{rest},"RotationToken":{{"hunter22":1}}}}"#),
                "field `RotationToken` of the event must be a string",
            ),
        ] {
            let error = match serde_json::from_str::<Payload>(&event) {
                Ok(payload) => payload.parse().unwrap_err(),
                Err(_) => Payload(None).parse().unwrap_err(),
            };
            assert_eq!(error.kind(), ErrorKind::Invalid);
            let text = error.to_string();
            assert!(text.contains(expected), "{event}: {text}");
            assert!(!text.contains("hunter22") && !text.contains('\u{1b}'), "{text}");
        }
    }
}
