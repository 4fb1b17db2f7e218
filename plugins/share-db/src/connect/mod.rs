//! `connect`: the grantee's side, from a pod of the cluster or from anywhere with a kubeconfig.

mod endpoint;
mod found;
mod login;
mod print;
mod proof;
mod route;
mod session;
mod share_name;
mod tunnel;
mod watched;

pub(crate) use endpoint::SslMode;
pub(crate) use print::PrintForm;
pub(crate) use route::Via;
pub(crate) use share_name::ShareName;

use std::ffi::OsString;

use datalab_core::{
    cli::interruptible,
    kubeconfig::is_in_a_pod,
    report::{Failure, Kind},
    words::ObjectName,
    world::{ChildError, Interrupt, LocalListener},
};

use self::{
    endpoint::Endpoint,
    login::SharedLogin,
    print::{MISLEADING_VARIABLES, Printed},
    route::Route,
};
use crate::{desk::Desk, relay::Carrier};

/// The client that is run when none is named.
const DEFAULT_COMMAND: &str = "psql";

/// What a connect is asked to do.
#[derive(Debug)]
pub(crate) struct ConnectRequest {
    pub(crate) share: ShareName,
    pub(crate) via: Option<Via>,
    pub(crate) pod: Option<ObjectName>,
    pub(crate) relay_image: Option<String>,
    pub(crate) listen: bool,
    pub(crate) port: Option<u16>,
    pub(crate) ssl_mode: Option<SslMode>,
    pub(crate) print: Option<PrintForm>,
    pub(crate) show_secret: bool,
    pub(crate) command: Vec<OsString>,
}

impl ConnectRequest {
    /// Before a command, every failure of ours has one exit code, so that the command's own can be
    /// told apart from it.
    pub(crate) fn failure_kind(&self) -> Option<Kind> {
        (self.print.is_none() && !self.listen).then_some(Kind::BeforeCommand)
    }
}

/// Reads the share's Secret, then prints the login, keeps a local port open, or runs the command.
///
/// # Errors
/// No share that may be read, one that is over, or a database that does not answer.
pub(crate) async fn connect(desk: &Desk<'_>, request: &ConnectRequest) -> Result<u8, Failure> {
    refuse_terminal(desk, request)?;
    // A port that is taken is said before anything is made.
    let listener = match (request.listen, request.port) {
        (false, None) => None,
        _ => Some(listen(desk, request).await?),
    };
    let login = interruptible(found::login(desk, &request.share)).await?;
    let endpoint = Endpoint::of(desk.world, &login, request.ssl_mode)?;
    if let (Some(form), false) = (request.print, request.listen) {
        print(desk, request, form, &login, &endpoint)?;
        if !is_in_a_pod(desk.world) {
            desk.note(&format!(
                "{} is known to pods of the cluster only; for use from here, add --listen",
                login.host
            ));
        }
        return Ok(0);
    }
    let route = Route::new(desk, request, &login, &endpoint);
    let code = match interruptible(route.choose()).await {
        Ok(carrier) if matches!(*carrier, Carrier::Direct) && listener.is_none() => {
            return become_command(desk, request, &login, &endpoint);
        }
        Ok(_) => through_a_local_port(desk, request, &login, &endpoint, &route, listener).await,
        Err(failure) => Err(failure),
    };
    route.end().await;
    code
}

fn refuse_terminal(desk: &Desk<'_>, request: &ConnectRequest) -> Result<(), Failure> {
    if request.print.is_none() || !desk.world.streams().out_is_terminal() || request.show_secret {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        "standard output is a terminal, where a password would stay to be read",
    )
    .next(format!(
        "eval \"$({} connect {} --print env)\"",
        desk.name, request.share
    ))
    .next("the same command with --show-secret"))
}

fn print(
    desk: &Desk<'_>,
    request: &ConnectRequest,
    form: PrintForm,
    login: &SharedLogin,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    let printed = Printed { login, endpoint }.in_form(form).map_err(|error| {
        Failure::new(Kind::Failed, "the login cannot be printed in this form")
            .caused_by(&error)
            .next(format!(
                "eval \"$({} connect {} --print env)\"",
                desk.name, request.share
            ))
    })?;
    write(desk, &printed)
}

fn write(desk: &Desk<'_>, text: &str) -> Result<(), Failure> {
    desk.world.streams().data(text).map_err(|error| {
        Failure::new(Kind::Failed, "standard output cannot be written to").caused_by(&error)
    })
}

fn become_command(
    desk: &Desk<'_>,
    request: &ConnectRequest,
    login: &SharedLogin,
    endpoint: &Endpoint,
) -> Result<u8, Failure> {
    let variables = Printed { login, endpoint }.variables();
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let (program, arguments) = command(request);
    desk.world
        .become_command(&program, arguments, variables, &MISLEADING_VARIABLES)
        .map_err(|error| not_started(&error))
}

/// Opens a local port that leads to the database, for a command or until Ctrl-C.
async fn through_a_local_port(
    desk: &Desk<'_>,
    request: &ConnectRequest,
    login: &SharedLogin,
    endpoint: &Endpoint,
    route: &Route<'_>,
    listener: Option<LocalListener>,
) -> Result<u8, Failure> {
    let listener = match listener {
        Some(listener) => listener,
        None => listen(desk, request).await?,
    };
    let endpoint = endpoint.clone().through(listener.port());
    if request.listen {
        match request.print {
            Some(form) => print(desk, request, form, login, &endpoint)?,
            None => write(desk, &format!("127.0.0.1:{}\n", listener.port()))?,
        }
        desk.note(&format!(
            "database {} listens on 127.0.0.1:{}, until Ctrl-C",
            login.database,
            listener.port()
        ));
        let signal = tunnel::serve_until(desk, &listener, route, Interrupt::wait()).await;
        return match signal {
            Ok(signal) => Ok(Kind::from(signal).exit_code()),
            Err(error) => {
                Err(Failure::new(Kind::Failed, "signals cannot be listened for").caused_by(&error))
            }
        };
    }
    let variables = Printed {
        login,
        endpoint: &endpoint,
    }
    .variables();
    let variables = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    let (program, arguments) = command(request);
    let child = desk
        .world
        .start_command(&program, arguments, variables, &MISLEADING_VARIABLES)
        .map_err(|error| not_started(&error))?;
    tunnel::serve_until(desk, &listener, route, child.wait())
        .await
        .map_err(|error| {
            Failure::new(Kind::Failed, "the command's end is not known").caused_by(&error)
        })
}

async fn listen(desk: &Desk<'_>, request: &ConnectRequest) -> Result<LocalListener, Failure> {
    desk.world
        .listen_locally(request.port)
        .await
        .map_err(|error| {
            let port = request.port.unwrap_or_default();
            Failure::new(
                Kind::Conflict,
                format!("port {port} of 127.0.0.1 cannot be listened on"),
            )
            .caused_by(&error)
            .next("the same command with another --port, or without it")
        })
}

fn command(request: &ConnectRequest) -> (OsString, &[OsString]) {
    match request.command.split_first() {
        Some((program, arguments)) => (program.clone(), arguments),
        None => (OsString::from(DEFAULT_COMMAND), &[]),
    }
}

fn not_started(error: &ChildError) -> Failure {
    Failure::new(Kind::BeforeCommand, "the command was not started").caused_by(error)
}
