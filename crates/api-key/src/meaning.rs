//! What each answer to a request would mean, for people: it is asked of what judges the answers of a rotation.

use std::fmt;

use fourstep::ErrorKind;

use crate::answer::Answer;
use crate::call::Call;
use crate::error::{Verdict, classify};
use crate::provider::request::{Body, ExpectedAnswer, Means, RequestSection};

/// What some answers to a request mean.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Meaning {
    /// Which answers, as `401, 404-405`.
    pub answers: String,
    /// What they mean.
    pub means: String,
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.answers, self.means)
    }
}

/// Returns what each answer to a request means: the lines of the file in their order, then each status, then pages.
pub(crate) fn meanings(name: &'static str, request: &RequestSection) -> Vec<Meaning> {
    let mut meanings: Vec<_> = request.answers.iter().map(by_line).collect();
    let plain = RequestSection { answers: Vec::new(), ..request.clone() };
    let mut groups: Vec<(&'static str, Vec<(u16, u16)>)> = Vec::new();
    for status in 200..=599 {
        let means = words(&classify(&Answer { status, ..Answer::default() }, &plain, call(name)));
        let group = match groups.iter().position(|(known, _)| *known == means) {
            Some(at) => &mut groups[at].1,
            None => {
                groups.push((means, Vec::new()));
                &mut groups.last_mut().expect("one was added").1
            }
        };
        match group.last_mut() {
            Some((_, last)) if *last + 1 == status => *last = status,
            _ => group.push((status, status)),
        }
    }
    let shown = |(first, last): &(u16, u16)| if first == last { first.to_string() } else { format!("{first}-{last}") };
    let otherwise = if request.answers.is_empty() { "" } else { "otherwise " };
    meanings.extend(groups.iter().map(|(means, ranges)| Meaning {
        answers: format!("{otherwise}{}", ranges.iter().map(shown).collect::<Vec<_>>().join(", ")),
        means: (*means).to_owned(),
    }));
    let page = |is_challenge| {
        let answer = Answer { is_page: true, is_challenge, status: 401, ..Answer::default() };
        words(&classify(&answer, request, call(name))).to_owned()
    };
    meanings.push(Meaning { answers: "a page of HTML, whatever its status".to_owned(), means: page(false) });
    meanings.push(Meaning { answers: "such a page with 401 and WWW-Authenticate".to_owned(), means: page(true) });
    meanings
}

fn call(request: &'static str) -> Call<'static> {
    Call { service: "", file: "", host: "", port: 0, request, administrator: false, shows: &[] }
}

fn by_line(line: &ExpectedAnswer) -> Meaning {
    let condition = match (&line.pointer, &line.equals, line.body) {
        (Some(pointer), Some(value), _) => format!(" with {value} at {pointer}"),
        (Some(pointer), None, _) if line.present == Some(true) => format!(" with something at {pointer}"),
        (Some(pointer), None, _) => format!(" with nothing at {pointer}"),
        (None, _, Body::Json) => " with JSON".to_owned(),
        (None, _, Body::Any) => String::new(),
    };
    let means = match line.means {
        Means::Success => words(&Ok(Verdict::Success)),
        Means::LimitReached => words(&Ok(Verdict::LimitReached)),
        Means::Rejected => of_kind(ErrorKind::Rejected),
        Means::Forbidden => of_kind(ErrorKind::Forbidden),
        Means::Later => of_kind(ErrorKind::Unavailable),
        Means::Invalid => of_kind(ErrorKind::Invalid),
    };
    let text = line.text.as_ref().map(|text| format!(". {text}")).unwrap_or_default();
    Meaning { answers: format!("{}{condition}", line.status), means: format!("{means}{text}") }
}

fn words(judged: &Result<Verdict, fourstep::Error>) -> &'static str {
    match judged {
        Ok(Verdict::Success) => "done",
        Ok(Verdict::LimitReached) => "there may be no more keys",
        Err(error) => of_kind(error.kind()),
    }
}

fn of_kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Rejected => "the key is refused",
        ErrorKind::Forbidden => "the key works, and may not do this",
        ErrorKind::Unavailable => "no answer of the service: it is asked again later",
        ErrorKind::Conflict => "what is there contradicts the request: a person has to look",
        ErrorKind::Invalid => "the request is wrong: the file or the secret has to be corrected",
        _ => "not foreseen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_meaning_and_the_lines_of_the_file_come_first() {
        let text = "method = \"GET\"\npath = \"/me\"\nanswers = [\n\
             { status = 200, pointer = \"/status\", equals = \"disabled\", means = \"rejected\" },\n\
             { status = 403, means = \"success\" }]";
        let shown: Vec<_> = meanings("test", &toml::from_str(text).unwrap()).iter().map(Meaning::to_string).collect();
        assert_eq!(shown[..2], ["200 with \"disabled\" at /status: the key is refused", "403 with JSON: done"]);
        for line in [
            "otherwise 200-299: done",
            "otherwise 401: the key is refused",
            "otherwise 402-403: the key works, and may not do this",
            "a page of HTML, whatever its status: no answer of the service: it is asked again later",
            "such a page with 401 and WWW-Authenticate: the key is refused",
        ] {
            assert!(shown.iter().any(|shown| shown == line), "no `{line}` in {shown:#?}");
        }
        let revoke = meanings("revoke", &toml::from_str("method = \"DELETE\"\npath = \"/x\"").unwrap());
        assert_eq!(revoke[0].to_string(), "200-299, 404, 410: done");
    }
}
