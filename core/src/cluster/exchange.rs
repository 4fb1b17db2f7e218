//! One request: its time limit, its repetitions, and what becomes of a 401.

use std::time::{Duration, Instant};

use http::{Request, header};
use http_body_util::BodyExt;
use jiff::{Timestamp, fmt::rfc2822};
use serde::de::DeserializeOwned;

use super::{
    Attempt, Cluster, Error,
    answer::{self, Answer},
    client::Current,
    credential, transport,
};

/// How long a request may take, repetitions included, unless the command line says otherwise:
/// admission webhooks may take 30 s by Kubernetes' own limit, and nothing else is slower.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// How often a request is tried: a server that is restarted behind a load balancer answers the
/// second time, one that is overloaded must not be pressed.
const TRIES: usize = 3;

/// The pauses between tries when the server does not name one.
const PAUSES: [Duration; TRIES - 1] = [Duration::from_millis(200), Duration::from_secs(1)];

/// A request and what it is for.
pub(super) struct Call {
    pub(super) attempt: Box<Attempt>,
    pub(super) request: Request<Vec<u8>>,
    pub(super) repeat: Repeat,
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// After any failure to answer: it changes nothing.
    Always,
    /// Only when the server has certainly not acted on it.
    IfNotSeen,
}

/// The end of the time that a call has.
#[derive(Clone, Copy)]
struct Deadline {
    limit: Option<Duration>,
    begun: Instant,
}

impl Deadline {
    fn new(limit: Option<Duration>) -> Self {
        Self {
            limit,
            begun: Instant::now(),
        }
    }

    async fn keep<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.limit {
            None => Some(work.await),
            Some(limit) => tokio::time::timeout(limit.saturating_sub(self.begun.elapsed()), work)
                .await
                .ok(),
        }
    }

    fn leaves(self, pause: Duration) -> bool {
        self.limit
            .is_none_or(|limit| self.begun.elapsed() + pause < limit)
    }
}

/// What one try came to.
enum Try {
    Answered(Answer, Option<Duration>),
    Broke(kube::Error),
}

