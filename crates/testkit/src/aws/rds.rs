//! Amazon RDS, as far as a rotation asks it: DescribeDBInstances, in the wire format of its Query API.
//!
//! It is here for what moto cannot do: to give an instance the address of a server that runs.

use fourstep::same_name;
use percent_encoding::percent_decode_str;

use super::fault::Refusal;

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
    /// Gives the ARN of the instance.
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

/// The instances, and what was asked.
#[derive(Debug, Default)]
pub(super) struct Rds {
    pub(super) instances: Vec<DbInstance>,
    /// The identifiers and ARNs that were asked for, in order.
    pub(super) asked: Vec<String>,
    /// What every call is refused with.
    pub(super) refusal: Option<Refusal>,
}

impl Rds {
    /// Answers a call: the HTTP status, and the XML.
    pub(super) fn answer(&mut self, form: &str) -> (u16, String) {
        match self.describe(form) {
            Ok(instance) => (
                200,
                format!(
                    "<DescribeDBInstancesResponse xmlns=\"{NAMESPACE}\"><DescribeDBInstancesResult><DBInstances>{}\
                     </DBInstances></DescribeDBInstancesResult></DescribeDBInstancesResponse>",
                    instance.xml()
                ),
            ),
            Err(Refusal { status, exception, message }) => (
                status,
                format!(
                    "<ErrorResponse xmlns=\"{NAMESPACE}\"><Error><Type>Sender</Type><Code>{exception}</Code>\
                     <Message>{message}</Message></Error></ErrorResponse>"
                ),
            ),
        }
    }

    fn describe(&mut self, form: &str) -> Result<&DbInstance, Refusal> {
        let field = |name: &str| {
            let mut fields = form.split('&').filter_map(|field| field.split_once('='));
            fields.find(|(known, _)| *known == name).map(|(_, value)| percent_decode_str(value).decode_utf8_lossy())
        };
        if field("Action").as_deref() != Some("DescribeDBInstances") {
            return Err(Refusal::new("InvalidAction", "The emulation does not know the action."));
        }
        let asked = field("DBInstanceIdentifier").unwrap_or_default().into_owned();
        self.asked.push(asked.clone());
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let is_meant = |instance: &&DbInstance| same_name(&instance.identifier, &asked) || instance.arn() == asked;
        self.instances.iter().find(is_meant).ok_or_else(|| Refusal {
            status: 404,
            ..Refusal::new("DBInstanceNotFound", "There is no such DBInstance.")
        })
    }
}

const NAMESPACE: &str = "http://rds.amazonaws.com/doc/2014-10-31/";
