//! The port that a browser comes back to: one path, one valid answer.

use std::{convert::Infallible, sync::Arc, time::Duration};

use data_encoding::BASE64;
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header,
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use openidconnect::{AuthorizationCode, url::form_urlencoded};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::mpsc;

use super::{Error, Redirect};
use crate::world::LocalListener;

/// The longest head of a request; a callback has some 400 bytes, and its cookies are none of ours.
const LONGEST_HEAD: usize = 16 << 10;

/// Providers need one sentence; more would hide what we say ourselves.
const LONGEST_REASON: usize = 200;

/// A browser opens connections ahead of need; this one is closed again.
const HEAD_LIMIT: Duration = Duration::from_secs(10);

/// What the browser must bring.
#[derive(Clone, Debug)]
pub(super) struct Expectation {
    pub(super) state: String,
    pub(super) issuer: String,
    /// Whether the provider has promised to name itself (RFC 9207).
    pub(super) issuer_required: bool,
    pub(super) redirect: Redirect,
    pub(super) port: u16,
}

type Received = Result<AuthorizationCode, Error>;

/// Waits for the one valid answer; whatever else comes to the port is turned away, and changes
/// nothing.
pub(super) async fn receive(listener: &LocalListener, expectation: Expectation) -> Received {
    let (sender, mut receiver) = mpsc::channel(1);
    let expectation = Arc::new(expectation);
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            received = receiver.recv() => {
                // The page is still on its way to the browser.
                let _ = tokio::time::timeout(Duration::from_secs(1), connections.join_next()).await;
                return received.unwrap_or(Err(Error::NotFinished { seconds: 0, in_browser: true }));
            }
            accepted = listener.accept() => {
                // A connection that is gone already is nobody's answer.
                let Ok(stream) = accepted else { continue };
                let (sender, expectation) = (sender.clone(), Arc::clone(&expectation));
                let answer = service_fn(move |request: Request<Incoming>| {
                    let (response, received) = judge(&request, &expectation);
                    if let Some(received) = received {
                        // Only the first one counts.
                        let _ = sender.try_send(received);
                    }
                    async { Ok::<_, Infallible>(response) }
                });
                connections.spawn(async move {
                    // Whatever goes wrong with it, the next connection may be the one.
                    let _ = http1::Builder::new()
                        .keep_alive(false)
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

fn judge<B>(
    request: &Request<B>,
    expected: &Expectation,
) -> (Response<Full<Bytes>>, Option<Received>) {
    let turned_away = |status| {
        (
            page(
                status,
                "Nothing to see here",
                "This is not the login that is waited for.",
            ),
            None,
        )
    };
    // A name that leads to this machine (DNS rebinding) is not the address that we gave out.
    let host = request.headers().get(header::HOST);
    let ours = expected.redirect.host(expected.port);
    if host.and_then(|host| host.to_str().ok()) != Some(ours.as_str()) {
        return turned_away(StatusCode::BAD_REQUEST);
    }
    if request.uri().path() != expected.redirect.path() {
        return turned_away(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        return turned_away(StatusCode::METHOD_NOT_ALLOWED);
    }
    let query = request.uri().query().unwrap_or_default();
    let only = |name: &str| {
        let mut values = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
        let value = values.next().map(|(_, value)| value.into_owned());
        // Two of them are none: RFC 6749 section 3.1.
        value.filter(|_| values.next().is_none())
    };
    let known = only("state")
        .is_some_and(|state| bool::from(state.as_bytes().ct_eq(expected.state.as_bytes())));
    if !known {
        return turned_away(StatusCode::BAD_REQUEST);
    }
    match answer(only, expected) {
        Ok(code) => (
            page(
                StatusCode::OK,
                "Logged in",
                "You can close this page; the terminal goes on.",
            ),
            Some(Ok(code)),
        ),
        Err(error) => (
            page(
                StatusCode::OK,
                "Not logged in",
                "You can close this page; the terminal says why.",
            ),
            Some(Err(error)),
        ),
    }
}

/// The answer of somebody who knows the state: the provider's, or one that must end the login.
fn answer(
    only: impl Fn(&str) -> Option<String>,
    expected: &Expectation,
) -> Result<AuthorizationCode, Error> {
    match only("iss") {
        Some(issuer) if issuer == expected.issuer => {}
        None if !expected.issuer_required => {}
        Some(issuer) => {
            return Err(Error::Denied {
                reason: format!("the answer comes from {issuer} (iss, RFC 9207)"),
            });
        }
        None => {
            return Err(Error::Denied {
                reason: "the answer does not say which issuer it is from (iss, RFC 9207); the \
                         issuer promises that it does, and one of its clients can be set not to"
                    .to_owned(),
            });
        }
    }
    if let Some(error) = only("error") {
        let described = only("error_description").map(|text| format!(" ({})", one_line(&text)));
        return Err(Error::Denied {
            reason: format!("{}{}", one_line(&error), described.unwrap_or_default()),
        });
    }
    only("code")
        .filter(|code| !code.is_empty())
        .map(AuthorizationCode::new)
        .ok_or_else(|| Error::Denied {
            reason: "the answer holds no code".to_owned(),
        })
}

/// Somebody's words, as part of a sentence of ours.
fn one_line(text: &str) -> String {
    let blank = |character: char| {
        if character.is_control() {
            ' '
        } else {
            character
        }
    };
    text.chars().map(blank).take(LONGEST_REASON).collect()
}

/// Takes the code out of the address bar and the history.
const FORGET: &str = "history.replaceState(null,'','/')";

/// A page without anything from elsewhere, and without a word of the request.
fn page(status: StatusCode, title: &str, text: &str) -> Response<Full<Bytes>> {
    let script = match status {
        StatusCode::OK => format!("<script>{FORGET}</script>"),
        _ => String::new(),
    };
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title>{script}\
         <body style=\"font-family:sans-serif;margin:4em\"><h1>{title}</h1><p>{text}</p></html>\n"
    );
    let policy = format!(
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'; \
         frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
        BASE64.encode(&Sha256::digest(FORGET))
    );
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONNECTION, "close"),
    ] {
        headers.insert(name, header::HeaderValue::from_static(value));
    }
    if let Ok(policy) = header::HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation() -> Expectation {
        Expectation {
            state: "right".to_owned(),
            issuer: "https://idp.example".to_owned(),
            issuer_required: true,
            redirect: Redirect::default(),
            port: 4711,
        }
    }

    fn judged(
        method: &str,
        host: &str,
        target: &str,
    ) -> (StatusCode, Option<Result<String, String>>) {
        let request = Request::builder()
            .method(method)
            .uri(target)
            .header(header::HOST, host)
            .body(())
            .unwrap();
        let (response, received) = judge(&request, &expectation());
        let received = received.map(|received| {
            received
                .map(|code| code.secret().clone())
                .map_err(|error| error.to_string())
        });
        (response.status(), received)
    }

    const OURS: &str = "127.0.0.1:4711";

    #[test]
    fn what_is_not_the_answer_changes_nothing() {
        let right = "/callback?state=right&iss=https%3A%2F%2Fidp.example&code=c";
        for (method, host, target) in [
            ("GET", OURS, "/"),
            ("GET", OURS, "/favicon.ico"),
            ("GET", OURS, "/callback"),
            ("GET", OURS, "/callback?state=wrong&code=c"),
            ("GET", OURS, "/callback?error=access_denied"),
            ("GET", OURS, "/callback?error=access_denied&state=wrong"),
            ("GET", OURS, "/callback?state=right&state=right&code=c"),
            ("POST", OURS, right),
            ("GET", "localhost:4711", right),
            ("GET", "evil.example:4711", right),
            ("GET", "127.0.0.1", right),
        ] {
            let (status, received) = judged(method, host, target);
            assert!(
                status.is_client_error(),
                "{method} {host} {target}: {status}"
            );
            assert_eq!(received, None, "{method} {host} {target}");
        }
        assert_eq!(
            judged("GET", OURS, right),
            (StatusCode::OK, Some(Ok("c".to_owned())))
        );
    }

    #[test]
    fn an_answer_with_the_right_state_ends_the_login() {
        for (query, word) in [
            ("iss=https%3A%2F%2Fevil.example&code=c", "evil.example"),
            ("code=c", "iss, RFC 9207"),
            (
                "iss=https%3A%2F%2Fidp.example&error=access_denied",
                "access_denied",
            ),
            ("iss=https%3A%2F%2Fidp.example", "no code"),
            ("iss=https%3A%2F%2Fidp.example&code=", "no code"),
        ] {
            let (_, received) = judged("GET", OURS, &format!("/callback?state=right&{query}"));
            let text = received.unwrap().unwrap_err();
            assert!(text.contains(word), "{query}: {text}");
        }
    }
}
