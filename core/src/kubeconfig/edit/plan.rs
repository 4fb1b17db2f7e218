use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{Change, CurrentContext, Edit, EditError, EntryKind, document, program};
use crate::{
    kubeconfig::file::files,
    words::Secret,
    world::{FileError, LockFile, LockFileError, World, is_there, read_text, replace_whole},
};

/// How long another program may hold a kubeconfig's lock: kubectl needs milliseconds, and a person
/// who waits for it should not think that nothing happens.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a key shows of a value that nobody should read over a shoulder.
pub(super) const HIDDEN: &str = "(hidden)";

/// Keys whose values are secrets, or too long to compare by eye.
const HIDDEN_KEYS: [&str; 6] = [
    "certificate-authority-data",
    "client-certificate-data",
    "client-key-data",
    "password",
    "token",
    "auth-provider",
];

/// What an edit does, or would do, to the files as they are.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Entry by entry, in the order of the edit.
    pub steps: Vec<Step>,
    /// The context that becomes the current one, and the one it takes the place of.
    pub current_context: Option<(String, Option<String>)>,
    /// The current context afterwards, changed or not.
    pub context: Option<String>,
    /// The file of the current context, and of entries that are new.
    pub file: PathBuf,
}

/// What becomes of one entry.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What it is.
    pub kind: EntryKind,
    /// Its name.
    pub name: String,
    /// The file that holds it, or will.
    pub file: PathBuf,
    /// What happens.
    pub effect: Effect,
}

/// What happens to an entry.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Effect {
    /// It is as it should be.
    Unchanged,
    /// There is none of that name.
    Added,
    /// There is one of that name, with other content.
    Replaced {
        /// Key by key, `key: before -> after`, without secrets.
        differences: Vec<String>,
        /// What is there, as JSON, for the comparison under the lock.
        before: Secret<String>,
    },
}

impl Plan {
    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.current_context.is_none()
            && self
                .steps
                .iter()
                .all(|step| step.effect == Effect::Unchanged)
    }

    /// The entries that are there with other content.
    pub fn replaced(&self) -> impl Iterator<Item = &Step> {
        self.steps
            .iter()
            .filter(|step| matches!(step.effect, Effect::Replaced { .. }))
    }
}

impl Edit {
    /// What the edit would do, with nothing locked and nothing written.
    ///
    /// # Errors
    /// [`EditError`]: a file is unreadable or no kubeconfig, or there is nowhere to write.
    pub fn plan(&self, world: &World) -> Result<Plan, EditError> {
        let sources = self.sources(world)?;
        Ok(self.work(&sources, load(&sources)?).0)
    }

    /// Writes the entries. Only what `approved` shows as replaced is replaced.
    ///
    /// # Errors
    /// [`EditError`]: as for [`Edit::plan`], or somebody else holds a lock, or has changed an entry
    /// since, or a file cannot be written.
    pub fn write(&self, world: &World, approved: &Plan) -> Result<Plan, EditError> {
        self.write_within(world, approved, PATIENCE)
    }

    pub(super) fn write_within(
        &self,
        world: &World,
        approved: &Plan,
        patience: Duration,
    ) -> Result<Plan, EditError> {
        let sources = self.sources(world)?;
        // In kubectl's order, so that neither waits for the other.
        let mut order = sources.clone();
        order.sort();
        let mut locks = Vec::with_capacity(order.len());
        let mut unlocked = BTreeMap::new();
        for file in order {
            let mut lock = file.clone().into_os_string();
            lock.push(".lock");
            match LockFile::take(Path::new(&lock), patience) {
                Ok(lock) => locks.push(lock),
                // A file of the administrator's, say, which this edit may not concern.
                Err(error @ LockFileError::Unwritable { .. }) => {
                    unlocked.insert(file, error);
                }
                Err(error) => return Err(error.into()),
            }
        }
        let (plan, changed) = self.work(&sources, load(&sources)?);
        if let Some(error) = changed.keys().find_map(|file| unlocked.remove(file)) {
            return Err(error.into());
        }
        for step in plan.replaced() {
            if !approved.replaced().any(|known| known == step) {
                return Err(EditError::Changed {
                    kind: step.kind,
                    name: step.name.clone(),
                    file: step.file.clone(),
                });
            }
        }
        // All texts before the first write: what cannot be written down should stop everything.
        let mut texts = Vec::with_capacity(changed.len());
        for (file, content) in &changed {
            let text = document::text(content).ok_or_else(|| EditError::Unspeakable {
                file: (*file).clone(),
            })?;
            texts.push((file, text));
        }
        let mut written = Vec::new();
        for (file, text) in texts {
            if let Err(source) = replace_whole(file, text.as_bytes()) {
                return Err(EditError::Unwritable { source, written });
            }
            written.push(file.clone());
        }
        drop(locks);
        Ok(plan)
    }

