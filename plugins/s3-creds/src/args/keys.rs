use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datalab_core::words::Lifetime;

use crate::{cache::CacheKind, source::Duration};

/// What the keys are to be like.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which keys")]
pub(super) struct KeysArgs {
    /// How long they live: seconds, 15m, 12h, 7d or max [default: the platform's, else 1h]
    #[arg(long, value_name = "TIME")]
    pub(super) duration: Option<Duration>,
    /// Name of the session in the store's logs [default: the user's]
    #[arg(long, value_name = "NAME")]
    pub(super) session_name: Option<String>,
    /// Only this bucket
    #[arg(long, value_name = "NAME")]
    pub(super) bucket: Option<String>,
    /// Only what begins so in the bucket
    #[arg(long, value_name = "PREFIX", requires = "bucket")]
    pub(super) prefix: Option<String>,
    /// Reading only
    #[arg(long)]
    pub(super) read_only: bool,
    /// Only what this policy allows of the role
    #[arg(long, value_name = "FILE", conflicts_with = "read_only")]
    pub(super) policy: Option<PathBuf>,
    /// How much of their life is left at least, if that can be had [default: 15m]
    #[arg(long, value_name = "TIME")]
    pub(super) min_ttl: Option<Lifetime>,
    /// Where they are kept for the next call: file (readable by you alone) or keyring (slower)
    #[arg(
        long,
        value_enum,
        default_value = "file",
        value_name = "PLACE",
        hide_possible_values = true,
        hide_default_value = true,
        conflicts_with = "no_cache"
    )]
    pub(super) cache: CacheArg,
    /// Neither use kept keys nor keep new ones
    #[arg(long)]
    pub(super) no_cache: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CacheArg {
    File,
    Keyring,
}

impl CacheArg {
    pub(super) fn kind(self) -> CacheKind {
        match self {
            Self::File => CacheKind::File,
            Self::Keyring => CacheKind::Keyring,
        }
    }
}
