//! Amazon RDS, as far as a rotation asks it: DescribeDBInstances and DescribeDBClusters, in the wire format of its Query
//! API.
//!
//! It is here for what moto cannot do: to give an instance the address of a server that runs.

use fourstep::accounts::same_host;
use percent_encoding::percent_decode_str;

use super::refusal::Refusal;

/// An instance of Amazon RDS.
#[derive(Clone, Debug)]
pub struct DbInstance {
    /// Its identifier: the first label of `host`, as Amazon RDS has it.
    pub identifier: String,
    /// Its engine.
    pub engine: String,
    /// The address of its end point.
    pub host: String,
    /// The port of its end point.
    pub port: u16,
    /// The identifier of the instance that it is a read replica of.
    pub replica_of: Option<String>,
}

impl DbInstance {
    /// Returns the ARN of the instance.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:rds:us-east-1:123456789012:db:{}", self.identifier)
    }

    fn xml(&self) -> String {
        let Self { identifier, engine, host, port, replica_of } = self;
        let source = replica_of.as_ref().map_or_else(String::new, |source| {
            format!("<ReadReplicaSourceDBInstanceIdentifier>{source}</ReadReplicaSourceDBInstanceIdentifier>")
        });
        format!(
            "<DBInstance><DBInstanceIdentifier>{identifier}</DBInstanceIdentifier><Engine>{engine}</Engine>\
             <DBInstanceStatus>available</DBInstanceStatus><DBInstanceArn>{}</DBInstanceArn>\
             <Endpoint><Address>{host}</Address><Port>{port}</Port></Endpoint>{source}</DBInstance>",
            self.arn()
        )
    }
}

/// A cluster of Amazon RDS.
#[derive(Clone, Debug)]
pub struct DbCluster {
    /// Its identifier.
    pub identifier: String,
    /// Its engine.
    pub engine: String,
    /// The address of the end point that is written to.
    pub host: String,
    /// The port of its end points.
    pub port: u16,
}

impl DbCluster {
    /// Returns the ARN of the cluster.
    #[must_use]
    pub fn arn(&self) -> String {
        format!("arn:aws:rds:us-east-1:123456789012:cluster:{}", self.identifier)
    }

    fn xml(&self) -> String {
        let Self { identifier, engine, host, port } = self;
        format!(
            "<DBCluster><DBClusterIdentifier>{identifier}</DBClusterIdentifier><Engine>{engine}</Engine>\
             <Status>available</Status><DBClusterArn>{}</DBClusterArn><Endpoint>{host}</Endpoint>\
             <Port>{port}</Port></DBCluster>",
            self.arn()
        )
    }
}

/// The instances and clusters, and what was asked.
#[derive(Debug, Default)]
pub(super) struct Rds {
    pub(super) instances: Vec<DbInstance>,
    pub(super) clusters: Vec<DbCluster>,
    /// The identifiers and ARNs that were asked for, in order.
    pub(super) asked: Vec<String>,
    /// What every call is refused with.
    pub(super) refusal: Option<Refusal>,
}

impl Rds {
    /// Answers a call: the HTTP status, and the XML.
    pub(super) fn answer(&mut self, form: &str) -> (u16, String) {
        match self.describe(form) {
            Ok((what, found)) => (
                200,
                format!(
                    "<Describe{what}Response xmlns=\"{NAMESPACE}\"><Describe{what}Result><{what}>{found}</{what}>\
                     </Describe{what}Result></Describe{what}Response>"
                ),
            ),
            Err(refusal) => (refusal.status, refused(&refusal)),
        }
    }

    /// Returns what was asked for, in XML.
    fn describe(&mut self, form: &str) -> Result<(&'static str, String), Refusal> {
        let field = |name: &str| {
            let mut fields = form.split('&').filter_map(|field| field.split_once('='));
            fields.find(|(known, _)| *known == name).map(|(_, value)| percent_decode_str(value).decode_utf8_lossy())
        };
        let (what, name, exception) = match field("Action").as_deref() {
            Some("DescribeDBInstances") => ("DBInstances", "DBInstanceIdentifier", "DBInstanceNotFound"),
            Some("DescribeDBClusters") => ("DBClusters", "DBClusterIdentifier", "DBClusterNotFoundFault"),
            _ => return Err(Refusal::new("InvalidAction", "The emulation does not know the action.")),
        };
        let asked = field(name).unwrap_or_default().into_owned();
        self.asked.push(asked.clone());
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let is_meant = |identifier: &str, arn: &str| same_host(identifier, &asked) || arn == asked;
        let found = if what == "DBInstances" {
            let found = self.instances.iter().find(|one| is_meant(&one.identifier, &one.arn()));
            found.map(DbInstance::xml)
        } else {
            self.clusters.iter().find(|one| is_meant(&one.identifier, &one.arn())).map(DbCluster::xml)
        };
        let found =
            found.ok_or_else(|| Refusal { status: 404, ..Refusal::new(exception, "There is none of that name.") })?;
        Ok((what, found))
    }
}

/// Returns a refusal in the XML of Query APIs.
pub(super) fn refused(refusal: &Refusal) -> String {
    let Refusal { exception, message, .. } = refusal;
    format!(
        "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{exception}</Code>\
         <Message>{message}</Message></Error></ErrorResponse>"
    )
}

const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";
