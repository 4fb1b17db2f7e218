//! Ceph's three programs: configured and started inside a lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{ADMINISTRATOR, Error, PLAIN_PORT, PORT};
use crate::Lab;
use crate::command::run;
use crate::file::fail;
use crate::guest::Guests;
use crate::packages;
use crate::process::Process;

const CONFIGURATION: &str = include_str!("../../manifests/ceph/ceph.conf");

/// A new cluster has one OSD, which may as well have the same name each time.
const OSD: &str = "3b7ad1a9-6d0c-45c5-8f3a-3f8f3f6c21d4";

/// Ceph's files in one lab.
pub(super) struct Cluster<'a> {
    guests: Guests<'a>,
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
        let address = lab.address().ok_or(Error::NoSubnet)?;
        let text = |path: &Path| path.to_string_lossy().into_owned();
        let configuration = [
            ("$(directory)", text(&directory)),
            ("$(plain)", format!("{address}:{PLAIN_PORT}")),
            ("$(tls)", format!("{address}:{PORT}")),
            ("$(certificate)", text(&lab.layout().pki("ceph.crt"))),
            ("$(key)", text(&lab.layout().pki("ceph.key"))),
        ]
        .into_iter()
        .fold(CONFIGURATION.to_owned(), |text, (name, value)| {
            text.replace(name, &value)
        });
        // The gateway knows no other place to look for whom to trust.
        let guests = Guests::new(lab, &directory)
            .showing(&lab.certificate_authority(), packages::AUTHORITIES)?;
        let cluster = Self { guests, directory };
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
        self.guests.until("ceph-osd", osd, || {
            run(&mut self.command("ceph", &["osd", "stat"])).map(|said| said.contains(" 1 up"))
        })?;
        let gateway = self.spawn("radosgw", &["-f", "-n", "client.rgw.lab"])?;
        started(gateway)?;
        self.guests.until("radosgw", gateway, is_serving)?;
        let (key, secret) = ADMINISTRATOR;
        let administrator = [
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
        ];
        run(&mut self.command("radosgw-admin", &administrator))?;
        Ok(())
    }

    fn configuration(&self) -> PathBuf {
        self.directory.join("ceph.conf")
    }

    /// One of Ceph's programs, to be run to its end.
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = self.guests.command(program);
        command.arg("-c").arg(self.configuration()).args(arguments);
        command
    }

    /// Starts one of Ceph's servers.
    fn spawn(&self, program: &'static str, arguments: &[&str]) -> Result<Process, Error> {
        Ok(self.guests.spawn(program, program, |command| {
            command.arg("-c").arg(self.configuration()).args(arguments);
        })?)
    }
}
