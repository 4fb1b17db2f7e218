//! What the browser is given, and what it shows.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use datalab_lab::identity_provider::{Browser, IdentityProvider, Page, decode};

/// The pages that the tool asked for, in order.
#[derive(Clone)]
pub(crate) struct Pages {
    list: PathBuf,
    browser: Browser,
    /// What came at the end of those that were opened; `Err` where there was no page.
    shown: Arc<Mutex<Vec<Result<Page, String>>>>,
}

impl Pages {
    #[expect(clippy::needless_pass_by_value, reason = "it is the desk's, shared")]
    pub(crate) fn new(folder: &Path, provider: Arc<IdentityProvider>) -> Self {
        Self {
            list: folder.join("pages"),
            browser: provider.browser(),
            shown: Arc::default(),
        }
    }

    /// The addresses that the browser was given.
    pub(crate) fn asked(&self) -> Vec<String> {
        let text = fs::read_to_string(&self.list).unwrap_or_default();
        // A line that is being written ends later.
        let complete = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        complete.lines().map(str::to_owned).collect()
    }

    /// Opens every page that was not opened yet.
    pub(crate) fn open_new_ones(&self) {
        let begun = self.shown.lock().unwrap().len();
        for url in self.asked().into_iter().skip(begun) {
            let page = self.browser.open(&url).map_err(|error| error.to_string());
            self.shown.lock().unwrap().push(page);
        }
    }

    /// What the pages showed that were opened.
    pub(crate) fn shown(&self) -> Vec<Result<Page, String>> {
        self.shown.lock().unwrap().clone()
    }

    pub(crate) fn browser(&self) -> &Browser {
        &self.browser
    }
}

/// The parameters of an address.
pub(crate) fn parameters(url: &str) -> BTreeMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}
