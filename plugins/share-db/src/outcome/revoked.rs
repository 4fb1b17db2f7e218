use datalab_core::{
    cli::{DisplayName, DryRun},
    report::{Kind, Outcome},
    words::Namespace,
};
use serde::Serialize;

use crate::{outcome::by_name, postgres::OwnedObject, share::Identity};

/// What was taken back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Revoked {
    pub(crate) namespace: String,
    pub(crate) dry_run: DryRun,
    pub(crate) items: Vec<RevokedShare>,
    pub(crate) notes: Vec<String>,
    /// What failed beside the shares themselves.
    pub(crate) problems: Vec<String>,
    #[serde(skip)]
    command: String,
}

/// One share, as far as it was taken back.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RevokedShare {
    #[serde(skip)]
    pub(crate) namespace: Namespace,
    pub(crate) database: String,
    pub(crate) grantee: String,
    pub(crate) role: String,
    pub(crate) login: LoginFate,
    pub(crate) sessions_cut: i64,
    pub(crate) owned: Vec<OwnedObject>,
    pub(crate) reassigned_to: Option<String>,
    pub(crate) removed: Vec<String>,
    pub(crate) remains: Vec<String>,
    pub(crate) problems: Vec<String>,
    pub(crate) statements: Vec<String>,
}

/// What became of the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum LoginFate {
    /// It is gone from the database.
    Dropped,
    /// It cannot log in any more, and stays for what it owns.
    Locked,
    /// There was none.
    Absent,
    /// There is no database any more.
    DatabaseGone,
    /// A role of that name is not ours.
    Foreign,
    /// The database could not be asked.
    Unknown,
}

impl RevokedShare {
    pub(crate) fn of(identity: &Identity) -> Self {
        Self {
            namespace: identity.namespace.clone(),
            database: identity.database.clone(),
            grantee: identity.grantee.to_string(),
            role: identity.role_name(),
            login: LoginFate::Unknown,
            sessions_cut: 0,
            owned: Vec::new(),
            reassigned_to: None,
            removed: Vec::new(),
            remains: Vec::new(),
            problems: Vec::new(),
            statements: Vec::new(),
        }
    }

    fn cut(&self) -> String {
        match self.sessions_cut {
            1 => "1 session cut".to_owned(),
            count => format!("{count} sessions cut"),
        }
    }

    fn lines(&self, command: &str, dry: bool) -> Vec<String> {
        let prefix = if dry { "dry run: " } else { "" };
        let mut lines = vec![if self.remains.is_empty() {
            format!(
                "{prefix}postgres/{} is no longer shared with {}",
                self.database, self.grantee
            )
        } else {
            format!(
                "{prefix}postgres/{} with {}: not all could be taken back",
                self.database, self.grantee
            )
        }];
        lines.push(match self.login {
            LoginFate::Dropped => format!("  login {} dropped, {}", self.role, self.cut()),
            LoginFate::Locked => format!("  login {} locked, {}", self.role, self.cut()),
            LoginFate::Absent => format!("  login {} was not there", self.role),
            LoginFate::DatabaseGone => "  the database is gone, and its logins with it".to_owned(),
            LoginFate::Foreign => format!("  role {} is not ours and was left as it is", self.role),
            LoginFate::Unknown => format!("  login {}: the database could not be asked", self.role),
        });
        for owned in &self.owned {
            let fate = match &self.reassigned_to {
                Some(heir) => format!("given to {heir}"),
                None => format!("still belongs to {}", self.role),
            };
            lines.push(format!(
                "  {} in database {}: {fate}",
                owned.object, owned.database
            ));
        }
        let removed: Vec<_> = self
            .removed
            .iter()
            .filter_map(|object| object.split_once('/'))
            .collect();
        for line in by_name(&removed) {
            lines.push(format!("  removed {line}"));
        }
        for problem in &self.problems {
            lines.extend(problem.lines().map(|line| format!("  {line}")));
        }
        if !self.remains.is_empty() {
            lines.push(format!("  remains: {}", self.remains.join(", ")));
            let heir = if self.login == LoginFate::Locked {
                " --reassign-to ROLE"
            } else {
                ""
            };
            lines.push(format!(
                "  try: {command} revoke postgres/{} --with {} -n {}{heir}",
                self.database, self.grantee, self.namespace
            ));
        }
        lines
    }
}

impl Revoked {
    pub(crate) fn new(command: &DisplayName, namespace: &Namespace, dry_run: DryRun) -> Self {
        Self {
            namespace: namespace.to_string(),
            dry_run,
            items: Vec::new(),
            notes: Vec::new(),
            problems: Vec::new(),
            command: command.to_string(),
        }
    }

    /// Partial, when something remains.
    pub(crate) fn kind(&self) -> Option<Kind> {
        let some_remain = self.items.iter().any(|share| !share.remains.is_empty());
        (some_remain || !self.problems.is_empty()).then_some(Kind::Partial)
    }

    /// Whether anything was, or would be, taken back.
    pub(crate) fn differs(&self) -> bool {
        self.items.iter().any(|share| {
            !share.removed.is_empty()
                || matches!(share.login, LoginFate::Dropped | LoginFate::Locked)
        })
    }
}

impl Outcome for Revoked {
    const KIND: &'static str = "Revocation";

    fn text(&self, wide: bool) -> String {
        if self.items.is_empty() && self.notes.is_empty() && self.problems.is_empty() {
            return format!("nothing to revoke in namespace {}", self.namespace);
        }
        let mut lines: Vec<String> = Vec::new();
        for share in &self.items {
            lines.extend(share.lines(&self.command, self.dry_run.is_dry()));
            if wide || self.dry_run.is_dry() {
                lines.extend(
                    share
                        .statements
                        .iter()
                        .map(|statement| format!("  sql: {statement};")),
                );
            }
        }
        lines.extend(self.notes.clone());
        lines.extend(self.problems.clone());
        datalab_core::report::printable_lines(&lines)
    }

    fn names(&self) -> Vec<String> {
        self.items
            .iter()
            .flat_map(|share| share.removed.clone())
            .collect()
    }
}
