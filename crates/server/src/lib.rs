//! What plugins share that reach a server by TCP, most of them with TLS: where a session may go, who is trusted, how long
//! a wait lasts, and what each failure means.
//!
//! | file | holds |
//! | --- | --- |
//! | `server` | [`Server`]: where a server is, and what its failures mean |
//! | `answer` | [`read_rows`]: the rows of an answer, within what a function can hold |
//! | `deadline` | [`Deadline`]: how long a session waits for an answer |
//! | `operation` | [`Operation`]: what is asked of a server, for messages |
//! | `destination` | [`Destination`]: where a session goes, as which account, and how it gets there |
//! | `lookup` | [`look_up`]: the addresses of a host, if a session may go there |
//! | `address` | [`Reach`]: what an address is for |
//! | `roots` | the certificate authorities of Amazon RDS, and the owner's |
//! | `settings` | [`TlsSettings`]: `TLS_CA_BUNDLE`; [`AddressSettings`]: `LOCAL_ADDRESSES` |
//!
//! ```
//! use fourstep_server::{Operation, Server};
//!
//! let server = Server::new("PostgreSQL", "db.example.com", 5432);
//! let error = server.network_failed(std::io::ErrorKind::ConnectionRefused, &Operation::log_in());
//! assert!(error.message().ends_with("at db.example.com:5432: nothing listens there"));
//! ```

mod address;
mod answer;
mod deadline;
mod destination;
mod lookup;
mod operation;
pub mod roots;
mod server;
mod settings;

pub use address::Reach;
pub use answer::{ANSWER_LIMIT, read_rows};
pub use deadline::{CLOSE_LIMIT, Deadline, LOGIN_LIMIT, STATEMENT_LIMIT};
pub use destination::Destination;
pub use lookup::{NoAddress, look_up};
pub use operation::Operation;
pub use server::Server;
pub use settings::{AddressSettings, TlsSettings};
