use datalab_core::report::quoted;
use thiserror::Error;

use super::{endpoint::Endpoint, login::SharedLogin};

/// Variables of libpq that would send the login elsewhere, as somebody else or by other means than
/// the share says: the command does not inherit them.
///
/// <https://www.postgresql.org/docs/current/libpq-envars.html>
pub(super) const MISLEADING_VARIABLES: [&str; 21] = [
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
pub(super) struct LineBreakError(&'static str);

/// A login, by way of an endpoint.
pub(super) struct Printed<'a> {
    pub(super) login: &'a SharedLogin,
    pub(super) endpoint: &'a Endpoint,
}

impl Printed<'_> {
    /// libpq's variables, which most PostgreSQL clients read.
    ///
    /// <https://www.postgresql.org/docs/current/libpq-envars.html>
    pub(super) fn variables(&self) -> Vec<(&'static str, String)> {
        let Self { login, endpoint } = self;
        let mut variables = vec![
            ("PGHOST", endpoint.host.clone()),
            ("PGPORT", endpoint.port.to_string()),
            ("PGDATABASE", login.database.clone()),
            ("PGUSER", login.user.clone()),
            ("PGPASSWORD", login.password.expose().clone()),
            ("PGSSLMODE", endpoint.ssl_mode.to_owned()),
        ];
        variables.extend(
            endpoint
                .address
                .map(|address| ("PGHOSTADDR", address.to_string())),
        );
        variables.extend(
            self.root_certificate()
                .map(|path| ("PGSSLROOTCERT", path.to_owned())),
        );
        variables
    }

    pub(super) fn in_form(&self, form: PrintForm) -> Result<String, LineBreakError> {
        let Self { login, endpoint } = self;
        Ok(match form {
            PrintForm::Env => {
                let variables = self.variables();
                let is_set = |name: &str| variables.iter().any(|(set, _)| *set == name);
                let unset: Vec<&str> = UNSET_BY_EXPORTS
                    .into_iter()
                    .filter(|name| !is_set(name))
                    .collect();
                variables
                    .iter()
                    .map(|(name, value)| format!("export {name}={}\n", quoted(value)))
                    .chain([format!("unset {}\n", unset.join(" "))])
                    .collect()
            }
            PrintForm::Uri => format!(
                "postgresql://{}:{}@{}:{}/{}{}\n",
                percent_encoded(&login.user),
                percent_encoded(login.password.expose()),
                endpoint.host,
                endpoint.port,
                percent_encoded(&login.database),
                self.parameters()
            ),
            PrintForm::Pgpass => {
                let fields = [
                    password_file_field("host", &endpoint.host)?,
                    endpoint.port.to_string(),
                    password_file_field("database", &login.database)?,
                    password_file_field("username", &login.user)?,
                    password_file_field("password", login.password.expose())?,
                ];
                format!("{}\n", fields.join(":"))
            }
        })
    }

    /// What a connection URI says after the database.
    ///
    /// <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS>
    fn parameters(&self) -> String {
        let mut parameters = Vec::new();
        if self.endpoint.ssl_mode != "prefer" {
            parameters.push(format!("sslmode={}", self.endpoint.ssl_mode));
        }
        if let Some(address) = self.endpoint.address {
            parameters.push(format!("hostaddr={address}"));
        }
        if let Some(path) = self.root_certificate() {
            parameters.push(format!("sslrootcert={}", percent_encoded(path)));
        }
        match parameters.as_slice() {
            [] => String::new(),
            parameters => format!("?{}", parameters.join("&")),
        }
    }

    fn root_certificate(&self) -> Option<&str> {
        self.endpoint.root_certificate.as_deref()?.to_str()
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

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, path::PathBuf};

    use datalab_core::words::Secret;

    use super::*;

    fn login() -> SharedLogin {
        SharedLogin {
            host: "db.user-me.svc".into(),
            port: 5432,
            database: "it's: \"mine\"\\ä".into(),
            user: "share_user-x_1".into(),
            password: Secret::new("pw".into()),
            authority: None,
        }
    }

    fn endpoint() -> Endpoint {
        Endpoint {
            host: "db.user-me.svc".into(),
            address: None,
            port: 5432,
            ssl_mode: "prefer",
            root_certificate: None,
        }
    }

    fn verified() -> Endpoint {
        Endpoint {
            ssl_mode: "verify-full",
            root_certificate: Some(PathBuf::from("/home/x/it's.pem")),
            ..endpoint()
        }
    }

    fn printed(login: &SharedLogin, endpoint: &Endpoint, form: PrintForm) -> String {
        Printed { login, endpoint }.in_form(form).unwrap()
    }

    #[test]
    fn hostile_database_names_are_quoted_in_every_form() {
        let (login, endpoint) = (login(), endpoint());
        assert!(
            printed(&login, &endpoint, PrintForm::Env)
                .contains("export PGDATABASE='it'\\''s: \"mine\"\\ä'\n")
        );
        assert_eq!(
            printed(&login, &endpoint, PrintForm::Uri),
            "postgresql://share_user-x_1:pw@db.user-me.svc:5432/it%27s%3A%20%22mine%22%5C%C3%A4\n"
        );
        assert_eq!(
            printed(&login, &endpoint, PrintForm::Pgpass),
            "db.user-me.svc:5432:it's\\: \"mine\"\\\\ä:share_user-x_1:pw\n"
        );
    }

    #[test]
    fn where_the_server_can_be_known_every_form_that_can_say_so_asks_for_it() {
        let login = login();
        let env = printed(&login, &verified(), PrintForm::Env);
        assert!(env.contains("export PGSSLMODE='verify-full'\n"), "{env}");
        assert!(
            env.contains("export PGSSLROOTCERT='/home/x/it'\\''s.pem'\n"),
            "{env}"
        );
        let uri = printed(&login, &verified(), PrintForm::Uri);
        assert!(
            uri.ends_with("?sslmode=verify-full&sslrootcert=%2Fhome%2Fx%2Fit%27s.pem\n"),
            "{uri}"
        );
    }

    #[test]
    fn by_a_local_port_the_name_stays_only_where_it_is_checked() {
        let local = verified().through(1234);
        assert_eq!(local.host, "db.user-me.svc");
        assert_eq!(local.address, Some(Ipv4Addr::LOCALHOST));
        let uri = printed(&login(), &local, PrintForm::Uri);
        assert!(uri.contains("@db.user-me.svc:1234/"), "{uri}");
        assert!(uri.contains("&hostaddr=127.0.0.1&"), "{uri}");
        let env = printed(&login(), &local, PrintForm::Env);
        assert!(env.ends_with("\nunset PGSERVICE PGOPTIONS\n"), "{env}");
        let local = endpoint().through(1234);
        assert_eq!((local.host.as_str(), local.address), ("127.0.0.1", None));
    }

    #[test]
    fn exports_take_away_what_would_mislead() {
        let env = printed(&login(), &endpoint(), PrintForm::Env);
        assert!(
            env.ends_with("\nunset PGHOSTADDR PGSERVICE PGOPTIONS\n"),
            "{env}"
        );
    }

    #[test]
    fn a_line_break_does_not_break_a_password_file() {
        for line_break in ["\n", "\r"] {
            let mut login = login();
            login.database = format!("a{line_break}b");
            let endpoint = endpoint();
            let printed = Printed {
                login: &login,
                endpoint: &endpoint,
            };
            assert_eq!(
                printed.in_form(PrintForm::Pgpass),
                Err(LineBreakError("database"))
            );
            assert!(printed.in_form(PrintForm::Uri).is_ok());
        }
    }
}
