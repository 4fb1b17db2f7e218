use std::future::Future;

use datalab_core::world::LocalListener;
use futures::{StreamExt, stream::FuturesUnordered};

use super::route::Route;
use crate::desk::Desk;

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
                if let Err(failure) = served {
                    desk.note(&failure_line(&failure));
                }
            }
            accepted = listener.accept() => match accepted {
                Ok(local) => sessions.push(route.serve(local)),
                Err(error) => {
                    desk.note(&format!("a connection could not be taken: {error}"));
                    // Too many open files, most likely: it passes when a session ends.
                    tokio::task::yield_now().await;
                }
            },
        }
    }
}

fn failure_line(failure: &datalab_core::report::Failure) -> String {
    failure.to_string()
}