    /// The files that kubectl would read; at least one.
    fn sources(&self, world: &World) -> Result<Vec<PathBuf>, EditError> {
        let sources = match &self.kubeconfig {
            Some(file) => vec![file.clone()],
            None => files(world),
        };
        match sources.as_slice() {
            [] => Err(EditError::Nowhere),
            _ => Ok(sources),
        }
    }

    /// What happens to each entry, and the documents that differ afterwards.
    fn work(
        &self,
        sources: &[PathBuf],
        mut documents: BTreeMap<PathBuf, Value>,
    ) -> (Plan, BTreeMap<PathBuf, Value>) {
        let default = sources
            .iter()
            .find(|file| is_there(file))
            .or(sources.last())
            .cloned()
            .unwrap_or_default();
        let before = documents.clone();
        let mut steps = Vec::with_capacity(self.changes.len());
        for change in &self.changes {
            let Change { kind, name, .. } = change;
            let home = sources
                .iter()
                .find(|file| document::find(&before[*file], *kind, name).is_some())
                .unwrap_or(&default)
                .clone();
            let found = document::find(&before[&home], *kind, name);
            let wanted = document::changed(found, change);
            let effect = match found {
                None => Effect::Added,
                Some(found) if document::same(found, &wanted) => Effect::Unchanged,
                Some(found) => Effect::Replaced {
                    differences: differences(found, &wanted),
                    before: found.to_string().into(),
                },
            };
            if effect != Effect::Unchanged
                && let Some(content) = documents.get_mut(&home)
            {
                document::put(content, *kind, name, wanted);
            }
            steps.push(Step {
                kind: *kind,
                name: name.clone(),
                file: home,
                effect,
            });
        }
        let current = sources
            .iter()
            .find_map(|file| document::current_context(&before[file]));
        let next = match (&self.current_context, current) {
            (Some(CurrentContext::Switch(name)), current) if current != Some(name) => Some(name),
            (Some(CurrentContext::IfNone(name)), None) => Some(name),
            _ => None,
        };
        if let (Some(name), Some(content)) = (next, documents.get_mut(&default)) {
            document::set_current_context(content, name);
        }
        let plan = Plan {
            steps,
            context: next.map(String::as_str).or(current).map(str::to_owned),
            current_context: next.map(|name| (name.clone(), current.map(str::to_owned))),
            file: default,
        };
        documents.retain(|file, content| before[file] != *content);
        (plan, documents)
    }
}

fn load(sources: &[PathBuf]) -> Result<BTreeMap<PathBuf, Value>, EditError> {
    sources
        .iter()
        .map(|file| {
            let content = match read_text(file) {
                Ok(text) => document::parse(file, &text)?,
                Err(FileError { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
                    document::empty()
                }
                Err(error) => return Err(super::super::Error::from(error).into()),
            };
            Ok((file.clone(), content))
        })
        .collect()
}

fn differences(before: &Value, after: &Value) -> Vec<String> {
    let (Some(before), Some(after)) = (before.as_object(), after.as_object()) else {
        return vec!["all of it".to_owned()];
    };
    let shown = |key: &str, value: Option<&Value>| match value {
        None | Some(Value::Null) => "(none)".to_owned(),
        Some(_) if HIDDEN_KEYS.contains(&key) => HIDDEN.to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(exec @ Value::Object(_)) if key == "exec" => program::shown(exec),
        Some(other) => other.to_string(),
    };
    let mut keys: Vec<&String> = before.keys().collect();
    keys.extend(after.keys().filter(|key| !before.contains_key(*key)));
    keys.into_iter()
        .filter(|key| match (before.get(*key), after.get(*key)) {
            (Some(before), Some(after)) => !document::same(before, after),
            _ => true,
        })
        .map(|key| {
            let (before, after) = (before.get(key), after.get(key));
            let (from, to) = (shown(key, before), shown(key, after));
            if from == to {
                format!("{key}: another value")
            } else {
                format!("{key}: {from} -> {to}")
            }
        })
        .collect()
}
