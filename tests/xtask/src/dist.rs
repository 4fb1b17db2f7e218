//! `cargo xtask dist`: the tools as they are released, in one folder.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use crate::cargo::{PLUGINS, Plugin, distribute};

type Failure = Box<dyn Error + Send + Sync>;

/// What to build.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Only these tools
    #[arg(value_name = "TOOL", value_parser = plugin)]
    tools: Vec<Plugin>,
}

fn plugin(name: &str) -> Result<Plugin, String> {
    PLUGINS
        .into_iter()
        .find(|plugin| plugin.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = PLUGINS.iter().map(|plugin| plugin.name).collect();
            format!("known are {}", names.join(", "))
        })
}

/// Builds the tools and prints where they are.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let tools = match options.tools.as_slice() {
        [] => &PLUGINS,
        tools => tools,
    };
    for program in distribute(tools)? {
        writeln!(io::stdout(), "{}", program.display())?;
    }
    Ok(ExitCode::SUCCESS)
}
