//! What the protocol's library makes of the HTTP room's answers, and of an error.

use http::Response;
use openidconnect::{ErrorResponse, HttpRequest, HttpResponse, RequestTokenError};

use super::Error;
use crate::http::{Answer, Client, Patience};

/// An answer as the library takes it.
fn response(answer: Answer) -> HttpResponse {
    let mut response = Response::new(answer.body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

/// Asks, and keeps what the library would lose: the error itself, and the server's clock.
pub(super) struct Asked<'a> {
    http: &'a Client,
    patience: Patience,
    what: &'static str,
}

impl<'a> Asked<'a> {
    pub(super) fn new(http: &'a Client, patience: Patience, what: &'static str) -> Self {
        Self {
            http,
            patience,
            what,
        }
    }

    /// An answer that may be read: 429 and 5xx hold no word of the protocol.
    pub(super) async fn ask(&self, request: HttpRequest) -> Result<Answer, Error> {
        let answer = self.http.send_patiently(request, self.patience).await?;
        let status = answer.status.as_u16();
        if status == 429 || status >= 500 {
            return Err(Error::Unavailable {
                what: self.what,
                status,
            });
        }
        Ok(answer)
    }
}

/// The one call that the library makes, done by us beforehand or meanwhile.
pub(super) struct Relay<'a, 'c> {
    asked: &'a Asked<'c>,
    seen: std::sync::Mutex<Seen>,
}

/// What came by.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Why the last request brought nothing.
    pub(super) error: Option<Error>,
    /// How far the server's clock is ahead.
    pub(super) skew: jiff::SignedDuration,
}

/// The transport failed; [`Seen`] says how.
#[derive(Debug, thiserror::Error)]
#[error("the request failed")]
pub(super) struct Failed;

impl<'a, 'c> Relay<'a, 'c> {
    pub(super) fn new(asked: &'a Asked<'c>) -> Self {
        Self {
            asked,
            seen: std::sync::Mutex::default(),
        }
    }

    pub(super) async fn call(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let result = self.asked.ask(request).await.and_then(|answer| {
            // A refusal by somebody in between: a firewall, a portal.
            match answer.status.is_client_error() && !answer.is_json() {
                true => Err(Error::BadAnswer {
                    what: self.asked.what,
                    reason: format!("HTTP {}, and not in the protocol's words", answer.status),
                }),
                false => Ok(answer),
            }
        });
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match result {
            Ok(answer) => {
                seen.skew = answer.skew();
                Ok(response(answer))
            }
            Err(error) => {
                seen.error = Some(error);
                Err(Failed)
            }
        }
    }

    /// As [`call`](Self::call), for a question that the library asks again and again, whatever went
    /// wrong: what cannot pass is answered in the provider's place, with a refusal that ends it.
    pub(super) async fn poll(&self, request: HttpRequest) -> Result<HttpResponse, Failed> {
        let result = self.call(request).await;
        let mut seen = self
            .seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        match (&result, &seen.error) {
            (Err(_), Some(error)) if !error.may_pass() => {
                let mut refusal = Response::new(br#"{"error":"invalid_request"}"#.to_vec());
                *refusal.status_mut() = http::StatusCode::BAD_REQUEST;
                Ok(refusal)
            }
            (Err(_), _) => {
                seen.error = None;
                result
            }
            (Ok(_), _) => result,
        }
    }

    pub(super) fn seen(self) -> Seen {
        self.seen
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A failed request for tokens, in our words.
pub(super) fn token_error<T: ErrorResponse + 'static>(
    what: &'static str,
    error: RequestTokenError<Failed, T>,
    seen: Option<Error>,
) -> Error {
    match (error, seen) {
        (_, Some(error)) => error,
        (RequestTokenError::ServerResponse(refused), _) => {
            let said = serde_json::to_value(&refused).unwrap_or_default();
            let text = |name: &str| said.get(name)?.as_str().map(str::to_owned);
            Error::Refused {
                what,
                code: text("error").unwrap_or_else(|| refused.to_string()),
                description: text("error_description"),
            }
        }
        (RequestTokenError::Parse(error, _), _) => Error::BadAnswer {
            what,
            // Where, and not what: it may hold a token.
            reason: match error.path().to_string().as_str() {
                "." => "it is not what the protocol has".to_owned(),
                path => format!("it is not what the protocol has at {path}"),
            },
        },
        (RequestTokenError::Request(Failed), None) => Error::BadAnswer {
            what,
            reason: "there is none".to_owned(),
        },
        (RequestTokenError::Other(_), _) => Error::BadAnswer {
            what,
            reason: "it is empty, or not JSON".to_owned(),
        },
    }
}
