use clap::Args;
use datalab_core::words::ObjectName;

use crate::{catalogue::Wanted, list::ListRequest};

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// Only shares of this database
    #[arg(value_name = "KIND[/NAME]")]
    database: Option<Wanted>,
    /// Ask the databases too: sessions, passwords, logins without a share
    #[arg(long)]
    live: bool,
    /// Exit with 7 unless all shares are ok; with --live, also when a database could not be asked
    #[arg(long)]
    pub(super) exit_code: bool,
    /// As in grant, for --live
    #[arg(long, value_name = "SECRET", requires = "live")]
    superuser_secret: Option<ObjectName>,
}

impl ListArgs {
    pub(super) fn into_request(self) -> ListRequest {
        let Self {
            database,
            live,
            exit_code: _,
            superuser_secret,
        } = self;
        ListRequest {
            database,
            live,
            superuser_secret,
        }
    }
}
