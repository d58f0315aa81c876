use async_trait::async_trait;
use aws_sdk_rds::Client;
use aws_sdk_rds::config::http::HttpResponse;
use aws_sdk_rds::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_rds::types::{DbCluster, DbInstance};
use fourstep::accounts::{FoundServer, ServerLookup, same_host};
use fourstep::{Error, Result};
use fourstep_aws::{Operation, SdkConfig, Service, classify};
use tokio::sync::OnceCell;

/// Database servers of Amazon RDS and Aurora, by the AWS SDK.
///
/// The client is made with the first question, so a function that has none pays nothing. It needs
/// `rds:DescribeDBInstances`, and for clusters `rds:DescribeDBClusters`. Servers are looked up in the function's own account
/// and region.
///
/// Which host follows which, beyond equal names:
///
/// | primary | follows it |
/// | --- | --- |
/// | the end point of an instance | the end point of an instance that is a read replica of it |
/// | the writer end point of a cluster, or the end point of an instance in it | each of the cluster's end points (writer, reader, custom), and of the instances in it; the end point of an instance that is a read replica of the cluster |
///
/// A replica of a replica, one in another region, the end point of a global database, and one of RDS Proxy do not count.
#[derive(Debug, Default)]
pub struct RdsServers {
    client: OnceCell<Client>,
}

impl RdsServers {
    /// Uses a client that somebody else made, with that client's time-outs and retries.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client: OnceCell::new_with(Some(client)) }
    }

    /// Creates the client from a configuration.
    #[must_use]
    pub fn with_configuration(configuration: &SdkConfig) -> Self {
        Self::new(Client::new(configuration))
    }

    /// Creates the client from the environment of a Lambda function, once it is needed.
    ///
    /// `AWS_ENDPOINT_URL_RDS` and `AWS_ENDPOINT_URL` name another end point. An Amazon RDS that cannot be reached is
    /// `Unavailable` within 5 s.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::default()
    }

    async fn client(&self) -> &Client {
        self.client.get_or_init(async || Client::new(&fourstep_aws::configuration().await)).await
    }

    /// Finds an instance by its identifier or ARN.
    async fn instance(&self, name: &str) -> Result<Option<DbInstance>> {
        let answer = self.client().await.describe_db_instances().db_instance_identifier(name).send().await;
        match answer {
            Ok(answer) => Ok(answer.db_instances.unwrap_or_default().into_iter().next()),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(classify(&error, &DESCRIBE_DB_INSTANCES, name)),
        }
    }

    /// Finds a cluster by its identifier or ARN.
    async fn cluster(&self, name: &str) -> Result<Option<DbCluster>> {
        let answer = self.client().await.describe_db_clusters().db_cluster_identifier(name).send().await;
        match answer {
            Ok(answer) => Ok(answer.db_clusters.unwrap_or_default().into_iter().next()),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(classify(&error, &DESCRIBE_DB_CLUSTERS, name)),
        }
    }

    /// Finds the instance whose end point is `host`. An identifier is the first label of the end point.
    async fn instance_at(&self, host: &str) -> Result<Option<DbInstance>> {
        let instance = self.instance(first_label(host)).await?;
        Ok(instance.filter(|instance| address(instance).is_some_and(|address| same_host(address, host))))
    }

    /// Finds what is written to at `host`.
    async fn primary_at(&self, host: &str) -> Result<Option<Primary>> {
        if is_of_cluster(host) {
            let cluster = self.cluster(first_label(host)).await?;
            let cluster = cluster.filter(|cluster| cluster.endpoint().is_some_and(|writer| same_host(writer, host)));
            return Ok(cluster.map(|cluster| Primary::Cluster(Box::new(cluster))));
        }
        let Some(instance) = self.instance_at(host).await? else { return Ok(None) };
        match instance.db_cluster_identifier() {
            Some(id) => Ok(self.cluster(id).await?.map(|cluster| Primary::Cluster(Box::new(cluster)))),
            None => Ok(Some(Primary::Instance(Box::new(instance)))),
        }
    }
}

