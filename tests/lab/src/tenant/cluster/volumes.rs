//! The disks of a database's instances: folders of the lab, one for each, which no provisioner makes.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::manifest;
use super::super::play::Cast;
use super::super::stage::Stage;

/// How many instances a story may ask for.
const INSTANCES: usize = 3;

/// The user and group as which the operator runs PostgreSQL; Kubernetes does not change such folders.
const POSTGRES: u32 = 26;

/// How long a server that was ended may go on writing.
const WRITES_FOR: Duration = Duration::from_secs(20);

/// The disks of one database.
#[derive(Clone)]
pub(in super::super) struct Volumes {
    namespace: String,
    fullname: String,
    folder: PathBuf,
}

impl Volumes {
    /// Makes a folder and a PersistentVolume for each instance that there may be; they go with the play.
    #[track_caller]
    pub(super) fn make(cast: &Arc<Cast>, namespace: &str, fullname: &str) -> Self {
        let lab = cast.stage.lab();
        let state = lab.map_or(Path::new("/nonexistent"), |lab| lab.state_dir());
        let volumes = Self {
            namespace: namespace.to_owned(),
            fullname: fullname.to_owned(),
            folder: state
                .join("volumes")
                .join(format!("{namespace}.{fullname}")),
        };
        for number in 1..=INSTANCES {
            let name = format!("persistentvolume/{}", volumes.name(number));
            if cast.is_plain() {
                let delete = ["delete", "--ignore-not-found", "--timeout=60s", &name];
                cast.stage.kubectl(delete).run().ok();
            }
            cast.remove_at_the_end(name);
            volumes.create(&cast.stage, number);
        }
        cast.clear_at_the_end(volumes.clone());
        volumes
    }

    /// Makes those anew whose claim is gone: they are bound to it for ever, and hold its data.
    #[track_caller]
    pub(super) fn renew(&self, stage: &Stage) {
        for number in 1..=INSTANCES {
            let name = self.name(number);
            let get = [
                "get",
                "persistentvolume",
                &name,
                "--output=jsonpath={.status.phase}",
            ];
            if stage.kubectl(get).run().ok() == "Released" {
                let delete = ["delete", "--timeout=60s", "persistentvolume", &name];
                stage.kubectl(delete).run().ok();
                self.create(stage, number);
            }
        }
    }

    /// Removes the folders, once nothing writes there any more.
    ///
    /// # Errors
    /// When something still does.
    pub(in super::super) fn clear(&self, stage: &Stage) -> io::Result<()> {
        // The namespace is going; a server would wait for its sessions, for minutes.
        let pods = [
            "delete",
            "pods",
            "--ignore-not-found",
            "--force",
            "--grace-period=0",
            "--namespace",
            &self.namespace,
            &format!("--selector=cnpg.io/cluster={}", self.fullname),
        ];
        let _ = stage.kubectl(pods).run();
        let started = Instant::now();
        loop {
            match fs::remove_dir_all(&self.folder) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                Err(error) if started.elapsed() > WRITES_FOR => return Err(error),
                Err(_) => {}
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    #[track_caller]
    fn create(&self, stage: &Stage, number: usize) {
        let folder = self.folder.join(number.to_string());
        let made = match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&folder),
        };
        made.and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)))
            .and_then(|()| chown(&folder, Some(POSTGRES), Some(POSTGRES)))
            .expect("because the lab's own directory is root's to write");
        let claim = format!("{}-{number}", self.fullname);
        let object = manifest::object(
            include_str!("../../../manifests/postgresql-cnpg/volume.yaml"),
            &[
                ("name", &self.name(number)),
                ("namespace", &self.namespace),
                ("claim", &claim),
                ("folder", &folder.to_string_lossy()),
            ],
        );
        stage
            .kubectl(["create", "-f", "-"])
            .input(object.to_string())
            .run()
            .ok();
    }

    fn name(&self, number: usize) -> String {
        format!("{}-{}-{number}", self.namespace, self.fullname)
    }
}
