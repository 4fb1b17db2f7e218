//! The way through a proxy, and the ways around it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use datalab_core::{
    cluster::{Cluster, Error, api::api::core::v1::Secret},
    kubeconfig::{Overrides, resolve},
    world::World,
};
use jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

use crate::{
    fake::{AGENT, Fake, Reply, secret},
    me,
};

/// A proxy that leads every tunnel to one server, whatever name was asked for, and counts them.
async fn proxy(fake: &Fake) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let (port, counter) = (fake.port, Arc::clone(&count));
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(client.read_u8().await.unwrap());
                }
                assert!(
                    head.starts_with(b"CONNECT "),
                    "{}",
                    String::from_utf8_lossy(&head)
                );
                counter.fetch_add(1, Ordering::Relaxed);
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                copy_bidirectional(&mut client, &mut server).await.ok();
            });
        }
    });
    (address.to_string(), count)
}

async fn tunnels(server: &str, config_proxy: bool, variables: &[(&str, &str)]) -> usize {
    let fake = Fake::start(|_| Reply::Json(200, secret("x"))).await;
    let (address, count) = proxy(&fake).await;
    let home = tempfile::tempdir().unwrap();
    let config = home.path().join("config");
    let server = server.replace("PORT", &fake.port.to_string());
    let line = if config_proxy {
        format!("proxy-url: http://{address}")
    } else {
        String::new()
    };
    std::fs::write(
        &config,
        format!("current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\nclusters:\n- name: c\n  cluster:\n    server: {server}\n    {line}\n"),
    )
    .unwrap();
    let variables: Vec<_> = variables
        .iter()
        .map(|(name, value)| (*name, value.replace("PROXY", &address)))
        .collect();
    let table = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .chain([("KUBECONFIG", config.to_str().unwrap())]);
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, table);
    let connection = resolve(&Overrides::default(), &world).unwrap();
    let cluster = Cluster::connect(connection, AGENT, &world).await.unwrap();
    cluster.get::<Secret>(&me(), "x").await.unwrap();
    assert_eq!(fake.seen().len(), 1);
    count.load(Ordering::Relaxed)
}

#[tokio::test]
async fn the_environment_leads_through_the_proxy() {
    // The name exists only behind the proxy.
    for value in ["http://PROXY", "PROXY"] {
        assert_eq!(
            tunnels(
                "http://api.lab.invalid:6443",
                false,
                &[("HTTP_PROXY", value)]
            )
            .await,
            1,
            "{value}"
        );
    }
    assert_eq!(
        tunnels(
            "http://api.lab.invalid:6443",
            false,
            &[("http_proxy", "http://PROXY")]
        )
        .await,
        1
    );
}

#[tokio::test]
async fn loopback_goes_straight() {
    assert_eq!(
        tunnels(
            "http://127.0.0.1:PORT",
            false,
            &[
                ("HTTP_PROXY", "http://PROXY"),
                ("HTTPS_PROXY", "http://PROXY")
            ]
        )
        .await,
        0
    );
}

#[tokio::test]
async fn a_proxy_of_the_kubeconfig_is_always_used() {
    assert_eq!(tunnels("http://127.0.0.1:PORT", true, &[]).await, 1);
    assert_eq!(
        tunnels(
            "http://127.0.0.1:PORT",
            true,
            &[("NO_PROXY", "*"), ("HTTP_PROXY", "http://other.invalid")]
        )
        .await,
        1
    );
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_without_its_password() {
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = through(&format!("http://me:sesame@{free}"))
        .await
        .unwrap()
        .get::<Secret>(&me(), "x")
        .await
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains(&format!(
            "http://api.lab.invalid (through the proxy {free}) cannot be reached"
        )),
        "{text}"
    );
    assert!(!text.contains("sesame"), "{text}");

    for unusable in ["ftp://me:sesame@proxy", "http://me:ses ame@proxy"] {
        let error = through(unusable).await.unwrap_err();
        assert!(matches!(error, Error::Configuration { .. }), "{error:?}");
        assert!(!error.to_string().contains("ame@"), "{error}");
    }
}

#[tokio::test]
async fn socks() {
    let fake = Fake::start(|_| Reply::Json(200, secret("x"))).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        client.read_exact(&mut [0; 3]).await.unwrap();
        client.write_all(&[5, 0]).await.unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).await.unwrap();
        assert_eq!(request[..4], [5, 1, 0, 3], "the proxy resolves the name");
        let mut name = vec![0; usize::from(request[4]) + 2];
        client.read_exact(&mut name).await.unwrap();
        assert!(name.starts_with(b"api.lab.invalid"));
        client
            .write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            .await
            .unwrap();
        let mut server = TcpStream::connect(("127.0.0.1", fake.port)).await.unwrap();
        copy_bidirectional(&mut client, &mut server).await.ok();
    });
    let cluster = through(&format!("socks5h://{address}")).await.unwrap();
    assert!(cluster.get::<Secret>(&me(), "x").await.unwrap().is_some());
}

async fn through(proxy: &str) -> Result<Cluster, Error> {
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, [("HTTP_PROXY", proxy)]);
    let overrides = Overrides {
        server: Some("http://api.lab.invalid".to_owned()),
        ..Overrides::default()
    };
    Cluster::connect(resolve(&overrides, &world).unwrap(), AGENT, &world).await
}
