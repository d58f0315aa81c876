use std::error::Error as StdError;
use std::io;
use std::time::Duration;

use fourstep::Error;
use fourstep_server::Reach;
use serde_json::Value;

use crate::address::Refused;
use crate::answer::Answer;
use crate::call::Call;
use crate::provider::request::{Body, ExpectedAnswer, Means, RequestSection};

/// What the service said, where that is no error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was done, or there was nothing to do.
    Success,
    /// There may be no more keys.
    LimitReached,
}

/// Explains what an answer means. No text of the service gets out: it may repeat the request.
///
/// The first that holds:
///
/// | answer | means | kind |
/// | --- | --- | --- |
/// | a page of HTML, with 401 and `WWW-Authenticate` | the service refused the key. Of the administrator: its credential is wrong | `Rejected`; `Forbidden` |
/// | any other page of HTML | a proxy, a firewall or a portal speaks, not the service | `Unavailable` |
/// | one that the file has a line for | what the line says. Without `body = "any"`, it is a line for JSON | |
/// | one of `expect`, or 2xx without it | it was done | |
/// | 404, 410 to `disable`, `revoke` | the key is gone already | |
/// | 401 | as above | `Rejected`; `Forbidden` |
/// | 402, 403 | the key works, but may not do this | `Forbidden` |
/// | 409 to `create` | the name is taken: another invocation makes the same key | `Unavailable` |
/// | 409 | what is there contradicts the request | `Conflict` |
/// | 407 | a proxy wants to know who asks | `Unavailable` |
/// | 408, 425, 429, 5xx | not now | `Unavailable` |
/// | 3xx | a redirect, and none is followed | `Invalid` |
/// | 404, 410 | the path, or what a parameter names, is not there | `Invalid` |
/// | other 4xx | the request is not as the service wants it | `Invalid` |
/// | others | not foreseen | `Other` |
pub(crate) fn classify(answer: &Answer, request: &RequestSection, call: Call<'_>) -> Result<Verdict, Error> {
    let status = answer.status;
    // Nobody's line is for the page of a firewall: it would prove a dead key, or bury one that works.
    if answer.is_page {
        return Err(if status == 401 && answer.is_challenge { refused(status, call) } else { page(answer, call) });
    }
    if let Some(line) = said_by_file(answer, request) {
        let error = match line.means {
            Means::Success => return Ok(Verdict::Success),
            Means::LimitReached => return Ok(Verdict::LimitReached),
            Means::Rejected => refused(status, call),
            Means::Forbidden => forbidden(status, call),
            Means::Later => later(answer, call, "asks to come back later"),
            Means::Invalid => not_as_wanted(status, call),
        };
        return Err(match &line.text {
            Some(text) => error.next(text.clone()),
            None => error,
        });
    }
    let expected =
        if request.expect.is_empty() { (200..300).contains(&status) } else { request.expect.contains(&status) };
    if expected {
        return Ok(Verdict::Success);
    }
    let file = call.file;
    Err(match status {
        404 | 410 if matches!(call.request, "disable" | "revoke") => return Ok(Verdict::Success),
        401 => refused(status, call),
        402 | 403 => forbidden(status, call),
        409 if call.request == "create" => later(answer, call, "has a key of that name already"),
        409 => Error::conflict(format!("{call} answered 409: what is there contradicts the request"))
            .next("Look at the key in the service, then start the rotation again"),
        407 => later(answer, call, "is behind a proxy that wants to know who asks"),
        408 | 425 | 429 => later(answer, call, "asks to come back later"),
        500..=599 => later(answer, call, "has trouble"),
        300..=399 => {
            let other = if answer.leaves_host { "another host" } else { "another path" };
            Error::invalid(format!("{call} answered {status}, a redirect to {other}, and none is followed"))
                .next(format!("Correct `base_url` or the request's `path` in {file}: name the place itself"))
        }
        404 | 410 => Error::invalid(format!("{call} answered {status}: what is asked for is not there")).next(format!(
            "Correct `base_url` or the request's `path` in {file}, or the field of the secret that stands in it"
        )),
        400..=499 => not_as_wanted(status, call),
        200..=299 => Error::invalid(format!("{call} answered {status}, which is not among the statuses of `expect`"))
            .next(format!("Correct `expect` of the request in {file}")),
        _ => Error::other(format!("{call} answered with status {status}")),
    })
}

