//! The look-up of servers, by the real SDK, in an Amazon RDS that others wrote.

use aws_sdk_rds::Client;
use aws_sdk_rds::config::{BehaviorVersion, Config, Credentials, Region};
use fourstep::ErrorKind;
use fourstep::accounts::{FoundServer, ServerLookup};
use fourstep::store::SecretStore;
use fourstep_aws::SecretsManagerStore;
use fourstep_rds::RdsServers;
use fourstep_test_servers::moto::Moto;

/// A moto, and what is asked of it.
struct World {
    moto: Moto,
    rds: Client,
    servers: RdsServers,
}

impl World {
    /// Starts all of it. `None`: moto is not installed.
    async fn start() -> Option<Self> {
        let moto = Moto::start().await.unwrap()?;
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(credentials())
            .endpoint_url(moto.url());
        let rds = Client::from_conf(config.build());
        Some(Self { moto, servers: RdsServers::new(rds.clone()), rds })
    }

    /// Creates an instance, and returns its ARN and its host.
    async fn instance(&self, name: &str, engine: &str, cluster: Option<&str>) -> (String, String) {
        let request = self.rds.create_db_instance().db_instance_identifier(name).db_instance_class("db.t3.micro");
        let request = request.engine(engine).set_db_cluster_identifier(cluster.map(str::to_owned));
        let request = match cluster {
            None => request.master_username("boss").manage_master_user_password(true).allocated_storage(20).port(5433),
            Some(_) => request,
        };
        let made = request.send().await.unwrap().db_instance.unwrap();
        (made.db_instance_arn.unwrap(), made.endpoint.unwrap().address.unwrap())
    }

    /// Creates a read replica, and returns its host.
    async fn replica(&self, name: &str, source: &str) -> String {
        let request = self.rds.create_db_instance_read_replica().db_instance_identifier(name);
        let made = request.source_db_instance_identifier(source).send().await.unwrap().db_instance.unwrap();
        made.endpoint.unwrap().address.unwrap()
    }

    /// Creates a cluster, and returns its ARN and the hosts of its writer and reader end points.
    async fn cluster(&self, name: &str) -> (String, String, String) {
        let request = self.rds.create_db_cluster().db_cluster_identifier(name).engine("aurora-postgresql");
        let request = request.master_username("boss").manage_master_user_password(true).port(5434);
        let made = request.send().await.unwrap().db_cluster.unwrap();
        (made.db_cluster_arn.unwrap(), made.endpoint.unwrap(), made.reader_endpoint.unwrap())
    }

    async fn follows(&self, follower: &str, primary: &str) -> bool {
        self.servers.follows(follower, primary).await.unwrap()
    }
}

fn credentials() -> Credentials {
    Credentials::new("test", "test", None, None, "test")
}

#[tokio::test]
async fn instances_and_their_replicas_are_found() {
    let Some(world) = World::start().await else { return };
    let (arn, host) = world.instance("app", "postgres", None).await;
    let (_, other) = world.instance("other", "postgres", None).await;
    let replica = world.replica("app-replica", "app").await;
    let server = world.servers.server(&arn).await.unwrap();
    assert_eq!(server, FoundServer { engine: "postgres".to_owned(), host: host.clone(), port: 5433 });
    assert!(world.follows(&replica, &host).await);
    assert!(world.follows(&format!("{}.", replica.to_uppercase()), &host.to_uppercase()).await);
    assert!(!world.follows(&host, &replica).await, "not the other way round");
    assert!(!world.follows(&replica, &other).await);
    assert!(!world.follows(&other, &host).await);
    // The identifier alone proves nothing: the first label of a host is anybody's to choose.
    for liar in ["app-replica", "app-replica.evil.example.com", "app-replica.", "10.0.0.1", "db.example.com", ""] {
        assert!(!world.follows(liar, &host).await, "{liar}");
        assert!(!world.follows(&replica, liar).await, "{liar}");
    }
    assert!(!world.follows(&replica, "app.evil.example.com").await);
}

#[tokio::test]
async fn a_cluster_has_many_names() {
    let Some(world) = World::start().await else { return };
    let (arn, writer, reader) = world.cluster("shop").await;
    let (_, instance) = world.instance("shop-1", "aurora-postgresql", Some("shop")).await;
    let (_, other_writer, other_reader) = world.cluster("other").await;
    let server = world.servers.server(&arn).await.unwrap();
    assert_eq!(server, FoundServer { engine: "aurora-postgresql".to_owned(), host: writer.clone(), port: 5434 });
    assert!(world.follows(&reader, &writer).await);
    assert!(world.follows(&instance, &writer).await);
    assert!(world.follows(&writer, &instance).await && world.follows(&reader, &instance).await);
    assert!(!world.follows(&writer, &reader).await, "a reader end point is no primary");
    for other in [&other_writer, &other_reader] {
        assert!(!world.follows(other, &writer).await && !world.follows(other, &instance).await, "{other}");
        assert!(!world.follows(&instance, other).await, "{other}");
    }
}

#[tokio::test]
async fn the_secret_that_rds_manages_leads_to_its_server() {
    let Some(world) = World::start().await else { return };
    let (arn, _) = world.instance("app", "postgres", None).await;
    let made = world.rds.describe_db_instances().db_instance_identifier("app").send().await.unwrap();
    let secret = made.db_instances()[0].master_user_secret().unwrap().secret_arn().unwrap();
    let config = aws_sdk_secretsmanager::Config::builder()
        .behavior_version(aws_sdk_secretsmanager::config::BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(credentials())
        .endpoint_url(world.moto.url());
    let store = SecretsManagerStore::new(aws_sdk_secretsmanager::Client::from_conf(config.build()));
    let tags = store.describe(secret).await.unwrap().tags;
    assert_eq!(tags.get("aws:rds:primaryDBInstanceArn"), Some(&arn), "{tags:?}");
}

#[tokio::test]
async fn what_was_deleted_or_never_was_is_invalid_and_named() {
    let Some(world) = World::start().await else { return };
    let (arn, host) = world.instance("gone", "postgres", None).await;
    let delete = world.rds.delete_db_instance().db_instance_identifier("gone").skip_final_snapshot(true);
    delete.send().await.unwrap();
    for arn in [
        arn.as_str(),
        "arn:aws:rds:us-east-1:123456789012:db:never",
        "arn:aws:rds:us-east-1:123456789012:cluster:never",
    ] {
        let error = world.servers.server(arn).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
        assert!(error.to_string().contains(&format!("{arn} does not exist in this account and region")), "{error}");
    }
    assert!(!world.follows(&host, &host).await);
}
