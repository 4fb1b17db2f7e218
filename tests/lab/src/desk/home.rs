use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

/// The folders of a user, none of which is the machine's own.
const FOLDERS: [&str; 6] = ["home", "config", "state", "cache", "run", "tmp"];

/// The file of the issuers that the user has said yes to.
const KNOWN_ISSUERS: &str = "config/kubectl-datalab/issuers.json";

/// A user's home: it goes when it is dropped.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
}

#[expect(
    clippy::new_without_default,
    reason = "it makes folders, which a default does not"
)]
impl Home {
    /// A new one, with nothing in it.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("datalab-desk-").tempdir();
        let home = Self {
            folder: folder.expect("because there is a place for temporary files"),
        };
        for name in FOLDERS {
            home.make_folder(name);
        }
        home
    }

    /// Where something of it lies.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The environment of whoever lives there, with a browser of theirs.
    #[must_use]
    pub fn environment(&self) -> BTreeMap<&'static str, OsString> {
        let path = |name: &str| self.path(name).into_os_string();
        BTreeMap::from([
            (
                "PATH",
                OsString::from("/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ),
            ("HOME", path("home")),
            ("XDG_CONFIG_HOME", path("config")),
            ("XDG_STATE_HOME", path("state")),
            ("XDG_CACHE_HOME", path("cache")),
            ("XDG_RUNTIME_DIR", path("run")),
            ("TMPDIR", path("tmp")),
            ("BROWSER", path("browser")),
            ("DISPLAY", OsString::from(":0")),
            ("LANG", OsString::from("C.UTF-8")),
            ("RUST_BACKTRACE", OsString::from("0")),
        ])
    }

    /// Writes the browser: this script.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write_browser(&self, script: &str) {
        let path = self.path("browser");
        let written = fs::write(&path, script)
            .and_then(|()| fs::set_permissions(&path, fs::Permissions::from_mode(0o755)));
        written.expect("because the folder is ours");
    }

    /// Writes a file that only its owner can read.
    ///
    /// # Panics
    /// When it cannot be written.
    #[track_caller]
    pub fn write_private(&self, path: &Path, content: &[u8]) {
        let mut options = fs::OpenOptions::new();
        let written = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)
            .and_then(|mut file| file.write_all(content));
        written.expect("because the folder is ours");
    }

    /// Has the user say yes to these issuers, each an entry of the file of known issuers, and to no
    /// others.
    ///
    /// # Panics
    /// When the file cannot be written.
    #[track_caller]
    pub fn write_known_issuers(&self, issuers: &Value) {
        let document = serde_json::json!({
            "apiVersion": "datalab/v1",
            "kind": "KnownIssuers",
            "issuers": issuers,
        });
        self.make_folder("config/kubectl-datalab");
        self.write_private(&self.path(KNOWN_ISSUERS), document.to_string().as_bytes());
    }

    /// The file of the issuers that the user has said yes to; null where there is none.
    #[must_use]
    pub fn known_issuers(&self) -> Value {
        let text = fs::read(self.path(KNOWN_ISSUERS)).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Every file below these folders, in order.
    ///
    /// # Panics
    /// When one of them cannot be read.
    #[must_use]
    #[track_caller]
    pub fn files(&self, folders: &[&str]) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut open: Vec<_> = folders.iter().map(|name| self.path(name)).collect();
        while let Some(folder) = open.pop() {
            let entries = fs::read_dir(folder).expect("because the folder is ours");
            for entry in entries {
                let entry = entry.expect("because the folder is ours");
                match entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    true => open.push(entry.path()),
                    false => found.push(entry.path()),
                }
            }
        }
        found.sort();
        found
    }

    /// Forgets the answers that are ready, so that the next call looks at what they were made from.
    ///
    /// # Panics
    /// When one of them cannot be removed.
    #[track_caller]
    pub fn forget_replies(&self) {
        for file in self.files(&["run", "cache"]) {
            if file.components().any(|part| part.as_os_str() == "replies") {
                fs::remove_file(file).expect("because the folder is ours");
            }
        }
    }

    #[track_caller]
    fn make_folder(&self, name: &str) {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o700).create(self.path(name));
        made.expect("because the folder above it is ours");
    }
}
