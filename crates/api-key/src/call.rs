use std::fmt;

use fourstep_server::Server;

/// One request to a service, as messages name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    /// The service's name in the provider file.
    pub(crate) service: &'a str,
    /// The name of the provider file.
    pub(crate) file: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    /// The request's name in the provider file.
    pub(crate) request: &'static str,
    /// Whether the administrator makes the request.
    pub(crate) administrator: bool,
    /// The secret fields, beside the key, that the request shows: of the secret, or of the administrator's.
    pub(crate) shows: &'a [String],
}

impl Call<'_> {
    /// Returns the service as a server, which explains what went wrong on the way to it.
    pub(crate) fn server(self) -> Server {
        Server::new(self.service.to_owned(), self.host, self.port).named_in("`base_url` of the provider")
    }
}

impl fmt::Display for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {} (request `{}`)", self.service, self.host, self.request)
    }
}
