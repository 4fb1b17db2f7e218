//! Keycloak in the cache: fetched and built once, its realms imported once.
//!
//! What a realm's file says is imported without a server, which leaves a database to begin with. A lab
//! copies it, so that its Keycloak starts in seconds and signs with keys that are always the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};

use super::{ADMINISTRATOR, Error, TRUSTED};
use crate::command::{bound, run};
use crate::file::fail;
use crate::lock::Lock;
use crate::packages;
use crate::progress::{Event, Progress, step};

const VERSION: &str = "26.7.2";

/// What Maven knows it as.
const ARTIFACT: &str = "org.keycloak:keycloak-quarkus-dist";

/// What copies it, of a version that is always the same.
const MAVEN_GOAL: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy";

/// Of the archive: it says what is in the cache, wherever Maven took it from.
const SHA256: &str = "4f3ce3b797a9d98998b7f1a6bd5d2b9832100faea66c48988713a9b23eda5c44";

/// What Keycloak is made and run with.
const PROGRAMS: [(&str, &str); 2] = [("mvn", "maven"), ("java", "default-jre-headless")];

/// Build options; they stay with the server.
const BUILD: [&str; 2] = ["build", "--db=dev-file"];

/// A third of what it would take by itself, and started sooner: nobody waits for its throughput.
const JAVA: [(&str, &str); 2] = [
    ("JAVA_OPTS_KC_HEAP", "-Xms64m -Xmx256m"),
    (
        "JAVA_OPTS_APPEND",
        "-XX:-UseG1GC -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
    ),
];

/// Hex digits of the key in a folder's name.
const KEY_DIGITS: usize = 16;

/// Keycloak, as the cache holds it.
#[derive(Debug)]
pub(super) struct Distribution {
    /// The server, which nobody changes.
    server: PathBuf,
    /// The database after the import.
    database: PathBuf,
}

impl Distribution {
    /// Finds it in the cache, or makes it.
    pub(super) fn build(cache: &Path, progress: &mut dyn Progress) -> Result<Self, Error> {
        packages::provide(cache, &PROGRAMS, progress)?;
        let cache = cache.join("keycloak");
        let server_key = key([SHA256.as_bytes(), BUILD.join(" ").as_bytes()]);
        let server = made(
            &cache.join(format!("server-{server_key}")),
            progress,
            |folder, progress| {
                step(progress, "fetch Keycloak", |_| fetch(folder))?;
                step(progress, "build Keycloak", |_| {
                    Ok(run(script(folder, folder).args(BUILD)).map(drop)?)
                })
            },
        )?;
        let realms = TRUSTED.map(|realm| {
            let failed = fail("read the manifest of", Path::new(realm.name));
            let representation = realm.representation().map_err(|error| failed(error.into()));
            representation.map(|representation| (realm.name, representation.to_string()))
        });
        let realms = realms.into_iter().collect::<Result<Vec<_>, _>>()?;
        let texts = realms.iter().map(|(_, text)| text.as_bytes());
        let realms_key = key(std::iter::once(server_key.as_bytes()).chain(texts));
        let database = made(
            &cache.join(format!("realms-{realms_key}")),
            progress,
            |folder, progress| {
                step(progress, "import Keycloak's realms", |_| {
                    import(&server, folder, &realms)
                })
            },
        )?;
        Ok(Self { server, database })
    }

    /// Makes a home with a database of its own, for one server.
    pub(super) fn settle(&self, home: &Path) -> Result<(), Error> {
        let data = home.join("data/h2");
        if data.exists() {
            return Ok(());
        }
        furnish(&self.server, home)?;
        // Under another name until it is whole.
        let copy = home.join("data/h2.unfinished");
        fs::create_dir_all(&copy).map_err(fail("create", &copy))?;
        let file = "keycloakdb.mv.db";
        let from = self.database.join("data/h2").join(file);
        fs::copy(&from, copy.join(file)).map_err(fail("copy", &from))?;
        Ok(fs::rename(&copy, &data).map_err(fail("rename", &copy))?)
    }

