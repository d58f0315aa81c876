use std::collections::BTreeSet;

use crate::place::Place;
use crate::provider::auth::Auth;
use crate::provider::request::{Means, Method, RequestSection};
use crate::provider::{KEY_ID, Kind, ProviderFile, uses};
use crate::template::{self, Fault};

/// What is wrong with a file, and where: `, request …, field …`.
pub(super) struct Wrong {
    pub(super) place: String,
    pub(super) message: String,
}

type Result<T = ()> = std::result::Result<T, Wrong>;

/// Checks what serde cannot: that the requests fit the kind, that templates can be filled in, that pointers are
/// pointers.
pub(super) fn check(provider: &ProviderFile) -> Result {
    fits_kind(provider)?;
    base(provider)?;
    secret(provider)?;
    let declared = declared("secret", &provider.secret.parameters, &provider.secret.secrets);
    let key_id = || provider.secret.id.as_ref().map(|_| KEY_ID.to_owned());
    let own: BTreeSet<_> = declared.iter().cloned().chain(["key".to_owned()]).chain(key_id()).collect();
    auth(&provider.auth, "auth", &own)?;
    if !provider.auth.variables().contains("key") && !provider.test.sent_variables().contains("key") {
        return wrong("auth", "neither `auth` nor the request `test` shows the `key`, so that no answer proves it");
    }
    if let Some(admin) = &provider.admin {
        auth(&admin.auth, "admin.auth", &self::declared("admin", &admin.parameters, &admin.secrets))?;
        proven(provider, &admin.test_proves)?;
        if matches!(admin.auth, Auth::None) {
            return wrong("admin.auth", "an administrator has to show who it is");
        }
    }
    for (name, request) in provider.requests() {
        let mut known = declared.clone();
        known.extend(variables_of(name, provider).into_iter().map(str::to_owned));
        // There it would be the id of the key that makes the request, and never of the one that goes.
        let ends_a_key = matches!(name, "disable" | "revoke");
        known.extend(key_id().filter(|_| !ends_a_key));
        if let Some(admin) = provider.admin.as_ref().filter(|_| name != "test") {
            known.extend(self::declared("admin", &admin.parameters, &admin.secrets));
        }
        wrong_in(name, self::request(name, request, &known))?;
        wrong_in(name, keeps_out_of_logs(provider, request))?;
        if ends_a_key && !request.sent_variables().contains("id") {
            return wrong_in(name, wrong("path", "it has to say by `{{ id }}` which key goes, or the body has to"));
        }
    }
    Ok(())
}

/// Adds the name of the request to what is wrong.
fn wrong_in(name: &str, result: Result) -> Result {
    result.map_err(|Wrong { place, message }| Wrong { place: format!(", request `{name}`{place}"), message })
}

fn wrong<T>(field: &str, message: impl Into<String>) -> Result<T> {
    let place = if field.is_empty() { String::new() } else { format!(", field `{field}`") };
    Err(Wrong { place, message: message.into() })
}

fn fits_kind(provider: &ProviderFile) -> Result {
    let (kind, needed, allowed): (_, &[&str], &[&str]) = match provider.kind {
        Kind::Minted => ("minted", &["create", "revoke", "test"], &["create", "revoke", "test", "list", "disable"]),
        Kind::Pushed => ("pushed", &["set", "test"], &["set", "test", "read"]),
        Kind::Rolled => ("rolled", &["roll", "test"], &["roll", "test"]),
    };
    let present: Vec<_> = provider.requests().map(|(name, _)| name).collect();
    if let Some(missing) = needed.iter().find(|name| !present.contains(name)) {
        return wrong("kind", format!("a {kind} key needs the request `{missing}`, and there is none"));
    }
    if let Some(surplus) = present.iter().find(|name| !allowed.contains(name)) {
        return wrong("kind", format!("a {kind} key has no request `{surplus}`"));
    }
    if provider.kind == Kind::Rolled && !provider.loss_possible {
        return wrong(
            "loss_possible",
            "a rolled key is lost if the answer to `roll` does not arrive: the old one is dead, and nobody has the new one. Choose another kind if the service has one; if not, say `loss_possible = true`",
        );
    }
    if provider.kind != Kind::Rolled && provider.loss_possible {
        return wrong("loss_possible", format!("no {kind} key is lost with an answer; remove it"));
    }
    if provider.kind == Kind::Minted && provider.secret.id.is_none() {
        return wrong(
            "secret.id",
            "a minted key needs the field in which its id is stored, or it could never be revoked",
        );
    }
    Ok(())
}

