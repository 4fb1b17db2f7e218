//! What is said, to a person.

use std::fs;

use crate::Home;

#[test]
fn what_is_written_is_told() {
    let home = Home::new();
    let all = [
        &["aws", "--name", "lab", "--dry-run"][..],
        &["aws", "--name", "lab"],
        &["aws", "--name", "lab"],
        &["aws", "--name", "lab", "--static"],
        &[
            "rclone",
            "--name",
            "lab",
            "--dry-run=client",
            "--bucket",
            "sales",
        ],
        &["duckdb", "--name", "lab", "--static", "--dry-run"],
        &["s3cmd", "--name", "lab"],
        &["mc", "--name", "lab", "-o", "json"],
        &["aws", "--remove"],
        &["aws", "--remove"],
    ];
    let said: Vec<String> = all
        .iter()
        .map(|words| {
            let said = home.said(&mut home.configure(words));
            format!("$ configure {}\n{said}", words.join(" "))
        })
        .collect();
    insta::assert_snapshot!("told", said.join("\n"));
    assert_eq!(home.names(".aws"), [""; 0]);
}

#[test]
fn what_is_in_the_way_is_told() {
    let home = Home::new();
    home.write(
        ".aws/credentials",
        b"[lab]\naws_secret_access_key = a-static-secret\n",
    );
    home.write(".s3cfg", b"[default]\nhost_base = s3.amazonaws.com\n");
    home.write(
        ".config/rclone/rclone.conf",
        b"[lab]\ntype = sftp\npass = a-static-secret\n",
    );
    home.write(".mc/config.json", b"{\"version\": \"9\"}");
    let files = [
        ".aws/credentials",
        ".s3cfg",
        ".config/rclone/rclone.conf",
        ".mc/config.json",
    ];
    let before = files.map(|file| home.read(file));
    let all = [
        &["aws", "--name", "lab"][..],
        &["s3cmd", "--name", "lab"],
        &["rclone", "--name", "lab"],
        &["mc", "--name", "lab"],
        &["aws", "--name", "$(id)"],
        &["duckdb"],
        &["rclone", "--remove"],
    ];
    let mut said: Vec<String> = all
        .iter()
        .map(|words| {
            let said = home.said(&mut home.configure(words));
            format!("$ configure {}\n{said}", words.join(" "))
        })
        .collect();
    let no_home = home.said(
        home.configure(&["duckdb", "--name", "lab"])
            .env_remove("HOME"),
    );
    said.push(format!("$ configure duckdb, without HOME\n{no_home}"));
    insta::assert_snapshot!("in_the_way", said.join("\n"));
    assert_eq!(files.map(|file| home.read(file)), before);
}

#[test]
fn a_second_file_that_fails_leaves_a_first_that_is_named() {
    let home = Home::new();
    let mut command = home.configure(&["aws", "--name", "lab", "--static"]);
    // Nothing can be made there, by nobody.
    command.env("AWS_SHARED_CREDENTIALS_FILE", "/proc/aws/credentials");
    insta::assert_snapshot!(home.said(&mut command), @"
    error: cannot make /proc/aws
      because: No such file or directory (os error 2)
    HOME/.aws/config is written already
    try: ls -ld /proc
    try: the same command again, or kubectl datalab s3-creds configure aws --name lab --remove
    -- exit code 6
    ");
    assert!(home.read(".aws/config").contains("[profile lab]"));
    let undo = home.run(&["aws", "--name", "lab", "--remove"]);
    assert!(undo.status.success());
    assert_eq!(home.names(".aws"), [""; 0]);
}

/// A platform chooses the names of its profiles.
#[test]
fn no_name_adds_a_line_to_a_file() {
    let home = Home::new();
    for tool in ["aws", "rclone", "s3cmd", "mc", "duckdb"] {
        for keys in [&[][..], &["--static"]] {
            let words = [&[tool, "--name", "a\n.shell touch x\n[default]"], keys].concat();
            let said = home.said(&mut home.configure(&words));
            assert!(said.ends_with("-- exit code 2\n"), "{said}");
        }
    }
    let mut names = home.names(".");
    names.retain(|name| name != ".cache" && name != ".local");
    assert_eq!(names, ["keys"]);
}

#[test]
fn a_link_to_dotfiles_stays_one() {
    let home = Home::new();
    home.write("dotfiles/s3cfg", b"[default]\nprogress_meter = False\n");
    std::os::unix::fs::symlink("dotfiles/s3cfg", home.path(".s3cfg")).unwrap();
    assert!(
        home.run(&["s3cmd", "--name", "lab", "--static"])
            .status
            .success()
    );
    assert!(
        fs::symlink_metadata(home.path(".s3cfg"))
            .unwrap()
            .is_symlink()
    );
    assert!(
        home.read("dotfiles/s3cfg")
            .contains("host_base = 127.0.0.1:9000")
    );
    assert!(home.run(&["s3cmd", "--remove"]).status.success());
    assert_eq!(home.read(".s3cfg"), "[default]\nprogress_meter = False\n");
    assert_eq!(home.names("dotfiles"), ["s3cfg"]);
}
