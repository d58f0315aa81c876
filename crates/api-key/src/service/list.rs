use std::collections::{BTreeMap, BTreeSet};

use fourstep::keys::Key;
use fourstep::{Context, Error, Result};
use serde_json::Value;

use crate::answer::{Answer, NextPage, moment, text_in};
use crate::call::Call;
use crate::provider::request::{PagesSection, RequestSection};
use crate::secret::Secret;
use crate::service::Caller;

/// More than any account has, and an end for a service that never comes to one.
const MOST_PAGES: usize = 100;

impl Caller {
    /// Lists the keys, all pages. `None`: the service cannot list them.
    pub(crate) async fn list(&self, secret: &Secret, cx: &Context<'_>) -> Result<Option<Vec<Key>>> {
        let Some(list) = &self.provider().list else { return Ok(None) };
        let mut request = list.clone();
        let call = self.service.call_for("list", &self.service.base, false);
        let mut keys = Vec::new();
        let mut seen = BTreeSet::new();
        let mut page = Page::first(list);
        for number in 1..=MOST_PAGES {
            request.query = page.query(list);
            let scope = self.scope(secret).with("page", page.values());
            let (answer, _) = self.perform("list", &request, secret, &scope, cx).await?;
            let items = items(&answer, list, call)?;
            for item in items {
                if let Some(key) = key(item, list, call)? {
                    keys.push(key);
                }
            }
            let Some(pages) = &list.pages else { return Ok(Some(keys)) };
            let Some(next) = Page::after(&answer, items.len(), number, pages, call)? else { return Ok(Some(keys)) };
            // A service that does not know the parameter gives the same page for ever.
            let fingerprint = match next {
                Page::Number(_) => Value::Array(items.clone()).to_string(),
                _ => format!("{:?}", next.values()),
            };
            if !seen.insert(fingerprint) {
                return Err(Error::invalid(format!("{call} gives the same page of keys again and again"))
                    .next(format!("Correct `pages` of the request in {}", call.file)));
            }
            page = next;
        }
        Err(Error::invalid(format!("{call} has more than {MOST_PAGES} pages of keys"))
            .next("Delete keys that nobody uses, or ask for more keys on a page"))
    }
}

/// Which page of a list is asked for.
enum Page {
    /// The first, or all that there is.
    First,
    Number(usize),
    Cursor(String),
    /// What the service's link has in its query.
    Query(Vec<(String, String)>),
}

impl Page {
    fn first(list: &RequestSection) -> Self {
        match &list.pages {
            Some(pages) if pages.cursor.is_none() && !pages.link => Self::Number(pages.first),
            _ => Self::First,
        }
    }

    /// Returns the page after one. `None`: it was the last.
    fn after(
        answer: &Answer,
        items: usize,
        number: usize,
        pages: &PagesSection,
        call: Call<'_>,
    ) -> Result<Option<Self>> {
        if pages.link {
            return match &answer.next_page {
                None => Ok(None),
                Some(NextPage::Query(query)) => Ok(Some(Self::Query(query.clone()))),
                Some(NextPage::Elsewhere) => {
                    let error = Error::invalid(format!(
                        "{call} names a next page at another path or host, where no request goes"
                    ));
                    Err(error.next(format!("Correct `base_url` or `pages` of the request in {}", call.file)))
                }
            };
        }
        Ok(match &pages.cursor {
            Some(pointer) => text_in(answer.json(call)?, pointer).ok().map(Self::Cursor),
            None if items < pages.size.unwrap_or(1) => None,
            None => Some(Self::Number(pages.first + number)),
        })
    }

    /// Returns the query's templates. What the service said is never one: it is a value of theirs.
    fn query(&self, list: &RequestSection) -> BTreeMap<String, String> {
        let mut query = list.query.clone();
        let parameter = list.pages.as_ref().and_then(|pages| pages.parameter.clone());
        match self {
            Self::First => {}
            Self::Number(_) | Self::Cursor(_) => query.extend(parameter.map(|name| (name, "{{ page[0] }}".to_owned()))),
            Self::Query(own) => {
                let template =
                    |(at, (name, _)): (usize, &(String, String))| (name.clone(), format!("{{{{ page[{at}] }}}}"));
                query.extend(own.iter().enumerate().map(template));
            }
        }
        query
    }

    fn values(&self) -> Vec<String> {
        match self {
            Self::First => Vec::new(),
            Self::Number(number) => vec![number.to_string()],
            Self::Cursor(cursor) => vec![cursor.clone()],
            Self::Query(query) => query.iter().map(|(_, value)| value.clone()).collect(),
        }
    }
}

fn items<'a>(answer: &'a Answer, list: &RequestSection, call: Call<'_>) -> Result<&'a Vec<Value>> {
    let pointer = list.answer.keys.as_deref().expect("the file was checked");
    answer.json(call)?.pointer(pointer).and_then(Value::as_array).ok_or_else(|| {
        Error::invalid(format!("{call} answered with JSON in which `{pointer}` does not lead to a list"))
            .next(format!("Correct `answer.keys` of the request in {}", call.file))
    })
}

/// Reads one key. `None`: it does not count.
fn key(item: &Value, list: &RequestSection, call: Call<'_>) -> Result<Option<Key>> {
    let counts = list.answer.matching.iter().all(|(pointer, expected)| item.pointer(pointer) == Some(expected));
    if !counts {
        return Ok(None);
    }
    let pointer = list.answer.id.as_deref().expect("the file was checked");
    let id = text_in(item, pointer).map_err(|found| {
        Error::invalid(format!("{call} lists a key in which `{pointer}` leads to {found}, not to an id"))
            .next(format!("Correct `answer.id` of the request in {}", call.file))
    })?;
    // A key that was made by hand may have no name.
    let name = list.answer.name.as_deref().and_then(|pointer| text_in(item, pointer).ok()).unwrap_or_default();
    let created = match &list.answer.created {
        None => None,
        Some(pointer) => Some(text_in(item, pointer).ok().and_then(|text| moment(&text)).ok_or_else(|| {
            Error::invalid(format!("{call} lists a key in which `{pointer}` leads to no time"))
                .next(format!("Correct `answer.created` of the request in {}", call.file))
        })?),
    };
    Ok(Some(Key { id, name, created }))
}
