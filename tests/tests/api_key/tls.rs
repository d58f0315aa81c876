//! TLS: a key is sent to a server whose certificate is right, and to no other.

use fourstep::{AWSCURRENT, ErrorKind, Step};
use fourstep_test_servers::key_service::FIRST_KEY;
use fourstep_testkit::tls::{Certificate, TlsFront};
use serde_json::json;

use crate::world::{MINTED, World};

async fn behind(certificate: Certificate, trusted: bool) -> (World, TlsFront) {
    let secret = json!({"key": FIRST_KEY, "key_id": "key-0", "note": "kept"});
    // The service of this world stands behind the front of the next, which has its address.
    let service = fourstep_test_servers::key_service::KeyService::start().await.unwrap();
    let front = TlsFront::before(service.url(), certificate).await.unwrap();
    let bundle = if trusted { front.authority().display().to_string() } else { String::new() };
    let mut world = World::with(MINTED, &secret, &[("KEYS_URL", front.url()), ("TLS_CA_BUNDLE", &bundle)]).await;
    world.service = service;
    (world, front)
}

#[tokio::test]
async fn a_right_certificate_of_an_authority_that_is_named_is_enough() {
    let (mut world, _front) = behind(Certificate::Right, true).await;
    world.rotate().await;
    assert!(world.opens(AWSCURRENT));
}

#[tokio::test]
async fn no_key_is_sent_to_a_server_with_a_wrong_certificate() {
    for (certificate, trusted, part) in [
        (Certificate::OtherName, true, "is valid, but for another name than `localhost`"),
        (Certificate::OtherAuthority, true, "from an authority that is not known here"),
        (Certificate::Right, false, "from an authority that is not known here"),
        (Certificate::Expired, true, "has expired"),
    ] {
        let (mut world, _front) = behind(certificate, trusted).await;
        world.begin();
        let error = world.fails(Step::Create).await;
        assert_eq!(error.kind(), ErrorKind::Invalid, "{certificate:?}: {error}");
        assert!(error.to_string().contains(part), "{certificate:?}: {error}");
        assert_eq!(world.service.requests(), Vec::<String>::new(), "{certificate:?}");
    }
}