    /// Its script for a server that lives in `home`, inside the network and pid namespaces of process
    /// `init`, whose end is its end too; a terminal's is not.
    pub(super) fn script_in(&self, init: i32, home: &Path) -> Command {
        let script = script(&self.server, home);
        let mut command = Command::new("setsid");
        command
            .args(["nsenter", "--net", "--pid", "--target", &init.to_string()])
            .arg("--")
            .arg(script.get_program())
            .args(script.get_args())
            .env_clear()
            .current_dir("/");
        for (name, value) in script.get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        command
    }
}

/// The folder, made by `make` if it is not there: whole or not at all.
fn made(
    folder: &Path,
    progress: &mut dyn Progress,
    make: impl FnOnce(&Path, &mut dyn Progress) -> Result<(), Error>,
) -> Result<PathBuf, Error> {
    if folder.exists() {
        return Ok(folder.to_owned());
    }
    let _lock = Lock::acquire(&folder.with_extension("lock"), || {
        progress.report(Event::Note("waiting: Keycloak is being made".to_owned()));
    })?;
    if !folder.exists() {
        let unfinished = folder.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(fail("remove", &unfinished))?;
        }
        fs::create_dir_all(&unfinished).map_err(fail("create", &unfinished))?;
        make(&unfinished, progress)?;
        fs::rename(&unfinished, folder).map_err(fail("rename", &unfinished))?;
    }
    Ok(folder.to_owned())
}

fn fetch(folder: &Path) -> Result<(), Error> {
    let artifact = format!("-Dartifact={ARTIFACT}:{VERSION}:tar.gz");
    let mut output = std::ffi::OsString::from("-DoutputDirectory=");
    output.push(folder);
    run(bound("mvn")
        .args(["--batch-mode", "--quiet", MAVEN_GOAL])
        .arg(artifact)
        .arg(output)
        // No project of the current folder's is meant.
        .current_dir(folder))?;
    let name = ARTIFACT.rsplit(':').next().unwrap_or(ARTIFACT);
    let archive = folder.join(format!("{name}-{VERSION}.tar.gz"));
    let content = fs::read(&archive).map_err(fail("read", &archive))?;
    let found = data_encoding::HEXLOWER.encode(&Sha256::digest(&content));
    if found != SHA256 {
        return Err(Error::Stranger {
            path: archive,
            version: VERSION,
            found,
        });
    }
    run(bound("tar")
        .args(["--extract", "--strip-components=1", "--no-same-owner"])
        .arg("--file")
        .arg(&archive)
        .arg("--directory")
        .arg(folder))?;
    Ok(fs::remove_file(&archive).map_err(fail("remove", &archive))?)
}

fn import(server: &Path, home: &Path, realms: &[(&str, String)]) -> Result<(), Error> {
    furnish(server, home)?;
    let files = home.join("import");
    fs::create_dir_all(&files).map_err(fail("create", &files))?;
    for (name, text) in realms {
        let file = files.join(format!("{name}-realm.json"));
        fs::write(&file, text).map_err(fail("write", &file))?;
    }
    run(script(server, home)
        .args(["import", "--optimized", "--dir"])
        .arg(&files)
        .env("KC_BOOTSTRAP_ADMIN_USERNAME", ADMINISTRATOR)
        .env("KC_BOOTSTRAP_ADMIN_PASSWORD", ADMINISTRATOR))?;
    Ok(())
}

/// A home: Keycloak writes into it, and looks for its own libraries there too.
fn furnish(server: &Path, home: &Path) -> Result<(), Error> {
    fs::create_dir_all(home).map_err(fail("create", home))?;
    let library = home.join("lib");
    match std::os::unix::fs::symlink(server.join("lib"), &library) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(fail("create", &library)(error).into())
        }
        _ => Ok(()),
    }
}

/// Keycloak's script, for a server that lives in `home`.
fn script(server: &Path, home: &Path) -> Command {
    let mut command = Command::new(server.join("bin/kc.sh"));
    let mut home_option = std::ffi::OsString::from("-Dkc.home.dir=");
    home_option.push(home);
    command
        .arg(home_option)
        .env_clear()
        .env("PATH", packages::path())
        .env("HOME", home)
        .envs(JAVA)
        .current_dir("/");
    command
}

fn key<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // The length keeps the end of one part from passing for the beginning of the next.
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    data_encoding::HEXLOWER.encode(&hash.finalize())[..KEY_DIGITS].to_owned()
}
