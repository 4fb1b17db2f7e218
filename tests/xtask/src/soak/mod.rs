//! `cargo xtask soak`: a tool killed at random moments, hundreds of times, with a look after each at
//! what is left.

mod oidc_login;
mod s3_creds;
mod share_db;

use std::error::Error;
use std::fs;
use std::io::{self, Write as _};
use std::process::{Child, Command, ExitCode};
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use datalab_lab::LabName;

use crate::cargo::{OIDC_LOGIN, S3_CREDS, SHARE_DB, build_plugins};

type Failure = Box<dyn Error + Send + Sync>;

/// How often to kill, and where.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// The tool
    #[arg(value_enum, default_value = "share-db")]
    tool: Tool,
    /// How many kills
    #[arg(long, value_name = "N", default_value_t = 200)]
    rounds: u32,
    /// The random numbers of an earlier soak [default: others each time]
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// share-db: a lab that is up and stays so, instead of one for this soak alone
    #[arg(long, value_name = "NAME")]
    name: Option<LabName>,
}

/// A tool that is killed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Tool {
    ShareDb,
    OidcLogin,
    S3Creds,
}

/// Soaks, and says what came of it.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Failure> {
    let plugins = build_plugins()?;
    let seed = match options.seed {
        Some(seed) => seed,
        None => random_seed()?,
    };
    say(&format!("{} kills with --seed {seed}", options.rounds))?;
    let numbers = &mut Numbers(seed);
    match options.tool {
        Tool::ShareDb => {
            let plugin = plugins.join(SHARE_DB.binary);
            share_db::run(&plugin, options.name.as_ref(), options.rounds, numbers)
        }
        Tool::OidcLogin => {
            let plugin = plugins.join(OIDC_LOGIN.binary);
            oidc_login::run(&plugin, options.rounds, numbers)
        }
        Tool::S3Creds => {
            let plugin = plugins.join(S3_CREDS.binary);
            s3_creds::run(&plugin, options.rounds, numbers)
        }
    }
}

/// Random numbers that can be had again: Steele, Lea and Flood's SplitMix64.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// Starts commands that compete, and kills one of them within this time; returns whether it had ended
/// by then, and the others.
fn one_killed(
    commands: &mut [Command],
    within: Duration,
    numbers: &mut Numbers,
) -> Result<(bool, Vec<Child>), Failure> {
    let victim = usize::try_from(numbers.below(u64::try_from(commands.len())?))?;
    let after = numbers.below(u64::try_from(within.as_micros())?);
    let children: Result<Vec<_>, _> = commands.iter_mut().map(Command::spawn).collect();
    let mut children = children?;
    let mut killed = children.remove(victim);
    thread::sleep(Duration::from_micros(after));
    let had_ended = killed.try_wait()?.is_some();
    killed.kill()?;
    killed.wait()?;
    Ok((had_ended, children))
}

fn random_seed() -> io::Result<u64> {
    let mut bytes = [0; 4];
    io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(u64::from(u32::from_ne_bytes(bytes)))
}

fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::Numbers;

    #[test]
    fn a_seed_has_its_numbers() {
        let of = |seed| {
            let mut numbers = Numbers(seed);
            [(); 5].map(|()| numbers.below(100))
        };
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }
}
