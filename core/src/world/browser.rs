use std::io;

use thiserror::Error;
use webbrowser::{Browser, BrowserOptions};

/// No browser could be started.
#[derive(Debug, Error)]
#[error("no browser could be started")]
pub struct BrowserError(#[from] io::Error);

impl super::World {
    /// Opens a page in the user's browser, which `BROWSER` names, or the desktop. What the browser
    /// prints is dropped; whether a person sees the page is not known.
    ///
    /// # Errors
    /// [`BrowserError`].
    pub fn open_browser(&self, url: &str) -> Result<(), BrowserError> {
        let mut options = BrowserOptions::new();
        options.with_suppress_output(true);
        Ok(webbrowser::open_browser_with_options(
            Browser::Default,
            url,
            &options,
        )?)
    }
}
