use aws_sdk_secretsmanager::types::{Filter, FilterNameStringType};

use crate::call::Call;
use crate::error::Result;
use crate::operator::Operator;
use crate::secret::Secret;

/// Which secrets are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Those with these names or ARNs.
    Names(Vec<String>),
    /// Those with all of these tags.
    Tags(Vec<(String, String)>),
    /// All of the account in this region.
    All,
}

impl Operator {
    /// Lists the secrets of a selection, by name, as ListSecrets describes them.
    pub(crate) async fn list(&self, selection: &Selection) -> Result<Vec<Secret>> {
        let mut secrets = Vec::new();
        self.list_each(selection, |secret| secrets.push(secret)).await?;
        secrets.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(secrets)
    }

    /// Lists the secrets of a selection page by page, so that not all of them are held at once.
    pub(crate) async fn list_each(&self, selection: &Selection, mut take: impl FnMut(Secret)) -> Result<()> {
        let call = Call { service: "secretsmanager", operation: "ListSecrets", subject: "all secrets" };
        let mut filters = Vec::new();
        if let Selection::Tags(tags) = selection {
            let filter = |key, value: &str| Filter::builder().key(key).values(value).build();
            for (key, value) in tags {
                filters.push(filter(FilterNameStringType::TagKey, key));
                filters.push(filter(FilterNameStringType::TagValue, value));
            }
        }
        let request =
            self.secrets.list_secrets().set_filters((!filters.is_empty()).then_some(filters)).max_results(100);
        let mut pages = request.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| call.failed(&error))?;
            for secret in page.secret_list.unwrap_or_default().into_iter().map(Secret::from) {
                // The filters match the beginnings of keys and of values, each on its own.
                let is_meant = match selection {
                    Selection::Tags(tags) => tags.iter().all(|(key, value)| secret.tags.get(key) == Some(value)),
                    Selection::Names(_) | Selection::All => true,
                };
                if is_meant {
                    take(secret);
                }
            }
        }
        Ok(())
    }
}
