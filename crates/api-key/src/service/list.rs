use std::collections::BTreeSet;

use fourstep::keys::Key;
use fourstep::{Context, Error, Result};
use serde_json::Value;

use crate::answer::{Answer, moment, text_in};
use crate::call::Call;
use crate::provider::request::RequestSection;
use crate::secret::Secret;
use crate::service::Caller;

/// More than any account has, and an end for a service that never comes to one.
const MOST_PAGES: usize = 100;

impl Caller {
    /// Lists the keys, all pages. `None`: the service cannot list them.
    pub(crate) async fn list(&self, secret: &Secret, cx: &Context<'_>) -> Result<Option<Vec<Key>>> {
        let Some(list) = &self.provider().list else { return Ok(None) };
        let mut request = list.clone();
        if let Some(pages) = &list.pages {
            request.query.insert(pages.parameter.clone(), "{{ page }}".to_owned());
        }
        let call = self.service.call_for("list", &self.service.base, false);
        let mut keys = Vec::new();
        let mut seen = BTreeSet::new();
        let mut page = "1".to_owned();
        for number in 1..=MOST_PAGES {
            if number == 1 && list.pages.as_ref().is_some_and(|pages| pages.cursor.is_some()) {
                request.query.remove(&list.pages.as_ref().expect("there are pages").parameter);
            }
            let scope = self.scope(secret).with("page", page.as_str());
            let (answer, _) = self.perform("list", &request, secret, &scope, cx).await?;
            let items = items(&answer, list, call)?;
            for item in items {
                if let Some(key) = key(item, list, call)? {
                    keys.push(key);
                }
            }
            let Some(pages) = &list.pages else { return Ok(Some(keys)) };
            let next = match &pages.cursor {
                Some(pointer) => text_in(answer.json(call)?, pointer).ok(),
                None if items.len() < pages.size.unwrap_or(1) => None,
                None => Some((number + 1).to_string()),
            };
            let Some(next) = next else { return Ok(Some(keys)) };
            // A service that does not know the parameter gives the same page for ever.
            let fingerprint = Value::Array(items.clone()).to_string();
            if !seen.insert(if pages.cursor.is_some() { next.clone() } else { fingerprint }) {
                return Err(Error::invalid(format!("{call} gives the same page of keys again and again"))
                    .next(format!("Correct `pages` of the request in {}", call.file)));
            }
            request.query.insert(pages.parameter.clone(), "{{ page }}".to_owned());
            page = next;
        }
        Err(Error::invalid(format!("{call} has more than {MOST_PAGES} pages of keys"))
            .next("Delete keys that nobody uses, or ask for more keys on a page"))
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