fn base(provider: &ProviderFile) -> Result {
    let urls = [("base_url", Some(&provider.base_url)), ("auth.oauth2.token_url", token_url(&provider.auth))];
    for (field, url) in urls {
        let Some(url) = url else { continue };
        let used = template::variables(url, Place::Credential).or_else(|Fault(message)| wrong(field, message))?;
        if let Some(other) = used.iter().find(|name| !name.starts_with("env.")) {
            return wrong(
                field,
                format!("`{other}` cannot be in it: hosts come from the file and the function alone, as `env.NAME`"),
            );
        }
        let fixed = url.starts_with("https://") || url.starts_with("http://") || url.starts_with("{{");
        if !fixed {
            return wrong(field, "it has to begin with https://, or with `{{ env.NAME }}` that does");
        }
    }
    Ok(())
}

fn token_url(auth: &Auth) -> Option<&String> {
    match auth {
        Auth::OAuth2(oauth2) => Some(&oauth2.token_url),
        _ => None,
    }
}

fn secret(provider: &ProviderFile) -> Result {
    let section = &provider.secret;
    let mut seen = BTreeSet::new();
    let fields = [&section.value].into_iter().chain(&section.id).chain(&section.parameters).chain(&section.secrets);
    for field in fields {
        if field == "masterarn" {
            return wrong("secret", "`masterarn` names the administrator's secret, and is nothing else");
        }
        if !seen.insert(field) {
            return wrong("secret", format!("`{field}` is there twice"));
        }
    }
    Ok(())
}

/// What a request does not even say cannot be proved by its answer. What `equals` compares with is not said: where the line does
/// not hold, the status may mean success all the same.
fn proven(provider: &ProviderFile, fields: &[String]) -> Result {
    let said: BTreeSet<_> = provider.test.sent_variables().into_iter().chain(provider.auth.variables()).collect();
    let is_said =
        |field: &String| uses(&said, field) || provider.secret.id.as_ref() == Some(field) && said.contains(KEY_ID);
    match fields.iter().find(|field| !is_said(field)) {
        None => Ok(()),
        Some(field) => wrong(
            "admin.test_proves",
            format!(
                "`{field}` stands neither in the request `test` nor in `auth`, so that no answer shows whose it is"
            ),
        ),
    }
}

fn declared(object: &str, parameters: &[String], secrets: &[String]) -> BTreeSet<String> {
    parameters.iter().chain(secrets).map(|name| format!("{object}.{name}")).collect()
}

/// Returns what a request's templates may use beside the fields of the secret.
fn variables_of(request: &str, provider: &ProviderFile) -> Vec<&'static str> {
    let lifetime = provider.lifetime.is_some();
    let expires = ["expires.date", "expires.time", "expires.unix", "expires.seconds"].into_iter().filter(|_| lifetime);
    match request {
        "create" => ["name", "idempotency_key"].into_iter().chain(expires).collect(),
        "roll" => ["idempotency_key"].into_iter().chain(expires).collect(),
        "disable" | "revoke" => vec!["id"],
        "test" => vec!["key"],
        "set" if provider.read.is_some() => vec!["new_key", "found"],
        "set" => vec!["new_key"],
        _ => Vec::new(),
    }
}

fn auth(auth: &Auth, field: &str, known: &BTreeSet<String>) -> Result {
    let text = |field: &str, text: &str, place| templates_know(field, text, place, known);
    match auth {
        Auth::Bearer(value) => {
            header_value(&format!("{field}.bearer"), value)?;
            text(&format!("{field}.bearer"), value, Place::Header)
        }
        Auth::None => Ok(()),
        Auth::Headers(headers) => headers.iter().try_for_each(|(name, value)| {
            let field = format!("{field}.headers.{name}");
            header_name(&field, name)?;
            header_value(&field, value)?;
            text(&field, value, Place::Header)
        }),
        Auth::Header(header) => {
            header_name(&format!("{field}.header.name"), &header.name)?;
            header_value(&format!("{field}.header.value"), &header.value)?;
            text(&format!("{field}.header.value"), &header.value, Place::Header)
        }
        Auth::Basic(basic) => {
            text(&format!("{field}.basic.username"), &basic.username, Place::Credential)?;
            text(&format!("{field}.basic.password"), &basic.password, Place::Credential)
        }
        Auth::Query(query) => text(&format!("{field}.query.value"), &query.value, Place::Query),
        Auth::OAuth2(oauth2) => {
            text(&format!("{field}.oauth2.client_id"), &oauth2.client_id, Place::Credential)?;
            text(&format!("{field}.oauth2.client_secret"), &oauth2.client_secret, Place::Credential)?;
            oauth2
                .parameters
                .iter()
                .try_for_each(|(name, value)| text(&format!("{field}.oauth2.parameters.{name}"), value, Place::Form))
        }
    }
}

