//! s3-creds beside /bin/true, curl and static keys, on Ceph.

mod counted;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use datalab_lab::Lab;
use datalab_lab::ceph::Ceph;
use datalab_lab::keycloak::Keycloak;

use super::{
    Failure,
    calls::{at_most, at_most_more, call},
    measure::interleaved,
    output,
    table::Row,
};
use crate::browser;
use crate::cargo::{S3_CREDS, release};

/// What the file of the table says above it.
pub(super) const HEADING: &str = "# s3-creds, measured\n\nMedians of interleaved runs on one machine, by `cargo xtask bench s3-creds`; only ratios and differences\nwithin one run mean anything. The peers: `/bin/true`, curl with the same request to the same Ceph, and the\naws CLI with static keys. Exchanges are counted at an object store of the tests, which takes its time.";

/// Warm calls take about a millisecond: many make a steady median.
const CALLS: usize = 600;

/// Ceph asks the identity provider at each exchange, which takes some 50 ms.
const EXCHANGES: usize = 60;

/// The aws CLI takes half a second.
const LISTINGS: usize = 40;

const REALM: &str = "datalab";
const USER: &str = "alice";
const BUCKET: &str = "alice-bench";

/// Measures all there is.
pub(super) fn rows(lab: &Lab) -> Result<Vec<Row>, Failure> {
    let bench = Bench::new(lab)?;
    let size = fs::metadata(&bench.program)?.len() as f64 / 1e6;
    let mut rows = vec![bench.warm()?, bench.exchange()?];
    rows.extend(counted::rows(&bench.program)?);
    rows.push(bench.listing()?);
    rows.push(Row {
        what: "size of the binary",
        ours: format!("{size:.2} MB"),
        peer: "-".to_owned(),
        value: format!("{size:.2} MB"),
        target: "≤ 7 MB",
        met: size <= 7.0,
    });
    Ok(rows)
}

struct Bench {
    program: PathBuf,
    aws: PathBuf,
    ceph: Ceph,
    issuer: String,
    authority: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(lab: &Lab) -> Result<Self, Failure> {
        let keycloak: Keycloak = lab.keycloak()?;
        let ceph = lab.ceph()?;
        let bench = Self {
            program: release(S3_CREDS)?,
            aws: lab.consumers()?.program("aws"),
            issuer: keycloak.issuer(REALM),
            authority: ceph.certificate_authority().to_owned(),
            ceph,
            folder: tempfile::tempdir()?,
        };
        browser::script(bench.folder.path())?;
        let tokens = keycloak.tokens(REALM, USER);
        let token = tokens["access_token"]
            .as_str()
            .ok_or("Keycloak gave no token")?;
        fs::write(bench.folder.path().join("token"), token)?;
        // Logs in, and makes the answer ready.
        output(bench.process().arg("--trust"))?;
        output(&mut bench.process())?;
        bench.write_profiles()?;
        output(
            bench
                .aws("ours")
                .args(["s3", "mb", &format!("s3://{BUCKET}")]),
        )
        .or_else(
            |error| match error.to_string().contains("BucketAlreadyOwnedByYou") {
                true => Ok(String::new()),
                false => Err(error),
            },
        )?;
        Ok(bench)
    }

    /// A program in a home of its own.
    fn run(&self, program: &Path) -> Command {
        let folder = self.folder.path();
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", folder)
            .stdin(Stdio::null());
        browser::played_by(&mut command, USER, folder, &self.authority);
        command
    }

    fn store(&self) -> Vec<String> {
        vec![
            format!("--endpoint={}", self.ceph.url()),
            format!("--role-arn={}", self.ceph.role_arn(USER)),
            format!("--ca-file={}", self.authority.display()),
        ]
    }

    fn process_arguments(&self) -> Vec<String> {
        let mut words = vec!["credential-process".to_owned()];
        words.extend(self.store());
        words.push(format!("--issuer={}", self.issuer));
        words.push("--client-id=onyxia-minio".to_owned());
        words
    }

    fn process(&self) -> Command {
        let mut command = self.run(&self.program);
        command.args(self.process_arguments());
        command
    }

    fn write_profiles(&self) -> Result<(), Failure> {
        let keys: serde_json::Value = serde_json::from_str(&output(&mut self.process())?)?;
        let key = |name: &str| keys[name].as_str().unwrap_or_default().to_owned();
        let process = format!(
            "{} {}",
            self.program.display(),
            self.process_arguments().join(" ")
        );
        let store = format!(
            "region = us-east-1\nendpoint_url = {}\nrequest_checksum_calculation = when_required\n\
             response_checksum_validation = when_required\n",
            self.ceph.url()
        );
        let config = format!(
            "[profile ours]\ncredential_process = {process}\n{store}\n[profile static]\n\
             aws_access_key_id = {}\naws_secret_access_key = {}\naws_session_token = {}\n{store}",
            key("AccessKeyId"),
            key("SecretAccessKey"),
            key("SessionToken"),
        );
        let folder = self.folder.path().join(".aws");
        fs::create_dir(&folder)?;
        Ok(fs::write(folder.join("config"), config)?)
    }

    fn aws(&self, profile: &str) -> Command {
        let mut command = self.run(&self.aws);
        command
            .env("AWS_PROFILE", profile)
            .env("AWS_CA_BUNDLE", &self.authority);
        command
    }

    fn warm(&self) -> Result<Row, Failure> {
        let compared = interleaved(
            CALLS,
            || call(self.process()),
            || call(Command::new("/bin/true")),
        )?;
        Ok(at_most(
            "kept `credential-process`",
            compared,
            "/bin/true",
            1.5,
            "≤ 1.5 ×",
        ))
    }

    /// A whole process each: with the system's certificate authorities, TLS and the answer's XML.
    fn exchange(&self) -> Result<Row, Failure> {
        let token = self.folder.path().join("token");
        let ours = || {
            let mut command = self.run(&self.program);
            command
                .args(["get", "-o", "json", "--no-cache"])
                .args(self.store());
            command.arg(format!("--token={}", token.display()));
            command
        };
        let curl = || {
            let mut command = self.run(Path::new("/usr/bin/curl"));
            command
                .args(["-sS", "--fail", "--cacert"])
                .arg(&self.authority);
            for field in [
                "Action=AssumeRoleWithWebIdentity".to_owned(),
                "Version=2011-06-15".to_owned(),
                format!("RoleArn={}", self.ceph.role_arn(USER)),
                format!("RoleSessionName={USER}"),
                "DurationSeconds=3600".to_owned(),
            ] {
                command.args(["--data", &field]);
            }
            command.arg("--data-urlencode");
            command.arg(format!("WebIdentityToken@{}", token.display()));
            command.arg(format!("{}/", self.ceph.url()));
            command
        };
        let compared = interleaved(EXCHANGES, || call(ours()), || call(curl()))?;
        Ok(at_most_more(
            "an exchange",
            compared,
            "curl",
            15.0,
            "≤ 15 ms more",
        ))
    }

    fn list(&self, profile: &str) -> Command {
        let mut command = self.aws(profile);
        command.args(["s3", "ls", &format!("s3://{BUCKET}")]);
        command
    }

    fn listing(&self) -> Result<Row, Failure> {
        let compared = interleaved(
            LISTINGS,
            || call(self.list("ours")),
            || call(self.list("static")),
        )?;
        Ok(at_most_more(
            "`aws s3 ls` with it",
            compared,
            "static keys",
            2.0,
            "≤ 2 ms more",
        ))
    }
}
