//! Fourstep's look-up of database servers in Amazon RDS and Aurora.
//!
//! [`RdsServers`] is the only part that calls Amazon RDS, and only where an administrator's secret is managed by Amazon
//! RDS, or names another host than the secret that it is for. It then needs `rds:DescribeDBInstances`, and
//! `rds:DescribeDBClusters` where the server is of a cluster.
//!
//! A strategy is given it by `with_servers`:
//!
//! ```
//! use std::sync::Arc;
//!
//! use fourstep::accounts::{Accounts, Strategies};
//! use fourstep_rds::RdsServers;
//!
//! fn on_amazon_rds<A: Accounts>(strategies: Strategies<A>) -> Strategies<A> {
//!     strategies.with_servers(Arc::new(RdsServers::from_environment()))
//! }
//! ```

mod servers;

pub use servers::RdsServers;
