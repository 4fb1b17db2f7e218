//! Tools that were set up in their own files read the bucket, and afterwards the files are what they
//! were before.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use datalab_lab::tenant::Stage;

use crate::scene::{Scene, program, script};

/// What a tool prints at the end: what is in the bucket.
const ROWS: &str = "n\n1\n2\n39\n";

/// What she has in her home already: comments, other line ends, no line end, keys of others, a file
/// that lies elsewhere.
const FILES: [(&str, &str); 6] = [
    (
        ".aws/config",
        "# mine\r\n[default]\r\nregion = eu\r\n\r\n[profile lab]\r\nregion = mine\r\n; end",
    ),
    (
        ".aws/credentials",
        "[lab]\naws_access_key_id = MINE\naws_secret_access_key = MINE",
    ),
    (
        "dotfiles/rclone.conf",
        "\u{feff}# remotes\n[other]\ntype = local\n\n\n",
    ),
    (".s3cfg", "[default]\nprogress_meter = False"),
    (".duckdbrc", ".mode csv\n-- mine"),
    (
        ".mc/config.json",
        "{\"version\":\"10\",\"aliases\":{\"play\":{\"url\":\"https://play\",\"accessKey\":\"\",\"secretKey\":\"\",\"api\":\"S3v4\",\"path\":\"auto\"}}}",
    ),
];

/// How a tool is set up, and how it is asked for the rows; the bucket is `$1`.
const TOOLS: [(&str, &str); 8] = [
    (
        "aws --force",
        r#"aws --profile lab s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "aws --force --static",
        r#"aws --profile lab s3 cp --quiet "s3://$1/rows.csv" -"#,
    ),
    (
        "rclone",
        r#"RCLONE_CA_CERT=$DATALAB_CA_FILE rclone cat "lab:$1/rows.csv""#,
    ),
    (
        "rclone --static",
        r#"RCLONE_CA_CERT=$DATALAB_CA_FILE rclone cat "lab:$1/rows.csv""#,
    ),
    (
        "s3cmd",
        r#"kubectl datalab s3-creds exec -- s3cmd get "s3://$1/rows.csv" -"#,
    ),
    (
        "duckdb",
        r#"echo "FROM 's3://$1/rows.csv';" | duckdb | tr -d '\r'"#,
    ),
    (
        "duckdb --static",
        r#"echo "FROM 's3://$1/rows.csv';" | duckdb | tr -d '\r'"#,
    ),
    // It believes what it finds in a folder of its own, and no other file.
    (
        "mc",
        r#"mkdir -p ~/.mc/certs/CAs; cp "$DATALAB_CA_FILE" ~/.mc/certs/CAs/lab.crt; "$MC" cat "lab/$1/rows.csv""#,
    ),
];

/// Every file of the folders in which tools keep their settings.
fn settings(home: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for folder in [".", ".aws", ".mc", "dotfiles", ".config/rclone"] {
        for entry in fs::read_dir(home.join(folder))
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            let is_ours =
                folder != "." || name.starts_with("./.s3cfg") || name.starts_with("./.duckdbrc");
            if is_ours && entry.path().is_file() {
                let content = fs::read(entry.path()).expect("because it is hers");
                files.insert(name, content);
            }
        }
    }
    files
}

#[test]
fn tools_are_set_up_and_their_files_come_back() {
    let Some(stage) = Stage::required_lab("tools are set up and their files come back") else {
        return;
    };
    let scene = Scene::new(&stage);
    let alice = scene.user("alice");
    scene.bucket(&alice);
    let platform = scene.platform(None);
    let laptop = scene.laptop(&alice, &platform);
    laptop.kubectl(&["auth", "whoami"]).ok();
    let home = laptop.home().to_owned();
    for (file, content) in FILES {
        let path = home.join(file);
        fs::create_dir_all(path.parent().expect("because it is in her home"))
            .and_then(|()| fs::write(&path, content))
            .expect("because the home is hers");
    }
    let rclone = home.join(".config/rclone");
    fs::create_dir_all(&rclone)
        .and_then(|()| symlink("../../dotfiles/rclone.conf", rclone.join("rclone.conf")))
        .expect("because the home is hers");
    let lab = stage.lab().expect("because the story asks for a lab");
    let mc = lab.mc().expect("because what carries a lab can carry mc");
    let before = settings(&home);
    assert_eq!(before.len(), FILES.len() + 1);

    for (tool, command) in TOOLS {
        let name = tool.split(' ').next().unwrap_or(tool);
        let setup = format!("kubectl datalab s3-creds configure {tool} --name lab");
        let line = format!("cd; {setup} --dry-run; {setup} >&2; {command}");
        let tried = program(&laptop, ["bash", "-ec", &line, "bash", &alice])
            .env("MC", &mc)
            .run();
        assert!(tried.stdout().ends_with(ROWS), "{tool}: {tried}");
        assert!(tried.stdout().contains("(dry run)"), "{tool}: {tried}");
        assert_ne!(settings(&home), before, "{tool}");
        // What is not static holds no keys.
        if !tool.contains("static") && name != "mc" {
            for (file, text) in shown(&settings(&home)) {
                let text = text.to_lowercase();
                assert!(
                    !text.contains("session_token") && !text.contains("access_token"),
                    "{file}"
                );
            }
        }
        let undo = format!("kubectl datalab s3-creds configure {name} --remove");
        script(&laptop, &undo, &[]).ok();
        let after = settings(&home);
        assert_eq!(shown(&after), shown(&before), "{tool}");
    }
    assert!(rclone.join("rclone.conf").is_symlink());
    assert_eq!(laptop.typed(), 1);

    // Without --force, what is hers stays, and she is told.
    let refused = script(
        &laptop,
        "kubectl datalab s3-creds configure aws --name lab",
        &[],
    );
    assert_eq!(refused.code(), Some(8), "{refused}");
    assert!(refused.stderr().contains("[profile lab] in "), "{refused}");
    assert!(!refused.stderr().contains("MINE"), "{refused}");
    assert_eq!(shown(&settings(&home)), shown(&before));
}

fn shown(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&str, String> {
    files
        .iter()
        .map(|(name, content)| (name.as_str(), String::from_utf8_lossy(content).into_owned()))
        .collect()
}