fn request(name: &str, request: &RequestSection, known: &BTreeSet<String>) -> Result {
    let text = |field: &str, text: &str, place| templates_know(field, text, place, known);
    let literal = outside_of_braces(&request.path);
    if !request.path.starts_with('/') || literal.contains("..") || literal.contains(['?', '#', '\\']) {
        return wrong(
            "path",
            "it has to begin with `/`, without `..`, and without the query, which has a field of its own",
        );
    }
    path_can_be_sent(&request.path)?;
    text("path", &request.path, Place::Path)?;
    for (name, value) in &request.query {
        text(&format!("query.{name}"), value, Place::Query)?;
    }
    for (name, value) in &request.headers {
        header_name(&format!("headers.{name}"), name)?;
        header_value(&format!("headers.{name}"), value)?;
        text(&format!("headers.{name}"), value, Place::Header)?;
    }
    for (name, value) in request.form.iter().flatten() {
        text(&format!("form.{name}"), value, Place::Form)?;
    }
    if let Some(json) = &request.json {
        texts_of(json, &mut |value| text("json", value, Place::Json))?;
    }
    match (request.method, request.json.is_some(), request.form.is_some()) {
        (_, true, true) => return wrong("form", "there is a body of JSON already"),
        (Method::Get, json, form) if json || form => return wrong("method", "GET has no body"),
        _ => {}
    }
    if matches!(name, "test" | "list" | "read") && !matches!(request.method, Method::Get | Method::Post) {
        return wrong("method", "it has to change nothing: GET, or POST where the service asks for that");
    }
    for status in request.expect.iter().chain(request.answers.iter().map(|answer| &answer.status)) {
        if !(200..=599).contains(status) {
            return wrong("expect", format!("{status} is no status of an answer"));
        }
    }
    for expected in &request.answers {
        if let Some(equals) = &expected.equals {
            texts_of(equals, &mut |value| text("answers.equals", value, Place::Json))?;
        }
    }
    answer(name, request)
}

