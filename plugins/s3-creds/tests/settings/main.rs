//! Other tools' files, from outside: what is said, and what is left when it goes wrong. The keys are a
//! static store's, so that nobody has to be asked for them.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by panicking"
)]

mod disk;
mod killed;
mod said;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use regex::Regex;

/// What no output may hold.
const SECRET: &str = "a-static-secret";

/// A home of its own.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let keys = format!("AWS_ACCESS_KEY_ID=AKID\nAWS_SECRET_ACCESS_KEY={SECRET}\n");
        home.write("keys", keys.as_bytes());
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The names of all files in a folder of it.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).into_iter().flatten();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// `configure` with these words.
    fn configure(&self, words: &[&str]) -> Command {
        configure(self.folder.path(), words)
    }

    fn run(&self, words: &[&str]) -> Output {
        self.configure(words).output().unwrap()
    }

    /// Exit code and both streams, in the order in which a person reads them.
    fn said(&self, command: &mut Command) -> String {
        let output = command.output().unwrap();
        let text = format!(
            "{}{}-- exit code {}\n",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
            output.status.code().unwrap()
        );
        assert!(!text.contains(SECRET), "{text}");
        let program = Regex::new(r"\S*/kubectl-datalab-s3_creds").unwrap();
        let text = program.replace_all(&text, "PROGRAM");
        text.replace(&*self.folder.path().to_string_lossy(), "HOME")
    }
}

fn configure(home: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-datalab-s3_creds"));
    command
        .env_clear()
        .env("HOME", home)
        .arg("configure")
        .args(words);
    if !words.contains(&"--remove") {
        command
            .args(["--server", "static", "--endpoint", "http://127.0.0.1:9000"])
            .arg("--keys")
            .arg(home.join("keys"));
    }
    command
}

#[test]
fn six_at_once_lose_nothing() {
    let home = Home::new();
    let before = "# mine\n[profile x]\nregion = eu";
    home.write(".aws/config", before.as_bytes());
    let names = ["a", "b", "c", "d", "e", "f"];
    let tools = ["aws", "rclone", "duckdb", "aws", "rclone", "duckdb"];
    let all = |more: &[&str]| {
        let children: Vec<_> = names
            .iter()
            .zip(tools)
            .map(|(name, tool)| {
                let words = [&[tool, "--name", name], more].concat();
                let mut command = home.configure(&words);
                command.stdout(Stdio::null()).spawn().unwrap()
            })
            .collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
    };
    all(&[]);
    let config = home.read(".aws/config");
    assert!(config.starts_with(before), "{config}");
    for (name, tool) in names.iter().zip(tools) {
        let suffix = if tool == "aws" {
            String::new()
        } else {
            format!("-{tool}")
        };
        assert!(
            config.contains(&format!("[profile {name}{suffix}]\n")),
            "{config}"
        );
    }
    all(&["--remove"]);
    assert_eq!(home.read(".aws/config"), before);
    assert_eq!(home.names(".aws"), ["config"]);
    assert_eq!(home.names(".config/rclone"), [""; 0]);
}
