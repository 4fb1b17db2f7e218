//! What a deployment of the catalogue's PostgreSQL is asked to be.

use super::random;

/// The values of one deployment, by default those of Onyxia's form.
#[derive(Clone)]
pub struct Release {
    pub(super) name: String,
    pub(super) friendly_name: String,
    pub(super) owner: Option<String>,
    pub(super) database: String,
    pub(super) password: String,
    pub(super) superuser_password: String,
    pub(super) superuser: Superuser,
    pub(super) isolated: bool,
    pub(super) suspended: bool,
    pub(super) tls: bool,
    pub(super) hba: Vec<String>,
    pub(super) settings: Vec<String>,
    pub(super) major: Option<u32>,
}

/// How far the release's Secret leads to the superuser.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Superuser {
    InSecret,
    NotInSecret,
    ChangedInDatabase,
}

impl Release {
    /// A release by this name, as Onyxia makes them: the chart's name, a dash, digits.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            friendly_name: "PostgreSQL".to_owned(),
            owner: None,
            database: "defaultdb".to_owned(),
            password: random::letters(20),
            superuser_password: random::letters(20),
            superuser: Superuser::InSecret,
            isolated: true,
            suspended: false,
            tls: false,
            hba: Vec::new(),
            settings: Vec::new(),
            major: None,
        }
    }

    /// The name that Onyxia shows.
    #[must_use]
    pub fn friendly_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.friendly_name);
        self
    }

    /// The owner's role; the tenant's id without this, as in Onyxia's form.
    #[must_use]
    pub fn owner(mut self, role: &str) -> Self {
        self.owner = Some(role.to_owned());
        self
    }

    /// The owner's database; `defaultdb` without this.
    #[must_use]
    pub fn database(mut self, name: &str) -> Self {
        name.clone_into(&mut self.database);
        self
    }

    /// The Secret has no `postgres-password`, and `postgres` no password: `auth.enablePostgresUser=false`.
    #[must_use]
    pub fn without_superuser(mut self) -> Self {
        self.superuser = Superuser::NotInSecret;
        self
    }

    /// The password of `postgres` was changed in the database: the Secret's is wrong.
    #[must_use]
    pub fn superuser_changed(mut self) -> Self {
        self.superuser = Superuser::ChangedInDatabase;
        self
    }

    /// With the catalogue's NetworkPolicy, as by default, or with its box unchecked.
    #[must_use]
    pub fn isolated(mut self, isolated: bool) -> Self {
        self.isolated = isolated;
        self
    }

    /// Suspended in Onyxia: no pod.
    #[must_use]
    pub fn suspended(mut self) -> Self {
        self.suspended = true;
        self
    }

    /// The server offers TLS, with a certificate for the Service's full names from an authority of its own
    /// (Secret `F-crt`: `tls.crt`, `tls.key`, `ca.crt`).
    #[must_use]
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// The server lets nobody in over TCP without TLS.
    #[must_use]
    pub fn tls_required(self) -> Self {
        self.tls().hba("hostnossl all all all reject")
    }

    /// A line at the top of pg_hba.conf, after those of earlier calls: `host all all 127.0.0.1/32 trust`.
    #[must_use]
    pub fn hba(mut self, line: &str) -> Self {
        self.hba.push(line.to_owned());
        self
    }

    /// A server setting; `log_statement` is `all` without this.
    #[must_use]
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push(format!("{name}={value}"));
        self
    }

    /// Another major version of PostgreSQL than the stage's own: one that a release of Debian has. The
    /// operator's databases do not heed it.
    #[must_use]
    pub fn major(mut self, version: u32) -> Self {
        self.major = Some(version);
        self
    }

    /// The charts' name for their objects: the release's if that has the chart's name in it.
    pub(super) fn fullname(&self, chart: &str) -> String {
        let name = if self.name.contains(chart) {
            self.name.clone()
        } else {
            format!("{}-{chart}", self.name)
        };
        name.chars()
            .take(63)
            .collect::<String>()
            .trim_end_matches('-')
            .to_owned()
    }
}
