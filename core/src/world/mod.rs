//! All that a program may touch outside itself: environment, clock, files, streams, terminal,
//! sockets, random bytes, signals and child processes.
//!
//! [`World::real`] is the machine; [`World::test`] is a closed one for unit tests: an environment
//! of its own, a clock that stands still, counted "random" bytes and streams that are kept.

mod browser;
mod deferral;
mod endpoint;
mod environment;
mod file;
mod lock_file;
mod own_path;
mod parent;
mod process;
mod proxy;
mod socket;
mod streams;

use std::sync::Arc;

use jiff::Timestamp;

pub use browser::BrowserError;
pub use deferral::Deferral;
pub use endpoint::Endpoint;
pub use environment::{Environment, VARIABLES, Variable};
pub use file::{
    FileError, WriteError, is_there, read_file, read_text, real_path, remove_file, replace_whole,
    write_whole,
};
pub use lock_file::{LockFile, LockFileError};
pub use parent::Parent;
pub use process::{Child, ChildError, ChildOutput, Interrupt, Program};
pub use socket::{DialError, LocalListener};
pub use streams::{Captured, Streams};

/// All that a program may touch; see the [module](self).
#[derive(Debug)]
pub struct World {
    environment: Environment,
    streams: Arc<Streams>,
    clock: Clock,
    random: Random,
}

/// A clock: this machine's, or a test world's that stands still.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Option<Timestamp>);

impl Clock {
    /// The time by this clock.
    pub fn now(self) -> Timestamp {
        self.0.unwrap_or_else(Timestamp::now)
    }
}

#[derive(Debug)]
enum Random {
    System,
    Counted(std::sync::atomic::AtomicU8),
}

impl World {
    /// The machine as it is.
    pub fn real() -> Self {
        Self {
            environment: Environment::of_process(),
            streams: Arc::new(Streams::of_process()),
            clock: Clock(None),
            random: Random::System,
        }
    }

    /// A closed world for unit tests; what is printed into it is found in [`Captured`].
    pub fn test<'a>(
        now: Timestamp,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Captured) {
        let (streams, captured) = Streams::captured();
        let world = Self {
            environment: Environment::of(variables),
            streams: Arc::new(streams),
            clock: Clock(Some(now)),
            random: Random::Counted(0.into()),
        };
        (world, captured)
    }

    /// The environment table.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Standard input, output and error, and whether a person sits there.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    /// This machine's idea of the time; where a server's time decides, ask the server.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The clock by itself, for what asks it later.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// Fills a buffer with random bytes that are good enough for passwords.
    ///
    /// # Errors
    /// The operating system has no source of randomness.
    pub fn fill_random(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        match &self.random {
            Random::System => getrandom::fill(buffer).map_err(RandomError),
            Random::Counted(next) => {
                buffer.fill_with(|| next.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
                Ok(())
            }
        }
    }
}

/// The operating system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gave no random bytes: {0}")]
pub struct RandomError(getrandom::Error);
