//! What to do when somebody writes into the very file that an edit is taking the place of.

use std::{path::Path, time::Instant};

use super::{
    Change, ForeignFile, beside,
    placing::{Displaced, Unfinished},
    word,
};
use crate::{
    report::{Failure, Kind},
    world::World,
};

/// What is added to a file's name for what somebody wrote during an edit that could not be brought
/// together with it.
const WRITTEN: &str = ".written-meanwhile";

/// A file that has come apart: somebody has written into what the edit took the place of.
pub(super) struct Split {
    /// What the edit was made from.
    pub(super) from: Vec<u8>,
    /// What was in the place until then.
    pub(super) displaced: Vec<u8>,
    /// What the edit made, and put in the place.
    pub(super) made: Vec<u8>,
    /// What was in the place, and has been written since.
    pub(super) theirs: Unfinished,
}

/// How far a file has come together again.
enum Step {
    United,
    /// It has come apart once more, now with all of the earlier in the place.
    Again(Split),
    /// The place was written at that very moment.
    Changed,
    /// Both were written, and not only at the end: nobody can tell what is meant.
    Torn,
}

impl ForeignFile {
    /// Brings together what is in the place and what somebody has written into what was there
    /// before: whoever opened the file before the edit wrote there, whoever did so after it, here.
    pub(super) fn unite(
        &self,
        file: &Path,
        mut split: Split,
        deadline: Instant,
        world: &World,
        edit: &mut impl FnMut(Option<&[u8]>) -> Result<Change, Failure>,
    ) -> Result<(), Failure> {
        loop {
            let step = self.unite_once(file, &split, deadline, world, edit);
            match step {
                Ok(Step::United) => return Ok(()),
                Ok(Step::Again(next)) => split = next,
                Ok(Step::Changed) if Instant::now() < deadline => {}
                Ok(Step::Changed | Step::Torn) => {
                    let problem = format!("{} was written by two others", self.path.display());
                    return Err(self.torn(
                        file,
                        split.theirs,
                        Failure::new(Kind::Conflict, problem),
                    ));
                }
                Err(failure) => return Err(self.torn(file, split.theirs, failure)),
            }
        }
    }

    fn unite_once(
        &self,
        file: &Path,
        split: &Split,
        deadline: Instant,
        world: &World,
        edit: &mut impl FnMut(Option<&[u8]>) -> Result<Change, Failure>,
    ) -> Result<Step, Failure> {
        let theirs = self.read_at_rest(split.theirs.path(), deadline, world)?;
        let theirs = theirs.map(|theirs| theirs.content).unwrap_or_default();
        let before = self.read_at_rest(file, deadline, world)?;
        let here = before.as_ref().map(|here| &*here.content);
        // What it would be without the edit.
        let plain = match here {
            Some(here) if here != split.made => here,
            _ => &split.from,
        };
        let united = match theirs.strip_prefix(&*split.displaced) {
            // Added at the end, as a shell's `>>` does.
            Some(added) => [plain, added].concat(),
            None if plain == split.displaced => theirs,
            None => return Ok(Step::Torn),
        };
        let made = match edit(Some(&united))? {
            Change::Write(made) | Change::Update(made) => made,
            Change::Keep | Change::Remove => united.clone(),
        };
        if here == Some(&*made) {
            return Ok(Step::United);
        }
        Ok(
            match self.replace(file, before.as_ref(), Some(&made), false, world)? {
                Displaced::AsExpected => Step::United,
                Displaced::Changed => Step::Changed,
                Displaced::Written(theirs) => Step::Again(Split {
                    from: united,
                    displaced: before.map(|before| before.content).unwrap_or_default(),
                    made,
                    theirs,
                }),
            },
        )
    }

    /// Saves what could not be brought together, and says where it lies.
    fn torn(&self, file: &Path, theirs: Unfinished, failure: Failure) -> Failure {
        let saved = beside(file, WRITTEN);
        match theirs.save(&saved) {
            Ok(()) => failure
                .state(format!(
                    "the edit is made, and what somebody else wrote during it lies in {}",
                    saved.display()
                ))
                .next(format!("diff {} {}", self.word(), word(&saved))),
            Err(error) => failure.caused_by(&error),
        }
    }
}
