use std::{
    ffi::{OsStr, OsString},
    io,
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use thiserror::Error;

use super::Streams;
use crate::report::Kind;

/// Whether signals are waited for, and no longer end the process by themselves.
static AWAITED: AtomicBool = AtomicBool::new(false);

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
            AWAITED.store(true, Ordering::SeqCst);
            Ok(tokio::select! {
                _ = terminate.recv() => Self::Terminated,
                _ = interrupt.recv() => Self::Interrupted,
            })
        }
        #[cfg(not(unix))]
        {
            AWAITED.store(true, Ordering::SeqCst);
            tokio::signal::ctrl_c().await?;
            Ok(Self::Interrupted)
        }
    }

    /// Whether it has been waited for, so that what blocks has to look out for it.
    pub(super) fn is_awaited() -> bool {
        AWAITED.load(Ordering::SeqCst)
    }

    /// Waits for it on a thread of its own, for who blocks the runtime's.
    ///
    /// # Errors
    /// The operating system does not let the program listen.
    pub(super) fn wait_blocking() -> io::Result<Self> {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()?
            .block_on(Self::wait())
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

/// A program to run to its end, as often as need be, with what it prints kept.
#[derive(Clone, Debug)]
pub struct Program {
    program: OsString,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    interactive: bool,
    streams: Arc<Streams>,
}

/// What a program that ended left behind.
#[derive(Clone, Debug)]
pub struct ChildOutput {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub out: Vec<u8>,
    /// What it said on standard error, unless a person has read that already.
    pub talk: String,
}

impl Program {
    /// Adds arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = OsString>) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Adds variables to its environment.
    #[must_use]
    pub fn variables<'a>(
        mut self,
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        self.variables.extend(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into())),
        );
        self
    }

    /// Whether it gets our standard input; nothing otherwise.
    #[must_use]
    pub fn interactive(mut self, interactive: bool) -> Self {
        self.interactive = interactive;
        self
    }

    /// Runs it to its end. On a terminal its standard error is ours, so that it can ask and tell;
    /// otherwise that is kept, and after a success passed on. Dropping the future ends the program.
    ///
    /// # Errors
    /// [`ChildError`]: it was not started.
    pub async fn output(&self) -> Result<ChildOutput, ChildError> {
        let on_terminal = self.streams.talk_is_terminal();
        let output = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(if self.interactive {
                Stdio::inherit()
            } else {
                Stdio::null()
            })
            .stdout(Stdio::piped())
            .stderr(if on_terminal {
                Stdio::inherit()
            } else {
                Stdio::piped()
            })
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| self.failed(source))?
            .wait_with_output()
            .await
            .map_err(|source| self.failed(source))?;
        let talk = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() && !talk.trim().is_empty() {
            self.streams.talk(talk.trim_end());
        }
        Ok(ChildOutput {
            code: output.status.code(),
            out: output.stdout,
            talk,
        })
    }

    fn failed(&self, source: io::Error) -> ChildError {
        ChildError {
            program: self.program.clone(),
            source,
        }
    }
}

/// A command that runs beside us, with our own standard streams.
#[derive(Debug)]
pub struct Child {
    child: tokio::process::Child,
    program: OsString,
    /// Ctrl-C reaches the whole foreground group of a terminal: the child has it already.
    on_terminal: bool,
    #[cfg(unix)]
    signals: Signals,
}

/// Signals that would end us, from before there is a child on: one that came between its start and
/// the first look would end us alone, and leave it behind.
#[cfg(unix)]
#[derive(Debug)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }
}

impl Child {
    /// Waits for its end, however long it takes; returns its exit code, or 128 and the number of
    /// the signal that ended it, as a shell does. Signals that would end us are the child's: it
    /// decides whether to stop, psql's Ctrl-C for instance ends a query only.
    ///
    /// # Errors
    /// [`ChildError`]: the operating system does not tell.
    pub async fn wait(mut self) -> Result<u8, ChildError> {
        let program = self.program.clone();
        self.end()
            .await
            .map_err(|source| ChildError { program, source })
    }

