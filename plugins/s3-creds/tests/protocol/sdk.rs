//! An SDK that is not ours works for longer than its keys live.

use std::path::Path;

use datalab_lab::object_storage::Dialect;
use datalab_lab::tenant::Stage;

use crate::call::TOOL;
use crate::desk::{Desk, side_by_side};

/// Writes and reads for so many seconds, with one client.
const JOB: &str = r#"
import boto3, sys, time
from botocore.config import Config
config = Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1})
session = boto3.Session(profile_name=sys.argv[2] if len(sys.argv) > 2 else None)
client = session.client("s3", config=config)
ends, keys, n = time.time() + float(sys.argv[1]), set(), 0
while time.time() < ends:
    client.put_object(Bucket="alice", Key=f"out/{n % 3}", Body=str(n).encode())
    assert client.get_object(Bucket="alice", Key=f"out/{n % 3}")["Body"].read() == str(n).encode()
    keys.add(session.get_credentials().get_frozen_credentials().access_key)
    n += 1
    time.sleep(0.1)
print(n > 10, len(keys) > 2)
"#;

/// A busy machine takes so long between getting keys and using them.
const MARGIN: [&str; 2] = ["--min-ttl", "7s"];

/// How the SDK comes to its keys.
#[derive(Clone, Copy, Debug)]
enum Way {
    Renewed,
    Process,
}

fn work(way: Way, dialect: Dialect, python: &Path) {
    let desk = Desk::with(dialect, |options| {
        options.settings.lifetime_of_credentials_seconds = Some(9);
    });
    desk.storage.make_bucket("alice");
    let python = python.to_string_lossy().into_owned();
    let job = [python.as_str(), "-c", JOB, "28"];
    let output = match way {
        Way::Renewed => desk
            .tool(["exec", "--renew"])
            .words(desk.source())
            .words(MARGIN)
            .words(["--"])
            .words(job)
            .run(),
        Way::Process => {
            let process = [TOOL.clone(), "credential-process".to_owned()];
            let words: Vec<String> = process
                .into_iter()
                .chain(desk.source())
                .chain(MARGIN.map(str::to_owned))
                .collect();
            let config = format!(
                "[profile lab]\nregion = us-east-1\nservices = lab\ncredential_process = {}\n\
                 [services lab]\ns3 =\n  endpoint_url = {}\n",
                words.join(" "),
                desk.storage.url()
            );
            let file = desk.write("aws-config", &config);
            let authority = desk.storage.authority();
            desk.tool(job[1..].iter().copied())
                .words(["lab"])
                .instead(&python)
                .with("AWS_CONFIG_FILE", &file)
                .with("AWS_CA_BUNDLE", authority.as_os_str())
                .run()
        }
    };
    assert_eq!(output.code, 0, "{way:?} {dialect:?} {output}");
    assert_eq!(output.stdout, "True True\n", "{way:?} {dialect:?} {output}");
    assert_eq!(desk.provider.logins(), 1);
}

#[test]
fn boto3_works_for_three_lifetimes() {
    let Some(stage) = Stage::required_lab("boto3 works for three lifetimes") else {
        return;
    };
    let python = stage.consumers().program("python");
    let cases = [
        (Way::Renewed, Dialect::Minio),
        (Way::Renewed, Dialect::Ceph),
        (Way::Process, Dialect::Aws),
    ];
    let cases = cases.map(|case| (String::new(), case));
    side_by_side(cases, |(way, dialect)| {
        work(way, dialect, &python);
        None
    });
}
