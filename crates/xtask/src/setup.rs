mod cargo;
mod debian;
mod node;
mod prefix;
mod python;
mod servers;

pub(crate) use python::{path_of_lambda_tools, program};

use std::time::Instant;

use crate::failure::Result;
use crate::terminal;

/// What only some set-ups have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Extras {
    /// PostgreSQL 17 too, beside 15 and 18
    #[arg(long)]
    pub(crate) postgres_17: bool,
}

/// Installs what the demo and the tests need and this machine lacks. Says each thing that it installs, and why.
///
/// # Errors
///
/// Reports what could not be installed, and how to do it by hand.
pub(crate) fn run(extras: Extras) -> Result {
    terminal::announce("set-up", "installs what is missing, and nothing that is there");
    let mut needs = vec![
        cargo::RUSTFMT,
        cargo::CLIPPY,
        cargo::NEXTEST,
        cargo::DENY,
        servers::POSTGRESQL_15,
        servers::POSTGRESQL_18,
        servers::MYSQL,
        servers::MARIADB,
        servers::MYSQL_ROUTER,
        debian::OPENSSH,
        debian::BUSYBOX,
        debian::SHELLCHECK,
        debian::GAWK,
        debian::MAWK,
        debian::BINDFS,
        debian::PGBOUNCER,
        debian::RABBITMQ,
        python::MOTO,
        python::JUPYTERHUB,
        python::SAM,
        python::CHECKOV,
        python::ZIZMOR,
        python::HCL,
        node::CDK,
        python::MINISTACK,
    ];
    needs.extend(FOR_PACKAGES);
    needs.extend(extras.postgres_17.then_some(servers::POSTGRESQL_17));
    install(needs)
}

/// Installs what packaging needs and this machine lacks, as [`run`] does.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_for_packages() -> Result {
    terminal::announce("set-up", "installs what is missing, and nothing that is there");
    install(FOR_PACKAGES.into())
}

/// Installs what `sam build` needs and this machine lacks, as [`run`] does.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn run_for_sam() -> Result {
    terminal::announce("set-up", "installs what is missing, and nothing that is there");
    install(vec![python::SAM, python::CARGO_LAMBDA])
}

const FOR_PACKAGES: [Need; 2] = [cargo::AUDITABLE, python::CARGO_LAMBDA];

fn install(needs: Vec<Need>) -> Result {
    for need in needs {
        if let Some(found) = (need.find)() {
            terminal::item("present", format_args!("{}: {found}", need.name));
            continue;
        }
        terminal::item("installing", need.name);
        terminal::more(need.why);
        let started = Instant::now();
        (need.install)().map_err(|failure| failure.of(need.name))?;
        let time = terminal::readable(started.elapsed());
        match (need.find)() {
            Some(found) => terminal::item("installed", format_args!("{} in {time}: {found}", need.name)),
            None => terminal::item("installed", format_args!("{} in {time}", need.name)),
        }
    }
    Ok(())
}

/// Something that the demo or the tests cannot do without.
struct Need {
    name: &'static str,
    why: &'static str,
    /// Returns where it is, or its version.
    find: fn() -> Option<String>,
    install: fn() -> Result,
}
