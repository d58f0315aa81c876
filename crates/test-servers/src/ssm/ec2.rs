//! EC2: one operation, in the service's own form and XML.

use std::fmt::Write;
use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Node, Shared, has_tag};
use crate::lock::lock;

/// How many instances an answer has: few, so that tests see more than one part.
const MOST: usize = 40;

impl Shared {
    /// Answers DescribeInstances: nodes and other instances that all filters let pass, in any state.
    pub(super) fn describe_instances(&self, form: &str) -> (StatusCode, String) {
        if let Err((status, code)) = self.begin("DescribeInstances") {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let error = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
            return (status, format!("<Response><Errors>{error}</Errors><RequestID>r</RequestID></Response>"));
        }
        let fields: Vec<(String, String)> = form
            .split('&')
            .filter_map(|field| field.split_once('='))
            .map(|(name, value)| (name.to_owned(), decoded(value)))
            .collect();
        let field = |name: &str| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let mut filters: Vec<Value> = Vec::new();
        while let Some(key) = field(&format!("Filter.{}.Name", filters.len() + 1)) {
            let start = format!("Filter.{}.Value.", filters.len() + 1);
            let values: Vec<_> =
                fields.iter().filter(|(name, _)| name.starts_with(&start)).map(|(_, value)| value).collect();
            filters.push(json!({ "Key": key, "Values": values }));
        }
        let nodes = self.matching(&filters);
        let mut items: Vec<_> = nodes
            .iter()
            // A managed node is no instance.
            .filter(|node| node.id().starts_with("i-"))
            .map(|node| item(node.id(), node.state(), Some(node)))
            .collect();
        if filters.iter().all(has_tag) {
            items.extend(lock(&self.instances).iter().map(|(id, state)| item(id, state, None)));
        }
        let start = field("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
        let page: String = items.iter().skip(start).take(MOST).map(String::as_str).collect();
        let next = match start + MOST < items.len() {
            true => format!("<nextToken>{}</nextToken>", start + MOST),
            false => String::new(),
        };
        let space = "http://ec2.amazonaws.com/doc/2016-11-15/";
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DescribeInstancesResponse xmlns=\"{space}\"><requestId>r</requestId>\
             <reservationSet>{page}</reservationSet>{next}</DescribeInstancesResponse>"
        );
        (StatusCode::OK, body)
    }
}

fn item(id: &str, state: &str, node: Option<&Arc<Node>>) -> String {
    let mut item =
        format!("<instanceId>{id}</instanceId><instanceState><code>0</code><name>{state}</name></instanceState>");
    // A terminated instance has an id and tags, and nothing else.
    if let Some(node) = node.filter(|_| state != "terminated") {
        let system = match node.platform() {
            "Windows" => "<platform>windows</platform>",
            "MacOS" => "<instanceType>mac2.metal</instanceType>",
            _ => "",
        };
        let (dns, address, name) = (format!("{id}.compute.internal"), node.address(), node.name());
        let _ = write!(
            item,
            "{system}<privateDnsName>{dns}</privateDnsName><privateIpAddress>{address}</privateIpAddress>\
             <tagSet><item><key>Name</key><value>{name}</value></item></tagSet>"
        );
    }
    format!("<item><reservationId>r-{id}</reservationId><instancesSet><item>{item}</item></instancesSet></item>")
}

/// Reads a value of a form, in which everything but letters and digits is `%` and two digits.
fn decoded(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        let digit = |rest: &mut std::str::Bytes<'_>| rest.next().and_then(|sign| char::from(sign).to_digit(16));
        match byte {
            b'%' => {
                let two = digit(&mut rest).zip(digit(&mut rest)).map(|(high, low)| high * 16 + low);
                bytes.extend(two.and_then(|byte| u8::try_from(byte).ok()));
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
