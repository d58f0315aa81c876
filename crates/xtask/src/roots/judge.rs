use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;

/// A certificate that is built in.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) name: String,
    pub(super) region: String,
    /// When it ends, in seconds since 1970.
    ends: i64,
    /// The same day, for people.
    pub(super) last_day: String,
    pub(super) pem: String,
}

impl Root {
    /// Returns whether it ends within a year of a time in seconds since 1970.
    pub(super) fn ends_within_a_year(&self, now: i64) -> bool {
        self.ends < now + 365 * 24 * 60 * 60
    }
}

/// Accepts a certificate, or returns its name and why it is left out. `now` is in seconds since 1970.
///
/// The verifier asks of a root neither its dates nor whether it signs itself, so what is wrong here would be trusted.
pub(super) fn judge(pem: &str, now: i64) -> Result<Root, String> {
    let (_, block) = parse_x509_pem(pem.as_bytes()).map_err(|_| "a block that is not PEM")?;
    let certificate = block.parse_x509().map_err(|_| "a block that is not a certificate")?;
    let name = certificate.subject().iter_common_name().next().and_then(|name| name.as_str().ok());
    let name = name.ok_or("a certificate without a name")?.to_owned();
    let validity = certificate.validity();
    let last_day = validity.not_after.to_datetime().date().to_string();
    let ends = validity.not_after.timestamp();
    let region = match region(&name) {
        _ if ends < now => Err(format!("ended on {last_day}")),
        _ if validity.not_before.timestamp() > now => Err("has not begun".to_owned()),
        _ if certificate.subject() != certificate.issuer() => Err("an intermediate, which its server sends".to_owned()),
        _ if name.contains("Beta") || name.contains("Preview") => Err("for Amazon's own tests".to_owned()),
        _ if !is_authority(&certificate) => Err("may not sign certificates".to_owned()),
        _ if certificate.verify_signature(None).is_err() => Err("its signature is not its own".to_owned()),
        None => Err("its name tells no region".to_owned()),
        Some(region) => Ok(region.to_owned()),
    };
    match region {
        Ok(region) => Ok(Root { name, region, ends, last_day, pem: pem.to_owned() }),
        Err(why) => Err(format!("{name}: {why}")),
    }
}

fn is_authority(certificate: &X509Certificate<'_>) -> bool {
    let usage = certificate.key_usage().ok().flatten();
    certificate.is_ca() && usage.is_none_or(|usage| usage.value.key_cert_sign())
}

/// Reads the region from a name such as `Amazon RDS eu-central-1 Root CA RSA2048 G1`.
fn region(name: &str) -> Option<&str> {
    let (region, _) = name.strip_prefix("Amazon RDS ")?.split_once(" Root CA")?;
    let of_region = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    (region.contains('-') && region.chars().all(of_region)).then_some(region)
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

    use super::*;

    const NAME: &str = "Amazon RDS eu-central-1 Root CA RSA2048 G1";
    /// 2026-01-01 and 2041-01-01.
    const DAY: i64 = 1_767_225_600;
    const LATER: i64 = 2_240_611_200;

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.not_before = date_time_ymd(2021, 1, 1);
        params.not_after = date_time_ymd(2040, 1, 1);
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    fn self_signed(params: &CertificateParams) -> String {
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    #[test]
    fn a_root_of_a_region_is_taken() {
        let root = judge(&self_signed(&params(NAME)), DAY).unwrap();
        assert_eq!(
            (root.name.as_str(), root.region.as_str(), root.last_day.as_str()),
            (NAME, "eu-central-1", "2040-01-01")
        );
        // 2038-12-31 and 2039-01-02.
        assert!(!root.ends_within_a_year(2_177_366_400) && root.ends_within_a_year(2_177_539_200));
    }

    #[test]
    fn what_is_left_out_is_named_with_the_reason() {
        let refused = |pem: &str, now| judge(pem, now).unwrap_err();
        let root = self_signed(&params(NAME));
        assert_eq!(refused(&root, LATER), format!("{NAME}: ended on 2040-01-01"));
        assert_eq!(refused(&root, 0), format!("{NAME}: has not begun"));
        for name in ["Amazon RDS Beta us-east-1 Root CA RSA2048 G1", "Amazon RDS Preview us-east-2 Root CA ECC384 G1"] {
            assert_eq!(refused(&self_signed(&params(name)), DAY), format!("{name}: for Amazon's own tests"));
        }
        let nowhere = self_signed(&params("Amazon RDS Root 2019 CA"));
        assert_eq!(refused(&nowhere, DAY), "Amazon RDS Root 2019 CA: its name tells no region");
        let mut server = params(NAME);
        server.is_ca = IsCa::ExplicitNoCa;
        assert_eq!(refused(&self_signed(&server), DAY), format!("{NAME}: may not sign certificates"));
        assert_eq!(
            refused("-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n", DAY),
            "a block that is not a certificate"
        );
    }

    #[test]
    fn what_another_signed_is_left_out_also_under_the_same_name() {
        let signed = |name: &str, by: &str| {
            let issuer = Issuer::new(params(by), KeyPair::generate().unwrap());
            params(name).signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap().pem()
        };
        let intermediate =
            judge(&signed("Amazon RDS eu-central-1 2019 CA", "Amazon RDS Root 2019 CA"), DAY).unwrap_err();
        assert!(intermediate.ends_with("an intermediate, which its server sends"), "{intermediate}");
        let forged = judge(&signed(NAME, NAME), DAY).unwrap_err();
        assert_eq!(forged, format!("{NAME}: its signature is not its own"));
    }
}
