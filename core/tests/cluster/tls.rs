//! Whom we trust, and how distrust is explained.

use std::time::{Duration, Instant};

use datalab_core::{
    cluster::{Cluster, Error, api::api::core::v1::Secret},
    kubeconfig::{ClientCertificate, Connection, Trust},
    report::{Failure, Kind},
    words,
    world::World,
};
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::{
    authority::{Authority, Clients},
    connect, connection,
    fake::{AGENT, Fake, Reply, secret},
    me,
};

async fn serve(config: ServerConfig) -> Fake {
    Fake::start_secure(config, |_| Reply::Json(200, secret("x"))).await
}

async fn to(fake: &Fake, change: impl FnOnce(&mut Connection)) -> Cluster {
    let mut connection = connection(fake);
    change(&mut connection);
    connect(connection).await
}

fn trusted(authority: &Authority) -> Trust {
    Trust::Authorities(authority.pem().into_bytes())
}

async fn refusal(cluster: &Cluster) -> String {
    let error = cluster.get::<Secret>(&me(), "x").await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error:?}");
    let failure = Failure::from(error);
    assert_eq!(failure.kind(), Kind::Usage);
    failure.to_string()
}

#[tokio::test]
async fn a_known_authority_is_trusted_and_another_is_not() {
    let (known, other) = (Authority::new(), Authority::new());
    let fake = serve(known.server("127.0.0.1", Clients::Anybody)).await;
    let good = to(&fake, |connection| connection.trust = trusted(&known)).await;
    assert!(good.get::<Secret>(&me(), "x").await.unwrap().is_some());

    let text = refusal(&to(&fake, |connection| connection.trust = trusted(&other)).await).await;
    assert!(
        text.contains("signed by an authority that is not trusted here"),
        "{text}"
    );
    assert_eq!(
        fake.seen().len(),
        1,
        "nothing was said to a server that is not trusted, and it was tried once"
    );

    let blind = to(&fake, |connection| connection.trust = Trust::Insecure).await;
    assert!(blind.get::<Secret>(&me(), "x").await.unwrap().is_some());
}

#[tokio::test]
async fn the_name_has_to_match() {
    let known = Authority::new();
    let fake = serve(known.server("api.lab.example", Clients::Anybody)).await;
    let text = refusal(&to(&fake, |connection| connection.trust = trusted(&known)).await).await;
    assert!(text.contains("not valid for name"), "{text}");
    let named = to(&fake, |connection| {
        connection.trust = trusted(&known);
        connection.tls_server_name = Some("api.lab.example".to_owned());
    })
    .await;
    assert!(named.get::<Secret>(&me(), "x").await.unwrap().is_some());
}

#[tokio::test]
async fn an_authority_that_serves_is_explained() {
    let own = Authority::new();
    let fake = serve(own.as_server()).await;
    let text = refusal(&to(&fake, |connection| connection.trust = trusted(&own)).await).await;
    assert!(text.contains("is itself a certificate authority"), "{text}");
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.0 400 Bad Request\r\n\r\n").await;
            let _ = stream.read(&mut [0; 1024]).await;
        }
    });
    let fake = Fake::start(|_| Reply::HangUp).await;
    let plain = to(&fake, |connection| {
        connection.server = format!("https://{address}");
        connection.trust = trusted(&Authority::new());
    })
    .await;
    let text = refusal(&plain).await;
    assert!(text.contains("the server does not speak TLS"), "{text}");
}

#[tokio::test]
async fn tls_without_being_asked_for_it() {
    let known = Authority::new();
    let fake = serve(known.server("127.0.0.1", Clients::Anybody)).await;
    let plain = to(&fake, |connection| {
        connection.server = connection.server.replace("https", "http");
    })
    .await;
    plain.get::<Secret>(&me(), "x").await.unwrap_err();
    assert!(fake.seen().is_empty());
}

/// Ten seconds long: the limit is what it tests.
#[tokio::test]
async fn a_handshake_that_never_ends_is_given_up() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mute = to(&fake, |connection| {
        connection.server = format!("https://{}", listener.local_addr().unwrap());
        connection.trust = Trust::Insecure;
    })
    .await;
    let begun = Instant::now();
    let error = mute.get::<Secret>(&me(), "x").await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error:?}");
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert!(
        error.to_string().ends_with("did not answer within 10 s"),
        "{error}"
    );
}

#[tokio::test]
async fn a_client_certificate_opens_the_door() {
    let known = Authority::new();
    let fake = serve(known.server("127.0.0.1", Clients::Certified)).await;
    let nobody = to(&fake, |connection| connection.trust = trusted(&known)).await;
    nobody.get::<Secret>(&me(), "x").await.unwrap_err();
    assert!(fake.seen().is_empty());

    let (certificate, key) = known.user();
    let somebody = to(&fake, |connection| {
        connection.trust = trusted(&known);
        connection.client_certificate = Some(ClientCertificate {
            certificate: certificate.into_bytes(),
            key: words::Secret::new(key.into_bytes()),
        });
    })
    .await;
    assert!(somebody.get::<Secret>(&me(), "x").await.unwrap().is_some());
}

#[tokio::test]
async fn an_authority_that_is_none_is_a_usage_error() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    let mut connection = connection(&fake);
    connection.trust = Trust::Authorities(b"not a certificate".to_vec());
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    let error = Cluster::connect(connection, AGENT, &world)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("it holds no PEM certificate"),
        "{error}"
    );
    assert_eq!(Failure::from(error).kind(), Kind::Usage);
}
