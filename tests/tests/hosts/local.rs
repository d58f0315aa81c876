//! What holds for every kind of server whose host the writer of a secret names: no session with this very machine, and no
//! word on what listens where.

use std::io::ErrorKind as Io;
use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use fourstep::{ErrorKind, Rotation};
use fourstep_testkit::captured::capture;
use fourstep_testkit::world::{World, assert_error};

/// Names and addresses that lead to this very machine, to where machines in AWS find their credentials, or to no host.
const LOCAL: [&str; 16] = [
    "127.0.0.1",
    "127.9.9.9",
    "127.1",
    "2130706433",
    "0x7f000001",
    "localhost",
    "localhost.",
    "::1",
    "::ffff:127.0.0.1",
    "0.0.0.0",
    "0",
    "::",
    "169.254.169.254",
    "::ffff:169.254.169.254",
    "fd00:ec2::254",
    "224.0.0.1",
];

/// Tries hosts that are none, with TLS and without. `world` has a secret that names a host and a port.
pub(crate) async fn nobody_connects<R: Rotation>(world: impl Fn(&str, u16, bool) -> World<R>) {
    // Of both families, where there is the second.
    let listener = TcpListener::bind("[::]:0").or_else(|_| TcpListener::bind("0.0.0.0:0")).unwrap();
    listener.set_nonblocking(true).unwrap();
    let port = listener.local_addr().unwrap().port();
    for host in LOCAL {
        for tls in [true, false] {
            let mut world = world(host, port, tls);
            world.variable("LOCAL_ADDRESSES", "");
            world.limit = Duration::from_secs(2);
            let error = world.failing_set().await;
            let parts = ["leads to an address that this function does not connect to", "`LOCAL_ADDRESSES`"];
            assert_error(&error, ErrorKind::Invalid, &parts);
            assert!(!error.to_string().contains("127.") && !error.to_string().contains("169.254"), "{error}");
            assert_eq!(listener.accept().unwrap_err().kind(), Io::WouldBlock, "{host}: somebody connected");
        }
    }
}

/// Fails in the same words whatever is wrong with a host that nobody listed, and tells the reason in the log. `answers` are
/// what a server answers after it heard what its protocol lets a client say first, with the reason that the log has then.
pub(crate) async fn failures_are_alike<R: Rotation>(
    product: &str,
    hear: fn(&mut TcpStream),
    answers: &[(&'static [u8], &str)],
    world: impl Fn(&str, u16, bool) -> World<R>,
) {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut cases = vec![
        ("127.0.0.1", closed, "nothing listens there"),
        ("127.0.0.1", silent.local_addr().unwrap().port(), "gave no answer to the login within"),
        ("no-such-host.invalid", 5432, "does not resolve to an address"),
    ];
    cases.extend(answers.iter().map(|(bytes, reason)| ("127.0.0.1", answering(bytes, hear), *reason)));
    let mut said = Vec::new();
    for (host, port, reason) in cases {
        let mut world = world(host, port, true);
        world.limit = Duration::from_secs(2);
        let (log, _guard) = capture();
        let error = world.failing_set().await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        said.push(error.to_string().replace(&format!("{host}:{port}"), "SERVER"));
        let log = log.text();
        let line = log.lines().find(|line| line.contains(" WARN ") && line.contains(reason));
        let line = line.unwrap_or_else(|| panic!("{reason} is not in: {log}"));
        assert!(line.contains(host) && line.contains(&port.to_string()), "{line}");
    }
    assert!(said.iter().all(|text| *text == said[0]), "{said:#?}");
    for part in [&*format!("could not log in to {product} at SERVER: no connection"), "log", "security groups"] {
        assert!(said[0].contains(part), "{}", said[0]);
    }
}

/// Answers each connection with the same bytes, and closes it.
fn answering(bytes: &'static [u8], hear: fn(&mut TcpStream)) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            hear(&mut stream);
            let _ = stream.write_all(bytes);
        }
    });
    port
}
