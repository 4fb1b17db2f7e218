//! One file, and what is to be done with it.

use std::path::PathBuf;

use datalab_core::{
    report::{Failure, Kind},
    store::{Change, ForeignFile},
};

use super::{alias::AliasWork, document::Document, shown::shown, syntax::Syntax};
use crate::forms::Section;

/// What is to be done with one file.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) file: ForeignFile,
    pub(super) edit: Edit,
}

#[derive(Debug)]
pub(super) enum Edit {
    Sections(Sections),
    Alias(AliasWork),
}

/// What is to be done with a file in sections.
#[derive(Debug)]
pub(super) struct Sections {
    pub(super) syntax: Syntax,
    /// Sections to write: name, and lines with the name in brackets first.
    pub(super) put: Vec<(String, Vec<String>)>,
    /// Sections that would win over those, and may not be there.
    pub(super) outdo: Vec<String>,
    /// Sections to take out, where they are ours.
    pub(super) remove: Vec<String>,
    /// Keys that would count beside those of a section, whatever section they are in.
    pub(super) shadowed: Vec<&'static str>,
    /// The keys that we write.
    pub(super) own: &'static [&'static str],
}

/// Who is asked, and what for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Order<'a> {
    /// Whether what others have written gives way.
    pub(super) forces: bool,
    /// The command that takes our sections out.
    pub(super) undo: &'a str,
    /// Whether the file was there before we first wrote it.
    pub(super) was_there: bool,
}

impl Work {
    pub(super) fn sections(path: PathBuf, sections: Sections) -> Self {
        Self {
            file: ForeignFile::at(path),
            edit: Edit::Sections(sections),
        }
    }

    /// What becomes of the content of the file, which is `None` where there is none.
    pub(super) fn change(
        &self,
        content: Option<&[u8]>,
        order: &Order<'_>,
    ) -> Result<Change, Failure> {
        let (changed, has_ours) = match &self.edit {
            Edit::Sections(sections) => sections.changed(content, order, &self.file)?,
            Edit::Alias(alias) => alias.changed(content, order, &self.file)?,
        };
        Ok(match content {
            None if changed.is_empty() => Change::Keep,
            Some(_) if changed.is_empty() && has_ours && !order.was_there => Change::Remove,
            _ if has_ours => Change::Update(changed),
            _ => Change::Write(changed),
        })
    }

    /// The sections, by the names that people know them by.
    pub(super) fn names(&self) -> Vec<String> {
        match &self.edit {
            Edit::Sections(sections) => {
                let put = sections.put.iter().map(|(name, _)| name);
                put.chain(&sections.remove)
                    .map(|name| format!("[{name}]"))
                    .collect()
            }
            Edit::Alias(alias) => vec![alias.name.clone()],
        }
    }

    /// What is written, line by line, without secrets.
    pub(super) fn lines(&self) -> Vec<String> {
        match &self.edit {
            Edit::Sections(sections) => {
                let lines = sections.put.iter().flat_map(|(_, lines)| lines);
                lines.map(|line| shown(line)).collect()
            }
            Edit::Alias(alias) => alias.lines(),
        }
    }
}

impl Sections {
    pub(super) fn new(syntax: Syntax, own: &'static [&'static str]) -> Self {
        Self {
            syntax,
            put: Vec::new(),
            outdo: Vec::new(),
            remove: Vec::new(),
            shadowed: Vec::new(),
            own,
        }
    }

    pub(super) fn putting(mut self, sections: &[Section]) -> Self {
        let sections = sections.iter();
        self.put
            .extend(sections.map(|section| (section.name.clone(), section.lines())));
        self
    }

    /// The file's new content, and whether there is something of ours in the old one.
    fn changed(
        &self,
        content: Option<&[u8]>,
        order: &Order<'_>,
        file: &ForeignFile,
    ) -> Result<(Vec<u8>, bool), Failure> {
        if content.is_some_and(is_encrypted) {
            return Err(Failure::new(
                Kind::Usage,
                format!("{} is encrypted", file.path().display()),
            )
            .state("nothing was changed")
            .next("rclone config encryption remove, or RCLONE_CONFIG=FILE of another file"));
        }
        let mut document = Document::parse(content.unwrap_or_default(), self.syntax);
        let has_ours = !document.ours().is_empty();
        if !order.forces {
            self.check(&document, file)?;
        }
        for (name, lines) in &self.put {
            document.put(name, lines, self.own, order.undo);
        }
        for name in &self.outdo {
            match document.find(name) {
                None => {}
                // Without keys it wins over nothing, and what it put aside stays there.
                Some(found) if !found.is_ours || found.has_displaced => {
                    document.put(name, &[format!("[{name}]")], self.own, order.undo);
                }
                Some(_) => document.remove(name),
            }
        }
        for name in &self.remove {
            document.remove(name);
        }
        Ok((document.to_bytes(), has_ours))
    }

    /// Looks for what is not ours, and would be lost or in the way.
    fn check(&self, document: &Document, file: &ForeignFile) -> Result<(), Failure> {
        let path = file.path().display();
        for (name, lines) in &self.put {
            let Some(found) = document.find(name).filter(|found| !found.is_ours) else {
                continue;
            };
            let mut failure = conflict(format!("[{name}] in {path} was not written by us"));
            // Keys by keys, since the same ones are no difference.
            for line in found.lines.iter().filter(|line| !lines.contains(line)) {
                failure = failure.detail(format!("there: {}", shown(line)));
            }
            for line in lines.iter().filter(|line| !found.lines.contains(line)) {
                failure = failure.detail(format!("ours:  {}", shown(line)));
            }
            return Err(failure);
        }
        for name in &self.outdo {
            if let Some(found) = document.find(name).filter(|found| !found.is_ours) {
                let mut failure = conflict(format!("[{name}] in {path} would win over ours"));
                for line in &found.lines {
                    failure = failure.detail(format!("there: {}", shown(line)));
                }
                return Err(failure);
            }
        }
        let shadowed = document.lines_with(&self.shadowed);
        if !shadowed.is_empty() && !self.put.is_empty() {
            let mut failure = conflict(format!("{path} names a store already, and knows only one"));
            for line in &shadowed {
                failure = failure.detail(format!("there: {}", shown(line)));
            }
            return Err(failure);
        }
        for name in &self.remove {
            let others = document.added_by_others(name, self.own);
            if !others.is_empty() {
                let problem = format!("[{name}] in {path} has lines that we did not write");
                let mut failure = Failure::new(Kind::Conflict, problem)
                    .state("nothing was changed")
                    .next("the same command with --force, which takes them out too");
                for line in &others {
                    failure = failure.detail(format!("there: {}", shown(line)));
                }
                return Err(failure);
            }
        }
        Ok(())
    }
}

pub(super) fn conflict(problem: String) -> Failure {
    Failure::new(Kind::Conflict, problem)
        .state("nothing was changed")
        .next(
            "the same command with --force: what is there is put aside, and comes back with --remove",
        )
}

/// Whether rclone has encrypted the file.
fn is_encrypted(content: &[u8]) -> bool {
    content
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"RCLONE_ENCRYPT_V"))
}
