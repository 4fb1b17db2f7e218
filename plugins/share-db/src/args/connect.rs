use std::ffi::OsString;

use clap::Args;

use crate::connect::{ConnectRequest, PrintForm, ShareName};

#[derive(Args, Debug)]
pub(super) struct ConnectArgs {
    /// The owner's namespace and the database, as in user-me/postgresql-951239
    #[arg(value_name = "NAMESPACE/DATABASE")]
    share: ShareName,
    /// Print the login instead: shell exports, a connection URI or a line of a password file
    #[arg(
        long,
        value_enum,
        value_name = "env|uri|pgpass",
        conflicts_with = "command",
        hide_possible_values = true
    )]
    print: Option<PrintForm>,
    /// Print it although standard output is a terminal
    #[arg(long, requires = "print")]
    show_secret: bool,
    /// Command to run with the login in PGHOST, PGUSER and so on [default: psql]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl ConnectArgs {
    pub(super) fn into_request(self) -> ConnectRequest {
        let Self {
            share,
            print,
            show_secret,
            command,
        } = self;
        ConnectRequest {
            share,
            print,
            show_secret,
            command,
        }
    }
}
