//! Alice logs in once, and everything that she works with reads and writes her bucket.

use datalab_lab::tenant::Stage;

use crate::scene::{Scene, program, script};

/// What she does in one shell; her bucket's name is the first word.
const MORNING: &str = r#"
eval "$(kubectl datalab s3-creds get)"
aws s3 mb "s3://$1"
printf 'n\n1\n2\n39\n' >rows.csv
aws s3 cp --no-progress rows.csv "s3://$1/rows.csv"
aws s3 mv --no-progress "s3://$1/rows.csv" "s3://$1/raw/rows.csv"
aws s3 cp --no-progress "s3://$1/raw/rows.csv" "s3://$1/rows.csv"
eval "$(kubectl datalab s3-creds get -o rclone --name lab)"
env -u AWS_CA_BUNDLE rclone copy "lab:$1/raw" fetched
env -u AWS_CA_BUNDLE rclone copy fetched "lab:$1/copied"
aws s3 ls --recursive "s3://$1" | awk '{ print $3, $4 }'
"#;

/// What she does in a notebook that was started from that shell.
const NOTEBOOK: &str = r#"
import subprocess, sys, duckdb, pandas, polars, pyarrow.fs, pyarrow.parquet
bucket = sys.argv[1]
# What our output gives to Python is executed, what it gives to DuckDB is asked.
creds = lambda form: subprocess.run(["kubectl", "datalab", "s3-creds", "get", "-o", form],
    check=True, capture_output=True, text=True).stdout
exec(creds("python"))
rows = pandas.read_csv(f"s3://{bucket}/copied/rows.csv", storage_options=storage_options)
rows.to_parquet(f"s3://{bucket}/rows.parquet", storage_options=storage_options)
print("pandas", pandas.read_parquet(f"s3://{bucket}/rows.parquet", storage_options=storage_options).n.sum())

frame = polars.read_parquet(f"s3://{bucket}/rows.parquet", storage_options=polars_options)
frame.with_columns(n=polars.col.n * 10).write_parquet(f"s3://{bucket}/tens.parquet", storage_options=polars_options)
print("polars", polars.read_parquet(f"s3://{bucket}/tens.parquet", storage_options=polars_options)["n"].sum())

store = pyarrow.fs.S3FileSystem(**pyarrow_options)
with store.open_output_stream(f"{bucket}/text/n.csv") as out:
    out.write(b"n\n4200\n")
print("pyarrow", pyarrow.parquet.read_table(f"{bucket}/tens.parquet", filesystem=store)["n"].to_pylist())

duckdb.sql(creds("duckdb"))
duckdb.sql(f"COPY (SELECT n * 100 AS n FROM 's3://{bucket}/rows.parquet') TO 's3://{bucket}/hundreds.parquet'")
print("duckdb", duckdb.sql(f"SELECT sum(n)::INT FROM 's3://{bucket}/hundreds.parquet'").fetchone()[0])
"#;

/// The same of everybody's bucket.
const DOORS: &str = r#"
import subprocess, sys, boto3, botocore.exceptions
creds = ["kubectl", "datalab", "s3-creds", "get", "-o", "python"]
exec(subprocess.run(creds, check=True, capture_output=True, text=True).stdout)
s3, bucket = boto3.client("s3", **boto3_options), sys.argv[1]
for call in (
    lambda: s3.list_objects_v2(Bucket=bucket),
    lambda: s3.get_object(Bucket=bucket, Key="rows.csv"),
    lambda: s3.put_object(Bucket=bucket, Key="mine.csv", Body=b"mine"),
    lambda: s3.delete_object(Bucket=bucket, Key="mine.csv"),
):
    try:
        call()
        print("open")
    except botocore.exceptions.ClientError as error:
        print(error.response["Error"]["Code"])
"#;

/// In the shell and in the notebook: two users, two buckets, and a door between them.
#[test]
fn one_login_serves_kubectl_and_every_client_of_s3() {
    let Some(stage) = Stage::required_lab("one login serves kubectl and every client of S3") else {
        return;
    };
    let scene = Scene::new(&stage);
    let (alice, bob) = (scene.user("alice"), scene.user("bob"));
    scene.bucket(&bob);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    let whoami = [
        "auth",
        "whoami",
        "--output=jsonpath={.status.userInfo.username}",
    ];
    assert_eq!(laptop.kubectl(&whoami).ok(), format!("oidc-{alice}"));

    let said = script(&laptop, MORNING, &[&alice]).ok();
    let listed = ["copied/rows.csv", "raw/rows.csv", "rows.csv"].map(|name| format!("9 {name}\n"));
    assert!(said.ends_with(&listed.concat()), "{said}");

    let python = ["python", "-c", NOTEBOOK, &alice];
    let said = program(&laptop, python).run().ok();
    assert_eq!(
        said,
        "pandas 42\npolars 420\npyarrow [10, 20, 390]\nduckdb 4200\n"
    );

    // One login, at the first kubectl, was for all of it.
    assert_eq!((laptop.typed(), scene.admin.count("LOGIN", &alice)), (1, 1));
    assert_eq!(platform.complaints(), Vec::<String>::new());

    // Whose doors open: bob's stay shut, hers do not.
    for (bucket, said) in [(&bob, "AccessDenied"), (&alice, "open")] {
        let doors = program(&laptop, ["python", "-c", DOORS, bucket]).run().ok();
        assert_eq!(doors, format!("{said}\n").repeat(4), "{bucket}");
    }
    let copy = r#"eval "$(kubectl datalab s3-creds get)"; aws s3 cp --no-progress "s3://$1/rows.csv" his.csv"#;
    let refused = script(&laptop, copy, &[&bob]);
    assert!(!refused.succeeded(), "{refused}");
    let of_bob = scene
        .ceph
        .s3(&scene.key(&bob), "GET", &format!("/{bob}/rows.csv"), b"");
    assert_eq!(of_bob.text(), "n\n1\n2\n39\n");
}

/// As platforms have it that gave object storage a client of its own.
#[test]
fn storage_with_a_client_of_its_own_takes_no_second_password() {
    let Some(stage) = Stage::required_lab("storage with a client of its own") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    let platform = scene.platform(Some("onyxia-minio"));
    let laptop = scene.laptop(&alice, &platform);
    laptop.kubectl(&["auth", "whoami"]).ok();
    let line = r#"eval "$(kubectl datalab s3-creds get)"; aws s3 mb "s3://$1"; aws s3 ls"#;
    let said = script(&laptop, line, &[&alice]);
    assert!(
        said.stderr().contains("one more round in the browser"),
        "{said}"
    );
    assert!(said.ok().contains(&alice));
    assert_eq!(laptop.typed(), 1);
    assert_eq!(scene.admin.sessions(&alice).len(), 1);
    let whoami = script(&laptop, "kubectl datalab s3-creds whoami -o json", &[]).ok();
    assert!(whoami.contains("onyxia-minio"), "{whoami}");

    // Each is kept: no third round, and kubectl has its own as before.
    let rounds = scene.admin.count("LOGIN", &alice);
    script(&laptop, "kubectl datalab s3-creds get --no-cache", &[]).ok();
    laptop.kubectl(&["auth", "whoami"]).ok();
    assert_eq!(scene.admin.count("LOGIN", &alice), rounds);
}
