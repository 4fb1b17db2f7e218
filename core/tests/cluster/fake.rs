//! An API server on loopback that answers by a script and holds every request to the rules: the
//! right user agent, JSON bodies, our field manager, no force.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use rustls::ServerConfig;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{handshake::derive_accept_key, protocol::Role},
};

/// The user agent that every request has to carry.
pub(crate) const AGENT: &str = "kubectl-datalab-test/0.0.0";

/// A request that came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// What to answer.
pub(crate) enum Reply {
    /// A JSON document.
    Json(u16, Value),
    /// Anything else.
    Raw(u16, Vec<(&'static str, String)>, String),
    /// The head, half of the promised body, then a reset.
    HalfThenReset,
    /// Nothing, and the connection stays open.
    Silence,
    /// The connection is closed without a word.
    HangUp,
    /// A WebSocket, and what is done with it.
    Upgrade(Box<dyn FnOnce(Socket) -> futures::future::BoxFuture<'static, ()> + Send>),
}

/// The server's end of an upgraded connection.
pub(crate) type Socket = WebSocketStream<Box<dyn Stream>>;

pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

type Script = Arc<Mutex<dyn FnMut(&Seen) -> Reply + Send>>;

/// The server; it stops with the test's runtime.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) port: u16,
    /// `http` or `https`.
    scheme: &'static str,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// A failure in the words of Kubernetes.
pub(crate) fn status(code: u16, reason: &str, message: &str) -> Reply {
    Reply::Json(
        code,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": code}),
    )
}

/// A Secret as the server would send it.
pub(crate) fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "user-me", "uid": "u-1", "resourceVersion": "7"}, "data": {"key": "dmFsdWU="}})
}

impl Fake {
    pub(crate) async fn start(script: impl FnMut(&Seen) -> Reply + Send + 'static) -> Self {
        Self::serve("http", script, |stream| async move {
            Some(Box::new(stream) as Box<dyn Stream>)
        })
        .await
    }

    /// Behind TLS.
    pub(crate) async fn start_secure(
        config: ServerConfig,
        script: impl FnMut(&Seen) -> Reply + Send + 'static,
    ) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self::serve("https", script, move |stream| {
            let acceptor = acceptor.clone();
            async move {
                acceptor
                    .accept(stream)
                    .await
                    .ok()
                    .map(|stream| Box::new(stream) as Box<dyn Stream>)
            }
        })
        .await
    }

    async fn serve<F, W>(
        scheme: &'static str,
        script: impl FnMut(&Seen) -> Reply + Send + 'static,
        wrap: W,
    ) -> Self
    where
        W: Fn(tokio::net::TcpStream) -> F + Send + Sync + 'static,
        F: Future<Output = Option<Box<dyn Stream>>> + Send,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (script, wrap): (Script, _) = (Arc::new(Mutex::new(script)), Arc::new(wrap));
        let fake = Self { port, scheme, seen };
        let this = fake.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (this, script, wrap) = (this.clone(), Arc::clone(&script), Arc::clone(&wrap));
                tokio::spawn(async move {
                    if let Some(stream) = wrap(stream).await {
                        this.converse(stream, script).await;
                    }
                });
            }
        });
        fake
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    async fn converse(&self, mut stream: Box<dyn Stream>, script: Script) {
        while let Some(request) = read_request(&mut stream).await {
            self.seen.lock().unwrap().push(request.clone());
            let reply = match complaint(&request) {
                Some(complaint) => status(
                    400,
                    "BadRequest",
                    &format!("the client is wrong: {complaint}"),
                ),
                None => (script.lock().unwrap())(&request),
            };
            let (code, headers, body) = match reply {
                Reply::Json(code, body) => (
                    code,
                    vec![("content-type", "application/json".to_owned())],
                    body.to_string(),
                ),
                Reply::Raw(code, headers, body) => (code, headers, body),
                Reply::HalfThenReset => {
                    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{\"kind\":";
                    stream.write_all(half.as_bytes()).await.unwrap();
                    return;
                }
                Reply::HangUp => return,
                Reply::Silence => {
                    tokio::time::sleep(Duration::from_secs(3600)).await;
                    return;
                }
                Reply::Upgrade(serve) => {
                    let accept =
                        derive_accept_key(request.header("sec-websocket-key").unwrap().as_bytes());
                    let head = format!(
                        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: {accept}\r\nsec-websocket-protocol: v4.channel.k8s.io\r\n\r\n"
                    );
                    stream.write_all(head.as_bytes()).await.unwrap();
                    serve(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await;
                    return;
                }
            };
            let mut head = format!(
                "HTTP/1.1 {code} X\r\ncontent-length: {}\r\ndate: Sat, 21 Nov 2026 09:00:00 GMT\r\n",
                body.len()
            );
            for (name, value) in headers {
                head += &format!("{name}: {value}\r\n");
            }
            if stream
                .write_all(format!("{head}\r\n{body}").as_bytes())
                .await
                .is_err()
            {
                return;
            }
        }
    }
}

fn complaint(request: &Seen) -> Option<String> {
    let agent = request.header("user-agent").unwrap_or_default();
    // kubectl, where it is the judge, may sign with its own name.
    if agent != AGENT && !agent.starts_with("kubectl/") {
        return Some(format!("user agent {agent:?}"));
    }
    let json = request.header("content-type").unwrap_or_default();
    match request.method.as_str() {
        "POST" | "PUT" | "DELETE" if json != "application/json" || request.json().is_null() => {
            Some(format!("content type {json:?} or its body"))
        }
        "PATCH" if json != "application/apply-patch+yaml" => Some(format!("content type {json:?}")),
        "PATCH"
            if !request.target.contains("fieldManager=kubectl-datalab")
                || request.target.contains("force=true") =>
        {
            Some(format!("parameters of {}", request.target))
        }
        _ => None,
    }
}

async fn read_request(stream: &mut Box<dyn Stream>) -> Option<Seen> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap().split(' ');
    let (method, target) = (
        first.next().unwrap().to_owned(),
        first.next().unwrap().to_owned(),
    );
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        method,
        target,
        headers,
        body,
    })
}
