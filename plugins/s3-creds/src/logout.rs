//! Keys are taken away from this machine. The store itself knows no end of them but their own.

use datalab_core::{
    ready,
    report::{Failure, Outcome},
    store::Folder,
};
use serde::Serialize;

use crate::{cache::Shelf, desk::Desk};

/// Which keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) endpoint: Option<String>,
    pub(crate) profile: Option<String>,
    /// Everything that is kept, also what a platform said.
    pub(crate) all: bool,
}

/// What was taken away.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoggedOut {
    removed: usize,
    #[serde(skip)]
    oidc_login: String,
}

/// Takes keys away, and answers that were made ready from them first: they open doors.
pub(crate) fn logout(request: &Request, desk: &Desk<'_>) -> Result<LoggedOut, Failure> {
    for folder in ready::folders("s3-creds") {
        let folder = Folder::open(&folder)?;
        if let Some(folder) = &folder {
            folder.sweep()?;
        }
        empty(folder, |_| true)?;
    }
    let mut removed = 0;
    if let Some(folder) = desk.kept_folder()? {
        let shelf = Shelf::new(folder, desk.world);
        let wanted = |wanted: &Option<String>, found: Option<&String>| {
            wanted.is_none() || wanted.as_ref() == found
        };
        removed = shelf.clear(|entry| {
            let endpoint = request
                .endpoint
                .as_ref()
                .map(|url| url.trim_end_matches('/').to_owned());
            request.all
                || (wanted(&endpoint, Some(&entry.store_url))
                    && wanted(&request.profile, entry.profile.as_ref()))
        })?;
        if request.all {
            empty(desk.kept_folder()?, |name| name.starts_with("platform-"))?;
        }
    }
    Ok(LoggedOut {
        removed,
        oidc_login: desk.oidc_login(),
    })
}

/// Removes files of a folder.
fn empty(folder: Option<Folder>, which: impl Fn(&str) -> bool) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    for name in folder.names()?.iter().filter(|name| which(name)) {
        folder.remove(name)?;
    }
    Ok(())
}

impl Outcome for LoggedOut {
    const KIND: &'static str = "S3Logout";

    fn text(&self, _wide: bool) -> String {
        let removed = match self.removed {
            0 => "no keys were kept".to_owned(),
            1 => "the keys are gone from this machine".to_owned(),
            several => format!("{several} sets of keys are gone from this machine"),
        };
        format!(
            "{removed}; those that were handed out hold until they expire\n\
             the login itself goes on: {} logout ends it",
            self.oidc_login
        )
    }

    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}
