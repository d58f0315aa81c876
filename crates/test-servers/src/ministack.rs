//! CloudFormation with SAM, Lambda and S3, as others emulate them: what a deployment needs.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use fourstep_testkit::aws::FunctionError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::process::Child;
use tokio::time::sleep;

use crate::http;
use crate::listening::listening;
use crate::tools::tool;

/// A `ministack` of one's own. It runs the `bootstrap` of a zip as a process. It ends when it is dropped.
pub struct Ministack {
    address: SocketAddr,
    /// Kills the server when dropped.
    _server: Child,
}

const BUCKET: &str = "dist";

impl Ministack {
    /// Starts it on a free port, with variables that its functions get too: where AWS is, and nothing else.
    ///
    /// `None`: it is not installed, which fails where `CI` is set.
    ///
    /// # Errors
    ///
    /// If it does not come up.
    pub async fn start(variables: &[(&str, &OsStr)]) -> io::Result<Option<Self>> {
        let Some(program) = tool("ministack", "bin/ministack") else { return Ok(None) };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let (address, server) = listening(&program, |command, port| {
            command
                .env_clear()
                .env("PATH", &path)
                .env("GATEWAY_PORT", port.to_string())
                .env("BIND_HOST", "127.0.0.1")
                .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
                .envs(variables.iter().copied());
        })
        .await?;
        let this = Self { address, _server: server };
        this.done("s3", "PUT", &format!("/{BUCKET}"), &[], &[]).await?;
        Ok(Some(this))
    }

    /// Stores a file in S3, and returns its address there.
    ///
    /// # Errors
    ///
    /// If it is not stored.
    pub async fn upload(&self, name: &str, content: &[u8]) -> io::Result<String> {
        self.done("s3", "PUT", &format!("/{BUCKET}/{name}"), &[], content).await?;
        Ok(format!("s3://{BUCKET}/{name}"))
    }

    /// Creates a stack of a template that was uploaded, and returns its outputs, or why it was refused.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn create_stack(
        &self,
        name: &str,
        template: &str,
        parameters: &[(&str, &str)],
    ) -> io::Result<Result<BTreeMap<String, String>, String>> {
        let template = template.replace("s3://", &format!("http://{}/", self.address));
        let mut form = vec![("StackName".to_owned(), name.to_owned()), ("TemplateURL".to_owned(), template)];
        form.push(("Capabilities.member.1".to_owned(), "CAPABILITY_IAM".to_owned()));
        form.push(("Capabilities.member.2".to_owned(), "CAPABILITY_AUTO_EXPAND".to_owned()));
        for (number, (key, value)) in (1..).zip(parameters) {
            form.push((format!("Parameters.member.{number}.ParameterKey"), (*key).to_owned()));
            form.push((format!("Parameters.member.{number}.ParameterValue"), (*value).to_owned()));
        }
        let (status, answer) = self.cloudformation("CreateStack", &form).await?;
        if status != 200 {
            return Ok(Err(between(&answer, "<Message>", "</Message>").next().unwrap_or(&answer).to_owned()));
        }
        loop {
            let (_, answer) = self.cloudformation("DescribeStacks", &form[..1]).await?;
            let status = between(&answer, "<StackStatus>", "</StackStatus>").next().unwrap_or_default();
            if status == "CREATE_COMPLETE" {
                return Ok(Ok(outputs(&answer)));
            }
            if !status.ends_with("_IN_PROGRESS") {
                return Ok(Err(answer));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Returns the types of what a stack made.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn resource_types(&self, stack: &str) -> io::Result<Vec<String>> {
        let form = [("StackName".to_owned(), stack.to_owned())];
        let (_, answer) = self.cloudformation("DescribeStackResources", &form).await?;
        Ok(between(&answer, "<ResourceType>", "</ResourceType>").map(str::to_owned).collect())
    }

    /// Invokes a function, as Secrets Manager does.
    ///
    /// # Errors
    ///
    /// If there is no answer.
    pub async fn invoke(&self, function: &str, event: &Value) -> io::Result<Result<Value, FunctionError>> {
        let function = utf8_percent_encode(function, NON_ALPHANUMERIC);
        let path = format!("/2015-03-31/functions/{function}/invocations");
        let answer = self.done("lambda", "POST", &path, &[], event.to_string().as_bytes()).await?;
        let answer: Value = serde_json::from_str(&answer)?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Ok(match text("errorType") {
            Some(error_type) => Err(FunctionError { error_type, message: text("errorMessage").unwrap_or_default() }),
            None => Ok(answer),
        })
    }

    async fn cloudformation(&self, action: &str, form: &[(String, String)]) -> io::Result<(u16, String)> {
        let mut body = format!("Version=2010-05-15&Action={action}");
        for (name, value) in form {
            body += &format!("&{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC));
        }
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        self.ask("cloudformation", "POST", "/", &headers, body.as_bytes()).await
    }

    async fn done(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<String> {
        let (status, answer) = self.ask(service, method, path, headers, body).await?;
        if status < 300 { Ok(answer) } else { Err(io::Error::other(format!("{method} {path}: {status} {answer}"))) }
    }

    async fn ask(
        &self,
        service: &str,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<(u16, String)> {
        // It reads from the scope of the signature which service is meant, and checks nothing of it.
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=host, Signature=none"
        );
        let headers: Vec<_> = headers.iter().copied().chain([("Authorization", authorization.as_str())]).collect();
        http::exchange(&self.address.to_string(), method, path, &headers, body).await
    }
}

fn outputs(answer: &str) -> BTreeMap<String, String> {
    let keys = between(answer, "<OutputKey>", "</OutputKey>").map(str::to_owned);
    keys.zip(between(answer, "<OutputValue>", "</OutputValue>").map(str::to_owned)).collect()
}

fn between<'a>(text: &'a str, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
}
