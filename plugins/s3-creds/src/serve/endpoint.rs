//! The container credentials endpoint of AWS' SDKs, on this machine's loopback: how a program that
//! runs for longer than its keys live gets new ones.
//!
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>

use std::{cell::RefCell, convert::Infallible, fmt, pin::pin, time::Duration};

use data_encoding::BASE64URL_NOPAD;
use datalab_core::{
    report::{Failure, Kind, printable},
    words::Secret,
    world::{LocalListener, World},
};
use futures::{StreamExt as _, stream::FuturesUnordered};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use subtle::ConstantTimeEq as _;
use tokio::{
    sync::{Notify, watch},
    time::timeout,
};

use crate::{
    desk::Desk,
    issue::{self, Ready, Terms},
    source::Source,
};

/// Where the keys are, below the address.
const PATH: &str = "/credentials";

/// The longest head of a request: SDKs send some 300 bytes.
const LONGEST_HEAD: usize = 16 << 10;

/// Who opens a connection and says nothing is none of ours.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// More connections at once than any program opens; the next one waits.
const MOST_CONNECTIONS: usize = 256;

/// How long a request waits for new keys while those at hand hold: botocore gives up after 2 s.
const BRIEFLY: Duration = Duration::from_secs(1);

/// Bytes of the token that opens it: nobody else on this machine guesses it.
const TOKEN_LENGTH: usize = 32;

/// Takes this port of this machine, or a free one: before anybody is asked for keys, since a login
/// for an endpoint that cannot be would be in vain.
pub(crate) async fn listen(port: Option<u16>, world: &World) -> Result<LocalListener, Failure> {
    world.listen_locally(port).await.map_err(|error| {
        let failure = |problem: String| {
            Failure::new(Kind::Failed, problem)
                .caused_by(&error)
                .state("nothing was asked for")
        };
        match port {
            Some(port) => failure(format!("port {port} of this machine cannot be listened on"))
                .next("the same command without --port, for a free one"),
            None => failure("no port of this machine can be listened on".to_owned()),
        }
    })
}

/// A port of this machine that hands out keys to who has its token.
///
/// New keys are the endpoint's own errand, not a connection's: whoever hangs up while they are asked
/// for leaves it as it is.
pub(crate) struct Endpoint<'d> {
    listener: LocalListener,
    token: Secret<String>,
    source: &'d Source,
    terms: &'d Terms,
    desk: &'d Desk<'d>,
    at_hand: RefCell<Ready>,
    /// Why the last renewal brought nothing.
    failed: RefCell<Option<String>>,
    /// Somebody wants new keys.
    wanted: Notify,
    /// Changes with each renewal that has ended.
    renewals: watch::Sender<u64>,
}

impl fmt::Debug for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint")
            .field("port", &self.listener.port())
            .finish_non_exhaustive()
    }
}

