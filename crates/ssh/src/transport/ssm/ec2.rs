//! Amazon EC2, as far as it is asked: which instances have a tag, or some ids.
//!
//! One operation of a service with hundreds: it goes through the SDK's own layers, which sign it, limit its time and try it
//! again, and only its request and its answer are written here.

use std::fmt;

use aws_runtime::auth::SigV4OperationSigningConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_ssm::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::AuthSchemeOptionResolverParams;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use aws_types::service_config::ServiceConfigKey;
use fourstep::{Error, Result};
use fourstep_aws::{SdkConfig, Service, classify};
use futures_util::FutureExt;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::transport::ssm::instances::{Instance, Page, leaves};

/// The version of the interface, and how many instances an answer has at the most.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>
const REQUEST: &str = "Action=DescribeInstances&Version=2016-11-15&MaxResults=1000";

/// How many values a filter may have.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_Filter.html>
const MOST_VALUES: usize = 200;

const EC2: Service = Service {
    name: "Amazon EC2",
    noun: "instance",
    found_by: "Correct the tag of hosts",
    prefix: "ec2",
    endpoint_variable: "AWS_ENDPOINT_URL_EC2",
    further_policy: "",
    needed: ". It is needed only where hosts are found by a tag; SSH_HOSTS names them without it",
};

const DESCRIBE_INSTANCES: fourstep_aws::Operation =
    fourstep_aws::Operation { service: &EC2, name: "DescribeInstances", key_permissions: "" };

/// Amazon EC2, as far as it is asked.
#[derive(Clone, Debug)]
pub(super) struct Ec2 {
    describe: Option<Operation<String, Page, Refusal>>,
}

impl Ec2 {
    pub(super) fn new(configuration: &SdkConfig) -> Self {
        Self { describe: operation(configuration) }
    }

    /// Lists all instances that have every one of some tags, in any state.
    pub(super) async fn with_tags(&self, tags: &[(&str, &str)]) -> Result<Vec<Instance>> {
        let names: Vec<_> = tags.iter().map(|(name, _)| format!("tag:{name}")).collect();
        let filters: Vec<_> =
            names.iter().zip(tags).map(|(name, (_, value))| (name.as_str(), vec![literally(value)])).collect();
        self.matching(&filters).await
    }

    /// Lists those of some ids that there are, in any state.
    pub(super) async fn with_ids(&self, ids: &[String]) -> Result<Vec<Instance>> {
        let mut found = Vec::new();
        for ids in ids.chunks(MOST_VALUES) {
            found.extend(self.matching(&[("instance-id", ids.to_vec())]).await?);
        }
        Ok(found)
    }

    async fn matching(&self, filters: &[(&str, Vec<String>)]) -> Result<Vec<Instance>> {
        let describe = self.describe.as_ref().ok_or_else(|| {
            Error::invalid("no AWS region is set").next("Set the variable AWS_REGION; Lambda does so by itself")
        })?;
        let request = request(filters);
        let mut found = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let request = match &token {
                Some(token) => format!("{request}&NextToken={}", encoded(token)),
                None => request.clone(),
            };
            let page = describe.invoke(request).await;
            let page = page.map_err(|error| classify(&error, &DESCRIBE_INSTANCES, "instances"))?;
            found.extend(page.instances);
            token = page.next;
            if token.is_none() {
                return Ok(found);
            }
        }
    }
}

/// Makes the operation from what every other client is made of. `None`: no region is known.
fn operation(configuration: &SdkConfig) -> Option<Operation<String, Page, Refusal>> {
    let region = configuration.region()?.clone();
    let mut layer = Layer::new("DescribeInstances");
    layer.store_put(AuthSchemeOptionResolverParams::new(()));
    layer.store_put(SigV4OperationSigningConfig {
        region: Some(SigningRegion::from(region)),
        name: Some(SigningName::from_static("ec2")),
        ..SigV4OperationSigningConfig::default()
    });
    let mut components = RuntimeComponentsBuilder::new("DescribeInstances")
        .with_auth_scheme(SigV4AuthScheme::new())
        .with_auth_scheme_option_resolver(Some(StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID])))
        .with_retry_classifier(AwsErrorCodeClassifier::<Refusal>::new())
        .with_retry_classifier(TransientErrorClassifier::<Refusal>::new())
        .with_retry_classifier(HttpStatusCodeClassifier::default());
    if let Some(credentials) = configuration.credentials_provider() {
        components.set_identity_resolver(SCHEME_ID, credentials);
    }
    let plugin = StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components);
    let mut builder = Operation::builder()
        .service_name(EC2.name)
        .operation_name(DESCRIBE_INSTANCES.name)
        .endpoint_url(&end_point(configuration)?)
        .runtime_plugin(plugin);
    if let Some(version) = configuration.behavior_version() {
        builder = builder.behavior_version(version);
    }
    if let Some(client) = configuration.http_client() {
        builder = builder.http_client(client);
    }
    if let Some(retries) = configuration.retry_config() {
        builder = builder.standard_retry(retries);
    }
    if let Some(limits) = configuration.timeout_config() {
        builder = builder.timeout_config(limits.clone());
    }
    Some(builder.serializer(serialize).deserializer(deserialize).build())
}

