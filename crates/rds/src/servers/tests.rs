use std::net::SocketAddr;
use std::time::{Duration, Instant};

use aws_sdk_rds::config::{Builder, Credentials, Region};
use axum::Router;
use axum::http::{StatusCode, header};
use axum::routing::post;
use fourstep::ErrorKind;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

use super::*;

const INSTANCE: &str = "arn:aws:rds:eu-central-1:111122223333:db:app";
const CLUSTER: &str = "arn:aws:rds:eu-central-1:111122223333:cluster:shop";

const WRITER: &str = "shop.cluster-a1b2.eu-central-1.rds.amazonaws.com";
const CUSTOM: &str = "reports.cluster-custom-a1b2.eu-central-1.rds.amazonaws.com";
const MEMBER: &str = "shop-1.a1b2.eu-central-1.rds.amazonaws.com";
const REPLICA: &str = "shop-replica.a1b2.eu-central-1.rds.amazonaws.com";

/// Starts an Amazon RDS that answers by what the body of a request holds, and that nothing exists otherwise.
async fn answering(answers: &'static [(&'static str, u16, String)]) -> RdsServers {
    let answer = move |body: String| async move {
        let known = answers.iter().find(|(part, _, _)| body.contains(part));
        let (status, xml) =
            known.map_or_else(|| (404, refusal("DBInstanceNotFound")), |(_, status, xml)| (*status, xml.clone()));
        (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, "text/xml")], xml)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(answer))).await });
    servers_at(address).await
}

/// Creates a client for an end point, with the time-outs and retries of every other client.
async fn servers_at(address: SocketAddr) -> RdsServers {
    let config = Builder::from(&fourstep_aws::configuration().await)
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(format!("http://{address}"));
    RdsServers::new(Client::from_conf(config.build()))
}

/// A listener that nobody accepts from, and the connections that fill its queue: the kernel drops each further SYN, as a
/// VPC without a way out does. It does so as long as this is held.
async fn full() -> ((TcpListener, Vec<TcpStream>), SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        waiting.push(stream.unwrap());
    }
    ((listener, waiting), address)
}

fn refusal(code: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>not authorized</Message></Error></ErrorResponse>"
    )
}

fn instance(fields: &str) -> String {
    format!(
        "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances><DBInstance>{fields}</DBInstance></DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>"
    )
}

fn cluster() -> String {
    format!(
        "<DescribeDBClustersResponse><DescribeDBClustersResult><DBClusters><DBCluster>
         <DBClusterIdentifier>shop</DBClusterIdentifier><Engine>aurora-postgresql</Engine><Port>5432</Port>
         <Endpoint>{WRITER}</Endpoint><CustomEndpoints><member>{CUSTOM}</member></CustomEndpoints>
         </DBCluster></DBClusters></DescribeDBClustersResult></DescribeDBClustersResponse>"
    )
}

fn leak(answers: Vec<(&'static str, u16, String)>) -> &'static [(&'static str, u16, String)] {
    answers.leak()
}

#[tokio::test]
async fn no_client_is_made_before_the_first_question() {
    let servers = RdsServers::from_environment();
    assert!(!servers.client.initialized());
}

#[tokio::test]
async fn custom_end_points_members_and_replicas_of_a_cluster_follow_its_writer() {
    let servers = answering(leak(vec![
        ("DBClusterIdentifier=shop", 200, cluster()),
        ("DBInstanceIdentifier=shop-1", 200, instance(&format!("<DBInstanceIdentifier>shop-1</DBInstanceIdentifier><DBClusterIdentifier>shop</DBClusterIdentifier><Endpoint><Address>{MEMBER}</Address></Endpoint>"))),
        ("DBInstanceIdentifier=shop-replica", 200, instance(&format!("<DBInstanceIdentifier>shop-replica</DBInstanceIdentifier><ReadReplicaSourceDBClusterIdentifier>shop</ReadReplicaSourceDBClusterIdentifier><Endpoint><Address>{REPLICA}</Address></Endpoint>"))),
        ("DBInstanceIdentifier=alone", 200, instance("<DBInstanceIdentifier>alone</DBInstanceIdentifier><Endpoint><Address>alone.example.com</Address></Endpoint>")),
    ]))
    .await;
    for follower in [WRITER, CUSTOM, MEMBER, REPLICA] {
        assert!(servers.follows(follower, WRITER).await.unwrap(), "{follower}");
        assert!(servers.follows(follower, MEMBER).await.unwrap(), "{follower}");
    }
    for other in ["alone.example.com", "shop-1.evil.example.com", "reports.cluster-custom-evil.example.com"] {
        assert!(!servers.follows(other, WRITER).await.unwrap(), "{other}");
    }
    assert!(!servers.follows(WRITER, CUSTOM).await.unwrap(), "a custom end point is no primary");
    assert!(!servers.follows(WRITER, "shop.cluster-evil.example.com").await.unwrap());
    assert!(!servers.follows("alone.example.com", "alone.example.com").await.unwrap(), "it is no replica of itself");
}

#[tokio::test]
async fn a_server_that_is_being_made_is_unavailable() {
    let servers = answering(leak(vec![(
        "DescribeDBInstances",
        200,
        instance("<DBInstanceIdentifier>app</DBInstanceIdentifier><Engine>postgres</Engine>"),
    )]))
    .await;
    let error = servers.server(INSTANCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("has no end point"), "{error}");
}

#[tokio::test]
async fn what_rds_refuses_is_of_the_kind_that_says_who_acts() {
    for (status, code, kind, expected) in [
        (403, "AccessDenied", ErrorKind::Forbidden, "may not call rds:DescribeDB"),
        (403, "ExpiredToken", ErrorKind::Forbidden, "Amazon RDS does not accept the function's credentials"),
        (400, "Throttling", ErrorKind::Unavailable, "Amazon RDS throttles DescribeDB"),
        (503, "ServiceUnavailable", ErrorKind::Unavailable, "Amazon RDS failed to answer DescribeDB"),
        (400, "NeverHeardOf", ErrorKind::Other, "Amazon RDS refused DescribeDB"),
    ] {
        let servers = answering(leak(vec![("Describe", status, refusal(code))])).await;
        for arn in [INSTANCE, CLUSTER] {
            let error = servers.server(arn).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{code}: {error}");
            assert!(error.to_string().contains(expected), "{code}: {error}");
            assert!(!error.is_retryable(), "{code}: the SDK retried already");
        }
    }
    let denied = answering(leak(vec![("Describe", 403, refusal("AccessDenied"))])).await;
    let error = denied.server(CLUSTER).await.unwrap_err().to_string();
    for part in [&format!("Allow rds:DescribeDBClusters on {CLUSTER}"), "different hosts", "not authorized"] {
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_name_that_is_no_identifier_is_no_server() {
    let servers = answering(leak(vec![("Describe", 400, refusal("InvalidParameterValue"))])).await;
    assert!(!servers.follows("10.0.0.2", "10.0.0.1").await.unwrap());
}

#[tokio::test]
async fn a_vpc_without_a_way_to_rds_is_told_within_five_seconds() {
    let (_full, address) = full().await;
    let servers = servers_at(address).await;
    let started = Instant::now();
    let error = servers.server(INSTANCE).await.unwrap_err();
    let took = started.elapsed();
    println!("no connection: {took:?}: {error}");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(took.as_secs() < 5, "{took:?}");
    for part in ["Amazon RDS cannot be reached", "com.amazonaws.<region>.rds", "NAT gateway", "different hosts"] {
        assert!(error.to_string().contains(part), "{error}");
    }
}