    #[cfg(unix)]
    async fn end(&mut self) -> io::Result<u8> {
        use std::os::unix::process::ExitStatusExt;

        use nix::sys::signal::Signal;

        loop {
            let passed_on = tokio::select! {
                status = self.child.wait() => {
                    let status = status?;
                    let code = status.code().or_else(|| Some(128 + status.signal()?));
                    return Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
                }
                _ = self.signals.interrupt.recv() => Signal::SIGINT,
                _ = self.signals.terminate.recv() => Signal::SIGTERM,
                _ = self.signals.hang_up.recv() => Signal::SIGHUP,
            };
            if passed_on == Signal::SIGINT && self.on_terminal {
                continue;
            }
            if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // Only a child that has ended by itself cannot be told.
                let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), passed_on);
            }
        }
    }

    #[cfg(not(unix))]
    async fn end(&mut self) -> io::Result<u8> {
        loop {
            tokio::select! {
                status = self.child.wait() => {
                    return Ok(status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1));
                }
                signal = tokio::signal::ctrl_c() => signal?,
            }
        }
    }
}

impl super::World {
    /// Keeps what is in memory out of core files, and away from debuggers of the same user. Where
    /// the system refuses, everything works as before.
    pub fn forbid_core_dumps(&self) {
        #[cfg(any(target_os = "linux", target_os = "macos"))]
        {
            use nix::sys::resource::{Resource, setrlimit};
            let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
        }
        #[cfg(target_os = "linux")]
        {
            let _ = nix::sys::prctl::set_dumpable(false);
        }
    }

    /// A program, with this world's environment.
    pub fn program(&self, program: &OsStr) -> Program {
        let variables = self
            .environment
            .iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        Program {
            program: program.to_owned(),
            arguments: Vec::new(),
            variables: variables.collect(),
            interactive: false,
            streams: Arc::clone(&self.streams),
        }
    }

    /// Becomes another program, or runs it to its end where a process cannot be replaced.
    /// `variables` are added to the environment and `without` left out of it; the exit code is the
    /// program's own.
    ///
    /// # Errors
    /// [`ChildError`]: nothing was started.
    pub fn become_command<'a>(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        without: &[&str],
    ) -> Result<u8, ChildError> {
        let mut command = Command::new(program);
        for name in without {
            command.env_remove(name);
        }
        command.args(arguments).envs(variables);
        #[cfg(unix)]
        let source = {
            use std::os::unix::process::CommandExt;
            command.exec()
        };
        #[cfg(not(unix))]
        let source = match command.status() {
            Ok(status) => {
                return Ok(status
                    .code()
                    .and_then(|code| u8::try_from(code).ok())
                    .unwrap_or(1));
            }
            Err(source) => source,
        };
        Err(ChildError {
            program: program.to_owned(),
            source,
        })
    }

    /// Starts a command that runs beside us, as [`World::become_command`](Self::become_command)
    /// has it.
    ///
    /// # Errors
    /// [`ChildError`]: nothing was started.
    pub fn start_command<'a>(
        &self,
        program: &OsStr,
        arguments: &[OsString],
        variables: impl IntoIterator<Item = (&'a str, &'a str)>,
        without: &[&str],
    ) -> Result<Child, ChildError> {
        let mut command = tokio::process::Command::new(program);
        for name in without {
            command.env_remove(name);
        }
        let failed = |source| ChildError {
            program: program.to_owned(),
            source,
        };
        #[cfg(unix)]
        let signals = Signals::listen().map_err(failed)?;
        let started = command.args(arguments).envs(variables).spawn();
        Ok(Child {
            child: started.map_err(failed)?,
            program: program.to_owned(),
            on_terminal: self.streams.talk_is_terminal(),
            #[cfg(unix)]
            signals,
        })
    }
}
