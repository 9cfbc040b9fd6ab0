//! Encrypted connections, where the feature `tls` brings them: whose certificates are believed, and what a failed
//! handshake means. Without the feature nothing is encrypted, and an address that asks for it is refused.

use artana_ports::StoreError;
use tokio_postgres::{
    Config,
    config::{Host, SslMode},
};

use crate::PostgresOptions;

/// How connections are made.
#[derive(Clone)]
pub(crate) enum Tls {
    /// In clear.
    Off,
    /// Encrypted where the address asks for it or the server offers it.
    #[cfg(feature = "tls")]
    On(tokio_postgres_rustls::MakeRustlsConnect),
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Off => "Off",
            #[cfg(feature = "tls")]
            Self::On(_) => "On",
        })
    }
}

/// Whether this crate was built with encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Built {
    WithTls,
    Without,
}

/// Says how to connect.
pub(crate) fn of(options: &PostgresOptions, config: &Config) -> Result<Tls, StoreError> {
    let built = if cfg!(feature = "tls") { Built::WithTls } else { Built::Without };
    let mode = config.get_ssl_mode();
    let is_local = |host: &Host| matches!(host, Host::Unix(_));
    // Nobody listens on a socket of this machine, and no server encrypts there.
    let local = !config.get_hosts().is_empty() && config.get_hosts().iter().all(is_local);
    if !may_encrypt(mode, built)? || (local && mode == SslMode::Prefer) {
        return Ok(Tls::Off);
    }
    make(options, mode)
}

/// Says whether encryption is to be tried, and refuses to go in clear where the address forbids it.
fn may_encrypt(mode: SslMode, built: Built) -> Result<bool, StoreError> {
    match (mode, built) {
        (SslMode::Disable, _) | (SslMode::Prefer, Built::Without) => Ok(false),
        (_, Built::WithTls) => Ok(true),
        (_, Built::Without) => Err(StoreError::Insecure {
            reason: "the address asks for encryption, and this program was built without it; switch on the feature \
                     `tls` of artana-store-postgres, or `postgres-tls` of artana"
                .into(),
        }),
    }
}

#[cfg(not(feature = "tls"))]
fn make(_: &PostgresOptions, _: SslMode) -> Result<Tls, StoreError> {
    Ok(Tls::Off)
}

#[cfg(not(feature = "tls"))]
pub(crate) fn refused(_: &tokio_postgres::Error) -> Option<StoreError> {
    None
}

#[cfg(feature = "tls")]
use rustls_side::make;
#[cfg(feature = "tls")]
pub(crate) use rustls_side::refused;

#[cfg(feature = "tls")]
mod rustls_side {
    use std::{error::Error, io, sync::Arc};

    use rustls::{
        CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::{CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    };
    use tokio_postgres_rustls::MakeRustlsConnect;

    use super::{PostgresOptions, SslMode, StoreError, Tls};

    /// An address that prefers encryption takes whatever certificate there is, unless roots are given: it would go in
    /// clear otherwise. One that requires it has the certificate judged, by the given roots or the system's.
    pub(super) fn make(options: &PostgresOptions, mode: SslMode) -> Result<Tls, StoreError> {
        let provider = Arc::new(ring::default_provider());
        let judge: Arc<dyn ServerCertVerifier> = match (&options.tls_roots, mode) {
            (Some(pem), _) => judge(&provider, given(pem)?)?,
            (None, SslMode::Prefer) => Arc::new(Anybody(provider.signature_verification_algorithms)),
            (None, _) => judge(&provider, of_the_system()?)?,
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| insecure("no version of TLS can be offered"))?
            .dangerous()
            .with_custom_certificate_verifier(judge)
            .with_no_client_auth();
        Ok(Tls::On(MakeRustlsConnect::new(config)))
    }

    fn judge(provider: &Arc<CryptoProvider>, roots: RootCertStore) -> Result<Arc<WebPkiServerVerifier>, StoreError> {
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|_| insecure("there is no root certificate to judge the server's by; give one with tls_roots"))
    }

    /// Reads the roots that were given.
    fn given(pem: &[u8]) -> Result<RootCertStore, StoreError> {
        let unreadable = || insecure("the given root certificates cannot be read; they are in PEM form");
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(pem) {
            roots.add(root.map_err(|_| unreadable())?).map_err(|_| unreadable())?;
        }
        if roots.is_empty() { Err(unreadable()) } else { Ok(roots) }
    }

    /// Reads the system's roots; those that cannot be read are left out.
    fn of_the_system() -> Result<RootCertStore, StoreError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        if roots.is_empty() {
            return Err(insecure("this system has no root certificates; give one with tls_roots"));
        }
        Ok(roots)
    }

    fn insecure(reason: &str) -> StoreError {
        StoreError::Insecure { reason: reason.into() }
    }

    /// Tells of a connection that failed because the server's certificate was judged.
    pub(crate) fn refused(error: &tokio_postgres::Error) -> Option<StoreError> {
        let mut next = error.source();
        while let Some(error) = next {
            let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            let inside = inside.and_then(|error| error.downcast_ref::<rustls::Error>());
            if let Some(error) = inside.or_else(|| error.downcast_ref()) {
                return Some(insecure(told(error)));
            }
            next = error.source();
        }
        None
    }

    fn told(error: &rustls::Error) -> &'static str {
        match error {
            rustls::Error::InvalidCertificate(error) => match error {
                // A root of the same name that did not sign it makes the second one.
                CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                    "no trusted root has signed the server's certificate; give the right one with tls_roots"
                }
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                    "the server's certificate is for another host than the address names"
                }
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    "the server's certificate has expired"
                }
                _ => "the server's certificate is not valid",
            },
            _ => "the server and this program found no way to encrypt",
        }
    }

    /// Takes whatever certificate there is, from whoever can prove that it is theirs.
    #[derive(Debug)]
    struct Anybody(WebPkiSupportedAlgorithms);

    impl ServerCertVerifier for Anybody {
        fn verify_server_cert(
            &self,
            _: &CertificateDer<'_>,
            _: &[CertificateDer<'_>],
            _: &ServerName<'_>,
            _: &[u8],
            _: UnixTime,
        ) -> Result<ServerCertVerified, rustls::Error> {
            Ok(ServerCertVerified::assertion())
        }

        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls12_signature(message, cert, signed, &self.0)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            verify_tls13_signature(message, cert, signed, &self.0)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.0.supported_schemes()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_be_encrypted_is_not_sent_in_clear() {
        assert_eq!(may_encrypt(SslMode::Require, Built::WithTls).ok(), Some(true));
        let refused = may_encrypt(SslMode::Require, Built::Without).expect_err("it would be in clear");
        assert_eq!(refused.code(), "artana::store_insecure");
        assert!(refused.to_string().contains("feature `tls`"), "{refused}");
        assert_eq!(may_encrypt(SslMode::Prefer, Built::Without).ok(), Some(false));
        for built in [Built::WithTls, Built::Without] {
            assert_eq!(may_encrypt(SslMode::Disable, built).ok(), Some(false));
        }
    }
}
