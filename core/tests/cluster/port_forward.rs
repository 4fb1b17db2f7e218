//! Byte streams to pods.

use std::time::Duration;

use datalab_core::cluster::{Error, PodStream};
use futures::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    cluster,
    fake::{Fake, Reply, Socket, status},
    impatient, me,
};

const PORT: [u8; 2] = 5432_u16.to_le_bytes();

fn frame(channel: u8, bytes: &[u8]) -> Message {
    Message::binary([&[channel], bytes].concat())
}

async fn open(socket: &mut Socket) {
    socket.send(frame(0, &PORT)).await.unwrap();
    socket.send(frame(1, &PORT)).await.unwrap();
}

/// A pod whose port does what the closure does with the opened socket.
async fn forward<F>(serve: impl Fn(Socket) -> F + Clone + Send + Sync + 'static) -> PodStream
where
    F: Future<Output = ()> + Send + 'static,
{
    let fake = Fake::start(move |request| {
        assert_eq!(
            request.target,
            "/api/v1/namespaces/user-me/pods/x-0/portforward?&ports=5432"
        );
        let serve = serve.clone();
        Reply::Upgrade(Box::new(move |socket| {
            Box::pin(async move { serve(socket).await })
        }))
    })
    .await;
    cluster(&fake)
        .await
        .port_forward(&me(), "x-0", 5432)
        .await
        .unwrap()
}

async fn echo(mut socket: Socket) {
    open(&mut socket).await;
    while let Some(Ok(message)) = socket.next().await {
        if message.is_binary() {
            socket.send(message).await.unwrap();
        }
    }
}

#[tokio::test]
async fn bytes_come_back_as_they_went() {
    let sent: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let (mut reader, mut writer) = tokio::io::split(forward(echo).await);
    let all = sent.clone();
    tokio::spawn(async move {
        writer.write_all(&all).await.unwrap();
        writer.flush().await.unwrap();
        // Keeps the stream open until the test is over.
        std::future::pending::<()>().await;
    });
    let mut received = vec![0; sent.len()];
    reader.read_exact(&mut received).await.unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn a_question_is_sent_without_waiting_for_more() {
    let mut stream = forward(echo).await;
    for _ in 0..3 {
        // No flush: PostgreSQL's clients ask for TLS like this, as they may of a TCP socket.
        stream.write_all(b"ping").await.unwrap();
        let mut answer = [0; 4];
        tokio::time::timeout(Duration::from_secs(5), stream.read_exact(&mut answer))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(&answer, b"ping");
    }
}

#[tokio::test]
async fn the_last_bytes_before_the_end_arrive() {
    let mut stream = forward(|mut socket| async move {
        open(&mut socket).await;
        for _ in 0..100 {
            socket.feed(frame(0, b"0123456789")).await.unwrap();
        }
        socket.close(None).await.unwrap();
    })
    .await;
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), 1000);
}

#[tokio::test]
async fn a_refusal_inside_the_pod_is_an_error_with_its_words() {
    let words = "failed to connect to localhost:5432 inside namespace \"x\", IPv4: dial tcp4 127.0.0.1:5432: connect: connection refused";
    let mut stream = forward(move |mut socket| async move {
        open(&mut socket).await;
        socket.feed(frame(1, words.as_bytes())).await.unwrap();
        socket.flush().await.unwrap();
        // And the connection is gone at once, without a farewell.
    })
    .await;
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.to_string(), words);
}

#[tokio::test]
async fn a_connection_that_breaks_is_not_an_end() {
    let mut stream = forward(|mut socket| async move { open(&mut socket).await }).await;
    stream.read_to_end(&mut Vec::new()).await.unwrap_err();
}

#[tokio::test]
async fn shutting_down_says_goodbye() {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let mut stream = forward(move |mut socket| {
        let sender = sender.clone();
        async move {
            open(&mut socket).await;
            while let Some(Ok(message)) = socket.next().await {
                if message.is_close() {
                    sender.send(()).await.unwrap();
                }
            }
        }
    })
    .await;
    let mut receiver = receiver;
    stream.shutdown().await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), receiver.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_refused_upgrade_is_an_error_of_the_request() {
    let fake = Fake::start(|_| Reply::HangUp).await;
    assert!(matches!(
        cluster(&fake)
            .await
            .port_forward(&me(), "x-0/exec", 5432)
            .await,
        Err(Error::Malformed { .. })
    ));
    assert!(fake.seen().is_empty());

    let message = r#"pods "x-0" is forbidden: User "me" cannot create resource "pods/portforward" in API group "" in the namespace "user-me""#;
    let fake = Fake::start(move |_| status(403, "Forbidden", message)).await;
    let error = cluster(&fake)
        .await
        .port_forward(&me(), "x-0", 5432)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Forbidden { .. }), "{error:?}");
    assert!(
        error
            .to_string()
            .starts_with("not allowed to create pods/portforward \"x-0\" in namespace user-me: "),
        "{error}"
    );

    let fake = Fake::start(|_| status(404, "NotFound", "pods \"x-0\" not found")).await;
    assert!(matches!(
        cluster(&fake).await.port_forward(&me(), "x-0", 5432).await,
        Err(Error::NotFound { .. })
    ));

    let fake = Fake::start(|_| Reply::Raw(200, vec![], "<h1>Sign in</h1>".to_owned())).await;
    assert!(matches!(
        cluster(&fake).await.port_forward(&me(), "x-0", 5432).await,
        Err(Error::NotKubernetes { .. })
    ));

    let fake = Fake::start(|_| Reply::Silence).await;
    assert!(matches!(
        impatient(&fake, "300ms")
            .await
            .port_forward(&me(), "x-0", 5432)
            .await,
        Err(Error::TimedOut { .. })
    ));
}