impl<'d> Endpoint<'d> {
    /// An endpoint there, for these keys and those that come after them.
    pub(crate) fn open(
        listener: LocalListener,
        ready: Ready,
        source: &'d Source,
        terms: &'d Terms,
        desk: &'d Desk<'d>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            listener,
            token: token(desk.world)?,
            source,
            terms,
            desk,
            at_hand: RefCell::new(ready),
            failed: RefCell::new(None),
            wanted: Notify::new(),
            renewals: watch::channel(0).0,
        })
    }

    /// The address, for `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}{PATH}", self.listener.port())
    }

    /// What opens it, for `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    pub(crate) fn token(&self) -> &Secret<String> {
        &self.token
    }

    /// Serves, for as long as it is waited for.
    pub(crate) async fn serve(&self) -> Infallible {
        let mut connections = FuturesUnordered::new();
        let mut renewals = pin!(self.renew_when_wanted());
        loop {
            tokio::select! {
                never = &mut renewals => match never {},
                Some(()) = connections.next() => {}
                accepted = self.listener.accept(), if connections.len() < MOST_CONNECTIONS => {
                    // A connection that is gone already wants nothing.
                    let Ok(stream) = accepted else { continue };
                    let answer = service_fn(|request| self.answer(request));
                    connections.push(async move {
                        // Whatever goes wrong with it is its program's to tell.
                        let _ = http1::Builder::new()
                            .max_buf_size(LONGEST_HEAD)
                            .timer(TokioTimer::new())
                            .header_read_timeout(HEAD_LIMIT)
                            .serve_connection(TokioIo::new(stream), answer)
                            .await;
                    });
                }
            }
        }
    }

    async fn renew_when_wanted(&self) -> Infallible {
        loop {
            self.wanted.notified().await;
            if !self.is_fresh() {
                self.renew().await;
            }
            self.renewals.send_modify(|renewals| *renewals += 1);
        }
    }

    async fn renew(&self) {
        match issue::issue(self.source, self.terms, self.desk).await {
            Ok(ready) => {
                self.at_hand.replace(ready);
                self.failed.replace(None);
            }
            Err(failure) => {
                self.desk.world.streams().talk(&failure.to_string());
                self.failed.replace(Some(failure.problem().to_owned()));
            }
        }
    }

    fn is_fresh(&self) -> bool {
        let now = self.desk.world.now();
        self.at_hand
            .borrow()
            .fresh_until
            .is_none_or(|until| now < until)
    }

    fn holds(&self) -> bool {
        let now = self.desk.world.now();
        self.at_hand
            .borrow()
            .expires
            .is_none_or(|expires| now < expires)
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, Infallible> {
        Ok(match self.refusal(&request) {
            Some((status, problem)) => refused(status, "AccessDenied", problem),
            None => self.keys().await,
        })
    }

    fn refusal<B>(&self, request: &Request<B>) -> Option<(StatusCode, &'static str)> {
        let header = |name| {
            let value = request.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
        };
        // A name that leads to this machine (DNS rebinding) is not the address that we gave out.
        if header(header::HOST) != format!("127.0.0.1:{}", self.listener.port()) {
            return Some((
                StatusCode::BAD_REQUEST,
                "this is not the address that was given out",
            ));
        }
        let token = header(header::AUTHORIZATION).as_bytes();
        if !bool::from(token.ct_eq(self.token.expose().as_bytes())) {
            return Some((
                StatusCode::UNAUTHORIZED,
                "the authorization token is another one",
            ));
        }
        if request.uri().path() != PATH {
            return Some((StatusCode::NOT_FOUND, "there is nothing here"));
        }
        (request.method() != Method::GET)
            .then_some((StatusCode::METHOD_NOT_ALLOWED, "keys are only read here"))
    }

    /// Keys that are good: new ones, or those at hand while these hold and new ones take their time.
    async fn keys(&self) -> Response<Full<Bytes>> {
        if !self.is_fresh() {
            let mut renewals = self.renewals.subscribe();
            self.wanted.notify_one();
            // Whoever hangs up meanwhile has nothing to lose.
            match self.holds() {
                true => drop(timeout(BRIEFLY, renewals.changed()).await),
                false => drop(renewals.changed().await),
            }
        }
        if !self.holds() {
            let failed = self.failed.borrow();
            let reason = failed
                .as_ref()
                .map_or("the keys have expired", String::as_str);
            return refused(StatusCode::BAD_GATEWAY, "NoCredentials", &printable(reason));
        }
        let at_hand = self.at_hand.borrow();
        let credentials = &at_hand.issued.credentials;
        let token = credentials
            .session_token
            .as_ref()
            .map(|token| token.expose());
        let document = json!({
            "AccessKeyId": credentials.access_key_id,
            "SecretAccessKey": credentials.secret_access_key.expose(),
            "Token": token.map_or("", String::as_str),
            // SDKs ask again towards the end; a store's own keys have none.
            "Expiration": credentials.expiration_text(),
        });
        response(StatusCode::OK, &document)
    }
}

fn token(world: &World) -> Result<Secret<String>, Failure> {
    let mut bytes = [0; TOKEN_LENGTH];
    world.fill_random(&mut bytes).map_err(|error| {
        Failure::new(Kind::Failed, "no token for the endpoint can be made").caused_by(&error)
    })?;
    Ok(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response<Full<Bytes>> {
    response(status, &json!({"code": code, "message": message}))
}

fn response(status: StatusCode, document: &serde_json::Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        header::HeaderValue::from_static("application/json"),
    );
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    response
}
