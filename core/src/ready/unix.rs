use std::{
    fs::{File, OpenOptions},
    io::{IsTerminal as _, Read as _, Write as _},
    os::unix::{
        fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
        process::parent_id,
    },
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{fcntl::OFlag, unistd::geteuid};

use super::reply::{self, Header, Question};

/// What others may do with the file: nothing.
const OTHERS: u32 = 0o077;

/// Answers, if an answer is ready.
pub(super) fn answer(question: &Question) -> Option<ExitCode> {
    // An answer is a secret, which no screen is shown; the rest of the program says so.
    if std::io::stdout().is_terminal() {
        return None;
    }
    let file = OpenOptions::new()
        .read(true)
        .write(question.notes_askers())
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK).bits())
        .open(question.file()?)
        .ok()?;
    let content = checked(&file)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    let header = Header::read(&content, question)?;
    if now.as_secs() >= header.fresh_until {
        return None;
    }
    if question.notes_askers() {
        let parent = parent_id();
        if header.was_given_to(parent).is_some() {
            return None;
        }
        let (place, note) = reply::note(parent, now);
        file.write_all_at(&note, place).ok()?;
    }
    let mut out = std::io::stdout().lock();
    // One write: the buffer is empty, and the answer ends in its only newline.
    match out.write_all(header.body).and_then(|()| out.flush()) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(_) => Some(ExitCode::FAILURE),
    }
}

fn checked(mut file: &File) -> Option<Vec<u8>> {
    let metadata = file.metadata().ok()?;
    let ours = metadata.is_file()
        && metadata.nlink() == 1
        && metadata.mode() & OTHERS == 0
        && metadata.uid() == geteuid().as_raw()
        && metadata.len() <= reply::LONGEST;
    if !ours {
        return None;
    }
    // The length is known: one read, and none to see that it was the last.
    let mut content = vec![0; usize::try_from(metadata.len()).ok()?];
    file.read_exact(&mut content).ok()?;
    Some(content)
}
