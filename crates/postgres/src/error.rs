mod login;
mod pooler;
mod statement;

use fourstep::Error;
use fourstep_server::Operation;
use sqlx::postgres::PgDatabaseError;

use fourstep_server::Destination;

/// Explains what an error of the driver means.
///
/// No text of the server or the driver gets out, because it may repeat a statement: only the SQLSTATE and what we know.
///
/// | shape | what it is |
/// | --- | --- |
/// | `Database` | the server's own answer, by its SQLSTATE: of a login in `login.rs`, of a statement in `statement.rs`; or that of a pooler, in `pooler.rs` |
/// | `Io` | a failed TLS handshake, or the network: see [`Server::failed`](fourstep_server::Server::failed) |
/// | `Tls` | before the handshake: "does not support TLS", a host that can be in no certificate; of rustls, a defect of ours |
/// | `Protocol` | at login: something else than PostgreSQL answered. Later: the stream broke |
/// | anything else | a defect of ours |
pub(crate) fn classify(error: &sqlx::Error, destination: &Destination, operation: &Operation) -> Error {
    match error {
        sqlx::Error::Database(database) => match database.try_downcast_ref::<PgDatabaseError>() {
            Some(answer) => by_answer(answer, destination, operation),
            None => Error::other(format!("{destination} gave an answer of an unknown kind")),
        },
        sqlx::Error::Io(error) => destination.server.failed(error, operation),
        sqlx::Error::Tls(error) => destination.server.tls_not_begun(&**error, "ssl = on"),
        sqlx::Error::Protocol(text) if operation.login => login::protocol(text, destination, operation),
        sqlx::Error::Protocol(_) => {
            Error::unavailable(format!("the connection to {destination} broke: could not {}", operation.what))
                .next(statement::AGAIN)
        }
        _ => Error::other(format!("the driver could not {} at {destination}", operation.what)),
    }
}

fn by_answer(answer: &PgDatabaseError, destination: &Destination, operation: &Operation) -> Error {
    let (code, routine) = (answer.code(), answer.routine().unwrap_or_default());
    pooler::by_text(answer, destination, operation)
        .or_else(|| login::by_sqlstate(code, routine, destination, operation))
        .unwrap_or_else(|| statement::by_sqlstate(code, routine, destination, operation))
}

/// Explains why a login failed.
pub(crate) fn explain(error: &sqlx::Error, destination: &Destination) -> Error {
    if let Some(limit) = login::driver_cannot(error, destination) {
        return limit;
    }
    classify(error, destination, &Operation::log_in())
}

/// Reports that the server as a whole writes nothing.
pub(crate) fn read_only(destination: &Destination) -> Error {
    Error::unavailable(format!("{destination} is read only (SQLSTATE 25006)")).next(statement::USE_THE_WRITER)
}
