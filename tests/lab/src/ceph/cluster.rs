//! Ceph's three programs: configured and started inside a lab.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{ADMINISTRATOR, Error, PLAIN_PORT, PORT};
use crate::Lab;
use crate::command::{bound, run};
use crate::packages;
use crate::process::Process;

const CONFIGURATION: &str = include_str!("../../manifests/ceph/ceph.conf");

/// Where the machine keeps the authorities it trusts. The gateway knows no other place, and sees the
/// lab's own authority there.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// A new cluster has one OSD, which may as well have the same name each time.
const OSD: &str = "3b7ad1a9-6d0c-45c5-8f3a-3f8f3f6c21d4";

/// Ready after 5 s each; a busy machine needs several times that.
const READY_WITHIN: Duration = Duration::from_secs(120);

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// Ceph's files in one lab.
pub(super) struct Cluster<'a> {
    lab: &'a Lab,
    directory: PathBuf,
}

impl<'a> Cluster<'a> {
    /// Begins anew: whatever an earlier one left in memory is gone anyway.
    pub(super) fn prepare(lab: &'a Lab) -> Result<Self, Error> {
        let directory = lab.layout().data("ceph");
        if directory.exists() {
            fs::remove_dir_all(&directory).map_err(fail("remove", &directory))?;
        }
        for folder in ["mon", "osd", "rgw", "run"].map(|folder| directory.join(folder)) {
            fs::create_dir_all(&folder).map_err(fail("create", &folder))?;
        }
        let cluster = Self { lab, directory };
        let address = lab.address().ok_or(Error::NoSubnet)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let configuration = [
            ("$(directory)", text(&cluster.directory)),
            ("$(plain)", format!("{address}:{PLAIN_PORT}")),
            ("$(tls)", format!("{address}:{PORT}")),
            ("$(certificate)", text(&lab.layout().pki("ceph.crt"))),
            ("$(key)", text(&lab.layout().pki("ceph.key"))),
        ]
        .into_iter()
        .fold(CONFIGURATION.to_owned(), |text, (name, value)| {
            text.replace(name, &value)
        });
        let file = cluster.configuration();
        fs::write(&file, configuration).map_err(fail("write", &file))?;
        Ok(cluster)
    }

    /// Starts the monitor, the OSD and the gateway, one when the other is ready; each is handed to
    /// `started` before it is waited for, and `is_serving` asks the gateway.
    pub(super) fn start(
        &self,
        mut started: impl FnMut(Process) -> Result<(), Error>,
        is_serving: impl Fn() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let map = self.directory.join("monmap");
        let fsid = CONFIGURATION
            .lines()
            .find_map(|line| line.strip_prefix("fsid = "));
        run(Command::new("monmaptool")
            .args(["--create", "--addv", "a", "v2:127.0.0.1:3300", "--fsid"])
            .arg(fsid.unwrap_or_default())
            .arg(&map))?;
        run(self
            .command("ceph-mon", &["--mkfs", "-i", "a", "--monmap"])
            .arg(&map))?;
        started(self.spawn("ceph-mon", &["-f", "-i", "a"])?)?;
        run(&mut self.command("ceph", &["osd", "new", OSD]))?;
        run(&mut self.command("ceph-osd", &["-i", "0", "--mkfs", "--osd-uuid", OSD]))?;
        let osd = self.spawn("ceph-osd", &["-f", "-i", "0"])?;
        started(osd)?;
        self.until("ceph-osd", osd, || {
            Ok(run(&mut self.command("ceph", &["osd", "stat"]))?.contains(" 1 up"))
        })?;
        let gateway = self.spawn("radosgw", &["-f", "-n", "client.rgw.lab"])?;
        started(gateway)?;
        self.until("radosgw", gateway, is_serving)?;
        let (key, secret) = ADMINISTRATOR;
        run(&mut self.command(
            "radosgw-admin",
            &[
                "-n",
                "client.rgw.lab",
                "user",
                "create",
                "--uid=labadmin",
                "--display-name=labadmin",
                "--caps=roles=*;oidc-provider=*;users=*;buckets=*",
                "--admin",
                "--access-key",
                key,
                "--secret",
                secret,
            ],
        ))?;
        Ok(())
    }

    /// Asks again and again whether something is so, as long as the part runs.
    fn until(
        &self,
        part: &'static str,
        process: Process,
        is_so: impl Fn() -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let deadline = Instant::now() + READY_WITHIN;
        let not_ready = |how: String| Error::NotReady {
            part,
            how,
            log: self.lab.layout().log(part),
        };
        // What cannot be asked yet may be asked later.
        while !is_so().unwrap_or(false) {
            if !process.is_running()? {
                return Err(not_ready("ended".to_owned()));
            }
            if Instant::now() > deadline {
                let limit = READY_WITHIN.as_secs();
                return Err(not_ready(format!("is not ready within {limit} s")));
            }
            thread::sleep(ASK_EVERY);
        }
        Ok(())
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("ceph.conf")
    }

    /// One of Ceph's programs in the lab's network, to be run to its end.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = bound("nsenter");
        command.arg("--pid");
        self.inside(&mut command, program, arguments);
        command
    }

    /// Starts one of Ceph's servers: its end is the lab's, a terminal's is not.
    fn spawn(&self, program: &'static str, arguments: &[&str]) -> Result<Process, Error> {
        let path = self.lab.layout().log(program);
        let log = OpenOptions::new().create(true).append(true).open(&path);
        let log = log.map_err(fail("write", &path))?;
        let out = log.try_clone().map_err(fail("write", &path))?;
        let mut command = Command::new("setsid");
        command.args(["nsenter", "--pid"]);
        self.inside(&mut command, program, arguments);
        spawn(command, out, log)
            .map_err(fail("start", Path::new(program)))?
            .ok_or_else(|| Error::NotReady {
                part: program,
                how: "ended at once".to_owned(),
                log: path,
            })
    }

    /// The rest of a line that begins with nsenter.
    fn inside(&self, command: &mut Command, program: &str, arguments: &[&str]) {
        let show = format!("mount --bind \"$0\" {AUTHORITIES} && exec \"$@\"");
        command
            // A thread of theirs is given its name by way of /proc, which has to be the lab's own.
            .args(["--net", "--mount"])
            .args(["--target", &self.lab.init_pid().to_string(), "--"])
            // nsenter stays beside, and is the one that is known and ended.
            .args(["setpriv", "--pdeathsig", "KILL", "--"])
            .args(["unshare", "--mount", "sh", "-c", &show])
            .arg(self.lab.certificate_authority())
            .arg(program)
            .arg("-c")
            .arg(self.configuration())
            .args(arguments.iter().map(OsStr::new))
            .env_clear()
            .env("PATH", packages::path())
            .env("HOME", &self.directory)
            .current_dir("/");
    }
}

fn spawn(mut command: Command, out: File, err: File) -> std::io::Result<Option<Process>> {
    let child = command
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err)
        .spawn()?;
    let pid = i32::try_from(child.id()).unwrap_or_default();
    Process::running(pid).map_err(std::io::Error::other)
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        action,
        path,
        source,
    }
}
