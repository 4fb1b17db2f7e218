//! The project's own commands, run as `cargo xtask COMMAND`.

mod bench;
mod browser;
mod cargo;
mod demo;
mod dist;
mod lab;
mod soak;
mod test;

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
    /// Show the main story on the lab, or on a cluster of your own
    Demo(demo::Options),
    /// Run all tests
    Test(test::Options),
    /// Kill share-db at random moments, and look what is left
    Soak(soak::Options),
    /// Measure a tool beside its peers
    Bench(bench::Options),
    /// Build the tools as they are released, into target/dist
    Dist(dist::Options),
    /// A real Kubernetes cluster for the tests, on this machine
    #[command(subcommand)]
    Lab(lab::Command),
    /// Play a person who opens this address in a browser; DATALAB_BROWSER_USER and others say who
    #[command(hide = true)]
    Browser(browser::Options),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Demo(options) => demo::run(&options),
        Command::Test(options) => test::run(&options),
        Command::Soak(options) => soak::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Dist(options) => dist::run(&options),
        Command::Lab(command) => lab::run(command),
        Command::Browser(options) => browser::run(&options),
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
