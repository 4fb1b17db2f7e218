use std::path::{Path, PathBuf};

use datalab_core::report::{Failure, Kind, quoted_if_needed};

/// What the tools that read a form call things, and where they find what lies on the disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Naming {
    /// The AWS profile, mc's alias, rclone's remote, DuckDB's or Kubernetes' secret.
    pub(crate) profile: String,
    /// This program by its absolute path, and the arguments that have it print the same
    /// credentials as `credential-process` again; empty where nothing can give them again.
    pub(crate) program: Vec<String>,
    /// The file of the token, where the exchange is left to the tool.
    pub(crate) token_file: Option<PathBuf>,
    /// The authorities that the store's certificate is checked against, where they are not the
    /// system's.
    pub(crate) ca_file: Option<PathBuf>,
}

impl Naming {
    /// The file of authorities as text.
    ///
    /// # Errors
    /// It is not UTF-8, or no file of a tool can name it.
    pub(crate) fn ca_file(&self) -> Result<Option<&str>, Failure> {
        self.ca_file
            .as_deref()
            .map(|path| text("the file of authorities", path))
            .transpose()
    }

    /// The file of the token as text; `None` where there is none.
    ///
    /// # Errors
    /// As [`ca_file`](Self::ca_file).
    pub(super) fn token_file(&self) -> Result<Option<&str>, Failure> {
        self.token_file
            .as_deref()
            .map(|path| text("the token's file", path))
            .transpose()
    }
}

fn text<'a>(what: &str, path: &'a Path) -> Result<&'a str, Failure> {
    path.to_str()
        .filter(|path| !path.chars().any(char::is_control))
        .ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("the path of {what} is no text that other tools can read"),
            )
            .detail(path.to_string_lossy())
        })
}

/// A name that a tool cannot take; `allowed` says which it takes.
pub(super) fn unfit(name: &str, what: &str, allowed: &str) -> Failure {
    let fitting: String = name
        .chars()
        .map(|character| match character {
            'a'..='z' | 'A'..='Z' | '0'..='9' => character.to_ascii_lowercase(),
            _ => '_',
        })
        .collect();
    let fitting = match fitting.chars().next() {
        Some('a'..='z') => fitting,
        _ => format!("s3{fitting}"),
    };
    Failure::new(Kind::Usage, format!("{name:?} is no name for {what}"))
        .detail(allowed)
        .next(format!(
            "the same command with --name {}",
            quoted_if_needed(&fitting)
        ))
}
