//! The image as containerd keeps it: content, unpacked layer and database.
//!
//! To import an image takes a lab longer than everything else; so it is done once, by a containerd
//! of its own, and each lab begins with a copy of the database and shows the rest from the cache.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;

use super::IMAGE;
use crate::command::{self, bound, run};
use crate::file::{FileError, fail};
use crate::lock::{self, Lock};
use crate::mounts;
use crate::progress::{Event, Progress, step};

/// The namespace in which Kubernetes' images are.
const NAMESPACE: &str = "--namespace=k8s.io";

/// Where containerd keeps blobs, below its root.
const BLOBS: &str = "io.containerd.content.v1.content/blobs/sha256";

/// Where containerd keeps unpacked layers, below its root.
const SNAPSHOTS: &str = "io.containerd.snapshotter.v1.overlayfs/snapshots";

/// containerd's databases, below its root.
const DATABASES: [&str; 2] = [
    "io.containerd.metadata.v1.bolt/meta.db",
    "io.containerd.snapshotter.v1.overlayfs/metadata.db",
];

/// How long a containerd without anything to do may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What went wrong with the image's store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file could not be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// containerd or ctr failed.
    #[error("cannot import the lab's image")]
    Command(#[from] command::Error),
    /// The lock between two builders failed.
    #[error(transparent)]
    Lock(#[from] lock::Error),
    /// A layer could not be shown to a lab.
    #[error(transparent)]
    Mount(#[from] mounts::Error),
}

/// The root directory of a containerd that knows the image in `archive` and nothing else.
pub(crate) fn build(archive: &Path, progress: &mut dyn Progress) -> Result<PathBuf, Error> {
    let answer = run(Command::new("containerd").arg("--version"))?;
    // "containerd NAME VERSION COMMIT": another version may want another form of database.
    let version = answer.split_whitespace().nth(2).unwrap_or("unknown");
    let root = archive.with_extension(format!("containerd-{version}"));
    if root.exists() {
        return Ok(root);
    }
    let _lock = Lock::acquire(&archive.with_extension("lock"), || {
        progress.report(Event::Note(
            "waiting: the image is being imported".to_owned(),
        ));
    })?;
    if root.exists() {
        return Ok(root);
    }
    step(progress, "import image", |_| {
        // What a killed run left is in the same place, and we hold the lock.
        let scratch = archive.with_extension("import");
        clear(&scratch)?;
        fs::create_dir_all(&scratch).map_err(fail("create", &scratch))?;
        let imported = scratch.join("root");
        import(archive, &scratch, &imported)?;
        fs::rename(&imported, &root).map_err(fail("rename", &imported))?;
        clear(&scratch)?;
        Ok::<_, Error>(())
    })?;
    Ok(root)
}

fn import(archive: &Path, scratch: &Path, root: &Path) -> Result<(), Error> {
    let socket = scratch.join("containerd.sock");
    let configuration = scratch.join("containerd.toml");
    let text = format!(
        "version = 2\nroot = {}\nstate = {}\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
         [grpc]\naddress = {}\n",
        json!(root),
        json!(scratch.join("state")),
        json!(socket),
    );
    fs::write(&configuration, text).map_err(fail("write", &configuration))?;
    let log = scratch.join("containerd.log");
    let stderr = fs::File::create(&log).map_err(fail("create", &log))?;
    let containerd = bound("unshare")
        .args([
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--",
            "containerd",
            "--config",
        ])
        .arg(&configuration)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .map_err(fail("start", Path::new("containerd")))?;
    let _ended_at_last = EndAtLast(containerd);
    let ctr = || {
        let mut command = Command::new("ctr");
        command.arg("--address").arg(&socket);
        command
    };
    let deadline = Instant::now() + ANSWER_WITHIN;
    while let Err(error) = run(ctr().arg("version")) {
        if Instant::now() > deadline {
            return Err(error.into());
        }
        thread::sleep(Duration::from_millis(50));
    }
    run(ctr().args([NAMESPACE, "images", "import"]).arg(archive))?;
    run(ctr().args([NAMESPACE, "images", "check", &format!("name=={IMAGE}")]))?;
    Ok(())
}

/// Ends a child and takes note of its end, however the block is left.
struct EndAtLast(Child);

impl Drop for EndAtLast {
    fn drop(&mut self) {
        // Both fail only when it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Makes `root` the root directory of a containerd that begins with the contents of `store`.
pub(crate) fn copy(store: &Path, root: &Path) -> Result<(), Error> {
    for database in DATABASES {
        let (from, to) = (store.join(database), root.join(database));
        make(to.parent().unwrap_or(root))?;
        fs::copy(&from, &to).map_err(fail("copy", &from))?;
    }
    make(&root.join(BLOBS))?;
    for blob in entries(&store.join(BLOBS))? {
        let (from, to) = (store.join(BLOBS).join(&blob), root.join(BLOBS).join(&blob));
        // A link takes no time, but does not lead to another file system.
        fs::hard_link(&from, &to)
            .or_else(|_| fs::copy(&from, &to).map(drop))
            .map_err(fail("copy", &from))?;
    }
    Ok(())
}

/// Shows the unpacked layers of `store` below `root`, in the caller's mount namespace.
pub(crate) fn show_layers(store: &Path, root: &Path) -> Result<(), Error> {
    for snapshot in entries(&store.join(SNAPSHOTS))? {
        let target = root.join(SNAPSHOTS).join(&snapshot);
        make(&target)?;
        mounts::bind_read_only(&store.join(SNAPSHOTS).join(&snapshot), &target)?;
    }
    Ok(())
}

fn entries(folder: &Path) -> Result<Vec<std::ffi::OsString>, FileError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .map_err(fail("read", folder))
}

fn make(folder: &Path) -> Result<(), FileError> {
    fs::create_dir_all(folder).map_err(fail("create", folder))
}

fn clear(folder: &Path) -> Result<(), FileError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fail("remove", folder)(error)),
        _ => Ok(()),
    }
}