fn said_by_file<'r>(answer: &Answer, request: &'r RequestSection) -> Option<&'r ExpectedAnswer> {
    request.answers.iter().find(|line| {
        let holds = match (&line.pointer, &answer.json) {
            (Some(pointer), Some(json)) => {
                let found = json.pointer(pointer);
                match (line.present, &line.equals) {
                    (Some(present), _) => found.is_some_and(|value| !value.is_null()) == present,
                    (None, Some(expected)) => found.is_some_and(|found| same(found, expected)),
                    (None, None) => false,
                }
            }
            // What is no JSON proves neither that something is there nor that nothing is.
            (Some(_), None) => false,
            (None, json) => json.is_some() || line.body == Body::Any,
        };
        line.status == answer.status && holds
    })
}

/// Returns whether two values are the same, where a number is as good as its text: ids are either.
fn same(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            number.to_string() == *text
        }
        _ => found == expected,
    }
}

fn not_as_wanted(status: u16, call: Call<'_>) -> Error {
    Error::invalid(format!("{call} answered {status}: the request is not as the service wants it")).next(format!(
        "Correct the request in {}, or the field of the secret that stands in it; `fourstep provider check` shows what is sent",
        call.file
    ))
}

fn page(answer: &Answer, call: Call<'_>) -> Error {
    if matches!(answer.status, 404 | 410) {
        return later(answer, call, "answered with a page of HTML: not found, or a proxy").next(format!(
            "Check the path of `base_url` and the request's `path` in {}; if both are right, look at what stands between the function and the service",
            call.file
        ));
    }
    later(answer, call, "answered with a page of HTML, as a proxy or a login portal does")
        .next("If this goes on, look at what stands between the function and the service, and at `base_url`")
}

fn refused(status: u16, call: Call<'_>) -> Error {
    let fields = call.shows.iter().map(|field| format!("`{field}`")).collect::<Vec<_>>().join(", ");
    if call.administrator {
        let fields = if fields.is_empty() { fields } else { format!(": its {fields}") };
        return Error::forbidden(format!("{call} refused the administrator's credential ({status})"))
            .next(format!("Correct the secret that `masterarn` names{fields}"));
    }
    if fields.is_empty() {
        return Error::rejected(format!("{call} refused the key ({status})"));
    }
    Error::rejected(format!("{call} refused the key, or what else it shows of the secret, {fields} ({status})"))
        .next(format!("If the key is right, correct {fields} in the secret's JSON"))
}

fn forbidden(status: u16, call: Call<'_>) -> Error {
    let (who, fix) = if call.administrator {
        ("the administrator", "Grant the administrator the right to it")
    } else {
        (
            "the key",
            "Grant the key the right to it, or name an administrator's secret in the field `masterarn`, if the provider file has `admin`",
        )
    };
    Error::forbidden(format!("{call} accepted {who}, but does not allow this request ({status})")).next(fix)
}

fn later(answer: &Answer, call: Call<'_>, why: &str) -> Error {
    let error = Error::unavailable(format!("{call} {why} ({})", answer.status));
    match answer.retry_after {
        // The engine's own waits are shorter, and the service asked for none of them.
        Some(wait) => error.retried().next(format!(
            "It asks to wait {} s, which is longer than this step lasts; Secrets Manager tries again by itself",
            wait.as_secs()
        )),
        None => error,
    }
}

