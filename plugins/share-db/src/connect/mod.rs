//! `connect`: the grantee's side, from a pod of the grantee's namespace.

mod login;
mod share_name;

pub(crate) use login::PrintForm;
pub(crate) use share_name::ShareName;

use std::{ffi::OsString, time::Duration};

use datalab_core::{
    cluster::{self, api::api::core::v1::Secret as SecretObject},
    report::{Failure, Kind},
};
use tokio::{net::TcpStream, time::timeout};

use self::login::{MISLEADING_VARIABLES, SharedLogin};
use crate::{
    desk::Desk,
    share::{Identity, Terms},
};

/// How long the database's port may take to answer, from inside the cluster.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// The client that is run when none is named.
const DEFAULT_COMMAND: &str = "psql";

/// What a connect is asked to do.
#[derive(Debug)]
pub(crate) struct ConnectRequest {
    pub(crate) share: ShareName,
    pub(crate) print: Option<PrintForm>,
    pub(crate) show_secret: bool,
    pub(crate) command: Vec<OsString>,
}

impl ConnectRequest {
    /// Before a command, every failure of ours has one exit code, so that the command's own can be
    /// told apart from it.
    pub(crate) fn failure_kind(&self) -> Option<Kind> {
        self.print.is_none().then_some(Kind::BeforeCommand)
    }
}

/// Reads the share's Secret, then prints the login or becomes the command.
///
/// # Errors
/// No share that may be read, one that is over, or a database that does not answer.
pub(crate) async fn connect(desk: &Desk<'_>, request: &ConnectRequest) -> Result<u8, Failure> {
    if request.print.is_some() && desk.world.streams().out_is_terminal() && !request.show_secret {
        return Err(Failure::new(
            Kind::Usage,
            "standard output is a terminal, where a password would stay to be read",
        )
        .next(format!(
            "eval \"$({} connect {} --print env)\"",
            desk.name, request.share
        ))
        .next("the same command with --show-secret"));
    }
    let (identity, secret) = find(desk, &request.share).await?;
    refuse_expired(desk, &identity, &secret).await?;
    let login = SharedLogin::from(&secret).ok_or_else(|| {
        Failure::new(
            Kind::Failed,
            format!(
                "secret {} of {} lacks a part of the login",
                identity.object_name(),
                identity.namespace
            ),
        )
        .detail("somebody changed it; the owner's next grant with the same terms mends it")
    })?;
    if let Some(form) = request.print {
        let printed = login.printed(form).map_err(|error| {
            Failure::new(Kind::Failed, "the login cannot be printed in this form")
                .caused_by(&error)
                .next(format!(
                    "eval \"$({} connect {} --print env)\"",
                    desk.name, request.share
                ))
        })?;
        desk.world.streams().data(&printed).map_err(|error| {
            Failure::new(Kind::Failed, "standard output cannot be written to").caused_by(&error)
        })?;
        return Ok(0);
    }
    reach(desk, &login).await?;
    let default = OsString::from(DEFAULT_COMMAND);
    let (program, arguments) = request.command.split_first().unwrap_or((&default, &[]));
    desk.world
        .become_command(program, arguments, login.variables(), &MISLEADING_VARIABLES)
        .map_err(|error| {
            Failure::new(Kind::BeforeCommand, "the command was not started").caused_by(&error)
        })
}

/// The share's Secret, without listing anything: its name follows from the database's. A release may
/// be named instead, to which the catalogue's charts add their own name.
async fn find(desk: &Desk<'_>, share: &ShareName) -> Result<(Identity, SecretObject), Failure> {
    let identity = |database: String| Identity {
        namespace: share.namespace.clone(),
        database,
        grantee: desk.namespace().clone(),
    };
    let named = identity(share.database.to_string());
    let mut kind = Kind::NotFound;
    for suffix in ["", "-postgresql", "-postgresql-cnpg"] {
        let identity = identity(format!("{}{suffix}", share.database));
        let name = identity.object_name();
        match desk.cluster.get(&identity.namespace, &name).await {
            Ok(Some(secret)) => return Ok((identity, secret)),
            Ok(None) => {}
            // A Role that names one Secret answers 403 for all others, so a missing share looks
            // like this.
            Err(cluster::Error::Forbidden { .. }) => kind = Kind::Refused,
            Err(error) => return Err(error.into()),
        }
    }
    let (namespace, name) = (&named.namespace, named.object_name());
    Err(Failure::new(
        kind,
        format!(
            "no share of {share} with {} that you may read",
            named.grantee
        ),
    )
    .detail("it was never made, or was revoked: from here both look alike")
    .detail(format!(
        "it would be Secret {name} in namespace {namespace}"
    ))
    .detail(format!(
        "your namespace is taken to be {}; -n names another",
        named.grantee
    ))
    .next(format!(
        "kubectl auth can-i get secret/{name} -n {namespace}"
    ))
    .next("kubectl auth whoami"))
}

async fn refuse_expired(
    desk: &Desk<'_>,
    identity: &Identity,
    secret: &SecretObject,
) -> Result<(), Failure> {
    let terms = secret
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| Terms::from_annotations(annotations).ok());
    let Some(expiry) = terms.map(|terms| terms.expiry) else {
        return Ok(());
    };
    if !expiry.is_over(desk.cluster.server_time().await?) {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Refused,
        format!(
            "the share of {}/{} ended at {expiry}",
            identity.namespace, identity.database
        ),
    )
    .next(format!(
        "ask its owner for: {} postgres/{} --with {} --renew",
        desk.name, identity.database, identity.grantee
    )))
}

/// Whether the database's port answers from here; DNS and TCP fail for different reasons.
async fn reach(desk: &Desk<'_>, login: &SharedLogin) -> Result<(), Failure> {
    let failure = |why: String| {
        Failure::new(Kind::Unreachable, why).detail(format!(
            "the network route works from pods of namespace {} only",
            desk.namespace()
        ))
    };
    let address = format!("{}:{}", login.host, login.port);
    match timeout(REACH_TIMEOUT, tokio::net::lookup_host(&address)).await {
        Ok(Ok(_)) => {}
        _ => {
            return Err(failure(format!(
                "the name {} is not known here: this is not a pod of the cluster",
                login.host
            )));
        }
    }
    match timeout(REACH_TIMEOUT, TcpStream::connect(&address)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(failure(format!("{address} does not take connections")).caused_by(&error).detail(
            "the database is down, or a NetworkPolicy (of its namespace, or for egress of yours) forbids it",
        )),
        Err(_) => Err(failure(format!("{address} does not answer within {} s", REACH_TIMEOUT.as_secs()))
            .detail("a NetworkPolicy (of its namespace, or for egress of yours) forbids it")),
    }
}
