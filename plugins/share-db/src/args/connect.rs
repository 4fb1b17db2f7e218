use std::{ffi::OsString, num::NonZeroU16};

use clap::Args;
use datalab_core::words::ObjectName;

use crate::connect::{ConnectRequest, PrintForm, ShareName, SslMode, Via};

#[derive(Args, Debug)]
pub(super) struct ConnectArgs {
    /// The owner's namespace and the database, as in user-me/postgresql-951239
    #[arg(value_name = "NAMESPACE/DATABASE")]
    share: ShareName,
    /// Which way to take: the cluster's network, a running pod of yours, or a relay pod made for
    /// this [default: the first that works]
    #[arg(
        long,
        value_enum,
        value_name = "direct|pod|relay",
        hide_possible_values = true
    )]
    via: Option<Via>,
    /// The running pod of yours to go through; it has to have python3 or bash
    #[arg(long, value_name = "POD", conflicts_with = "via")]
    pod: Option<ObjectName>,
    /// Image of the relay pod, with sh and socat [env: DATALAB_RELAY_IMAGE]
    #[arg(long, value_name = "IMAGE")]
    relay_image: Option<String>,
    /// Keep a port of 127.0.0.1 open until Ctrl-C instead of running a command
    #[arg(long, conflicts_with = "command")]
    listen: bool,
    /// The port of 127.0.0.1 [default: a free one]
    #[arg(long, value_name = "PORT")]
    port: Option<NonZeroU16>,
    /// How the server is known, as libpq has it [default: verify-full where the share has the
    /// certificate of an authority]
    #[arg(
        long,
        value_enum,
        value_name = "verify-full|verify-ca|require",
        hide_possible_values = true
    )]
    sslmode: Option<SslMode>,
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
            via,
            pod,
            relay_image,
            listen,
            port,
            sslmode,
            print,
            show_secret,
            command,
        } = self;
        ConnectRequest {
            share,
            via,
            pod,
            relay_image,
            listen,
            port: port.map(NonZeroU16::get),
            ssl_mode: sslmode,
            print,
            show_secret,
            command,
        }
    }
}
