use std::pin::Pin;

use fourstep::{Context, Error, Result, Sensitive};
use minijinja::Value;
use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope,
    TokenResponse as _, TokenUrl,
};
use url::Url;
use zeroize::Zeroizing;

use crate::call::Call;
use crate::error::{Verdict, classify};
use crate::place::Place;
use crate::provider::auth::{OAuth2, SendClient};
use crate::provider::request::{Method, RequestSection};
use crate::session::{Outgoing, Repeat, Session};
use crate::template::{self, Fault};

/// Exchanges a client's id and secret for a token (RFC 6749, section 4.4), for each request anew: a token that is kept
/// would go on working after the client's secret stopped, and prove nothing.
///
/// # Errors
///
/// | answer | kind |
/// | --- | --- |
/// | `invalid_client`, `invalid_grant`, or 401 | `Rejected`; of the administrator `Forbidden` |
/// | `unauthorized_client` | `Forbidden` |
/// | `invalid_scope`, `invalid_request`, `unsupported_grant_type`, another | `Invalid` |
/// | 429, 5xx, a page of HTML, none | `Unavailable` |
pub(crate) async fn token(
    oauth2: &OAuth2,
    url: &Url,
    values: &Value,
    session: &Session,
    call: Call<'_>,
    cx: &Context<'_>,
) -> Result<Sensitive> {
    let fill = |field: &str, source: &str, place| {
        template::render(source, place, values).map_err(|Fault(message)| {
            Error::invalid(format!("provider file {}, field `oauth2.{field}`: {message}", call.file))
                .next("Correct the file, or add the field to the secret")
        })
    };
    let client_id = ClientId::new(fill("client_id", &oauth2.client_id, Place::Credential)?.expose().to_owned());
    let client_secret =
        ClientSecret::new(fill("client_secret", &oauth2.client_secret, Place::Credential)?.expose().to_owned());
    let client = BasicClient::new(client_id)
        .set_client_secret(client_secret)
        .set_auth_type(match oauth2.send {
            SendClient::Header => AuthType::BasicAuth,
            SendClient::Body => AuthType::RequestBody,
        })
        .set_token_uri(TokenUrl::from_url(url.clone()));
    let mut request = client.exchange_client_credentials();
    for scope in &oauth2.scopes {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    for (name, value) in &oauth2.parameters {
        request = request.add_extra_param(name.clone(), fill(name, value, Place::Form)?.expose().to_owned());
    }
    match request.request_async(&Way { session, call, cx }).await {
        Ok(token) => {
            let token = Sensitive::new(token.access_token().secret());
            cx.learn(&token);
            Ok(token)
        }
        Err(RequestTokenError::Request(error)) => Err(error),
        Err(RequestTokenError::ServerResponse(refusal)) => Err(by_code(refusal.error(), call)),
        Err(RequestTokenError::Parse(..) | RequestTokenError::Other(_)) => {
            Err(Error::invalid(format!("{call} answered with something else than a token")).next("Correct `token_url`"))
        }
    }
}

/// Our way to the service, as the library wants it.
struct Way<'a> {
    session: &'a Session,
    call: Call<'a>,
    cx: &'a Context<'a>,
}

impl<'c> AsyncHttpClient<'c> for Way<'_> {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(exchange(request, self.session, self.call, self.cx))
    }
}

/// Sends the request for a token. What the standard does not describe is classified as any other answer.
async fn exchange(request: HttpRequest, session: &Session, call: Call<'_>, cx: &Context<'_>) -> Result<HttpResponse> {
    let (head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string()).map_err(|_| Error::other("the address of the token is no URL"))?;
    let outgoing = Outgoing {
        method: Method::Post,
        url,
        headers: head.headers,
        body: Some(Zeroizing::new(body)),
        repeat: Repeat::Always,
    };
    let answer = session.exchange(&outgoing, call, cx).await?;
    let described = matches!(answer.status, 200 | 400 | 401) && answer.json.is_some() && !answer.is_page;
    if !described {
        let any = RequestSection::of(Method::Post);
        if classify(&answer, &any, call)? == Verdict::Success && answer.json.is_none() {
            return Err(
                Error::invalid(format!("{call} answered with something else than JSON")).next("Correct `token_url`")
            );
        }
    }
    let body = answer.json.map(|json| json.to_string().into_bytes()).unwrap_or_default();
    let mut response = HttpResponse::new(body);
    *response.status_mut() = answer.status.try_into().map_err(|_| Error::other("the status is none"))?;
    Ok(response)
}

fn by_code(code: &BasicErrorResponseType, call: Call<'_>) -> Error {
    match code {
        BasicErrorResponseType::InvalidClient | BasicErrorResponseType::InvalidGrant if call.administrator => {
            Error::forbidden(format!("{call} refused the administrator's client secret"))
                .next("Correct the secret that `masterarn` names")
        }
        BasicErrorResponseType::InvalidClient | BasicErrorResponseType::InvalidGrant => {
            Error::rejected(format!("{call} refused the client's id and secret"))
        }
        BasicErrorResponseType::UnauthorizedClient => {
            Error::forbidden(format!("{call} does not let the client ask for tokens in this way"))
                .next("Allow the client the grant type client_credentials")
        }
        BasicErrorResponseType::InvalidScope => Error::invalid(format!("{call} does not give the client that scope"))
            .next(format!("Correct `scopes` in {}, or grant them to the client", call.file)),
        _ => Error::invalid(format!("{call} does not take the request for a token"))
            .next(format!("Correct `oauth2` in {}", call.file)),
    }
}