/// Refuses secrets where the service's logs, and those of whatever stands before it, would keep them.
fn keeps_out_of_logs(provider: &ProviderFile, request: &RequestSection) -> Result {
    let admin = provider.admin.iter().flat_map(|admin| declared("admin", &[], &admin.secrets));
    let secrets: Vec<_> = declared("secret", &[], &provider.secret.secrets).into_iter().chain(admin).collect();
    let is_secret = |name: &String| {
        let within = |secret: &String| {
            name.strip_prefix(secret.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        matches!(name.as_str(), "key" | "new_key") || secrets.iter().any(within)
    };
    let logged = [("path", &request.path)].into_iter().chain(request.query.values().map(|value| ("query", value)));
    for (field, value) in logged {
        match template::variables(value, Place::Query).unwrap_or_default().into_iter().find(is_secret) {
            None => {}
            Some(name) if name == "key" => {
                return wrong(field, "logs of the service would keep the key: send it in a header or the body");
            }
            Some(name) => {
                return wrong(
                    field,
                    format!("logs of the service would keep `{name}`: send it in a header or the body"),
                );
            }
        }
    }
    Ok(())
}

fn answer(name: &str, request: &RequestSection) -> Result {
    let answer = &request.answer;
    let makes = matches!(name, "create" | "roll");
    let lists = name == "list";
    let fields: [(&str, &Option<String>, bool, bool); 6] = [
        ("value", &answer.value, makes, makes),
        ("id", &answer.id, makes || lists || name == "test", name == "create" || lists),
        ("expires", &answer.expires, makes, false),
        ("keys", &answer.keys, lists, lists),
        ("name", &answer.name, lists, false),
        ("created", &answer.created, lists, false),
    ];
    for (field, pointer, allowed, needed) in fields {
        let field = format!("answer.{field}");
        match pointer {
            Some(_) if !allowed => return wrong(&field, "nothing reads that in this request"),
            None if needed => return wrong(&field, "it has to say where in the answer that is, as `/result/id`"),
            Some(text) => pointer_is_one(&field, text)?,
            None => {}
        }
    }
    if answer.name.is_some() && answer.created.is_some() {
        return wrong("answer.created", "a list that shows names needs no times; remove it");
    }
    if !makes && !answer.save.is_empty() {
        return wrong("answer.save", "nothing is stored of this request");
    }
    if !lists && (!answer.matching.is_empty() || request.pages.is_some()) {
        return wrong("pages", "only a list has pages and a `where`");
    }
    answer.save.values().try_for_each(|text| pointer_is_one("answer.save", text))?;
    answer.matching.keys().try_for_each(|text| pointer_is_one("answer.where", text))?;
    for expected in &request.answers {
        expected.pointer.iter().try_for_each(|text| pointer_is_one("answers.pointer", text))?;
        let conditions = usize::from(expected.equals.is_some()) + usize::from(expected.present.is_some());
        if conditions != usize::from(expected.pointer.is_some()) {
            return wrong("answers", "a `pointer` goes together with either `equals` or `present`");
        }
        if expected.text.is_some() && matches!(expected.means, Means::Success | Means::LimitReached) {
            return wrong("answers.text", "nobody reads it, since this is no error");
        }
        if expected.means == Means::LimitReached && name != "create" {
            return wrong("answers", "`limit-reached` is an answer to `create` alone");
        }
    }
    if let Some(pages) = &request.pages {
        if pages.link == pages.parameter.is_some() {
            return wrong("pages", "it needs either `parameter` or `link = true`");
        }
        if pages.link && (pages.cursor.is_some() || pages.size.is_some() || pages.first != 1) {
            return wrong("pages", "`link` says all: remove `cursor`, `size` and `first`");
        }
        pages.cursor.iter().try_for_each(|text| pointer_is_one("pages.cursor", text))?;
    }
    Ok(())
}

fn pointer_is_one(field: &str, pointer: &str) -> Result {
    if pointer.is_empty() || pointer.starts_with('/') {
        return Ok(());
    }
    wrong(field, format!("`{pointer}` is no JSON Pointer: it begins with `/`, as `/result/id`"))
}

fn header_name(field: &str, name: &str) -> Result {
    if name.parse::<reqwest::header::HeaderName>().is_err() {
        return wrong(field, "that is no name of a header");
    }
    let own = ["host", "content-length", "transfer-encoding", "connection"];
    if own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
        return wrong(field, "that header is not for a file to set");
    }
    Ok(())
}

/// Refuses what no value of the template can mend.
fn header_value(field: &str, value: &str) -> Result {
    if value.contains(char::is_control) {
        return wrong(field, "no header may have a line break");
    }
    if !value.is_ascii() {
        return wrong(field, "a header may have no other characters than those of ASCII");
    }
    Ok(())
}

/// Refuses a path that a URL would spell otherwise, so that it would lead somewhere else than it says.
fn path_can_be_sent(path: &str) -> Result {
    let filled = without_braces(path, "x");
    let mut url = url::Url::parse("https://base.invalid/").expect("it is a URL");
    url.set_path(&filled);
    if url.path() == filled {
        return Ok(());
    }
    let odd = filled
        .chars()
        .find(|character| !character.is_ascii_alphanumeric() && !"-._~!$&'()*+,;=:@/%".contains(*character));
    match odd {
        Some(odd) => wrong("path", format!("`{odd}` cannot stand in a path as it is: write it in percent-encoding")),
        None => wrong("path", "no part of it may be `.` or `..`"),
    }
}

fn templates_know(field: &str, text: &str, place: Place, known: &BTreeSet<String>) -> Result {
    let used = template::variables(text, place).or_else(|Fault(message)| wrong(field, message))?;
    // What `read` found has any shape.
    let is_known = |name: &String| {
        known.contains(name) || (known.contains("found") && (name == "found" || name.starts_with("found.")))
    };
    match used.into_iter().find(|name| !is_known(name)) {
        None => Ok(()),
        Some(name) => {
            let known = Vec::from_iter(known.iter().map(String::as_str)).join(", ");
            let known = if known.is_empty() { "nothing".to_owned() } else { known };
            wrong(
                field,
                format!(
                    "`{name}` is not known here. Known are: {known}. Fields of the secret are declared in `secret.parameters` or `secret.secrets`"
                ),
            )
        }
    }
}

fn texts_of(json: &serde_json::Value, each: &mut impl FnMut(&str) -> Result) -> Result {
    match json {
        serde_json::Value::String(text) => each(text),
        serde_json::Value::Array(items) => items.iter().try_for_each(|item| texts_of(item, each)),
        serde_json::Value::Object(fields) => fields.values().try_for_each(|value| texts_of(value, each)),
        _ => Ok(()),
    }
}

fn outside_of_braces(text: &str) -> String {
    without_braces(text, "")
}

/// Returns a template's text with something else in the place of what stands in braces.
fn without_braces(text: &str, instead: &str) -> String {
    let mut rest = text;
    let mut outside = String::new();
    while let Some((before, after)) = rest.split_once("{{") {
        outside.push_str(before);
        outside.push_str(instead);
        rest = after.split_once("}}").map_or("", |(_, after)| after);
    }
    outside + rest
}
