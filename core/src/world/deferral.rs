use std::sync::atomic::{AtomicUsize, Ordering};

/// How much is under way that must not be torn; of the whole process, as its signals are.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Work that must come to its end, such as one after which the old state is of no use and the new
/// one is not written yet. While one is held, whoever ends the program on a signal waits a moment.
#[derive(Debug)]
#[must_use = "it counts for as long as it is held"]
pub struct Deferral(());

impl Deferral {
    /// Whether any is held.
    pub fn is_held() -> bool {
        HELD.load(Ordering::SeqCst) > 0
    }
}

impl Drop for Deferral {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

impl super::World {
    /// Begins such work.
    pub fn defer_interrupts(&self) -> Deferral {
        HELD.fetch_add(1, Ordering::SeqCst);
        Deferral(())
    }
}
