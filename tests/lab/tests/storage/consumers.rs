//! Clients by others reach the gateway: what fails in a story is not for want of them.

use datalab_lab::ceph::Ceph;
use datalab_lab::tenant::{Program, Stage};
use tempfile::TempDir;

/// Writes with one library what the others read: all by https, with the lab's authority.
const FRAMES: &str = r#"
import duckdb, os, pandas, polars, pyarrow.fs, pyarrow.parquet
key, secret, host = (os.environ[n] for n in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "HOST"))
file = f"s3://{os.environ['BUCKET']}/rows.parquet"
frame = pandas.DataFrame({"n": [1, 2, 39]})
frame.to_parquet(file)
print("pandas", pandas.read_parquet(file).n.sum())
options = {"aws_endpoint_url": f"https://{host}", "aws_region": "us-east-1"}
print("polars", polars.read_parquet(file, storage_options=options)["n"].sum())
store = pyarrow.fs.S3FileSystem(endpoint_override=host, region="us-east-1",
    tls_ca_file_path=os.environ["AWS_CA_BUNDLE"])
print("pyarrow", sum(pyarrow.parquet.read_table(file[5:], filesystem=store)["n"].to_pylist()))
secret = f"""CREATE SECRET (TYPE s3, KEY_ID '{key}', SECRET '{secret}', ENDPOINT '{host}',
    REGION 'us-east-1', URL_STYLE 'path')"""
duckdb.sql("SET ca_cert_file = '" + os.environ["AWS_CA_BUNDLE"] + "'; " + secret)
print("duckdb", duckdb.sql(f"SELECT sum(n)::INT FROM '{file}'").fetchone()[0])
"#;

struct Desk {
    stage: Stage,
    ceph: Ceph,
    home: TempDir,
    bucket: String,
}

impl Desk {
    fn new(stage: &Stage) -> Self {
        let ceph = stage.ceph();
        let home = tempfile::tempdir();
        let home = home.expect("because the folder for temporary files can be written");
        let bucket = stage.play().name("clients");
        let made = ceph.s3(&ceph.administrator(), "PUT", &format!("/{bucket}"), b"");
        assert_eq!(made.status(), 200, "{}", made.text());
        Self {
            stage: stage.clone(),
            ceph,
            home,
            bucket,
        }
    }

    #[track_caller]
    fn program(&self, line: &[&str]) -> Program {
        let key = self.ceph.administrator();
        self.stage
            .program(line, self.home.path())
            .env("AWS_ACCESS_KEY_ID", key.id)
            .env("AWS_SECRET_ACCESS_KEY", key.secret)
            .env("AWS_ENDPOINT_URL", self.ceph.url())
            .env("AWS_REGION", "us-east-1")
            // Newer checksums than this release knows are sent by default.
            .env("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
            .env("AWS_RESPONSE_CHECKSUM_VALIDATION", "when_required")
            .env("AWS_CA_BUNDLE", self.ceph.certificate_authority())
            .env("SSL_CERT_FILE", self.ceph.certificate_authority())
            .env("HOST", self.ceph.url().replace("https://", ""))
            .env("BUCKET", &self.bucket)
    }
}

#[test]
fn data_frames_are_written_and_read() {
    let Some(stage) = Stage::required_lab("data frames are written and read") else {
        return;
    };
    let consumers = stage.consumers();
    let desk = Desk::new(&stage);
    consumers.settle(desk.home.path());
    let python = consumers.program("python");
    let said = desk
        .program(&[&python.to_string_lossy(), "-c", FRAMES])
        .run()
        .ok();
    let expected = ["pandas", "polars", "pyarrow", "duckdb"].map(|name| format!("{name} 42\n"));
    assert_eq!(said, expected.concat());
}

#[test]
fn files_are_copied() {
    let Some(stage) = Stage::required_lab("files are copied") else {
        return;
    };
    let consumers = stage.consumers();
    let desk = Desk::new(&stage);
    let file = desk.home.path().join("rows.csv");
    std::fs::write(&file, "a,b\n1,2\n").expect("because the home is ours");
    let (file, to) = (
        file.to_string_lossy(),
        format!("s3://{}/rows.csv", desk.bucket),
    );
    let aws = consumers.program("aws");
    desk.program(&[&aws.to_string_lossy(), "s3", "cp", &file, &to])
        .run()
        .ok();

    let authority = desk
        .ceph
        .certificate_authority()
        .to_string_lossy()
        .into_owned();
    let endpoint = format!("--s3-endpoint={}", desk.ceph.url());
    let from = format!(":s3:{}/rows.csv", desk.bucket);
    let rclone = [
        "rclone",
        "cat",
        "--s3-env-auth",
        "--ca-cert",
        &authority,
        &endpoint,
        &from,
    ];
    // Any authorities in this variable make rclone 1.60 give up.
    let line = ["env", "-u", "AWS_CA_BUNDLE"].iter().chain(&rclone);
    assert_eq!(
        desk.program(&line.copied().collect::<Vec<_>>()).run().ok(),
        "a,b\n1,2\n"
    );

    let host = desk.ceph.url().replace("https://", "");
    let hosts = [format!("--host={host}"), format!("--host-bucket={host}")];
    let ca = format!("--ca-certs={authority}");
    let s3cmd = ["s3cmd", &hosts[0], &hosts[1], &ca, "get", &to, "-"];
    assert_eq!(desk.program(&s3cmd).run().ok(), "a,b\n1,2\n");
}

#[test]
fn shells_and_r_run() {
    let Some(stage) = Stage::required_lab("shells and R run") else {
        return;
    };
    let _ = stage.consumers();
    let home = tempfile::tempdir();
    let home = home.expect("because the folder for temporary files can be written");
    for line in [
        ["bash", "-c", "echo $((41+1))"],
        ["zsh", "-c", "echo $((41+1))"],
        ["fish", "-c", "math 41+1"],
        ["Rscript", "-e", "cat(41+1, '\\n', sep='')"],
    ] {
        assert_eq!(stage.program(line, home.path()).run().ok(), "42\n");
    }
}
