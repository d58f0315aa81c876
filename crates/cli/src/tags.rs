use fourstep::Rotation as _;
use fourstep::accounts::Strategies;
use fourstep::settings::{EngineSettings, Environment, Groups};
use fourstep_api_key::ApiKeys;
use fourstep_mysql::Mysql;
use fourstep_postgres::Postgres;
use fourstep_ssh::Ssh;

/// Returns the tags that the functions read: of all plugins, since only the function knows which of them it has.
pub(crate) fn known() -> Vec<&'static str> {
    let groups = Groups::of::<EngineSettings>()
        .with(Strategies::from(Postgres::new()).settings())
        .with(Strategies::from(Mysql::new()).settings())
        .with(Ssh::new().settings())
        .with(ApiKeys::new(Environment::default()).settings());
    groups.rows().filter_map(|row| row.tag).collect()
}
