//! A job that outlives its keys: a real server gives none for less than a quarter of an hour, so they are
//! made to look older than they are.

use std::fs;
use std::path::{Path, PathBuf};

use datalab_journeys::logins::Laptop;
use datalab_lab::tenant::Stage;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::scene::{Scene, program, script};

/// What is asked for, in seconds; it is renewed when a quarter of that is left.
const LIFE: u32 = 900;

/// Seconds from the start of the job until then: it has to begin with the old keys, on a busy machine too.
const UNTIL_RENEWED: u32 = 45;

/// Writes until keys with another name are used, and some more; says with how many it wrote what.
const JOB: &str = r#"
import re, sys, time, boto3
s3, bucket, used, number, more = boto3.client("s3"), sys.argv[1], [], 0, 5
def look(request, **_):
    [(name)] = re.findall(r"Credential=(\w+)/", str(request.headers["Authorization"]))
    if name not in used:
        used.append(name)
s3.meta.events.register("before-send.s3", look)
deadline = time.monotonic() + 150
while more and time.monotonic() < deadline:
    s3.put_object(Bucket=bucket, Key=f"job/{number}", Body=b"x")
    number, more = number + 1, more - (len(used) > 1)
    time.sleep(0.2)
there = s3.list_objects_v2(Bucket=bucket, Prefix="job/")["KeyCount"]
print(used[0], used[-1], len(used), "all" if there == number else "some")
"#;

/// Reads the bucket by the endpoint, tries that with another token, and ends it.
const ENDPOINT: &str = r#"
(umask 077; exec kubectl datalab s3-creds serve >s3.env) & server=$!
for _ in $(seq 300); do [ -s s3.env ] && break; sleep 0.1; done
(. ./s3.env; exec aws s3 cp --quiet "s3://$1/rows.csv" -)
(. ./s3.env; AWS_CONTAINER_AUTHORIZATION_TOKEN=another exec aws s3 cp --quiet "s3://$1/rows.csv" -) || echo shut
kill $server; wait $server || :
(. ./s3.env; exec aws s3 cp --quiet "s3://$1/rows.csv" -) || echo ended
"#;

#[test]
fn keys_are_renewed_while_a_job_runs() {
    let Some(stage) = Stage::required_lab("keys are renewed while a job runs") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    let first = name_of_keys(&laptop);
    // As long as they are young, everybody gets the same.
    assert_eq!(name_of_keys(&laptop), first);
    age(laptop.home(), LIFE / 4 + UNTIL_RENEWED);

    let exec = "kubectl datalab s3-creds exec --renew --duration 15m -- python -c";
    let line = exec.split(' ').chain([JOB, &alice]);
    let said = program(&laptop, line).run().ok();
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words.len(), 4, "{said}");
    let (before, after) = (words[0], words[1]);
    assert_eq!((before, &words[2..]), (first.as_str(), &["2", "all"][..]));
    // Both were real: the store took each, and the next call gets the newer ones.
    assert_ne!(before, after);
    assert_eq!(name_of_keys(&laptop), after);
    assert_eq!(laptop.typed(), 1);
}

/// As the help page has it: an endpoint in one shell, programs in others.
#[test]
fn an_endpoint_hands_keys_to_whoever_has_its_token() {
    let Some(stage) = Stage::required_lab("an endpoint hands keys to whoever has its token") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    laptop.kubectl(&["auth", "whoami"]).ok();
    let said = script(&laptop, ENDPOINT, &[&alice]);
    assert_eq!(said.stdout(), "n\n1\n2\n39\nshut\nended\n", "{said}");
    assert_eq!(laptop.typed(), 1);
}

#[track_caller]
fn name_of_keys(laptop: &Laptop) -> String {
    let get = "kubectl datalab s3-creds get -o json --duration 15m";
    let said = script(laptop, get, &[]).ok();
    let keys: Value = serde_json::from_str(&said).expect("because JSON was asked for");
    keys["accessKeyId"].as_str().unwrap_or_default().to_owned()
}

/// Lets the only keys that are kept in a home look so old that they have only this much of their life left.
#[track_caller]
fn age(home: &Path, seconds_left: u32) {
    let folder = home.join(".cache/kubectl-datalab/s3-creds");
    let entries = fs::read_dir(&folder).expect("because keys are kept");
    let kept: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path().join("keys.json")))
        .filter(|file| file.exists())
        .collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    let file = &kept[0];
    let text = fs::read(file).expect("because it was found");
    let mut keys: Value = serde_json::from_slice(&text).expect("because keys are kept as JSON");
    let now = Timestamp::now();
    let times = [
        ("obtained", i64::from(seconds_left) - i64::from(LIFE)),
        ("expires", i64::from(seconds_left)),
    ];
    for (name, from_now) in times {
        assert!(keys[name].is_string(), "kept without {name}");
        keys[name] = (now + SignedDuration::from_secs(from_now))
            .to_string()
            .into();
    }
    fs::write(file, keys.to_string()).expect("because the home is ours");
    // Answers that were made ready from them do not know.
    let replies = home.join("run/kubectl-datalab/s3-creds/replies");
    fs::remove_dir_all(replies).expect("because the same was asked twice");
}