/// Explains why a request got no answer. No text of the client gets out: it may repeat the URL.
///
/// | cause | kind |
/// | --- | --- |
/// | all addresses of the host are refused | `Invalid` |
/// | a certificate is wrong | `Invalid` |
/// | anything else of the handshake, the network, a time-out | `Unavailable` |
/// | the request cannot be built | `Other` |
pub(crate) fn no_answer(error: &reqwest::Error, limit: Duration, call: Call<'_>) -> Error {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    let mut network = None;
    while let Some(error) = cause {
        if let Some(Refused(reach)) = error.downcast_ref::<Refused>() {
            return address_refused(*reach, call);
        }
        if let Some(tls) = tls_in(error) {
            return call.server().handshake_failed(tls);
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            network = Some(io.kind());
        }
        cause = error.source();
    }
    if error.is_builder() {
        return Error::other(format!("the request to {call} cannot be built"));
    }
    let why = match network {
        _ if error.is_timeout() => format!("no answer came within {} s", limit.as_secs_f32()),
        Some(io::ErrorKind::ConnectionRefused) => "nothing listens there".to_owned(),
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "there is no way to it from here".to_owned()
        }
        _ if error.is_connect() => "the host's name is not known, or the connection failed".to_owned(),
        _ => "the connection was closed before the answer was there".to_owned(),
    };
    let error_now = Error::unavailable(format!("{call} gave no answer: {why}"));
    if error.is_connect() {
        error_now.next("Check `base_url`, and the function's way to the service: its subnets, security group and NAT")
    } else {
        error_now
    }
}

/// Finds the error of a TLS handshake. The client puts it into an error of the system, and that into another, of which
/// `source` shows neither.
fn tls_in<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a rustls::Error> {
    match error.downcast_ref::<io::Error>() {
        Some(io) => tls_in(io.get_ref()?),
        None => error.downcast_ref(),
    }
}

/// Reports that requests may not go to an address.
pub(crate) fn address_refused(reach: Reach, call: Call<'_>) -> Error {
    let (what, fix) = match reach {
        Reach::Private => (
            "a private address",
            "If the service is in your network, set `private_addresses = true` in the provider file",
        ),
        Reach::Loopback => ("this very machine", "Correct `base_url`"),
        _ => ("an address that no service has, such as that of an instance's credentials", "Correct `base_url`"),
    };
    Error::invalid(format!("{call} is at {what}, and no request goes there")).next(fix)
}

#[cfg(test)]
mod tests {
    use fourstep::ErrorKind;
    use serde_json::json;

    use super::*;

