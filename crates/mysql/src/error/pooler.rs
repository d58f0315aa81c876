use fourstep::Error;
use fourstep_server::Operation;

use fourstep_server::Destination;

const NAME_THE_SERVER: &str = "Name the server itself in `host` or in the tag fourstep:endpoint";

/// Explains what a proxy means that answers in the server's place. `None`: it is no answer that only a proxy gives.
///
/// It may come at the login or later. `text` is foreign: it is looked at, and not passed on.
///
/// | code | sent by | when | kind |
/// | --- | --- | --- | --- |
/// | 1045 `ProxySQL Error:` | [ProxySQL] | its own list lacks the account, or has another password: the server was not asked | `Invalid` |
/// | 2003 | MySQL Router | it reaches no server | `Unavailable` |
/// | 2026 | [MySQL Router], [RDS Proxy] | it demands TLS of a client that has none | `Invalid` |
/// | 2026 | the same | there was TLS: it failed between the proxy and the server | `Unavailable` |
/// | 4501 | MySQL Router | it shares sessions (`connection_sharing`), and then takes one statement at a time | `Invalid` |
/// | 9001 | ProxySQL | it has no connection to the server | `Unavailable` |
/// | 9501 | RDS Proxy | the same | `Unavailable` |
///
/// What says 1045 in the words of the server, as RDS Proxy and MaxScale do, cannot be told from it.
///
/// [ProxySQL]: https://github.com/sysown/proxysql/blob/v2.x/lib/MySQL_Session.cpp
/// [MySQL Router]: https://dev.mysql.com/doc/mysql-router/en/mysql-router-conf-options.html
/// [RDS Proxy]: https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy.troubleshooting.html
pub(super) fn by_code(code: u16, text: &str, destination: &Destination, operation: &Operation) -> Option<Error> {
    let (host, port, account, what) =
        (destination.server.host(), destination.server.port(), &destination.account, &operation.what);
    Some(match code {
        1045 if text.starts_with("ProxySQL Error:") => Error::invalid(format!(
            "the ProxySQL at {host}:{port} does not let account `{account}` in (error 1045): its own list lacks the account, or has another password"
        ))
        .next(format!("{NAME_THE_SERVER}; a proxy with a list of its own knows neither a new password nor the second account of alternating-users")),
        2026 if !destination.tls => Error::invalid(format!("a proxy at {host}:{port} takes no unencrypted connection (error 2026)"))
            .next("Remove \"ssl\": false from the secret"),
        4501 => Error::invalid(format!(
            "a proxy at {host}:{port} shares the sessions of its clients, and takes one statement at a time (error 4501): could not {what}"
        ))
        .next(format!("Nothing was changed. {NAME_THE_SERVER}; or turn connection_sharing of MySQL Router off")),
        2003 | 2026 | 9001 | 9501 => Error::unavailable(format!(
            "a proxy at {host}:{port} has no connection to its server (error {code}): could not {what}"
        ))
        .next(format!("If this goes on, look at the proxy's log. {NAME_THE_SERVER}")),
        _ => return None,
    })
}
