use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::fault::{Fault, What};
use super::point::Point;

/// What the connections of a proxy share with the one who arms it.
#[derive(Debug)]
pub(super) struct Shared {
    run: Mutex<Run>,
    connections: AtomicUsize,
    /// How often what is held was dropped.
    released: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Run {
    points: Vec<Point>,
    occurrences: HashMap<String, usize>,
    faults: Vec<Fault>,
    stopped: Option<Point>,
}

/// A connection that is open; dropped, it is not any more.
pub(super) struct Open<'a>(&'a AtomicUsize);

impl Default for Shared {
    fn default() -> Self {
        Self {
            run: Mutex::default(),
            connections: AtomicUsize::new(0),
            released: watch::Sender::new(0),
        }
    }
}

impl Shared {
    pub(super) fn arm(&self, faults: Vec<Fault>) {
        *self.run() = Run {
            faults,
            ..Run::default()
        };
    }

    pub(super) fn points(&self) -> Vec<Point> {
        self.run().points.clone()
    }

    pub(super) fn stopped(&self) -> Option<Point> {
        self.run().stopped.clone()
    }

    pub(super) fn release(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn opened(&self) -> Open<'_> {
        self.connections.fetch_add(1, Ordering::SeqCst);
        Open(&self.connections)
    }

    /// Notes a point, and says what is to happen there.
    pub(super) fn reach(&self, name: String) -> (Point, Option<What>) {
        let mut run = self.run();
        let occurrence = run.occurrences.entry(name.clone()).or_default();
        *occurrence += 1;
        let point = Point {
            occurrence: *occurrence,
            number: run.points.len() + 1,
            name,
        };
        run.points.push(point.clone());
        let what = run
            .faults
            .iter_mut()
            .find_map(|fault| fault.strikes(&point));
        (point, what)
    }

    /// Holds whoever waits for this, until it is released.
    pub(super) async fn hold(&self, point: &Point) {
        let mut released = self.released.subscribe();
        self.run().stopped.get_or_insert_with(|| point.clone());
        // The sender lives as long as `self`.
        let _ = released.changed().await;
    }

    fn run(&self) -> MutexGuard<'_, Run> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
