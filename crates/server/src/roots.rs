//! The certificate authorities of Amazon RDS, which sign what its servers present in TLS.
//!
//! They are public data and in no browser's list. The bundle holds each region's own roots: three of them, one for each
//! kind of key. `cargo xtask roots` writes it. What it does not hold is in the variable `TLS_CA_BUNDLE`: the roots of
//! GovCloud, of China, and of regions younger than the bundle.
//!
//! RDS Proxy has certificates of Amazon Trust Services, whose roots are Mozilla's too. They are not here.

mod trusted;

pub use trusted::{own, trusted};

/// By region. A line `## <region>` begins each part.
const BUNDLE: &str = include_str!("roots/amazon_rds.pem");

const HEADING: &str = "\n## ";

/// How the names of Amazon's servers end: commercial regions and GovCloud, China, the European Sovereign Cloud.
const DOMAINS: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"];

/// What stands for a region in the name of a global database's writer end point, which leads to whichever region writes
/// now: `<name>.global-<id>.global.rds.amazonaws.com`.
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-connecting.html>
const GLOBAL: &str = "global";

/// Returns the roots to trust for a server of this name, as PEM.
///
/// - For a name of RDS, they are those of its region: the others sign nothing there. None, if the bundle lacks the
///   region.
/// - For any other name, they are all. The writer end point of a global database may lead to any region. An alias of an
///   RDS server can never be verified, because the server's certificate is for its own name alone. But then that is what
///   the error says, and not that the authority is unknown. To parse them costs 0.4 ms of each connection, and those of
///   a region 0.01 ms.
#[must_use]
pub fn for_host(host: &str) -> &'static str {
    match region_of(host) {
        Some(region) => of_region(&region).unwrap_or_default(),
        None => BUNDLE,
    }
}

/// Returns the region of a name of RDS, if the bundle has no roots for it.
#[must_use]
pub fn missing_region(host: &str) -> Option<String> {
    region_of(host).filter(|region| of_region(region).is_none())
}

/// Reads the region from the name of an instance, a cluster, a custom endpoint or a proxy:
/// `<name>.<id>.<region>.rds.amazonaws.com`, or in China also `<name>.<id>.rds.<region>.amazonaws.com.cn`.
///
/// <https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html>
fn region_of(host: &str) -> Option<String> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let name = DOMAINS.iter().find_map(|domain| host.strip_suffix(domain))?;
    let labels: Vec<&str> = name.split('.').collect();
    match labels[..] {
        [.., _, GLOBAL, "rds"] => None,
        [.., _, region, "rds"] | [.., _, "rds", region] => Some(region.to_owned()),
        _ => None,
    }
}

fn of_region(region: &str) -> Option<&'static str> {
    let (_, rest) = BUNDLE.split_once(&format!("{HEADING}{region}\n"))?;
    Some(rest.split_once(HEADING).map_or(rest, |(part, _)| part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificates(pem: &str) -> usize {
        pem.matches("-----BEGIN CERTIFICATE-----").count()
    }

    #[test]
    fn the_region_is_read_from_every_kind_of_name() {
        for (host, region) in [
            ("app.c1a2b3.eu-central-1.rds.amazonaws.com", "eu-central-1"),
            ("APP.C1A2B3.EU-CENTRAL-1.RDS.AMAZONAWS.COM.", "eu-central-1"),
            ("app.cluster-c1a2b3.us-east-1.rds.amazonaws.com", "us-east-1"),
            ("app.cluster-ro-c1a2b3.us-east-1.rds.amazonaws.com", "us-east-1"),
            ("app.cluster-custom-c1a2b3.us-east-1.rds.amazonaws.com", "us-east-1"),
            ("app.proxy-c1a2b3.us-west-2.rds.amazonaws.com", "us-west-2"),
            ("ro.endpoint.proxy-c1a2b3.us-west-2.rds.amazonaws.com", "us-west-2"),
            ("app.c1a2b3.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
            ("app.c1a2b3.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("app.c1a2b3.cn-north-1.rds.amazonaws.com.cn", "cn-north-1"),
        ] {
            assert_eq!(region_of(host).as_deref(), Some(region), "{host}");
        }
        for host in [
            "db.example.com",
            "127.0.0.1",
            "",
            ".",
            "rds.amazonaws.com",
            "rds.eu-central-1.amazonaws.com",
            "app.c1a2b3.eu-central-1.rds.amazonaws.com.example.com",
            "app.c1a2b3.eu-central-1.redshift.amazonaws.com",
        ] {
            assert_eq!(region_of(host), None, "{host}");
        }
    }

    #[test]
    fn a_host_of_rds_gets_the_roots_of_its_region_alone() {
        let younger = ["ap-southeast-5", "ap-southeast-7", "ca-west-1", "il-central-1", "mx-central-1"];
        for region in ["af-south-1", "eu-central-1", "us-east-1", "us-west-2"].into_iter().chain(younger) {
            let roots = for_host(&format!("app.c1a2b3.{region}.rds.amazonaws.com"));
            assert_eq!(certificates(roots), 3, "{region}");
            assert_eq!(roots.matches(&format!("# Amazon RDS {region} Root CA ")).count(), 3, "{region}");
            assert!(roots.trim_end().ends_with("-----END CERTIFICATE-----"), "{region}");
        }
    }

    #[test]
    fn global_is_no_region() {
        let host = "app.global-c1a2b3.global.rds.amazonaws.com";
        assert_eq!(region_of(host), None);
        assert_eq!(missing_region(host), None);
        assert_eq!(for_host(host), BUNDLE);
    }

    #[test]
    fn another_host_gets_all_roots() {
        let regions = BUNDLE.matches(HEADING).count();
        assert!(regions >= 32, "{regions}");
        assert_eq!(certificates(for_host("db.example.com")), 3 * regions);
        assert!(BUNDLE.ends_with("-----END CERTIFICATE-----\n"), "more can be appended");
    }

    #[test]
    fn a_region_that_is_not_in_the_bundle_is_named() {
        for (host, region) in [
            ("app.c1a2b3.us-gov-west-1.rds.amazonaws.com", "us-gov-west-1"),
            ("app.c1a2b3.rds.cn-north-1.amazonaws.com.cn", "cn-north-1"),
            ("app.c1a2b3.xx-nowhere-1.rds.amazonaws.com", "xx-nowhere-1"),
        ] {
            assert_eq!(missing_region(host).as_deref(), Some(region));
            assert_eq!(for_host(host), "", "{host}");
        }
        assert_eq!(missing_region("app.c1a2b3.eu-central-1.rds.amazonaws.com"), None);
        assert_eq!(missing_region("db.example.com"), None);
    }
}