/// What is written to.
enum Primary {
    Instance(Box<DbInstance>),
    Cluster(Box<DbCluster>),
}

#[async_trait]
impl ServerLookup for RdsServers {
    async fn server(&self, arn: &str) -> Result<FoundServer> {
        let absent = || {
            Error::invalid(format!("{arn} does not exist in this account and region"))
                .next("It was deleted, or is elsewhere: name in `masterarn` the secret of an administrator of the secret's own server")
        };
        // arn:partition:rds:region:account:db:name, or …:cluster:name
        let (engine, host, port) = if arn.split(':').nth(5) == Some("cluster") {
            let cluster = self.cluster(arn).await?.ok_or_else(absent)?;
            (cluster.engine, cluster.endpoint, cluster.port)
        } else {
            let instance = self.instance(arn).await?.ok_or_else(absent)?;
            let (host, port) = instance.endpoint.map(|at| (at.address, at.port)).unwrap_or_default();
            (instance.engine, host, port)
        };
        let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
        match (engine, host, port) {
            (Some(engine), Some(host), Some(port)) => Ok(FoundServer { engine, host, port }),
            _ => Err(Error::unavailable(format!("{arn} has no end point"))
                .next("It is being made or deleted. Secrets Manager tries the rotation again by itself")
                .retried()),
        }
    }

    async fn follows(&self, follower: &str, primary: &str) -> Result<bool> {
        match self.primary_at(primary).await? {
            None => Ok(false),
            Some(Primary::Cluster(cluster)) => {
                let own = [cluster.endpoint(), cluster.reader_endpoint()].into_iter().flatten();
                if own.chain(cluster.custom_endpoints().iter().map(String::as_str)).any(|own| same_host(own, follower))
                {
                    return Ok(true);
                }
                let Some(instance) = self.instance_at(follower).await? else { return Ok(false) };
                let of = [instance.db_cluster_identifier(), instance.read_replica_source_db_cluster_identifier()];
                Ok(of.contains(&cluster.db_cluster_identifier()) && cluster.db_cluster_identifier().is_some())
            }
            Some(Primary::Instance(primary)) => {
                let Some(instance) = self.instance_at(follower).await? else { return Ok(false) };
                let source = instance.read_replica_source_db_instance_identifier();
                Ok(source.is_some() && source == primary.db_instance_identifier())
            }
        }
    }
}

const RDS: Service = Service {
    name: "Amazon RDS",
    noun: "server",
    found_by: "Correct `host` in the secret's JSON, or `masterarn`",
    prefix: "rds",
    endpoint_variable: "AWS_ENDPOINT_URL_RDS",
    further_policy: "",
    needed: "; Amazon RDS is asked only where it manages the administrator's secret, or where that and this secret name different hosts",
};

const DESCRIBE_DB_INSTANCES: Operation =
    Operation { service: &RDS, name: "DescribeDBInstances", key_permissions: "kms:Decrypt" };
const DESCRIBE_DB_CLUSTERS: Operation =
    Operation { service: &RDS, name: "DescribeDBClusters", key_permissions: "kms:Decrypt" };

fn address(instance: &DbInstance) -> Option<&str> {
    instance.endpoint()?.address()
}

fn first_label(host: &str) -> &str {
    host.split('.').next().unwrap_or_default()
}

/// Returns whether a name is an end point of a cluster rather than an instance: `name.cluster-…` with `-ro` or `-custom`.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html>
fn is_of_cluster(host: &str) -> bool {
    host.split('.').nth(1).is_some_and(|label| label.to_ascii_lowercase().starts_with("cluster-"))
}

/// Returns whether Amazon RDS has nothing of this name: nothing was found, or it is no valid name there.
fn is_absent<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    // https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBInstances.html#API_DescribeDBInstances_Errors
    // For what is no identifier: "must begin with a letter; must contain only ASCII letters, digits, and hyphens".
    ["DBInstanceNotFound", "DBClusterNotFoundFault", "InvalidParameterValue"]
        .iter()
        .any(|code| error.code() == Some(code))
}

#[cfg(test)]
mod tests;
