//! The project's own commands, run as `cargo xtask COMMAND`.

mod lab;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about, disable_version_flag = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// A real Kubernetes cluster for the tests, on this machine
    #[command(subcommand)]
    Lab(lab::Command),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Lab(command) => lab::run(command),
    };
    done.unwrap_or_else(|error| {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        // Without stderr nobody could be told that there is none.
        let _ = writeln!(io::stderr(), "error: {message}");
        ExitCode::FAILURE
    })
}
