use std::{ffi::OsStr, fmt, path::Path};

use crate::world::World;

/// How the command was spelled when this program was started.
///
/// kubectl finds `kubectl datalab share-db` as the file `kubectl-datalab-share_db`; krew links the
/// same program as `kubectl-datalab_share_db`, which answers `kubectl datalab-share-db`. Help pages
/// and hints show the spelling that works for the reader.
///
/// <https://kubernetes.io/docs/tasks/extend-kubectl/kubectl-plugins/#naming-a-plugin>
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// From the dispatcher's word, else from the name the program was started under, else
    /// `fallback`.
    pub fn of(world: &World, argv0: Option<&OsStr>, fallback: &str) -> Self {
        if let Some(name) = world.environment().text("DATALAB_DISPLAY_NAME") {
            return Self(name.to_owned());
        }
        let spelled = argv0
            .and_then(|argv0| Path::new(argv0).file_name())
            .and_then(OsStr::to_str)
            .map(|file| file.strip_suffix(".exe").unwrap_or(file))
            .and_then(|file| file.strip_prefix("kubectl-"))
            .map(|words| {
                let words: Vec<_> = words
                    .split('-')
                    .map(|word| word.replace('_', "-"))
                    .collect();
                format!("kubectl {}", words.join(" "))
            });
        Self(spelled.unwrap_or_else(|| fallback.to_owned()))
    }

    /// The spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    #[test]
    fn both_spellings_and_the_dispatcher() {
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
        let of = |argv0: &str| DisplayName::of(&world, Some(OsStr::new(argv0)), "fallback").0;
        assert_eq!(
            of("/usr/bin/kubectl-datalab-share_db"),
            "kubectl datalab share-db"
        );
        assert_eq!(
            of("/root/.krew/bin/kubectl-datalab_share_db"),
            "kubectl datalab-share-db"
        );
        assert_eq!(of("renamed"), "fallback");

        let (world, _) = World::test(
            Timestamp::UNIX_EPOCH,
            [("DATALAB_DISPLAY_NAME", "kubectl datalab share-db")],
        );
        assert_eq!(
            DisplayName::of(&world, None, "fallback").0,
            "kubectl datalab share-db"
        );
    }
}
