use datalab_core::{
    report::{Outcome, printable},
    store::{Change, Edited, Effect},
};
use serde::Serialize;

use super::{Request, effect_name, plan::Plan, work::Work};

/// What has become of a tool's settings, or would.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Configured {
    tool: &'static str,
    name: String,
    files: Vec<FileReport>,
    dry_run: bool,
    notes: Vec<String>,
    #[serde(skip)]
    removes: bool,
    #[serde(skip)]
    example: Option<String>,
    #[serde(skip)]
    undo: String,
}

/// What has become of one file, or would.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FileReport {
    path: String,
    effect: &'static str,
    sections: Vec<String>,
    /// As it was before it was first changed.
    backup: Option<String>,
    #[serde(skip)]
    lines: Vec<String>,
}

impl FileReport {
    pub(super) fn foreseen(work: &Work, content: Option<&[u8]>, change: &Change) -> Self {
        let effect = match (change, content) {
            (Change::Keep, _) => Effect::Unchanged,
            (Change::Remove, _) => Effect::Removed,
            (Change::Write(_) | Change::Update(_), None) => Effect::Made,
            (Change::Write(new) | Change::Update(new), Some(old)) if new == old => {
                Effect::Unchanged
            }
            (Change::Write(_) | Change::Update(_), Some(_)) => Effect::Rewritten,
        };
        Self {
            path: work.file.path().display().to_string(),
            effect: effect_name(effect),
            sections: work.names(),
            backup: None,
            lines: work.lines(),
        }
    }

    pub(super) fn carried_out(&mut self, edited: Edited) {
        self.effect = effect_name(edited.effect);
        self.backup = edited.backup.map(|backup| backup.display().to_string());
    }

    fn is_changed(&self) -> bool {
        self.effect != effect_name(Effect::Unchanged)
    }
}

impl Configured {
    pub(super) fn new(plan: Plan, files: Vec<FileReport>, request: &Request, undo: String) -> Self {
        Self {
            tool: request.tool.name(),
            name: plan.name,
            files,
            dry_run: request.is_dry,
            notes: plan.notes,
            removes: request.removes,
            example: plan.example,
            undo,
        }
    }
}

impl Outcome for Configured {
    const KIND: &'static str = "S3Configuration";

    fn text(&self, wide: bool) -> String {
        let would = if self.dry_run { " (dry run)" } else { "" };
        let mut lines = Vec::new();
        for file in self.files.iter().filter(|file| file.is_changed()) {
            lines.push(format!("{} {}{would}", file.path, file.effect));
            if self.dry_run || wide {
                lines.extend(file.lines.iter().map(|line| format!("    {line}")));
            }
            if let Some(backup) = &file.backup {
                lines.push(format!("    as it was: {backup}"));
            }
        }
        if lines.is_empty() {
            let how = if self.removes {
                "has nothing of ours"
            } else {
                "is as it should be"
            };
            lines.push(format!("{} {how} under the name {}", self.tool, self.name));
        }
        lines.extend(self.notes.iter().map(|note| format!("note: {note}")));
        if !self.dry_run && !self.removes {
            lines.push(String::new());
            lines.extend(self.example.iter().map(|example| format!("try: {example}")));
            lines.push(format!("to be rid of it: {}", self.undo));
        }
        printable(&lines.join("\n")).into_owned()
    }

    fn names(&self) -> Vec<String> {
        let changed = self.files.iter().filter(|file| file.is_changed());
        changed.map(|file| format!("file/{}", file.path)).collect()
    }
}
