use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
};

use thiserror::Error;

/// The repository's files by their path below its root, with slashes on every system.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    files: BTreeMap<String, String>,
}

/// A file or folder that cannot be read.
#[derive(Debug, Error)]
#[error("cannot read {}", path.display())]
pub struct TreeError {
    path: PathBuf,
    source: io::Error,
}

impl Tree {
    /// Every file that git tracks; in an unpacked archive, which has no index, every file but what
    /// a build makes.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn tracked(root: &Path) -> Result<Self, TreeError> {
        let listed = Command::new("git")
            // A checkout may belong to somebody else than whoever tests it.
            .args(["-c", "safe.directory=*", "ls-files", "-z"])
            .current_dir(root)
            .output();
        match listed {
            Ok(output) if output.status.success() && !output.stdout.is_empty() => {
                let mut tree = Self::default();
                for path in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
                    // One that was deleted since it was last committed is no longer a file.
                    if root.join(path).is_file() {
                        tree.read(root, path)?;
                    }
                }
                Ok(tree)
            }
            _ => Self::below(root, &[""]),
        }
    }

    /// Every file below these folders, tracked or not.
    ///
    /// # Errors
    /// A file or folder that cannot be read.
    pub fn below(root: &Path, folders: &[&str]) -> Result<Self, TreeError> {
        let mut tree = Self::default();
        let mut open: Vec<String> = folders.iter().map(|&folder| folder.to_owned()).collect();
        while let Some(folder) = open.pop() {
            let path = root.join(&folder);
            let failed = |source| TreeError {
                path: path.clone(),
                source,
            };
            for entry in fs::read_dir(&path).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let name = entry.file_name().to_string_lossy().into_owned();
                let below = match folder.as_str() {
                    "" => name.clone(),
                    folder => format!("{folder}/{name}"),
                };
                match entry.file_type().map_err(failed)? {
                    kind if kind.is_dir() && name != "target" && name != ".git" => open.push(below),
                    kind if kind.is_file() => tree.read(root, &below)?,
                    _ => {}
                }
            }
        }
        Ok(tree)
    }

    /// The same tree with one file written anew, or added.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }

    /// A file's text; bytes that are not UTF-8 are replaced.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// All paths with their texts, in order.
    pub fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    fn read(&mut self, root: &Path, path: &str) -> Result<(), TreeError> {
        let bytes = fs::read(root.join(path)).map_err(|source| TreeError {
            path: root.join(path),
            source,
        })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        self.files.insert(path.to_owned(), text);
        Ok(())
    }
}
