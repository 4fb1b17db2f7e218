use clap::Args;
use datalab_core::{
    cli::{ConfirmArgs, DryRunArgs},
    words::{Namespace, ObjectName},
};

use crate::{
    catalogue::Wanted,
    revoke::{RevokeRequest, Which},
};

#[derive(Args, Debug)]
#[group(id = "which", required = true, multiple = true, args = ["with", "all", "expired"])]
pub(super) struct RevokeArgs {
    /// Which database, as in grant
    #[arg(value_name = "KIND[/NAME]")]
    database: Option<Wanted>,
    /// The namespace it was shared with
    #[arg(long, value_name = "NAMESPACE", conflicts_with_all = ["all", "expired"], requires = "database")]
    with: Option<Namespace>,
    /// All shares: of the database, or of your namespace if none is given
    #[arg(long, conflicts_with = "expired")]
    all: bool,
    /// All shares that have ended, of the database or of your namespace
    #[arg(long)]
    expired: bool,
    /// Role that gets what the colleague owns in the database; without it that stays, and is listed
    #[arg(long, value_name = "ROLE")]
    reassign_to: Option<String>,
    /// Open the database to the whole cluster again, if --isolate closed it
    #[arg(long)]
    unisolate: bool,
    /// Secret with the superuser's username and password, if the catalogue made none
    #[arg(long, value_name = "SECRET")]
    superuser_secret: Option<ObjectName>,
    #[command(flatten)]
    pub(super) dry_run: DryRunArgs,
    #[command(flatten)]
    confirm: ConfirmArgs,
}

impl RevokeArgs {
    pub(super) fn into_request(self) -> RevokeRequest {
        let Self {
            database,
            with,
            all,
            expired: _,
            reassign_to,
            unisolate,
            superuser_secret,
            dry_run:
                DryRunArgs {
                    dry_run,
                    exit_code: _,
                },
            confirm,
        } = self;
        RevokeRequest {
            database,
            which: match (with, all) {
                (Some(with), _) => Which::With(with),
                (None, true) => Which::All,
                (None, false) => Which::Expired,
            },
            reassign_to,
            unisolate,
            superuser_secret,
            dry_run,
            confirm,
        }
    }
}
