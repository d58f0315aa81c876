use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDate};
use fourstep::{Error, Result};
use reqwest::header::{CONTENT_TYPE, HeaderMap, LINK, LOCATION, RETRY_AFTER, WWW_AUTHENTICATE};
use serde_json::Value;
use url::Url;

use crate::call::Call;

/// The most that is read of an answer: a list of thousands of keys, and no flood.
pub(crate) const LARGEST: usize = 1 << 20;

/// An answer, as far as it means anything. Its JSON may hold a key: it is never printed.
#[derive(Clone, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Whether it is HTML.
    pub(crate) is_page: bool,
    /// Whether it says how to authenticate, as every 401 of a service itself has to.
    pub(crate) is_challenge: bool,
    /// Whether it is a redirect to another host.
    pub(crate) leaves_host: bool,
    /// How long to wait, if that is longer than the step lasts.
    pub(crate) retry_after: Option<Duration>,
    /// The next page of a list, as the header `Link` names it.
    pub(crate) next_page: Option<NextPage>,
    /// The body, if it is JSON.
    pub(crate) json: Option<Value>,
}

/// Where the next page of a list is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NextPage {
    /// At the same place, with this query.
    Query(Vec<(String, String)>),
    /// At another path or host, where no request goes.
    Elsewhere,
}

impl Answer {
    /// Reads what stands before the body.
    pub(crate) fn head(status: u16, headers: &HeaderMap, url: &Url, now: SystemTime) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let is_page = text(CONTENT_TYPE).is_some_and(|kind| {
            let kind = kind.trim_start().to_ascii_lowercase();
            kind.starts_with("text/html") || kind.starts_with("application/xhtml")
        });
        let elsewhere = |to: &str| url.join(to).is_ok_and(|to| to.origin() != url.origin());
        Self {
            status,
            is_page,
            is_challenge: headers.contains_key(WWW_AUTHENTICATE),
            leaves_host: text(LOCATION).is_some_and(elsewhere),
            retry_after: text(RETRY_AFTER).and_then(|value| wait(value, now)),
            next_page: headers.get_all(LINK).iter().find_map(|value| next_page(value.to_str().ok()?, url)),
            json: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn of(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Returns the JSON, where the request needs one.
    pub(crate) fn json(&self, call: Call<'_>) -> Result<&Value> {
        self.json.as_ref().ok_or_else(|| {
            Error::invalid(format!("{call} answered {} with something else than JSON", self.status))
                .next(format!("Check `base_url` and the request's `path` in {}", call.file))
        })
    }

    /// Returns the text, or the number as a text, to which a pointer leads.
    pub(crate) fn text(&self, pointer: &str, call: Call<'_>) -> Result<String> {
        text_in(self.json(call)?, pointer).map_err(|found| {
            Error::invalid(format!("{call} answered with JSON in which `{pointer}` leads to {found}, not to a text"))
                .next(format!("Correct the pointer in the request's `answer` in {}", call.file))
        })
    }
}

/// Returns the text to which a pointer leads, or what is there instead.
pub(crate) fn text_in(value: &Value, pointer: &str) -> Result<String, &'static str> {
    match value.pointer(pointer) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::Number(number)) => Ok(number.to_string()),
        Some(Value::String(_)) => Err("an empty text"),
        Some(Value::Null) => Err("null"),
        Some(Value::Bool(_)) => Err("a boolean"),
        Some(Value::Array(_)) => Err("a list"),
        Some(Value::Object(_)) => Err("an object"),
        None => Err("nothing"),
    }
}

/// Finds the next page in a header `Link` (RFC 8288).
fn next_page(value: &str, url: &Url) -> Option<NextPage> {
    let mut rest = value;
    while let Some((target, after)) = rest.split_once('<').and_then(|(_, link)| link.split_once('>')) {
        // A comma ends the link, or stands in a quoted value, which no `rel` of ours has.
        let (parameters, others) = after.find('<').map_or((after, ""), |at| after.split_at(at));
        // Its name is of either case, and spaces may stand around the sign (RFC 8288, appendix B.3).
        let relations = |parameter: &str| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("rel").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
        };
        let is_next = parameters
            .split([';', ','])
            .filter_map(relations)
            .any(|relations| relations.split_whitespace().any(|relation| relation == "next"));
        if is_next {
            let to = url.join(target).ok()?;
            let is_same = to.origin() == url.origin() && to.path() == url.path();
            let query = || to.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
            return Some(if is_same { NextPage::Query(query()) } else { NextPage::Elsewhere });
        }
        rest = others;
    }
    None
}