impl Cluster {
    /// Sends a request and reads the answer as JSON.
    pub(super) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        let attempt = call.attempt.clone();
        let answer = self.send(call).await?;
        serde_json::from_slice(&answer.body).map_err(|error| {
            match serde_json::from_slice::<serde::de::IgnoredAny>(&answer.body) {
                Err(_) => Error::NotKubernetes {
                    attempt,
                    server: self.shared.place.clone(),
                    code: answer.code,
                    beginning: answer::beginning(&answer),
                },
                Ok(_) => Error::Server {
                    attempt,
                    code: answer.code,
                    message: format!(
                        "the answer cannot be read: {}",
                        credential::position(&error)
                    ),
                },
            }
        })
    }

    async fn send(&self, call: Call) -> Result<Answer, Error> {
        let Call {
            attempt,
            request,
            repeat,
        } = call;
        let mut deadline = Deadline::new(self.limit());
        let mut renewed = false;
        let mut pauses = PAUSES.iter().copied();
        loop {
            let Current { client, generation } = self.shared.current();
            let tried = deadline.keep(self.try_once(&client, request.clone())).await;
            let tried = tried.ok_or_else(|| self.timed_out(attempt.clone()))?;
            let (error, wanted) = match tried {
                Try::Answered(answer, _) if (200..300).contains(&answer.code) => return Ok(answer),
                Try::Answered(answer, _)
                    if answer.code == 401 && self.shared.can_renew() && !renewed =>
                {
                    renewed = true;
                    self.shared.renew(generation).await?;
                    // A plugin may have asked a person; that time is not the request's.
                    deadline = Deadline::new(self.limit());
                    continue;
                }
                Try::Answered(answer, retry_after) => {
                    let again = match answer.code {
                        429 => true,
                        503 | 504 => repeat == Repeat::Always,
                        _ => false,
                    };
                    let error = answer::refusal(attempt.clone(), &self.shared.place, &answer);
                    (error, again.then_some(retry_after))
                }
                Try::Broke(broken) => {
                    let error = transport::failure(attempt.clone(), &self.shared.place, &broken);
                    let again = matches!(error, Error::Unreachable { .. })
                        && (repeat == Repeat::Always || transport::was_not_sent(&broken));
                    (error, again.then_some(None))
                }
            };
            match (wanted, pauses.next()) {
                (Some(retry_after), Some(own)) if deadline.leaves(retry_after.unwrap_or(own)) => {
                    tokio::time::sleep(retry_after.unwrap_or(own)).await;
                }
                _ => return Err(error),
            }
        }
    }

    async fn try_once(&self, client: &kube::Client, request: Request<Vec<u8>>) -> Try {
        let traced = self.begin_trace(&request);
        let result = async {
            let response = client.send(request.map(Into::into)).await?;
            let (parts, body) = response.into_parts();
            if let Some(time) = parts.headers.get(header::DATE).and_then(date) {
                self.shared.hear_time(time);
            }
            let text = |name| {
                parts
                    .headers
                    .get(name)
                    .and_then(|value: &http::HeaderValue| value.to_str().ok())
            };
            let retry_after = text(header::RETRY_AFTER)
                .and_then(|value| value.parse().ok())
                .map(Duration::from_secs);
            let answer = Answer {
                code: parts.status.as_u16(),
                location: text(header::LOCATION)
                    .filter(|_| parts.status.is_redirection())
                    .map(str::to_owned),
                body: body.collect().await?.to_bytes().to_vec(),
            };
            Ok((answer, retry_after))
        };
        match result.await {
            Ok((answer, retry_after)) => {
                traced.end(&answer.code.to_string());
                Try::Answered(answer, retry_after)
            }
            Err(error) => Try::Broke(error),
        }
    }

    /// Upgrades a connection; what comes after has no time limit.
    pub(super) async fn upgrade(
        &self,
        attempt: Box<Attempt>,
        request: Request<Vec<u8>>,
    ) -> Result<kube::client::Connection, Error> {
        let mut renewed = false;
        loop {
            let Current { client, generation } = self.shared.current();
            let traced = self.begin_trace(&request);
            let connected = Deadline::new(self.limit())
                .keep(client.connect(request.clone()))
                .await;
            match connected {
                None => return Err(self.timed_out(attempt)),
                Some(Ok(connection)) => {
                    traced.end("101");
                    return Ok(connection);
                }
                Some(Err(error)) => {
                    traced.end("refused");
                    let error = transport::failure(attempt.clone(), &self.shared.place, &error);
                    if !matches!(error, Error::Unauthorized { .. })
                        || !self.shared.can_renew()
                        || renewed
                    {
                        return Err(error);
                    }
                    renewed = true;
                    self.shared.renew(generation).await?;
                }
            }
        }
    }

    fn limit(&self) -> Option<Duration> {
        match self.shared.connection.request_timeout {
            Some(timeout) => timeout.limit(),
            None => Some(REQUEST_LIMIT),
        }
    }

    fn timed_out(&self, attempt: Box<Attempt>) -> Error {
        Error::TimedOut {
            attempt,
            server: self.shared.place.clone(),
            seconds: self.limit().unwrap_or_default().as_secs_f32(),
        }
    }

    fn begin_trace(&self, request: &Request<Vec<u8>>) -> Traced<'_> {
        let line = self
            .trace
            .as_ref()
            .map(|_| format!("{} {}{}", request.method(), self.server(), request.uri()));
        Traced {
            cluster: self,
            line,
            begun: Instant::now(),
        }
    }
}

/// A request under way, for the trace; dropped, it was given up.
struct Traced<'a> {
    cluster: &'a Cluster,
    line: Option<String>,
    begun: Instant,
}

impl Traced<'_> {
    fn end(mut self, outcome: &str) {
        self.write(outcome);
    }

    fn write(&mut self, outcome: &str) {
        if let (Some(trace), Some(line)) = (&self.cluster.trace, self.line.take()) {
            trace(&format!(
                "{line} {outcome} {} ms",
                self.begun.elapsed().as_millis()
            ));
        }
    }
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        self.write("no answer");
    }
}

fn date(value: &http::HeaderValue) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new()
        .parse_timestamp(value.to_str().ok()?)
        .ok()
}
