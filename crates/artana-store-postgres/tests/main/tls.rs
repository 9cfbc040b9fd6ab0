//! Encrypted connections to a server with a certificate of its own.

use artana_core::Seq;
use artana_ports::{EventStore, StoreError};
use artana_store_postgres::{Durability, PostgresOptions, PostgresStore};
use artana_testkit::postgres::OwnServer;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::support::{batch, filled, head, run, until};

const ALL_SSL: &str = "SELECT coalesce(bool_and(s.ssl), false) FROM pg_stat_activity AS a JOIN pg_stat_ssl AS s \
                       ON s.pid = a.pid WHERE a.application_name = 'artana'";
const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'artana'";

/// Who signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a root"))
    }

    fn root(&self) -> String {
        self.0.pem()
    }

    /// Starts a server whose certificate is for 127.0.0.1 alone.
    fn server(&self) -> Option<OwnServer> {
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate").pem();
        let settings = [("ssl", "on"), ("ssl_cert_file", "'its.crt'"), ("ssl_key_file", "'its.key'")];
        OwnServer::start(&settings, &[("its.crt", &certificate), ("its.key", &key.serialize_pem())])
    }
}

fn options(server: &OwnServer, host: &str, mode: &str) -> PostgresOptions {
    let address = server.tcp_url(host, &format!("sslmode={mode}"));
    PostgresStore::connect(address).durability(Durability::AsTheServer)
}

#[tokio::test]
async fn every_connection_is_encrypted_where_the_address_asks_for_it() {
    let authority = Authority::new();
    let Some(server) = authority.server() else { return };
    let store = options(&server, "127.0.0.1", "require").tls_roots(authority.root()).pool(2..=2);
    let store = store.await.expect("a store");
    let followed = run("r");
    filled(&store, &followed, 1).await;
    let (followed, appended) = tokio::join!(store.follow(&followed, Seq::new(1)), async {
        // The third one listens.
        until("somebody listens", || async { server.run(SESSIONS) == "3" }).await;
        store.append(batch(&run("r"), Some(head(1)))).await
    });
    assert_eq!((followed.expect("a head"), appended.expect("an append").head), (head(2), head(2)));
    assert_eq!((server.run(ALL_SSL), server.run(SESSIONS)), ("t".into(), "3".into()));
    let cleartext = options(&server, "127.0.0.1", "disable").await.expect("a store");
    assert_eq!(cleartext.head(&run("r")).await.expect("a head"), Some(head(2)));
    assert_eq!(server.run(ALL_SSL), "f", "it is not where the address forbids it");
}

#[tokio::test]
async fn a_certificate_is_judged_by_the_given_root_and_for_its_host() {
    let authority = Authority::new();
    let Some(server) = authority.server() else { return };
    let roots = [Authority::new().root(), authority.root(), "no certificate".into()];
    for (host, mode, root, why) in [
        ("127.0.0.1", "require", &roots[0], "no trusted root has signed"),
        ("127.0.0.1", "prefer", &roots[0], "no trusted root has signed"),
        ("localhost", "require", &roots[1], "for another host"),
        ("127.0.0.1", "require", &roots[2], "cannot be read"),
    ] {
        let refused = options(&server, host, mode).tls_roots(root.as_str()).await.expect_err(why);
        assert!(matches!(&refused, StoreError::Insecure { reason } if reason.contains(why)), "{refused}");
        assert_eq!(refused.code(), "artana::store_insecure");
    }
    // The system's roots have signed no certificate of this test.
    let refused = options(&server, "127.0.0.1", "require").await.expect_err("an unknown root");
    assert!(matches!(&refused, StoreError::Insecure { .. }), "{refused}");
    assert_eq!(server.run("SELECT count(*) FROM pg_namespace WHERE nspname = 'artana'"), "0");
}

#[tokio::test]
async fn an_address_that_says_nothing_takes_the_encryption_there_is() {
    let authority = Authority::new();
    let Some(server) = authority.server() else { return };
    let store = options(&server, "127.0.0.1", "prefer").await.expect("a store");
    assert_eq!(server.run(ALL_SSL), "t");
    store.close().await.expect("closes");
    let Some(bare) = OwnServer::start(&[], &[]) else { return };
    let store = options(&bare, "127.0.0.1", "prefer").await.expect("a store in clear");
    assert_eq!(bare.run(ALL_SSL), "f");
    store.close().await.expect("closes");
    let refused = options(&bare, "127.0.0.1", "require").tls_roots(authority.root()).await.expect_err("no encryption");
    assert!(refused.to_string().contains("offers no encryption"), "{refused}");
}
