//! Keys for less than the role: what a session policy leaves out is shut, and the rest is not.

use datalab_lab::tenant::Stage;

use crate::scene::{Scene, program};

/// What the keys that the words ask for may do: a letter for each call, in capitals if it is let through.
const TRIES: &str = r#"
import subprocess, sys, boto3, botocore.exceptions
bucket, other = sys.argv[1:3]
creds = ["kubectl", "datalab", "s3-creds", "get", "-o", "python", *sys.argv[3:]]
exec(subprocess.run(creds, check=True, capture_output=True, text=True).stdout)
s3 = boto3.client("s3", **boto3_options)
for letter, call in {
    "r": lambda: s3.get_object(Bucket=bucket, Key="shared/rows.csv"),
    "w": lambda: s3.put_object(Bucket=bucket, Key="shared/new.csv", Body=b"new"),
    "d": lambda: s3.delete_object(Bucket=bucket, Key="shared/new.csv"),
    "l": lambda: s3.list_objects_v2(Bucket=bucket, Prefix="shared/"),
    "o": lambda: s3.get_object(Bucket=bucket, Key="private/rows.csv"),
    "a": lambda: s3.list_objects_v2(Bucket=bucket),
    "x": lambda: s3.get_object(Bucket=other, Key="shared/rows.csv"),
}.items():
    try:
        call()
        print(letter.upper(), end="")
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error
        print(letter, end="")
"#;

#[test]
fn keys_for_a_bucket_or_a_prefix_open_that_and_no_more() {
    let Some(stage) = Stage::required_lab("keys for a bucket or a prefix") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let other = format!("{alice}-other");
    let key = scene.key(&alice);
    for bucket in [&alice, &other] {
        for path in ["", "/shared/rows.csv", "/private/rows.csv"] {
            let made = scene.ceph.s3(&key, "PUT", &format!("/{bucket}{path}"), b"");
            assert_eq!(made.status(), 200, "{path}: {}", made.text());
        }
    }
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    for (words, may) in [
        ("", "RWDLOAX"),
        ("--bucket $1", "RWDLOAx"),
        ("--bucket $1 --read-only", "RwdLOAx"),
        ("--bucket $1 --prefix shared/", "RWDLoax"),
        ("--bucket $1 --prefix shared/ --read-only", "RwdLoax"),
    ] {
        let words = words.replace("$1", &alice);
        let line = ["python", "-c", TRIES, &alice, &other];
        let line = line.into_iter().chain(words.split_whitespace());
        assert_eq!(program(&laptop, line).run().ok(), may, "{words}");
    }
}