    fn call(request: &'static str, administrator: bool) -> Call<'static> {
        Call {
            service: "Acme",
            file: "acme.toml",
            host: "api.acme.example",
            port: 443,
            request,
            administrator,
            shows: &[],
        }
    }

    fn request(text: &str) -> RequestSection {
        toml::from_str(&format!("method = \"GET\"\npath = \"/x\"\n{text}")).unwrap()
    }

    fn kind(answer: &Answer, name: &'static str, administrator: bool) -> Result<Verdict, ErrorKind> {
        classify(answer, &request(""), call(name, administrator)).map_err(|error| error.kind())
    }

    #[test]
    fn a_status_means_what_the_table_says() {
        use ErrorKind::{Conflict, Forbidden, Invalid, Other, Rejected, Unavailable};
        for (status, expected) in [
            (200, Ok(Verdict::Success)),
            (204, Ok(Verdict::Success)),
            (301, Err(Invalid)),
            (400, Err(Invalid)),
            (401, Err(Rejected)),
            (402, Err(Forbidden)),
            (403, Err(Forbidden)),
            (404, Err(Invalid)),
            (407, Err(Unavailable)),
            (408, Err(Unavailable)),
            (409, Err(Conflict)),
            (410, Err(Invalid)),
            (422, Err(Invalid)),
            (429, Err(Unavailable)),
            (500, Err(Unavailable)),
            (503, Err(Unavailable)),
            (199, Err(Other)),
        ] {
            assert_eq!(kind(&Answer::of(status), "test", false), expected, "{status}");
        }
        assert_eq!(kind(&Answer::of(409), "create", false), Err(Unavailable));
        for gone in [404, 410] {
            assert_eq!(kind(&Answer::of(gone), "revoke", false), Ok(Verdict::Success));
        }
        // Nothing that the service says of the administrator makes the engine try an older key.
        assert_eq!(kind(&Answer::of(401), "create", true), Err(Forbidden));
    }

    #[test]
    fn a_page_is_never_the_services_word() {
        for status in [200, 302, 403, 404, 500] {
            let page = Answer { is_page: true, ..Answer::of(status) };
            assert_eq!(kind(&page, "revoke", false), Err(ErrorKind::Unavailable), "{status}");
        }
        let page = Answer { is_page: true, ..Answer::of(401) };
        assert_eq!(kind(&page, "test", false), Err(ErrorKind::Unavailable));
        let challenge = Answer { is_challenge: true, ..page };
        assert_eq!(kind(&challenge, "test", false), Err(ErrorKind::Rejected));
    }

    #[test]
    fn a_refusal_names_the_secret_fields_that_may_be_wrong() {
        let shows = ["password".to_owned()];
        let refusal = |administrator| {
            let call = Call { shows: &shows, ..call("create", administrator) };
            classify(&Answer::of(401), &request(""), call).unwrap_err().to_string()
        };
        let own = refusal(false);
        assert!(own.contains("refused the key, or what else it shows of the secret, `password` (401)"), "{own}");
        assert!(own.contains("If the key is right, correct `password` in the secret's JSON"), "{own}");
        let administrators = refusal(true);
        assert!(
            administrators.contains("Correct the secret that `masterarn` names: its `password`"),
            "{administrators}"
        );
    }

    #[test]
    fn a_page_of_a_404_says_what_it_may_be() {
        let page = Answer { is_page: true, ..Answer::of(404) };
        let error = classify(&page, &request(""), call("test", false)).unwrap_err().to_string();
        assert!(error.contains("not found, or a proxy (404)") && error.contains("the path of `base_url`"), "{error}");
    }

    #[test]
    fn the_file_has_the_first_word() {
        let request = request(
            "expect = [200]\n[[answers]]\nstatus = 401\npointer = \"/reason\"\nequals = \"Not management user\"\nmeans = \"success\"\n\
             [[answers]]\nstatus = 403\nmeans = \"rejected\"\n\
             [[answers]]\nstatus = 418\nmeans = \"rejected\"\nbody = \"any\"\n",
        );
        let of = |status, json| {
            let answer = Answer { json, ..Answer::of(status) };
            classify(&answer, &request, call("test", false)).map_err(|error| error.kind())
        };
        assert_eq!(of(401, Some(json!({"reason": "Not management user"}))), Ok(Verdict::Success));
        assert_eq!(of(401, Some(json!({"reason": "Login failed"}))), Err(ErrorKind::Rejected));
        assert_eq!(of(401, None), Err(ErrorKind::Rejected));
        assert_eq!(of(403, Some(json!({}))), Err(ErrorKind::Rejected));
        assert_eq!(of(403, None), Err(ErrorKind::Forbidden), "what is no JSON may be a firewall's");
        assert_eq!(of(418, None), Err(ErrorKind::Rejected));
        for status in [401, 403, 418] {
            let page = Answer { is_page: true, ..Answer::of(status) };
            let error = classify(&page, &request, call("test", false)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
        assert_eq!(of(204, None), Err(ErrorKind::Invalid));
    }

    #[test]
    fn a_wait_that_is_too_long_is_not_retried_before() {
        let answer = Answer { retry_after: Some(Duration::from_secs(900)), ..Answer::of(429) };
        let error = classify(&answer, &request(""), call("list", false)).unwrap_err();
        assert!(!error.is_retryable() && error.to_string().contains("wait 900 s"), "{error}");
        assert!(classify(&Answer::of(429), &request(""), call("list", false)).unwrap_err().is_retryable());
    }
}
