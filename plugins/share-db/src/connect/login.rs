use datalab_core::{cluster::api::api::core::v1::Secret as SecretObject, words::Secret};
use thiserror::Error;

use crate::share::CA_KEY;

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

/// The login, as the Secret holds it.
pub(super) struct SharedLogin {
    pub(super) host: String,
    pub(super) port: String,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Secret<String>,
    pub(super) has_authority: bool,
}

impl SharedLogin {
    pub(super) fn from(secret: &SecretObject) -> Option<Self> {
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
    pub(super) fn variables(&self) -> Vec<(&'static str, &str)> {
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

    pub(super) fn printed(&self, form: PrintForm) -> Result<String, LineBreakError> {
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
}
