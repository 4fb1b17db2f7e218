use std::{
    ffi::{OsStr, OsString},
    io,
    process::Command,
};

use thiserror::Error;

use crate::report::Kind;

/// Which signal asked the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT: Ctrl-C.
    Interrupted,
    /// SIGTERM.
    Terminated,
}

impl Interrupt {
    /// Waits for the first of both signals. From the first call on, neither ends the process by
    /// itself.
    ///
    /// # Errors
    /// The operating system does not let the program listen.
    pub async fn wait() -> io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            Ok(tokio::select! {
                _ = terminate.recv() => Self::Terminated,
                _ = interrupt.recv() => Self::Interrupted,
            })
        }
        #[cfg(not(unix))]
        {
            tokio::signal::ctrl_c().await?;
            Ok(Self::Interrupted)
        }
    }
}

impl From<Interrupt> for Kind {
    fn from(interrupt: Interrupt) -> Self {
        match interrupt {
            Interrupt::Interrupted => Self::Interrupted,
            Interrupt::Terminated => Self::Terminated,
        }
    }
}

/// A command that could not be started.
#[derive(Debug, Error)]
#[error("cannot start {}", program.display())]
pub struct ChildError {
    /// The program, as it was given.
    pub program: OsString,
    /// What the operating system says.
    pub source: io::Error,
}

impl super::World {
    /// Becomes another program, or runs it to its end where a process cannot be replaced.
    /// Variables are added to the environment; the exit code is the program's own.
    ///
    /// # Errors
    /// [`ChildError`]: nothing was started.
    pub fn become_command<'a>(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<u8, ChildError> {
        let mut command = Command::new(program);
        command.args(arguments).envs(variables);
        #[cfg(unix)]
        let source = {
            use std::os::unix::process::CommandExt;
            command.exec()
        };
        #[cfg(not(unix))]
        let source = match command.status() {
            Ok(status) => return Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
            Err(source) => source,
        };
        Err(ChildError {
            program: program.to_owned(),
            source,
        })
    }
}
