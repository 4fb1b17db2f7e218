use std::{future::Future, pin::pin, time::Duration};

use clap::{Args, ValueEnum};
use serde::Serialize;
use tokio::time::{Instant, sleep};

use crate::{
    report::{Failure, Format, Kind, Outcome, render},
    world::{Deferral, Interrupt, World},
};

/// The form of the result.
#[derive(Args, Clone, Debug)]
pub struct OutputArgs {
    /// wide, json, yaml, name or jsonpath=EXPRESSION
    #[arg(
        short,
        long,
        global = true,
        default_value = "table",
        hide_default_value = true,
        value_name = "FORMAT",
        display_order = 900
    )]
    pub output: Format,
}

/// How far a command goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum DryRun {
    /// All the way.
    #[default]
    None,
    /// Nothing is sent that writes; what would be written is printed.
    Client,
    /// Writes are sent as dry runs, so that the server's own checks speak.
    Server,
}

impl DryRun {
    /// Whether nothing is changed.
    pub fn is_dry(self) -> bool {
        self != Self::None
    }
}

/// How far the command goes, and whether differences count.
#[derive(Args, Clone, Debug)]
pub struct DryRunArgs {
    /// Change nothing: print what would be done, or let the servers check it as well
    #[arg(
        long,
        value_enum,
        default_value = "none",
        value_name = "none|client|server",
        hide_possible_values = true,
        hide_default_value = true
    )]
    pub dry_run: DryRun,
    /// Exit with 7 if something was changed, or would be
    #[arg(long)]
    pub exit_code: bool,
}

/// Whether questions are answered beforehand.
#[derive(Args, Clone, Copy, Debug)]
pub struct ConfirmArgs {
    /// Answer every question with yes
    #[arg(short, long)]
    pub yes: bool,
}

impl ConfirmArgs {
    /// Asks before something that needs a person's word. Without a person the question is an
    /// error that names the flag.
    ///
    /// # Errors
    /// Nobody is there to answer, or the answer is no.
    pub fn ask(self, world: &World, question: &str) -> Result<(), Failure> {
        if self.yes {
            return Ok(());
        }
        match world.streams().ask(&format!("{question} [y/N] ")) {
            Some(answer) if matches!(answer.to_lowercase().as_str(), "y" | "yes") => Ok(()),
            Some(_) => {
                Err(Failure::new(Kind::Failed, "not confirmed").state("nothing was changed"))
            }
            None => Err(
                Failure::new(Kind::Usage, format!("{question} Nobody is there to answer"))
                    .state("nothing was changed")
                    .next("the same command with --yes"),
            ),
        }
    }
}

/// Refuses to show a secret on a screen, where it is read over a shoulder and kept by the terminal,
/// unless the user wants it there. `what` is what would be shown, as in `the result`.
///
/// # Errors
/// [`Kind::Usage`]; the commands to go on with are the tool's to name.
pub fn refuse_screen(world: &World, show_secret: bool, what: &str) -> Result<(), Failure> {
    match world.streams().out_is_terminal() && !show_secret {
        true => Err(Failure::new(
            Kind::Usage,
            format!("standard output is a terminal, and {what} is a secret"),
        )),
        false => Ok(()),
    }
}

/// Runs a tool's verbs: the runtime, the streams and the exit code.
#[derive(Debug)]
pub struct Shell<'a> {
    /// What the program may touch.
    pub world: &'a World,
    /// The form of results.
    pub format: Format,
}

impl Shell<'_> {
    /// Runs a use case to its end and returns the exit code. Its outcome goes to standard output,
    /// a failure to standard error.
    pub fn run<O: Outcome>(
        &self,
        use_case: impl Future<Output = Result<O, Failure>>,
        verdict: impl FnOnce(&O) -> Option<Kind>,
    ) -> u8 {
        let result = block_on(use_case).and_then(|outcome| {
            let text = render(&outcome, &self.format).map_err(|error| {
                Failure::new(Kind::Failed, "the result cannot be shown").caused_by(&error)
            })?;
            self.print(&text)?;
            Ok(verdict(&outcome))
        });
        self.exit(result)
    }

    /// Runs a use case that prints by itself, or becomes another program.
    pub fn run_raw(&self, use_case: impl Future<Output = Result<u8, Failure>>) -> u8 {
        match block_on(use_case) {
            Ok(code) => code,
            Err(failure) => self.exit(Err(failure)),
        }
    }

    /// Runs a use case whose result is a text for programs, a secret more often than not: printed as
    /// it is, in one write, last.
    pub fn run_text(&self, use_case: impl Future<Output = Result<String, Failure>>) -> u8 {
        self.run_raw(async {
            let text = interruptible(use_case).await?;
            self.print(&text)?;
            Ok(0)
        })
    }

    /// Writes a result to standard output.
    ///
    /// # Errors
    /// The disk behind it is full, say.
    pub fn print(&self, text: &str) -> Result<(), Failure> {
        self.world.streams().data(text).map_err(|error| {
            Failure::new(Kind::Failed, "standard output cannot be written to")
                .caused_by(&error)
                .state("the command itself was carried out")
        })
    }

    fn exit(&self, result: Result<Option<Kind>, Failure>) -> u8 {
        match result {
            Ok(kind) => kind.map_or(0, Kind::exit_code),
            Err(failure) => {
                // What the question came to without an answer is of no interest.
                let failure = match self.world.streams().interrupt() {
                    Some(signal) => failure.because_of(signal.into(), "interrupted"),
                    None => failure,
                };
                self.world.streams().talk(&failure.to_string());
                failure.kind().exit_code()
            }
        }
    }
}

/// Lets a piece of work be interrupted: a signal ends it where it waits, and becomes a failure, so
/// that the caller can clean up. Until the work waits for the first time, a signal ends the process;
/// while it holds a [`Deferral`], a second signal does, or the end of what is under way.
///
/// # Errors
/// Those of the work, or the signal as a failure of kind 130 or 143.
pub async fn interruptible<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut work = pin!(work);
    let signal = tokio::select! {
        biased;
        result = &mut work => return result,
        signal = Interrupt::wait() => signal.map_err(|error| {
            Failure::new(Kind::Failed, "signals cannot be listened for").caused_by(&error)
        })?,
    };
    if Deferral::is_held() {
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = nothing_deferred() => {}
            _ = Interrupt::wait() => {}
        }
    }
    Err(Failure::new(signal.into(), "interrupted"))
}

/// How long what is under way may keep a person who wants to stop: a server's answer takes less, or
/// does not come.
const DEFERRED: Duration = Duration::from_secs(10);

/// Waits until nothing is under way that must come to its end, as long as that is worth it. Whatever
/// is under way has to be waited for beside this.
pub async fn nothing_deferred() {
    let limit = Instant::now() + DEFERRED;
    while Deferral::is_held() && Instant::now() < limit {
        sleep(Duration::from_millis(5)).await;
    }
}

fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| {
            Failure::new(Kind::Failed, "the runtime cannot be started").caused_by(&error)
        })?
        .block_on(work)
}
