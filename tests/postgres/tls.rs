//! Connections over TLS, to a server that takes no others from the network.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use stube::PostgresStore;
use stube::store::postgres::OpenError;
use stube::store::postgres::tokio_postgres::config::SslMode;
use tempfile::TempDir;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::hints::{listening_on, until_heard};
use crate::processes::{applied, begin, insist};
use crate::server::{Server, give_away};
use crate::{Config, SHORT};

/// Signs certificates.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("a certificate"))
    }

    /// A connector that believes this authority and no other.
    fn connector(&self) -> MakeRustlsConnect {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("it is an authority");
        MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
    }
}

/// A server with a certificate of an authority, and its files.
struct Secured {
    server: Server,
    authority: Authority,
    _files: TempDir,
}

impl Secured {
    async fn start() -> Self {
        let authority = Authority::new();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).expect("it is an address");
        let certificate = params.signed_by(&key, &authority.0).expect("a certificate");
        let files = TempDir::new().expect("a directory");
        give_away(files.path());
        let file = |name: &str, text: &str| write(files.path(), name, text).expect("it can be written");
        let (certificate, key) = (file("certificate", &certificate.pem()), file("key", &key.serialize_pem()));
        let access = file("access", "local all all trust\nhostssl all all 127.0.0.1/32 trust\n");
        let setting = |name: &str, path: &Path| format!("{name}={}", path.display());
        let settings = [
            "ssl=on".to_owned(),
            setting("ssl_cert_file", &certificate),
            setting("ssl_key_file", &key),
            setting("hba_file", &access),
        ];
        let server = Server::start(&settings.each_ref().map(String::as_str)).await;
        Self { server, authority, _files: files }
    }
}

/// A file of the server's that nobody else may read: with another one it does not start.
fn write(dir: &Path, name: &str, text: &str) -> io::Result<PathBuf> {
    let path = dir.join(name);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    give_away(&path);
    Ok(path)
}

async fn open(mut config: Config, connector: MakeRustlsConnect) -> Result<PostgresStore, OpenError> {
    config.ssl_mode(SslMode::Require);
    PostgresStore::options().timeout(SHORT).connect_tls(config, connector).await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_it_saves_and_hears_and_comes_back_when_its_connections_are_lost() {
    let Secured { server, authority, _files } = Secured::start().await;
    let config = server.database().await;
    let database = config.get_dbname().expect("it has a name");
    let beside = server.client(&server.local(database)).await;
    let opened = async || open(config.clone(), authority.connector()).await.expect("it opens");
    let (one, mut changes) = listening_on(opened().await);
    let (two, _) = listening_on(opened().await);
    let id = begin(&one, 1).await[0];
    let mut names = Vec::new();
    for round in ["first", "second", "third"] {
        // Whoever is at work when the connections are lost is told to try again.
        insist(&two, id, round).await;
        names.push(round);
        assert_eq!(applied(&one, id).await, names);
        until_heard(&mut changes, &two).await;

        let sql = "SELECT application_name, ssl FROM pg_stat_activity JOIN pg_stat_ssl USING (pid) \
                   WHERE application_name LIKE 'stube%' ORDER BY 1";
        let found = beside.query(sql, &[]).await.expect("it can be asked");
        let found: Vec<(String, bool)> = found.iter().map(|row| (row.get(0), row.get(1))).collect();
        assert!(found.contains(&("stube".to_owned(), true)), "{found:?}");
        assert!(found.contains(&("stube hints".to_owned(), true)), "{found:?}");
        assert!(found.iter().all(|(_, is_secured)| *is_secured), "{found:?}");

        let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'stube%'";
        assert_eq!(beside.execute(sql, &[]).await.expect("they are ended"), found.len() as u64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_certificate_nobody_vouches_for_is_not_spoken_to() {
    let Secured { server, _files, .. } = Secured::start().await;
    let config = server.database().await;
    let error = open(config, Authority::new().connector()).await.expect_err("it is of another authority");
    let error = error.to_string();
    assert!(error.contains("TLS handshake") && error.contains("invalid peer certificate"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tls_either_end_says_that_it_is_missing() {
    let Secured { server, _files, .. } = Secured::start().await;
    let config = server.database().await;
    let error = PostgresStore::connect(config.clone()).await.expect_err("the server wants TLS").to_string();
    assert!(error.contains("no encryption (28000)"), "{error}");
    let mut wanting = config.clone();
    wanting.ssl_mode(SslMode::Require);
    let error = PostgresStore::connect(wanting).await.expect_err("there is no connector").to_string();
    assert!(error.contains("no TLS implementation configured"), "{error}");

    let server = Server::start(&[]).await;
    let config = server.database().await;
    let error = open(config, Authority::new().connector()).await.expect_err("the server has no TLS").to_string();
    assert!(error.contains("server does not support TLS"), "{error}");
}
