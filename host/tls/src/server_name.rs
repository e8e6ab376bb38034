//! The server name that a client asks for. Sessions without buffers of their own do not tell it, but whoever chooses the certificate
//! hears it.

use std::sync::{Arc, OnceLock};

use rustls::ServerConfig;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// What the client of one session asks for.
#[derive(Debug)]
pub struct AskedName {
    chooses: Arc<dyn ResolvesServerCert>,
    name: OnceLock<String>,
}

impl AskedName {
    /// A configuration for one session, and what will be known of its client. All that sessions share stays shared.
    #[must_use]
    pub fn listen(config: &ServerConfig) -> (Arc<ServerConfig>, Arc<Self>) {
        let asked = Arc::new(Self { chooses: config.cert_resolver.clone(), name: OnceLock::new() });
        let mut config = config.clone();
        config.cert_resolver = asked.clone();
        (Arc::new(config), asked)
    }

    /// In lower case; absent before the client has said it, and where it says none.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        self.name.get().map(String::as_str)
    }
}

impl ResolvesServerCert for AskedName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            // a client that is asked for another hello says the same again
            let _ = self.name.set(name.to_ascii_lowercase());
        }
        self.chooses.resolve(hello)
    }
}
