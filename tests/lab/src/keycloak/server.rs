//! A lab's Keycloak as a process: started once, found by everybody else.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::distribution::Distribution;
use super::{Error, Keycloak, PORT, Realm, TRUSTED, origin, password_form};
use crate::Lab;
use crate::directories::Directories;
use crate::file::fail;
use crate::https::{self, Client, Request};
use crate::lock::Lock;
use crate::process::Process;
use crate::progress::{Progress, step};
use crate::state::{self, write_whole};

/// The name of its log, its certificate and its data in the lab's directory.
const NAME: &str = "keycloak";

/// It serves after 6 to 12 s, and the API server asks a realm again every 10 s; a busy machine needs
/// several times that.
const READY_WITHIN: Duration = Duration::from_secs(180);

/// How often it is asked.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What is known of the one that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    process: Process,
    /// Whether the API server was seen to accept tokens of all realms.
    is_trusted: bool,
}

impl Record {
    fn begun(process: Process) -> Self {
        Self {
            process,
            is_trusted: false,
        }
    }

    fn read(file: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(file).ok()?).ok()
    }

    fn write(self, file: &Path) -> Result<(), state::Error> {
        write_whole(file, &self)
    }
}

/// Keycloak in this lab, serving, and its realms known to the API server.
pub(crate) fn start(lab: &Lab, progress: &mut dyn Progress) -> Result<Keycloak, Error> {
    let keycloak = Keycloak {
        address: lab.address().ok_or(Error::NoSubnet)?,
        client: Client::trusting(&lab.certificate_authority())?,
        authority: lab.certificate_authority(),
        log: lab.layout().log(NAME),
    };
    let file = lab.state_dir().join("keycloak.json");
    let _lock = Lock::acquire(&lab.state_dir().join("keycloak.lock"), || {})?;
    let found =
        Record::read(&file).filter(|record| record.process.is_running().is_ok_and(|runs| runs));
    if found.is_some_and(|record| record.is_trusted) {
        return Ok(keycloak);
    }
    let process = match found {
        Some(record) => record.process,
        None => {
            let directories = Directories::from_env()?;
            let distribution = Distribution::build(directories.cache(), progress)?;
            let process = spawn(lab, &keycloak, &distribution)?;
            Record::begun(process).write(&file)?;
            process
        }
    };
    step(progress, "start Keycloak", |_| {
        for realm in TRUSTED {
            until(&keycloak, process, "does not serve", || {
                is_serving(&keycloak, realm)
            })?;
        }
        for realm in TRUSTED {
            let tokens = keycloak.ask_for_token(realm.name, &password_form("alice"))?;
            let review = review(lab, tokens.json()["id_token"].as_str().unwrap_or_default())?;
            until(&keycloak, process, "is not known to the API server", || {
                Ok(keycloak.client.send(&review)?.status() == 201)
            })?;
        }
        Ok::<_, Error>(())
    })?;
    let record = Record {
        is_trusted: true,
        ..Record::begun(process)
    };
    record.write(&file)?;
    Ok(keycloak)
}

fn spawn(lab: &Lab, keycloak: &Keycloak, distribution: &Distribution) -> Result<Process, Error> {
    let layout = lab.layout();
    let home = layout.data(NAME);
    distribution.settle(&home)?;
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&keycloak.log)
        .map_err(fail("write", &keycloak.log))?;
    let copy = log.try_clone().map_err(fail("write", &keycloak.log))?;
    let child = distribution
        .script_in(lab.init_pid(), &home)
        .args(["start", "--optimized"])
        // Else it looks for others of its kind in all networks.
        .arg("--cache=local")
        .arg(format!("--http-host={}", keycloak.address))
        .arg(format!("--https-port={PORT}"))
        .arg(format!("--hostname={}", origin(keycloak.address)))
        .arg(path_option(
            "--https-certificate-file",
            &layout.pki("keycloak.crt"),
        ))
        .arg(path_option(
            "--https-certificate-key-file",
            &layout.pki("keycloak.key"),
        ))
        .stdin(Stdio::null())
        .stdout(copy)
        .stderr(log)
        .spawn()
        .map_err(fail("start", &home))?;
    let pid = i32::try_from(child.id()).unwrap_or_default();
    Process::running(pid)?.ok_or_else(|| keycloak.not_ready("ended at once"))
}

fn path_option(name: &str, path: &Path) -> std::ffi::OsString {
    let mut option = std::ffi::OsString::from(name);
    option.push("=");
    option.push(path);
    option
}

/// Asks again and again, as long as it runs.
fn until(
    keycloak: &Keycloak,
    process: Process,
    otherwise: &str,
    is_so: impl Fn() -> Result<bool, https::Error>,
) -> Result<(), Error> {
    let deadline = Instant::now() + READY_WITHIN;
    // What cannot be asked yet may be asked later.
    while !is_so().unwrap_or(false) {
        if !process.is_running()? {
            return Err(keycloak.not_ready("ended"));
        }
        if Instant::now() > deadline {
            let limit = READY_WITHIN.as_secs();
            return Err(keycloak.not_ready(&format!("{otherwise} within {limit} s")));
        }
        thread::sleep(ASK_EVERY);
    }
    Ok(())
}

fn is_serving(keycloak: &Keycloak, realm: Realm) -> Result<bool, https::Error> {
    let path = ".well-known/openid-configuration";
    let discovery = Request::get(&format!("{}/{path}", keycloak.issuer(realm.name)))?;
    Ok(keycloak.client.send(&discovery)?.status() == 200)
}

/// Asks the API server whose token this is.
fn review(lab: &Lab, token: &str) -> Result<Request, https::Error> {
    let reviews = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let request = Request::new("POST", &format!("{}{reviews}", lab.server()))?;
    Ok(request.bearer(token).json(&json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    })))
}

impl Keycloak {
    fn not_ready(&self, how: &str) -> Error {
        Error::NotReady {
            how: how.to_owned(),
            log: self.log.clone(),
        }
    }
}
