//! What was asked of a server, what clients did wrong, and what happens to the next requests.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::fault::{Fault, What};
use super::request::Seen;
use super::server::lock;

/// How often something that has to happen is looked for.
const POLL: Duration = Duration::from_millis(5);

/// How often a thread that holds or delays looks whether the server has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The test's side of a server of requests of kind `K`.
#[derive(Debug)]
pub struct Journal<K> {
    pages: Mutex<Pages<K>>,
    released: Condvar,
}

#[derive(Debug)]
struct Pages<K> {
    faults: Vec<Fault<K>>,
    /// Counts the times that what was held was let go.
    generation: usize,
    /// How many requests are held now.
    held: usize,
    seen: Vec<Seen<K>>,
    complaints: Vec<String>,
}

impl<K: Copy + Debug + Eq> Journal<K> {
    pub(super) fn new() -> Self {
        Self {
            pages: Mutex::new(Pages {
                faults: Vec::new(),
                generation: 0,
                held: 0,
                seen: Vec::new(),
                complaints: Vec::new(),
            }),
            released: Condvar::new(),
        }
    }

    /// From now on these faults, of which the first that fits happens, and no others.
    pub fn arm(&self, faults: impl IntoIterator<Item = Fault<K>>) {
        self.pages().faults = faults.into_iter().collect();
    }

    /// Waits until a request is held.
    ///
    /// # Panics
    /// When none is within this time.
    #[track_caller]
    pub fn until_held(&self, patience: Duration) {
        self.until("a request to be held", patience, || self.pages().held > 0);
    }

    /// Lets go what is held, and holds no more.
    pub fn release(&self) {
        let mut pages = self.pages();
        pages.faults.retain(|fault| !fault.holds());
        pages.generation += 1;
        drop(pages);
        self.released.notify_all();
    }

    /// How many requests of this kind came in.
    #[must_use]
    pub fn count(&self, kind: K) -> usize {
        let pages = self.pages();
        let of_it = pages.seen.iter().filter(|seen| seen.endpoint == kind);
        of_it.count()
    }

    /// Every request so far, in the order in which they came.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen<K>>
    where
        K: Clone,
    {
        self.pages().seen.clone()
    }

    /// Forgets the requests and complaints so far; what the server knows stays.
    pub fn forget_requests(&self) {
        let mut pages = self.pages();
        pages.seen.clear();
        pages.complaints.clear();
    }

    /// What clients did that they must not do, in order.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        self.pages().complaints.clone()
    }

    /// Waits for something.
    ///
    /// # Panics
    /// When it does not happen within this time.
    #[track_caller]
    pub fn until(&self, what: &str, patience: Duration, mut happened: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !happened() {
            assert!(
                begun.elapsed() < patience,
                "waited {} s in vain for {what}; requests so far: {:#?}",
                patience.as_secs(),
                self.requests()
                    .iter()
                    .map(|seen| seen.endpoint)
                    .collect::<Vec<_>>()
            );
            std::thread::sleep(POLL);
        }
    }

    pub(crate) fn complain(&self, seen: &Seen<K>, complaint: impl Into<String>) {
        let complaint = complaint.into();
        self.pages()
            .complaints
            .push(format!("{} {}: {complaint}", seen.method, seen.path));
    }

    /// A request came in: what happens to it.
    pub(super) fn arrived(&self, seen: &Seen<K>) -> Option<What> {
        let mut pages = self.pages();
        pages.seen.push(seen.clone());
        pages
            .faults
            .iter_mut()
            .find_map(|fault| fault.strikes(seen))
    }

    /// Waits for this time, or until what is held is let go.
    pub(super) fn wait(&self, over: &AtomicBool, time: Option<Duration>) {
        let begun = Instant::now();
        let mut pages = self.pages();
        let generation = pages.generation;
        if time.is_none() {
            pages.held += 1;
        }
        let waits = |pages: &Pages<K>| match time {
            Some(time) => begun.elapsed() < time,
            None => pages.generation == generation,
        };
        while waits(&pages) && !over.load(Ordering::SeqCst) {
            let rest = time.map_or(LOOK, |time| time.saturating_sub(begun.elapsed()).min(LOOK));
            pages = match self.released.wait_timeout(pages, rest) {
                Ok((pages, _)) => pages,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        if time.is_none() {
            pages.held -= 1;
        }
    }

    /// Whoever waits looks up.
    pub(super) fn wake(&self) {
        self.released.notify_all();
    }

    fn pages(&self) -> MutexGuard<'_, Pages<K>> {
        lock(&self.pages)
    }
}
