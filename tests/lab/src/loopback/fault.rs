//! What happens to requests that a server could answer.

use std::fmt;
use std::time::Duration;

use super::reply::Reply;
use super::request::Seen;

/// Whether a request is one at which it happens.
type Fits<K> = dyn Fn(&Seen<K>) -> bool + Send + Sync;

/// Something that happens at certain requests.
pub struct Fault<K> {
    what: What,
    fits: Box<Fits<K>>,
    /// How often it is passed over, before it happens.
    skip: usize,
    /// How often it happens.
    left: usize,
}

/// What happens at a request.
#[derive(Clone, Debug)]
pub enum What {
    /// Another answer, and nothing is carried out.
    Answer(Reply),
    /// It is carried out, and something else is answered.
    AnswerAfter(Reply),
    /// It is carried out later.
    DelayBefore(Duration),
    /// It is carried out, and answered later.
    DelayAfter(Duration),
    /// It is held until the test lets it go, and then dropped.
    HoldBefore,
    /// It is carried out; the answer is held until the test lets it go, and then sent.
    HoldAfter,
    /// The connection is cut, and nothing is carried out.
    CutBefore,
    /// It is carried out, and the connection is cut.
    CutAfter,
    /// It is carried out, and the connection is cut within the answer.
    CutWithin,
}

impl<K: Eq + Send + Sync + 'static> Fault<K> {
    /// This, at every request of a kind.
    #[must_use]
    pub fn at(kind: K, what: What) -> Self {
        Self::when(what, move |seen| seen.endpoint == kind)
    }

    /// This, at every request.
    #[must_use]
    pub fn everywhere(what: What) -> Self {
        Self::when(what, |_| true)
    }

    /// This, at every request that fits.
    #[must_use]
    pub fn when(what: What, fits: impl Fn(&Seen<K>) -> bool + Send + Sync + 'static) -> Self {
        Self {
            what,
            fits: Box::new(fits),
            skip: 0,
            left: usize::MAX,
        }
    }

    /// No more often than this.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = times;
        self
    }

    /// Not at the first so many requests that fit.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skip = requests;
        self
    }
}

impl<K> Fault<K> {
    pub(super) fn holds(&self) -> bool {
        matches!(self.what, What::HoldBefore | What::HoldAfter)
    }

    /// What happens at this request, by this fault.
    pub(super) fn strikes(&mut self, seen: &Seen<K>) -> Option<What> {
        if self.left == 0 || !(self.fits)(seen) {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.left -= 1;
        Some(self.what.clone())
    }
}

impl<K> fmt::Debug for Fault<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fault")
            .field("what", &self.what)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}
