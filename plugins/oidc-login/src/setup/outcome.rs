use std::path::PathBuf;

use datalab_core::{
    kubeconfig::{EntryKind, Plan},
    oidc::Audience,
    report::{Outcome, printable, quoted_if_needed},
};
use serde::Serialize;

use super::checks::Target;

/// What setup did, or would do.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetUp {
    issuer: String,
    client_id: String,
    server: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    audiences: Vec<Audience>,
    context: String,
    /// Whether it is the current context from now on, or was before.
    current: bool,
    entries: Vec<Entry>,
    known_issuers: PathBuf,
    newly_known: bool,
    dry_run: bool,
    /// The one file that was asked for.
    #[serde(skip)]
    kubeconfig: Option<PathBuf>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

/// One entry of the kubeconfig.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    #[serde(serialize_with = "word")]
    pub(super) kind: EntryKind,
    pub(super) name: String,
    pub(super) file: PathBuf,
    pub(super) effect: &'static str,
    #[serde(skip)]
    pub(super) about: String,
}

fn word<S: serde::Serializer>(kind: &EntryKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// What is known of it beside the target.
#[derive(Debug)]
pub(super) struct Written<'a> {
    pub(super) entries: Vec<Entry>,
    pub(super) plan: &'a Plan,
    pub(super) context: String,
    pub(super) known_issuers: PathBuf,
    pub(super) newly_known: bool,
    pub(super) warnings: Vec<String>,
    pub(super) is_dry: bool,
    /// The one file that was asked for.
    pub(super) kubeconfig: Option<PathBuf>,
}

impl SetUp {
    pub(super) fn new(target: Target, written: Written<'_>) -> Self {
        let Written {
            entries,
            plan,
            context,
            known_issuers,
            newly_known,
            warnings,
            is_dry,
            kubeconfig,
        } = written;
        Self {
            issuer: target.issuer,
            client_id: target.client_id,
            server: target.server,
            scopes: target.scopes,
            audiences: target.audiences,
            current: plan.context.as_deref() == Some(&context),
            context,
            entries,
            known_issuers,
            newly_known,
            dry_run: is_dry,
            kubeconfig,
            warnings,
        }
    }

    /// The command that uses what was written, to be pasted into a shell.
    fn next(&self) -> String {
        if self.dry_run {
            return "the same command without --dry-run".to_owned();
        }
        let mut command = "kubectl get pods".to_owned();
        if let Some(file) = &self.kubeconfig {
            let file = quoted_if_needed(&file.to_string_lossy());
            command.push_str(&format!(" --kubeconfig {file}"));
        }
        if !self.current {
            command.push_str(&format!(" --context {}", quoted_if_needed(&self.context)));
        }
        command
    }

    /// What is odd, for standard error.
    pub(crate) fn warnings(&self) -> &[String] {
        &self.warnings
    }
}

impl Outcome for SetUp {
    const KIND: &'static str = "OidcLoginSetup";

    fn text(&self, _wide: bool) -> String {
        let mut lines = Vec::new();
        let would = if self.dry_run { " (dry run)" } else { "" };
        for entry in &self.entries {
            lines.push(format!(
                "{} {} {}{would}: {}",
                entry.kind, entry.name, entry.effect, entry.about
            ));
        }
        let mut files: Vec<_> = self.entries.iter().map(|entry| &entry.file).collect();
        files.dedup();
        let files: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        lines.push(format!("  in {}", files.join(", ")));
        let known = match self.newly_known {
            true => "known from now on",
            false => "known already",
        };
        lines.push(format!(
            "issuer {known}{would}, in {}",
            self.known_issuers.display()
        ));
        for Audience {
            name,
            scope,
            client_id,
        } in &self.audiences
        {
            lines.push(match (scope, client_id) {
                (Some(scope), _) => format!("  {name}: by scope {scope}"),
                (None, Some(client)) if *client == self.client_id => {
                    format!("  {name}: by the same client")
                }
                (None, Some(client)) => format!("  {name}: by client {client}"),
                (None, None) => format!("  {name}"),
            });
        }
        lines.push(format!("next: {}", self.next()));
        lines
            .iter()
            .map(|line| printable(line).into_owned())
            .collect::<Vec<_>>()
            .join("\n")
    }

    fn names(&self) -> Vec<String> {
        self.entries
            .iter()
            .map(|entry| format!("{}/{}", entry.kind, entry.name))
            .collect()
    }
}
