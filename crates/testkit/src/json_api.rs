use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use fourstep::memory::MemoryStore;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::aws::{self, Operation, Refusal};

/// Secrets Manager, called by the names and the JSON of its API.
///
/// It stands below every client, so that a test can say what the service does and not what an SDK makes of it.
#[async_trait]
pub trait JsonApi: Send + Sync {
    /// Calls an operation.
    ///
    /// # Errors
    ///
    /// What the service refuses. A broken connection is a refusal with status 0 and the exception `ConnectionError`.
    async fn call(&self, operation: Operation, input: &Value) -> Result<Value, Refusal>;
}

#[async_trait]
impl JsonApi for Arc<MemoryStore> {
    async fn call(&self, operation: Operation, input: &Value) -> Result<Value, Refusal> {
        aws::perform(self, operation, input)
    }
}

/// Secrets Manager at an HTTP end point without TLS. Calls carry no valid signature.
#[derive(Clone, Debug)]
pub struct HttpApi {
    address: String,
}

impl HttpApi {
    /// Creates one for an end point, such as `http://127.0.0.1:5000`.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self { address: url.trim_start_matches("http://").trim_end_matches('/').to_owned() }
    }

    async fn exchange(&self, operation: Operation, input: &Value) -> io::Result<Result<Value, Refusal>> {
        let Self { address } = self;
        let body = input.to_string();
        // Without the scope of a signature, moto does not know which service and region are meant.
        let request = format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.1\r\n\
             X-Amz-Target: secretsmanager.{operation}\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=test/20260101/us-east-1/secretsmanager/aws4_request, SignedHeaders=host, Signature=none\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut response = String::new();
        stream.read_to_string(&mut response).await?;
        if response.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let malformed = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP response with JSON");
        let (head, body) = response.split_once("\r\n\r\n").ok_or_else(malformed)?;
        let status: u16 = head.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(malformed)?;
        let body: Value = if body.trim().is_empty() {
            Value::Object(serde_json::Map::new())
        } else {
            serde_json::from_str(body).map_err(|_| malformed())?
        };
        if status == 200 {
            return Ok(Ok(body));
        }
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Err(Refusal {
            status,
            exception: text("__type").unwrap_or_default(),
            message: text("message").or_else(|| text("Message")).unwrap_or_default(),
        }))
    }
}

#[async_trait]
impl JsonApi for HttpApi {
    async fn call(&self, operation: Operation, input: &Value) -> Result<Value, Refusal> {
        self.exchange(operation, input).await.unwrap_or_else(|error| {
            Err(Refusal { status: 0, exception: "ConnectionError".to_owned(), message: error.to_string() })
        })
    }
}
