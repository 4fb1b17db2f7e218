//! `connect`: the grantee's side, from a pod of the grantee's namespace.

use std::{ffi::OsString, fmt, str::FromStr, time::Duration};

use datalab_core::{
    cluster::{self, api::api::core::v1::Secret as SecretObject},
    report::{Failure, Kind},
    words::{NameError, Namespace, ObjectName, Secret},
};
use thiserror::Error;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    desk::Desk,
    share::{CA_KEY, Identity, Terms},
};

/// How long the database's port may take to answer, from inside the cluster.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// Variables of libpq that would send the login elsewhere, as somebody else or by other means than
/// the share says: the command does not inherit them.
///
/// <https://www.postgresql.org/docs/current/libpq-envars.html>
const MISLEADING_VARIABLES: [&str; 21] = [
    "PGHOSTADDR",
    "PGSERVICE",
    "PGOPTIONS",
    "PGCHANNELBINDING",
    "PGGSSDELEGATION",
    "PGGSSENCMODE",
    "PGGSSLIB",
    "PGKRBSRVNAME",
    "PGPASSFILE",
    "PGREQUIREAUTH",
    "PGREQUIREPEER",
    "PGREQUIRESSL",
    "PGSERVICEFILE",
    "PGSSLCERT",
    "PGSSLCERTMODE",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLKEY",
    "PGSSLNEGOTIATION",
    "PGSSLROOTCERT",
    "PGTARGETSESSIONATTRS",
];

/// Those that shell exports take away as well; the others would be a wall of text for what no shell
/// has set.
const UNSET_BY_EXPORTS: [&str; 3] = ["PGHOSTADDR", "PGSERVICE", "PGOPTIONS"];

/// The client that is run when none is named.
const DEFAULT_COMMAND: &str = "psql";

/// `NAMESPACE/DATABASE`, as the owner's grant printed it.
#[derive(Clone, Debug)]
pub(crate) struct ShareName {
    namespace: Namespace,
    database: ObjectName,
}

