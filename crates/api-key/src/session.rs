use std::time::{Duration, SystemTime};

use fourstep::{Context, Error, Result};
use fourstep_server::TlsSettings;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use url::{Host, Url};
use zeroize::Zeroizing;

use crate::address::Allowed;
use crate::answer::{Answer, LARGEST};
use crate::call::Call;
use crate::error::{address_refused, no_answer};
use crate::provider::request::Method;
use crate::tls;

/// For the way to the service: its name, the connection, TLS.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// What the answer to a request leaves of the step, so that a key that was made can still be stored.
const TO_STORE: Duration = Duration::from_millis(750);
/// How often one request is sent, where the service asks to wait or an answer was lost that can be asked for again.
const MOST_SENT: u32 = 4;

/// The way to the hosts of one provider. It follows no redirect, reads no proxy variable and unpacks no answer.
pub(crate) struct Session {
    http: reqwest::Client,
    allowed: Allowed,
    limit: Duration,
}

/// A request that is ready to be sent. It may hold a key anywhere: it is never printed.
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Zeroizing<Vec<u8>>>,
    /// What may be done where it is not known whether the service acted on it.
    pub(crate) repeat: Repeat,
}

/// Whether a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It is not done twice, since it carries a key that tells the service so.
    Always,
    /// Only if the service said that it did not act on it.
    IfNotDone,
}

impl Session {
    /// Opens the way to the hosts of one provider. No connection is made yet.
    pub(crate) fn open(allowed: Allowed, limit: Duration, settings: &TlsSettings) -> Result<Self> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::config(settings)?)
            .dns_resolver(allowed.resolver())
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_LIMIT)
            .user_agent(concat!("fourstep/", env!("CARGO_PKG_VERSION")))
            .retry(reqwest::retry::never())
            .build()
            .map_err(|_| Error::other("the HTTP client cannot be made"))?;
        Ok(Self { http, allowed, limit })
    }

    /// Refuses a URL to which no request may go, as far as that can be told without looking its host up.
    ///
    /// # Errors
    ///
    /// `Invalid`, with the reason and the fix.
    pub(crate) fn admits(&self, url: &Url, call: Call<'_>) -> Result<()> {
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(Error::invalid(format!("{call} has no host")).next("Correct `base_url`")),
        };
        if let Some(address) = address {
            self.allowed.admits(address).map_err(|refused| address_refused(refused.0, call))?;
        }
        match url.scheme() {
            "https" => Ok(()),
            // Where only this machine can be meant, nobody listens in between.
            "http"
                if self.allowed.loopback
                    && (address.is_some_and(|ip| ip.is_loopback()) || url.host_str() == Some("localhost")) =>
            {
                Ok(())
            }
            _ => Err(Error::invalid(format!("{call} is named without TLS, and a key is not sent in plaintext"))
                .next("Let `base_url` begin with https://")),
        }
    }

    /// Sends a request and reads the answer, up to its limit. Waits, in the step's time, where the service asks for it.
    ///
    /// # Errors
    ///
    /// `Unavailable` if there is no answer; `Invalid` if it is too large, or none may be asked for.
    pub(crate) async fn exchange(&self, outgoing: &Outgoing, call: Call<'_>, cx: &Context<'_>) -> Result<Answer> {
        self.admits(&outgoing.url, call)?;
        let mut sent = 1;
        loop {
            let answer = self.send(outgoing, call, cx).await;
            let wait = match &answer {
                Ok(answer) => wait_asked_for(answer, outgoing.repeat),
                Err(error) if error.is_retryable() && outgoing.repeat == Repeat::Always => {
                    Some(Duration::from_millis(200))
                }
                Err(_) => None,
            };
            let Some(wait) = wait.filter(|wait| cx.may_wait(*wait)) else { return answer };
            if sent == MOST_SENT {
                return answer;
            }
            tracing::info!(request = call.request, wait = wait.as_secs_f32(), "the request is sent again after a wait");
            tokio::time::sleep(wait).await;
            sent += 1;
        }
    }

    async fn send(&self, outgoing: &Outgoing, call: Call<'_>, cx: &Context<'_>) -> Result<Answer> {
        let limit = self.limit.min(cx.remaining().saturating_sub(TO_STORE));
        let mut request = self
            .http
            .request(outgoing.method.into(), outgoing.url.clone())
            .headers(outgoing.headers.clone())
            .timeout(limit);
        if let Some(body) = &outgoing.body {
            request = request.body(body.to_vec());
        }
        let mut response = request.send().await.map_err(|error| no_answer(&error, limit, call))?;
        let now = SystemTime::now();
        let mut answer = Answer::head(response.status().as_u16(), response.headers(), &outgoing.url, now);
        let too_large = || {
            Error::invalid(format!("{call} answered with more than {LARGEST} bytes, which are not read"))
                .next(format!("Check `base_url` and the request's `path` in {}", call.file))
        };
        if response.content_length().is_some_and(|length| length > LARGEST as u64) {
            return Err(too_large());
        }
        let mut body = Zeroizing::new(Vec::new());
        while let Some(chunk) = response.chunk().await.map_err(|error| no_answer(&error, limit, call))? {
            if body.len() + chunk.len() > LARGEST {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        answer.json = serde_json::from_slice(&body).ok();
        Ok(answer)
    }
}

/// Returns how long the service asks to wait before it is asked again, if that is safe.
fn wait_asked_for(answer: &Answer, repeat: Repeat) -> Option<Duration> {
    match answer.status {
        // It says that it did not act.
        429 => answer.retry_after,
        503 if repeat == Repeat::Always => answer.retry_after,
        500..=599 if repeat == Repeat::Always => Some(Duration::from_millis(200)),
        _ => None,
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}
