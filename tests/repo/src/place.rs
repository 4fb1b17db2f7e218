use std::fmt;

/// Where a source file stands, which decides what it may use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// `core/src/lib.rs`, which only declares the rooms.
    Entrance,
    /// `core/src/<room>/` or `core/src/<room>.rs`.
    Room(String),
    /// `plugins/<tool>/src/`.
    Plugin {
        /// The folder's name.
        tool: String,
        /// Which part of it.
        part: Part,
    },
}

/// A part of a plugin that may do what the others may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// `main.rs`.
    Main,
    /// `warm/`, which answers before the rest of the program exists.
    Warm,
    /// Everything else.
    Rest,
}

impl Part {
    /// As the map names it.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Main => Some("main.rs"),
            Self::Warm => Some("warm"),
            Self::Rest => None,
        }
    }
}

impl Place {
    /// The place of a file, with the modules it stands for from its crate's root on; `None` for
    /// anything that is no source of core or a plugin.
    pub(crate) fn of(path: &str) -> Option<(Self, Vec<String>)> {
        let parts: Vec<&str> = path.split('/').collect();
        let modules = |parts: &[&str]| -> Option<Vec<String>> {
            let (file, folders) = parts.split_last()?;
            let stem = file.strip_suffix(".rs")?;
            let mut modules: Vec<String> = folders.iter().map(ToString::to_string).collect();
            let is_root = folders.is_empty() && matches!(stem, "lib" | "main");
            if stem != "mod" && !is_root {
                modules.push(stem.to_owned());
            }
            Some(modules)
        };
        match parts.as_slice() {
            ["core", "src", rest @ ..] => {
                let modules = modules(rest)?;
                let place = modules.first().cloned().map_or(Self::Entrance, Self::Room);
                Some((place, modules))
            }
            ["plugins", tool, "src", rest @ ..] => {
                let tool = (*tool).to_owned();
                let part = match rest {
                    ["main.rs"] => Part::Main,
                    ["warm", ..] => Part::Warm,
                    _ => Part::Rest,
                };
                Some((Self::Plugin { tool, part }, modules(rest)?))
            }
            _ => None,
        }
    }

    /// The crate that the file belongs to, as paths name it.
    pub(crate) fn crate_name(&self) -> String {
        match self {
            Self::Entrance | Self::Room(_) => "datalab_core".to_owned(),
            Self::Plugin { tool, .. } => plugin_crate(tool),
        }
    }
}

/// The crate of a plugin, as paths name it.
pub(crate) fn plugin_crate(tool: &str) -> String {
    format!("kubectl_datalab_{}", tool.replace('-', "_"))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entrance => f.write_str("core's lib.rs"),
            Self::Room(room) => f.write_str(room),
            Self::Plugin { tool, .. } => write!(f, "plugins/{tool}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stand_for_modules() {
        let of =
            |path| Place::of(path).map(|(place, modules)| (place.to_string(), modules.join("::")));
        let some = |place: &str, modules: &str| Some((place.to_owned(), modules.to_owned()));
        assert_eq!(of("core/src/lib.rs"), some("core's lib.rs", ""));
        assert_eq!(of("core/src/world/mod.rs"), some("world", "world"));
        assert_eq!(of("core/src/world.rs"), some("world", "world"));
        assert_eq!(of("core/src/world/a/b.rs"), some("world", "world::a::b"));
        assert_eq!(
            of("plugins/s3-creds/src/main.rs"),
            some("plugins/s3-creds", "")
        );
        assert_eq!(
            of("plugins/s3-creds/src/a.rs"),
            some("plugins/s3-creds", "a")
        );
        assert_eq!(of("core/tests/lab.rs"), None);
        assert_eq!(of("core/src/world/notes.md"), None);
    }
}
