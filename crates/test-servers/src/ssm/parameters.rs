//! Parameter Store: parameters by their names, and how often they may be written.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Shared;
use crate::lock::lock;

/// What a parameter of the standard tier takes.
const LONGEST: usize = 4_096;

/// How many writes an account has in a second.
const WRITES_A_SECOND: usize = 3;

impl Shared {
    pub(super) fn put_parameter(&self, input: &Value) -> Result<Value, (u16, String)> {
        let (name, value) = (input["Name"].as_str().unwrap_or_default(), input["Value"].as_str().unwrap_or_default());
        let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
        if !plain || !name.starts_with('/') || value.is_empty() || value.len() > LONGEST {
            return Err((400, "ValidationException".to_owned()));
        }
        let mut writes = lock(&self.writes);
        writes.retain(|at: &Instant| at.elapsed() < Duration::from_secs(1));
        if writes.len() >= WRITES_A_SECOND {
            return Err((400, "ThrottlingException".to_owned()));
        }
        writes.push(Instant::now());
        lock(&self.parameters).insert(name.to_owned(), value.to_owned());
        Ok(json!({ "Version": 1, "Tier": "Standard" }))
    }

    pub(super) fn parameters_by_path(&self, input: &Value) -> Value {
        let below = format!("{}/", input["Path"].as_str().unwrap_or_default());
        let parameters = lock(&self.parameters);
        let start = input["NextToken"].as_str().and_then(|token| token.parse().ok()).unwrap_or(0);
        let found: Vec<_> = parameters.iter().filter(|(name, _)| name.starts_with(&below)).collect();
        let page = found.iter().skip(start).take(10);
        let page: Vec<_> =
            page.map(|(name, value)| json!({ "Name": name, "Value": value, "Type": "String" })).collect();
        let mut answer = json!({ "Parameters": page });
        if start + 10 < found.len() {
            answer["NextToken"] = (start + 10).to_string().into();
        }
        answer
    }

    pub(super) fn delete_parameters(&self, input: &Value) -> Value {
        let names = input["Names"].as_array().cloned().unwrap_or_default();
        let mut parameters = lock(&self.parameters);
        names.iter().filter_map(Value::as_str).for_each(|name| drop(parameters.remove(name)));
        json!({ "DeletedParameters": names })
    }
}
