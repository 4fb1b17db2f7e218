//! What is written, and what is left alone.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use crate::stage::{Stage, keep, kubectl};

const OTHERS: &str = "\
apiVersion: v1
kind: Config
clusters:
- name: work
  cluster:
    server: https://work.example
users:
- name: me
  user:
    token: secret-of-mine
contexts:
- name: work
  context:
    cluster: work
    user: me
current-context: work
";

#[test]
fn other_entries_and_the_current_context_stay() {
    let stage = Stage::new();
    stage.write_kubeconfig(OTHERS);
    let run = stage.named(&["--name", "lab", "-n", "user-x"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.keep("beside-others", &run);
    let text = stage.kubeconfig().unwrap();
    keep("beside-others-kubeconfig", &stage.redacted(&text));

    let run = stage.named(&["--name", "lab", "--use-context"]);
    assert_eq!(run.code, 0);
    let text = stage.kubeconfig().unwrap();
    assert!(text.contains("current-context: lab"), "{text}");
    assert!(text.contains("namespace: user-x"), "{text}");
}

#[test]
fn two_accounts_stand_side_by_side() {
    const TEST: &str = "two accounts stand side by side";
    let stage = Stage::new();
    for account in ["alice", "bob"] {
        let run = stage.named(&["--name", "lab", "--account", account]);
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    if let Some(run) = kubectl(TEST, &stage, &["config", "get-contexts", "-o", "name"]) {
        assert_eq!(run.stdout, "alice@lab\nbob@lab\n");
    }
    let known = stage.known_issuers().unwrap();
    assert_eq!(known["issuers"].as_array().unwrap().len(), 1);
}

#[test]
fn an_entry_of_somebody_elses_is_replaced_only_when_told() {
    let stage = Stage::new();
    stage.write_kubeconfig(OTHERS);
    let run = stage.named(&["--name", "work"]);
    assert_eq!(run.code, 8);
    stage.keep("conflict", &run);
    assert_eq!(stage.kubeconfig().unwrap(), OTHERS);
    assert_eq!(stage.known_issuers(), None);

    // A user entry with a token in it, which would win over ours.
    let mine = OTHERS
        .replace("name: me", "name: lab")
        .replace("user: me", "user: lab");
    stage.write_kubeconfig(&mine);
    let run = stage.named(&["--name", "lab"]);
    assert_eq!(run.code, 8);
    assert!(!run.stderr.contains("secret-of-mine"), "{}", run.stderr);
    let run = stage.named(&["--name", "lab", "--yes"]);
    assert_eq!(run.code, 0);
    assert!(!run.stdout.contains("secret-of-mine"), "{}", run.stdout);
    let text = stage.kubeconfig().unwrap();
    assert!(!text.contains("secret-of-mine"), "{text}");
    assert!(text.contains("name: work"), "{text}");
}

#[test]
fn at_a_terminal_it_is_shown_and_asked_about() {
    for (answer, code) in [("n", 1), ("", 1), ("y", 0)] {
        let stage = Stage::new();
        stage.write_kubeconfig(OTHERS);
        let words = stage.words(&["--name", "work"]).join(" ");
        let command = format!("{} setup {words}", stage.program().display());
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--command", &command, "/dev/null"])
            .env_clear()
            .env("HOME", stage.home.path())
            .env("PATH", "/usr/bin:/bin")
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = script.stdin.take().unwrap();
        writeln!(stdin, "{answer}").unwrap();
        let output = script.wait_with_output().unwrap();
        drop(stdin);
        let screen = String::from_utf8_lossy(&output.stdout);
        assert!(screen.contains("Replace them? [y/N]"), "{screen}");
        assert!(
            screen.contains("server: https://work.example -> "),
            "{screen}"
        );
        assert_eq!(output.status.code(), Some(code), "{screen}");
        let is_as_before = stage.kubeconfig().unwrap() == OTHERS;
        assert_eq!(is_as_before, code != 0, "{screen}");
        assert_eq!(stage.known_issuers().is_none(), code != 0, "{screen}");
    }
}

#[test]
fn a_locked_kubeconfig_is_left_alone() {
    let stage = Stage::new();
    stage.write_kubeconfig(OTHERS);
    fs::write(stage.path(".kube/config.lock"), "").unwrap();
    let run = stage.named(&[]);
    assert_eq!(run.code, 8);
    let age = run.stderr.find("has been there for ").unwrap();
    assert!(
        run.stderr
            .contains(&format!("rm {}", stage.path(".kube/config.lock").display()))
    );
    assert!(age > 0);
    assert_eq!(stage.kubeconfig().unwrap(), OTHERS);
    // No trust without an entry.
    assert_eq!(stage.known_issuers(), None);
}

#[test]
fn an_issuer_that_cannot_be_kept_is_said_beside_what_is_written() {
    let stage = Stage::new();
    // It can be read, as nothing, and nobody can make it.
    std::os::unix::fs::symlink("/proc/1/nowhere", stage.path(".config")).unwrap();
    let run = stage.named(&["--name", "lab"]);
    assert_eq!(run.code, 6, "{}", run.stderr);
    stage.keep("issuer-not-kept", &run);
    assert!(stage.kubeconfig().unwrap().contains("name: lab"));
    fs::remove_file(stage.path(".config")).unwrap();
    let run = stage.named(&["--name", "lab"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(stage.known_issuers().is_some());
}

#[test]
fn what_was_known_before_stays_known() {
    let stage = Stage::new();
    let first = stage.named(&["--audience", "s3=minio"]);
    assert_eq!(first.code, 0, "{}", first.stderr);
    let other = Stage::new();
    let (issuer, ca) = (stage.provider.issuer(), stage.ca());
    let (origin, other_ca) = (other.origin(), other.ca());
    let run = stage.setup(&[
        "--issuer",
        &issuer,
        "--client-id",
        "kubernetes",
        "--issuer-ca",
        &ca,
        "--server",
        &origin,
        "--server-ca",
        &other_ca,
        "--name",
        "second",
        "--audience",
        "vault=vault",
    ]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let known = stage.known_issuers().unwrap();
    let entry = &known["issuers"][0];
    let servers: Vec<_> = entry["servers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|server| server.as_str().unwrap().split(" by ").next().unwrap())
        .collect();
    assert_eq!(servers, [stage.origin(), origin]);
    let names: Vec<_> = entry["audiences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|audience| audience["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["s3", "vault"]);
}

#[test]
fn a_program_in_the_kubeconfigs_folder_is_warned_of() {
    let stage = Stage::new();
    fs::create_dir(stage.path(".kube")).unwrap();
    let beside = stage.path(".kube/kubectl-datalab-oidc_login");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-datalab-oidc_login"), &beside).unwrap();
    let words = stage.words(&["--name", "lab"]);
    let output = Command::new(&beside)
        .arg("setup")
        .args(&words)
        .env_clear()
        .env("HOME", stage.home.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    keep(
        "program-beside-kubeconfig",
        &stage.redacted(&String::from_utf8(output.stderr).unwrap()),
    );
    let text = stage.kubeconfig().unwrap();
    assert!(
        text.contains(&format!("command: {}", beside.display())),
        "{text}"
    );
}

/// The command that setup ends with, run by a shell.
#[track_caller]
fn next(run: &crate::stage::Run) -> Vec<String> {
    let line = run.stdout.lines().last().unwrap();
    let command = line.strip_prefix("next: ").unwrap();
    let script = format!("printf '%s\\n' {command}");
    let words = Command::new("sh").args(["-c", &script]).output().unwrap();
    let words = String::from_utf8(words.stdout).unwrap();
    words.lines().map(str::to_owned).collect()
}

#[test]
fn the_next_command_can_be_pasted() {
    let stage = Stage::new();
    stage.write_kubeconfig(OTHERS);
    let run = stage.named(&["--name", "it's; mine"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        next(&run),
        ["kubectl", "get", "pods", "--context", "it's; mine"]
    );

    let file = stage.path("my kube.yaml").display().to_string();
    let run = stage.named(&["--name", "lab", "--kubeconfig", &file]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(
        next(&run),
        ["kubectl", "get", "pods", "--kubeconfig", &file]
    );
}

#[test]
fn a_dry_run_needs_no_value_and_ends_with_the_real_one() {
    let stage = Stage::new();
    let run = stage.named(&["--dry-run"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    stage.is_untouched();
    assert!(
        run.stdout
            .ends_with("next: the same command without --dry-run\n"),
        "{}",
        run.stdout
    );
    // The counterpart.
    assert_eq!(stage.named(&["--dry-run", "none"]).code, 0);
    assert!(stage.kubeconfig().is_some());
}

#[test]
fn a_kubeconfig_that_cannot_be_written_is_not_called_locked() {
    let stage = Stage::new();
    // Nobody makes folders there, not even root.
    let run = stage.named(&["--kubeconfig", "/proc/nowhere/config"]);
    assert_eq!(run.code, 1);
    stage.keep("kubeconfig-unwritable", &run);
    assert_eq!(stage.known_issuers(), None);
}
