//! Arguments, output and exit codes, the same for every tool.
//!
//! - [`ConnectionArgs`], [`OutputArgs`], [`DryRunArgs`], [`ConfirmArgs`]: flattened groups.
//! - [`DisplayName`]: how this start of the program is spelled, for help pages and hints.
//! - [`refuse_screen`]: no secret on a screen by mistake.
//! - [`parse`]: arguments to a typed struct, with an implied verb; [`Shell`]: an
//!   outcome or a failure to streams and exit code.

mod arguments;
mod connection;
mod display_name;
mod shell;

pub use arguments::{EXIT_CODES, Parsed, parse};
pub use connection::ConnectionArgs;
pub use display_name::DisplayName;
pub use shell::{
    ConfirmArgs, DryRun, DryRunArgs, OutputArgs, Shell, interruptible, nothing_deferred,
    refuse_screen,
};
