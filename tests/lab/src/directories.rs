//! Where the lab keeps what outlives a run: the cache, and the state of every lab.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The folder that every XDG base directory holds for this project.
const PROJECT: &str = "kubectl-datalab";

/// No directory could be derived from the environment.
#[derive(Debug, thiserror::Error)]
#[error("no place for the lab's files: set {variable} or HOME to an absolute path")]
pub struct Error {
    variable: &'static str,
}

/// What can be made again: binaries and images. May be deleted at any time.
///
/// # Errors
/// When the environment names no place for it.
pub fn cache_directory() -> Result<PathBuf, Error> {
    Directories::from_env().map(|directories| directories.cache)
}

/// The directories of this user, outside of any checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Directories {
    cache: PathBuf,
    state: PathBuf,
}

impl Directories {
    /// `DATALAB_CACHE`, else `$XDG_CACHE_HOME/kubectl-datalab`, else `~/.cache/kubectl-datalab`;
    /// `DATALAB_STATE`, else `$XDG_STATE_HOME/kubectl-datalab`, else
    /// `~/.local/state/kubectl-datalab`. As XDG has it, a relative path counts as unset.
    ///
    /// # Errors
    /// When none of these is set.
    pub(crate) fn from_env() -> Result<Self, Error> {
        Self::from_table(|name| env::var_os(name))
    }

    fn from_table(get: impl Fn(&str) -> Option<OsString>) -> Result<Self, Error> {
        let absolute = |name| {
            get(name)
                .map(PathBuf::from)
                .filter(|path| path.is_absolute())
        };
        let find = |own: &'static str, xdg, home: &str| {
            absolute(own)
                .or_else(|| absolute(xdg).map(|base| base.join(PROJECT)))
                .or_else(|| absolute("HOME").map(|base| base.join(home).join(PROJECT)))
                .ok_or(Error { variable: own })
        };
        Ok(Self {
            cache: find("DATALAB_CACHE", "XDG_CACHE_HOME", ".cache")?,
            state: find("DATALAB_STATE", "XDG_STATE_HOME", ".local/state")?,
        })
    }

    /// What can be made again: binaries and images. May be deleted at any time.
    #[must_use]
    pub(crate) fn cache(&self) -> &Path {
        &self.cache
    }

    /// The directories of all labs, one each.
    #[must_use]
    pub(crate) fn labs(&self) -> PathBuf {
        self.state.join("labs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories(table: &[(&str, &str)]) -> Result<Directories, Error> {
        Directories::from_table(|name| {
            table
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn own_variable_then_xdg_then_home() {
        let all = directories(&[
            ("DATALAB_CACHE", "/c"),
            ("XDG_CACHE_HOME", "/xc"),
            ("XDG_STATE_HOME", "/xs"),
            ("HOME", "/home/u"),
        ])
        .unwrap();
        assert_eq!(all.cache(), Path::new("/c"));
        assert_eq!(all.labs(), Path::new("/xs/kubectl-datalab/labs"));
        let home = directories(&[("HOME", "/home/u"), ("DATALAB_STATE", "relative")]).unwrap();
        assert_eq!(home.cache(), Path::new("/home/u/.cache/kubectl-datalab"));
        assert_eq!(
            home.labs(),
            Path::new("/home/u/.local/state/kubectl-datalab/labs")
        );
    }

    #[test]
    fn nothing_set_is_an_error_that_names_the_variable() {
        assert!(
            directories(&[])
                .unwrap_err()
                .to_string()
                .contains("DATALAB_CACHE")
        );
    }
}
