//! Files made from a session's token, ready to be handed out: a session knows them all, so that what
//! ends it, or exchanges its token, takes them along.

use std::path::Path;

use super::{
    Record, Session,
    sessions::{LOCK, SESSION},
};
use crate::{oidc::Error, store::Folder, world::is_there};

impl Session<'_> {
    /// Makes a file from the session's token, which a logout finds and removes. Not while another
    /// process has the session, nor from a token that is not the session's any more: then nothing
    /// is made, and it is false.
    ///
    /// # Errors
    /// [`Error`]: it cannot be made.
    pub fn keep_reply(&self, token_id: &str, file: &Path, content: &[u8]) -> Result<bool, Error> {
        let folder = self.folder()?;
        let Ok(_lock) = folder.try_lock(LOCK) else {
            return Ok(false);
        };
        let Some(mut record) = self.read_in(&folder)? else {
            return Ok(false);
        };
        let (Some(place), Some(name)) = (
            file.parent(),
            file.file_name().and_then(|name| name.to_str()),
        ) else {
            return Ok(false);
        };
        if record.token_id != token_id {
            return Ok(false);
        }
        let place = Folder::open_or_make(place)?;
        if !record.replies.iter().any(|known| known == file) {
            // Those of kubeconfigs that are no more are gone by their own.
            record.replies.retain(|known| is_there(known));
            record.replies.push(file.to_owned());
            folder.write(SESSION, &record.to_bytes(), self.world)?;
        }
        place.write(name, content, self.world)?;
        Ok(true)
    }
}

/// Removes the files made from a session: they hold a token that is not to be handed out any more.
/// One that cannot be removed holds until it expires; the session itself goes in any case.
pub(super) fn remove_replies(record: &Record) {
    for file in &record.replies {
        let name = file.file_name().and_then(|name| name.to_str());
        if let (Some(place), Some(name)) = (file.parent(), name)
            && let Ok(Some(place)) = Folder::open(place)
        {
            let _ = place.remove(name);
        }
    }
}
