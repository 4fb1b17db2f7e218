use std::{future::Future, io, time::Duration};

use datalab_core::{report::Failure, world::LocalListener};
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::time::sleep;

use super::route::Route;
use crate::{desk::Desk, relay::Stream};

/// The pause after a connection that could not be taken. Too many open files, most likely: that
/// passes when a session ends, and is not to be said a thousand times until then.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves the connections of a local port, each over a stream of its own, until something else has
/// happened.
pub(super) async fn serve_until<T>(
    desk: &Desk<'_>,
    listener: &LocalListener,
    route: &Route<'_>,
    end: impl Future<Output = T>,
) -> T {
    let mut end = std::pin::pin!(end);
    let mut sessions = FuturesUnordered::new();
    loop {
        tokio::select! {
            ended = &mut end => return ended,
            Some(served) = sessions.next() => {
                let served: Result<(), Failure> = served;
                if let Err(failure) = served {
                    desk.note(&failure.to_string());
                }
            }
            accepted = accept(listener) => match accepted {
                Ok(local) => sessions.push(route.serve(local)),
                Err(error) => desk.note(&format!("a connection could not be taken: {error}")),
            },
        }
    }
}

async fn accept(listener: &LocalListener) -> io::Result<impl Stream + use<>> {
    let accepted = listener.accept().await;
    if accepted.is_err() {
        sleep(PAUSE).await;
    }
    accepted
}