/// Returns where EC2 is called: as the configuration says, or where its name stands in place of Systems Manager's.
fn end_point(configuration: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("EC2").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let named = key.ok().and_then(|key| configuration.service_config()?.load_config(key));
    if let Some(named) = named.or_else(|| configuration.endpoint_url().map(str::to_owned)) {
        return Some(named);
    }
    let place = Params::builder()
        .region(configuration.region()?.to_string())
        .use_fips(configuration.use_fips().unwrap_or_default())
        .use_dual_stack(configuration.use_dual_stack().unwrap_or_default())
        .build()
        .ok()?;
    let resolver = DefaultResolver::new();
    // It is worked out, and nothing is waited for.
    let place = ResolveEndpoint::resolve_endpoint(&resolver, &place).now_or_never()?.ok()?;
    Some(place.url().replacen("//ssm", "//ec2", 1))
}

fn serialize(request: String) -> Result<HttpRequest, BoxError> {
    let mut http = HttpRequest::new(SdkBody::from(request));
    http.set_method("POST")?;
    http.set_uri("/")?;
    http.headers_mut().try_append("content-type", "application/x-www-form-urlencoded")?;
    Ok(http)
}

fn deserialize(response: &HttpResponse) -> Result<Page, OrchestratorError<Refusal>> {
    let text = str::from_utf8(response.body().bytes().unwrap_or_default()).map_err(OrchestratorError::other)?;
    if !response.status().is_success() {
        return Err(OrchestratorError::operation(Refusal::read(text)));
    }
    Page::read(text).map_err(OrchestratorError::other)
}

fn request(filters: &[(&str, Vec<String>)]) -> String {
    let mut request = REQUEST.to_owned();
    for ((name, values), number) in filters.iter().zip(1..) {
        request += &format!("&Filter.{number}.Name={}", encoded(name));
        for (value, at) in values.iter().zip(1..) {
            request += &format!("&Filter.{number}.Value.{at}={}", encoded(value));
        }
    }
    request
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Writes a value that stands for itself: a filter takes `*` and `?` for any characters.
fn literally(value: &str) -> String {
    value.chars().flat_map(|sign| "*?\\".contains(sign).then_some('\\').into_iter().chain([sign])).collect()
}

/// What the service refused, by its code.
#[derive(Debug)]
struct Refusal(ErrorMetadata);

impl Refusal {
    fn read(text: &str) -> Self {
        let found = leaves(text, &["Code", "Message"]).unwrap_or_default();
        let text = |name: &str| found.iter().find(|(known, _)| known == name).map(|(_, text)| text.as_str());
        let mut metadata = ErrorMetadata::builder();
        if let Some(code) = text("Code") {
            metadata = metadata.code(code);
        }
        Self(metadata.message(text("Message").unwrap_or_default()).build())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_asked_for_as_it_is_written() {
        let request = request(&[("tag:Rôle", vec![literally("a*b?c\\d")])]);
        assert_eq!(request, format!("{REQUEST}&Filter.1.Name=tag%3AR%C3%B4le&Filter.1.Value.1=a%5C%2Ab%5C%3Fc%5C%5Cd"));
    }

    #[test]
    fn a_refusal_is_told_by_its_code() {
        let text = "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>";
        assert_eq!(Refusal::read(text).code(), Some("UnauthorizedOperation"));
        assert_eq!(Refusal::read("<html>").code(), None);
    }

    #[test]
    fn the_end_point_is_of_the_region_and_its_partition() {
        for (region, fips, expected) in [
            ("eu-central-1", false, "https://ec2.eu-central-1.amazonaws.com"),
            ("us-east-1", true, "https://ec2-fips.us-east-1.amazonaws.com"),
            ("cn-north-1", false, "https://ec2.cn-north-1.amazonaws.com.cn"),
        ] {
            let configuration =
                SdkConfig::builder().region(aws_types::region::Region::new(region)).use_fips(fips).build();
            assert_eq!(end_point(&configuration).as_deref(), Some(expected));
        }
    }
}
