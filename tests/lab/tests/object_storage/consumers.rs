//! Clients by others: they exchange, copy and list, with whatever bodies and checksums they like.

use std::fs;
use std::path::Path;

use datalab_lab::object_storage::{Dialect, Transport};
use datalab_lab::tenant::{Program, Stage};

use crate::client::Bench;

/// Larger than what these clients send in one piece.
const LARGE: usize = 20 * 1024 * 1024;

/// Reads with one library what another has written.
const FRAMES: &str = r#"
import os, pandas, polars
file = "s3://alice/rows.parquet"
pandas.DataFrame({"n": [1, 2, 39]}).to_parquet(file)
print("pandas", pandas.read_parquet(file).n.sum())
options = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_region": "us-east-1"}
print("polars", polars.read_parquet(file, storage_options=options)["n"].sum())
"#;

struct Desk {
    stage: Stage,
    bench: Bench,
    home: tempfile::TempDir,
}

impl Desk {
    fn new(stage: &Stage, dialect: Dialect, transport: Transport) -> Self {
        let bench = Bench::with(dialect, |options| options.transport = transport);
        Self {
            stage: stage.clone(),
            bench,
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// A program with keys that were given for a token.
    fn program(&self, line: &[&str]) -> Program {
        let keys = match self.bench.storage.issued().pop() {
            Some(keys) => keys,
            None => self.bench.credentials(&self.bench.fields()),
        };
        self.unkeyed(line)
            .env("AWS_ACCESS_KEY_ID", keys.access_key_id)
            .env("AWS_SECRET_ACCESS_KEY", keys.secret_access_key)
            .env("AWS_SESSION_TOKEN", keys.session_token)
    }

    fn unkeyed(&self, line: &[&str]) -> Program {
        let authority = self.bench.storage.authority();
        self.stage
            .program(line, self.home.path())
            .env("AWS_ENDPOINT_URL", self.bench.storage.url())
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CA_BUNDLE", &authority)
            .env("SSL_CERT_FILE", &authority)
    }

    fn file(&self, name: &str, content: &[u8]) -> String {
        let path = self.home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_string_lossy().into_owned()
    }
}

fn large() -> Vec<u8> {
    (0..LARGE).map(|at| (at / 7 % 251) as u8).collect()
}

#[test]
fn the_aws_cli_copies_in_one_piece_and_in_parts() {
    let Some(stage) = Stage::required_lab("the AWS CLI copies in one piece and in parts") else {
        return;
    };
    let aws = stage.consumers().program("aws");
    // By http a client signs each chunk; by https it sends a checksum behind them.
    for transport in [Transport::Https, Transport::PlainHttp] {
        let desk = Desk::new(&stage, Dialect::Minio, transport);
        let aws = |words: &[&str]| {
            let aws = aws.to_string_lossy();
            desk.program(&[&[&*aws], words].concat()).run().ok()
        };
        let (small, big) = (
            desk.file("in/small", b"a,b\n"),
            desk.file("in/big", &large()),
        );
        aws(&["s3", "mb", "s3://alice"]);
        aws(&["s3", "cp", &small, "s3://alice/deep/a b+c.csv"]);
        aws(&["s3", "cp", &big, "s3://alice/big"]);
        assert_eq!(
            desk.bench
                .storage
                .object("alice", "deep/a b+c.csv")
                .unwrap(),
            b"a,b\n"
        );
        assert!(desk.bench.storage.object("alice", "big").unwrap() == large());
        let back = desk.home.path().join("back");
        aws(&["s3", "cp", "s3://alice/big", &back.to_string_lossy()]);
        assert!(fs::read(back).unwrap() == large());
        if transport == Transport::PlainHttp {
            continue;
        }
        let list = aws(&["s3", "ls", "--recursive", "s3://alice"]);
        assert!(
            list.contains("20971520 big") && list.contains("4 deep/a b+c.csv"),
            "{list}"
        );
        aws(&["s3", "rm", "--recursive", "s3://alice"]);
        aws(&["s3", "rb", "s3://alice"]);
        assert_eq!(aws(&["s3", "ls"]), "");
        assert_eq!(desk.bench.storage.complaints(), Vec::<String>::new());
    }
}

#[test]
fn rclone_and_s3cmd_copy_folders() {
    let Some(stage) = Stage::required_lab("rclone and s3cmd copy folders") else {
        return;
    };
    let _ = stage.consumers();
    let desk = Desk::new(&stage, Dialect::Ceph, Transport::Https);
    desk.bench.storage.make_bucket("alice");
    let authority = desk
        .bench
        .storage
        .authority()
        .to_string_lossy()
        .into_owned();
    let endpoint = format!("--s3-endpoint={}", desk.bench.storage.url());
    desk.file("in/small", b"a,b\n");
    desk.file("in/deep/big", &large());
    let folder = |name: &str| desk.home.path().join(name).to_string_lossy().into_owned();
    let rclone = |words: &[&str]| {
        // Any authorities in this variable make rclone 1.60 give up.
        let rclone = [
            "env",
            "-u",
            "AWS_CA_BUNDLE",
            "rclone",
            "--s3-env-auth",
            "--ca-cert",
            &authority,
            &endpoint,
        ];
        desk.program(&[&rclone, words].concat()).run().ok()
    };
    rclone(&["copy", &folder("in"), ":s3:alice/in"]);
    assert!(desk.bench.storage.object("alice", "in/deep/big").unwrap() == large());
    rclone(&["copy", ":s3:alice/in", &folder("out")]);
    assert!(fs::read(Path::new(&folder("out/deep/big"))).unwrap() == large());
    assert_eq!(rclone(&["check", &folder("in"), ":s3:alice/in"]), "");

    let host = desk.bench.storage.url().replace("https://", "");
    let words = [
        format!("--host={host}"),
        format!("--host-bucket={host}"),
        format!("--ca-certs={authority}"),
    ];
    let s3cmd = |last: &[&str]| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        desk.program(&[&["s3cmd"], &*words, last].concat())
            .run()
            .ok()
    };
    s3cmd(&["put", &folder("in/deep/big"), "s3://alice/again"]);
    assert!(desk.bench.storage.object("alice", "again").unwrap() == large());
    assert_eq!(s3cmd(&["get", "s3://alice/in/small", "-"]), "a,b\n");
    assert_eq!(desk.bench.storage.complaints(), Vec::<String>::new());
}

#[test]
fn data_frames_are_written_and_read() {
    let Some(stage) = Stage::required_lab("data frames in a store of our own") else {
        return;
    };
    let python = stage.consumers().program("python");
    let desk = Desk::new(&stage, Dialect::Aws, Transport::Https);
    desk.bench.storage.make_bucket("alice");
    let said = desk
        .program(&[&python.to_string_lossy(), "-c", FRAMES])
        .run()
        .ok();
    assert_eq!(said, "pandas 42\npolars 42\n");
}

#[test]
fn the_aws_cli_exchanges_a_token_by_itself() {
    let Some(stage) = Stage::required_lab("the AWS CLI exchanges a token by itself") else {
        return;
    };
    let aws = stage.consumers().program("aws");
    for dialect in Dialect::ALL {
        let desk = Desk::new(&stage, dialect, Transport::Https);
        desk.bench.storage.put("alice", "x", b"from the store");
        let token = desk.file("token", desk.bench.token().as_bytes());
        let said = desk
            .unkeyed(&[&aws.to_string_lossy(), "s3", "cp", "s3://alice/x", "-"])
            .env("AWS_WEB_IDENTITY_TOKEN_FILE", token)
            .env("AWS_ROLE_ARN", dialect.role("datalab"))
            .env("AWS_ROLE_SESSION_NAME", "alice")
            .run()
            .ok();
        assert_eq!(said, "from the store", "{dialect:?}");
        // Without a duration MinIO gives the token's life, and what has less than 15 min is renewed at
        // each request.
        let exchanges = desk.bench.storage.issued().len();
        assert!(exchanges == 1 || dialect == Dialect::Minio, "{exchanges}");
    }
}