/// Why a text names no share.
#[derive(Clone, Debug, Error)]
pub(crate) enum ShareNameError {
    #[error("expected NAMESPACE/DATABASE, as in user-me/postgresql-951239")]
    Malformed,
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The form in which a login is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum PrintForm {
    /// Shell exports of PGHOST and friends, for `eval`
    Env,
    /// A libpq connection URI
    Uri,
    /// A line of a password file
    Pgpass,
}

/// A login that a password file cannot hold: it has one line for each, and no escape for its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("its {0} holds a line break, which a password file cannot express")]
struct LineBreakError(&'static str);

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

/// The login, as the Secret holds it.
struct SharedLogin {
    host: String,
    port: String,
    database: String,
    user: String,
    password: Secret<String>,
    has_authority: bool,
}

impl SharedLogin {
    fn from(secret: &SecretObject) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        Some(Self {
            host: text("host")?,
            port: text("port")?,
            database: text("database")?,
            user: text("username")?,
            password: Secret::new(text("password")?),
            has_authority: data.contains_key(CA_KEY),
        })
    }

    /// libpq's variables, which most PostgreSQL clients read.
    ///
    /// <https://www.postgresql.org/docs/current/libpq-envars.html>
    fn variables(&self) -> Vec<(&'static str, &str)> {
        vec![
            ("PGHOST", &self.host),
            ("PGPORT", &self.port),
            ("PGDATABASE", &self.database),
            ("PGUSER", &self.user),
            ("PGPASSWORD", self.password.expose()),
            (
                "PGSSLMODE",
                if self.has_authority {
                    "require"
                } else {
                    "prefer"
                },
            ),
        ]
    }

    fn printed(&self, form: PrintForm) -> Result<String, LineBreakError> {
        Ok(match form {
            PrintForm::Env => self
                .variables()
                .into_iter()
                .map(|(name, value)| format!("export {name}={}\n", shell_quoted(value)))
                .chain([format!("unset {}\n", UNSET_BY_EXPORTS.join(" "))])
                .collect(),
            PrintForm::Uri => format!(
                "postgresql://{}:{}@{}:{}/{}{}\n",
                percent_encoded(&self.user),
                percent_encoded(self.password.expose()),
                self.host,
                self.port,
                percent_encoded(&self.database),
                if self.has_authority {
                    "?sslmode=require"
                } else {
                    ""
                }
            ),
            PrintForm::Pgpass => {
                let fields = [
                    password_file_field("host", &self.host)?,
                    password_file_field("port", &self.port)?,
                    password_file_field("database", &self.database)?,
                    password_file_field("username", &self.user)?,
                    password_file_field("password", self.password.expose())?,
                ];
                format!("{}\n", fields.join(":"))
            }
        })
    }
}

/// A field of a password file.
///
/// <https://www.postgresql.org/docs/current/libpq-pgpass.html>
fn password_file_field(name: &'static str, text: &str) -> Result<String, LineBreakError> {
    if text.contains(['\n', '\r']) {
        return Err(LineBreakError(name));
    }
    Ok(text.replace('\\', "\\\\").replace(':', "\\:"))
}

/// A word for a POSIX shell: nothing inside single quotes is special but the quote itself.
fn shell_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// RFC 3986, section 2.3: everything but the unreserved characters.
fn percent_encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl FromStr for ShareName {
    type Err = ShareNameError;

    fn from_str(text: &str) -> Result<Self, ShareNameError> {
        let (namespace, database) = text.split_once('/').ok_or(ShareNameError::Malformed)?;
        Ok(Self {
            namespace: namespace.parse()?,
            database: database.parse()?,
        })
    }
}

impl fmt::Display for ShareName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.database)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> SharedLogin {
        SharedLogin {
            host: "db.user-me.svc".into(),
            port: "5432".into(),
            database: "it's: \"mine\"\\ä".into(),
            user: "share_user-x_1".into(),
            password: Secret::new("pw".into()),
            has_authority: false,
        }
    }

    #[test]
    fn hostile_database_names_are_quoted_in_every_form() {
        assert!(
            login()
                .printed(PrintForm::Env)
                .unwrap()
                .contains("export PGDATABASE='it'\\''s: \"mine\"\\ä'\n")
        );
        assert_eq!(
            login().printed(PrintForm::Uri).unwrap(),
            "postgresql://share_user-x_1:pw@db.user-me.svc:5432/it%27s%3A%20%22mine%22%5C%C3%A4\n"
        );
        assert_eq!(
            login().printed(PrintForm::Pgpass).unwrap(),
            "db.user-me.svc:5432:it's\\: \"mine\"\\\\ä:share_user-x_1:pw\n"
        );
    }

    #[test]
    fn where_tls_is_certain_every_form_that_can_say_so_asks_for_it() {
        let mut login = login();
        let says = |login: &SharedLogin, form, what: &str| {
            let printed = login.printed(form).unwrap();
            assert!(printed.contains(what), "no {what} in {printed}");
        };
        says(&login, PrintForm::Env, "PGSSLMODE='prefer'");
        login.has_authority = true;
        says(&login, PrintForm::Env, "PGSSLMODE='require'");
        says(&login, PrintForm::Uri, "%5C%C3%A4?sslmode=require\n");
    }

    #[test]
    fn exports_take_away_what_would_mislead() {
        assert!(
            login()
                .printed(PrintForm::Env)
                .unwrap()
                .ends_with("\nunset PGHOSTADDR PGSERVICE PGOPTIONS\n")
        );
        let set = login();
        for (name, _) in set.variables() {
            assert!(!MISLEADING_VARIABLES.contains(&name), "{name}");
        }
    }

    #[test]
    fn a_line_break_does_not_break_a_password_file() {
        for line_break in ["\n", "\r"] {
            let mut login = login();
            login.database = format!("a{line_break}b");
            assert_eq!(
                login.printed(PrintForm::Pgpass),
                Err(LineBreakError("database"))
            );
            assert!(login.printed(PrintForm::Uri).is_ok());
        }
    }

    #[test]
    fn share_names() {
        assert_eq!(
            "user-me/db".parse::<ShareName>().unwrap().to_string(),
            "user-me/db"
        );
        for bad in [
            "user-me",
            "/db",
            "user-me/",
            "User/db",
            "user-me/a b",
            "a/b/c",
        ] {
            assert!(bad.parse::<ShareName>().is_err(), "{bad}");
        }
    }
}