/// Reads both forms of Retry-After (RFC 9110, section 10.2.3): seconds, or a date.
fn wait(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    Some(httpdate::parse_http_date(value).ok()?.duration_since(now).unwrap_or_default())
}

/// Reads when a key begins or ends: RFC 3339, a date (its first moment, in UTC), or seconds or milliseconds since 1970. A time
/// before 1970 or after 9999 is none: nothing can print it.
pub(crate) fn moment(text: &str) -> Option<SystemTime> {
    let time = match (text.parse(), DateTime::parse_from_rfc3339(text)) {
        (Ok(seconds), _) if seconds <= LAST_SECOND => SystemTime::UNIX_EPOCH + Duration::from_secs(seconds),
        // As seconds, any time since 1978 would be after 9999.
        (Ok(milliseconds), _) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))?,
        (_, Ok(time)) => time.into(),
        _ => text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0)?.and_utc().into(),
    };
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    (since.as_secs() <= LAST_SECOND).then_some(time)
}

/// The last second of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn retry_after_is_read_in_both_forms() {
        let now = httpdate::parse_http_date("Wed, 21 Oct 2015 07:28:00 GMT").unwrap();
        assert_eq!(wait("120", now), Some(Duration::from_secs(120)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:30 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!((wait("soon", now), wait("-1", now)), (None, None));
    }

    #[test]
    fn the_next_page_is_read_of_a_link_and_never_elsewhere() {
        let url = Url::parse("https://api.example.com/v1/keys?per_page=2").unwrap();
        let next = |value: &str| next_page(value, &url);
        let query = |pairs: &[(&str, &str)]| {
            let owned = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            Some(NextPage::Query(owned.collect()))
        };
        let both = "<https://api.example.com/v1/keys?page=1>; rel=\"prev\", <https://api.example.com/v1/keys?after=a%26b&page=3>; rel=\"next\"";
        assert_eq!(next(both), query(&[("after", "a&b"), ("page", "3")]));
        assert_eq!(next("</v1/keys?page=2>; title=\"a, b\"; rel=next"), query(&[("page", "2")]));
        for relation in ["rel=\"last next\"", "rel = next", "REL=\"Next\"", "Rel = \"next\" ", "title=\"a\";rel=next"] {
            assert_eq!(next(&format!("<?page=2>; {relation}")), query(&[("page", "2")]), "{relation}");
        }
        for elsewhere in ["<https://evil.example/v1/keys?page=2>; rel=next", "</v1/other?page=2>; rel=next"] {
            assert_eq!(next(elsewhere), Some(NextPage::Elsewhere), "{elsewhere}");
        }
        assert_eq!((next("<?page=9>; rel=\"last\""), next(""), next("<")), (None, None, None));
    }

    #[test]
    fn an_end_is_read_in_every_form() {
        let seconds = |text| Some(moment(text)?.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs());
        for text in ["1445412480", "2015-10-21T07:28:00Z", "2015-10-21T09:28:00+02:00", "2015-10-21T07:28:00.123456Z"] {
            assert_eq!(seconds(text), Some(1_445_412_480), "{text}");
        }
        assert_eq!(seconds("2015-10-21"), Some(1_445_385_600));
        assert_eq!(seconds("1445412480000"), Some(1_445_412_480), "milliseconds");
        assert_eq!(seconds("253402300799"), Some(253_402_300_799));
        for text in ["never", "18446744073709551615", "9999-12-31T23:59:59-01:00", "1969-12-31", "+262142-01-01", "-1"]
        {
            assert_eq!(seconds(text), None, "{text}");
        }
    }

    #[test]
    fn a_pointer_leads_to_a_text_or_to_an_error_that_says_to_what() {
        let value = json!({"id": 7, "token": "t", "no": null, "on": true, "in": {"list": [1], "empty": ""}});
        for (pointer, found) in [
            ("/id", Ok("7".to_owned())),
            ("/token", Ok("t".to_owned())),
            ("/absent", Err("nothing")),
            ("/no", Err("null")),
            ("/on", Err("a boolean")),
            ("/in", Err("an object")),
            ("", Err("an object")),
            ("/in/list", Err("a list")),
            ("/in/list/0", Ok("1".to_owned())),
            ("/in/empty", Err("an empty text")),
        ] {
            assert_eq!(text_in(&value, pointer), found, "{pointer}");
        }
    }
}
