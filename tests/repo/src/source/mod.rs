//! One Rust file, as the names it uses.

mod reader;
mod tokens;

use std::collections::BTreeMap;

use crate::{Breach, Place};
use reader::{Reading, Written};

/// One Rust file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Below the root of the repository.
    pub path: String,
    /// Every path that is written in it: in `use` trees, inline, in attributes, inside macros.
    pub references: Vec<Reference>,
    /// What stands out in it otherwise.
    pub marks: Vec<(usize, Mark)>,
}

/// A path as it is written, and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Counted from 1.
    pub line: usize,
    /// From the name of a crate on: `crate`, `self`, `super` and names that were imported are
    /// followed; a glob ends in `*`.
    pub path: Vec<String>,
    /// How it is written.
    pub kind: ReferenceKind,
    /// Whether it stands under `#[cfg(test)]`.
    pub in_test: bool,
}

/// How a path is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferenceKind {
    /// In a `use` tree or an `extern crate`: it gives the last name to the rest of the file.
    Import,
    /// In code.
    Inline,
    /// As the name of a macro that is called.
    Macro,
}

/// Something that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `cfg(feature = …)`, in any form.
    Feature,
    /// `#[path = …]`, with which a module is no longer the folder it stands in.
    ModulePath,
    /// `#[ignore]`.
    Ignore,
    /// An item of the file's outermost level that is no module.
    Item,
}

impl Source {
    /// Reads one file.
    ///
    /// # Errors
    /// Text that is no Rust, with the place where it stops being it.
    pub fn parse(path: &str, text: &str) -> Result<Self, Breach> {
        let file = syn::parse_file(text).map_err(|error| {
            let line = error.span().start().line;
            Breach::at(path, line, format!("this is no Rust: {error}"), "mend it")
        })?;
        let (crate_name, modules) = match Place::of(path) {
            Some((place, modules)) => (place.crate_name(), modules),
            None => ("crate".to_owned(), Vec::new()),
        };
        let reading = reader::read(&file, crate_name, modules, is_test(path));
        Ok(Self {
            path: path.to_owned(),
            references: resolve(&reading),
            marks: reading.marks,
        })
    }
}

/// `tests.rs` and what lies under `tests/` are declared under `#[cfg(test)]` elsewhere.
fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.split('/').any(|part| part == "tests")
}

/// Follows each path from the name it begins with: a module that the file declares, or a name that
/// it imports. A name that is imported twice, in two functions perhaps, stands for both.
fn resolve(reading: &Reading) -> Vec<Reference> {
    let follow = |path: &[String]| -> Vec<String> {
        let child = path.first().and_then(|first| reading.children.get(first));
        match child {
            Some(child) => [child.as_slice(), &path[1..]].concat(),
            None => path.to_vec(),
        }
    };
    let mut imports: BTreeMap<&str, Vec<&Written>> = BTreeMap::new();
    for written in &reading.written {
        if let Some(name) = written.name.as_deref()
            && written.reference.path != [name]
        {
            imports.entry(name).or_default().push(written);
        }
    }
    let mut resolved = Vec::new();
    for written in &reading.written {
        let reference = &written.reference;
        let starts: Vec<&Written> = reference
            .path
            .first()
            .and_then(|first| imports.get(first.as_str()))
            .into_iter()
            .flatten()
            .filter(|import| import.reference != *reference)
            .filter(|import| reference.in_test || !import.reference.in_test)
            .copied()
            .collect();
        if starts.is_empty() {
            resolved.push(Reference {
                path: follow(&reference.path),
                ..reference.clone()
            });
        }
        for start in starts {
            let path = [&start.reference.path, &reference.path[1..]].concat();
            resolved.push(Reference {
                path: follow(&path),
                ..reference.clone()
            });
        }
    }
    resolved
}
