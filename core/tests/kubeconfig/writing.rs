//! Entries written into kubeconfigs, with the real kubectl as the judge.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use datalab_core::{
    kubeconfig::{
        Change, CurrentContext, Edit, EditError, Effect, ExecEntry, Overrides, Plan, loses_its_path,
    },
    report::{Failure, Kind},
    world::World,
};
use jiff::Timestamp;
use serde_json::Value;

use super::Home;

const SERVER: &str = "https://api.lab.example:6443";

/// Everything that a careless writer loses: keys that nobody knows, order, quotes, odd names.
const OTHERS: &str = r##"
kind: Config
apiVersion: v1
clusters:
- name: zebra
  cluster:
    server: https://zebra.example
    proxy-url: http://proxy.example:3128
    extensions:
    - name: minikube.sigs.k8s.io
      extension: {version: "1.30", numbers: [1, 2.5, 0x1f], none: null}
- name: "on"
  cluster: {server: 'https://on.example', insecure-skip-tls-verify: yes}
users:
- name: "1e3"
  user: {token: "0123", username: ""}
- name: ~not~null
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: other-login
      args: ["", "-", "yes", "2024-01-01", "a: b", "# no comment", "é\n\ttwo lines"]
      env: null
contexts:
- name: zebra
  context: {cluster: zebra, user: "1e3", namespace: "y"}
current-context: zebra
x-nobody-knows: {kept: [true, "true", 1, "1"]}
"##;

fn entries(arguments: &[&str]) -> Vec<Change> {
    let exec = ExecEntry {
        command: "/opt/bin/kubectl-datalab-oidc_login".to_owned(),
        arguments: arguments.iter().map(|word| (*word).to_owned()).collect(),
        install_hint: "see the README".to_owned(),
    };
    vec![
        Change::cluster("datalab", SERVER, Some(b"-----BEGIN CERTIFICATE-----\n")),
        Change::user("me@datalab", &exec),
        Change::context(
            "datalab",
            "datalab",
            "me@datalab",
            Some(&"user-me".parse().unwrap()),
        ),
    ]
}

fn edit() -> Edit {
    Edit {
        kubeconfig: None,
        changes: entries(&["get-token", "--account", "on"]),
        current_context: Some(CurrentContext::IfNone("datalab".to_owned())),
    }
}

/// What kubectl reads in these files; `None`, said aloud, where there is no kubectl.
fn kubectl(test: &str, files: &str, arguments: &[&str]) -> Option<String> {
    let Ok(output) = Command::new("kubectl")
        .args(arguments)
        .env("KUBECONFIG", files)
        .env("KUBERC", "off")
        .output()
    else {
        datalab_lab::skip(test, "kubectl");
        return None;
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Some(String::from_utf8(output.stdout).unwrap())
}

fn seen(test: &str, files: &str) -> Option<Value> {
    let arguments = ["config", "view", "--raw", "--output=json"];
    Some(serde_json::from_str(&kubectl(test, files, &arguments)?).unwrap())
}

fn named<'a>(config: &'a Value, list: &str, name: &str) -> &'a Value {
    config[list]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == name)
        .unwrap()
}

impl Home {
    fn world(&self, files: &[&str]) -> (World, String) {
        let list: Vec<_> = files
            .iter()
            .map(|name| self.path().join(name).display().to_string())
            .collect();
        let list = list.join(":");
        let (world, _) = World::test(Timestamp::UNIX_EPOCH, [("KUBECONFIG", list.as_str())]);
        (world, list)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path().join(name)).unwrap()
    }

    fn is_bare(&self) {
        let left: Vec<_> = fs::read_dir(self.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".lock") || name.contains("config."))
            .collect();
        assert!(left.is_empty(), "{left:?} is left");
    }
}

fn apply(edit: &Edit, world: &World) -> Plan {
    let plan = edit.plan(world).unwrap();
    let done = edit.write(world, &plan).unwrap();
    assert_eq!(plan, done);
    done
}

fn effects(plan: &Plan) -> Vec<&Effect> {
    plan.steps.iter().map(|step| &step.effect).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_new_file_is_what_kubectl_reads() {
    const TEST: &str = "a new kubeconfig is what kubectl reads";
    let home = Home::new(&[]);
    let (world, files) = home.world(&["deep/down/config"]);
    let plan = apply(&edit(), &world);
    assert_eq!(effects(&plan), [&Effect::Added; 3]);
    assert_eq!(plan.current_context, Some(("datalab".to_owned(), None)));
    let path = home.path().join("deep/down/config");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    insta::assert_snapshot!("new_file", home.text("deep/down/config"));

    let Some(config) = seen(TEST, &files) else {
        return;
    };
    assert_eq!(config["current-context"], "datalab");
    let exec = &named(&config, "users", "me@datalab")["user"]["exec"];
    assert_eq!(
        exec["args"],
        serde_json::json!(["get-token", "--account", "on"])
    );
    assert_eq!(exec["interactiveMode"], "IfAvailable");
    assert_eq!(exec["provideClusterInfo"], true);
    let contexts = kubectl(TEST, &files, &["config", "get-contexts", "--no-headers"]).unwrap();
    assert_eq!(
        contexts.split_whitespace().collect::<Vec<_>>(),
        ["*", "datalab", "datalab", "me@datalab", "user-me"]
    );
}

#[test]
fn what_others_have_written_survives() {
    const TEST: &str = "what others have written survives";
    let home = Home::new(&[("config", OTHERS)]);
    let (world, files) = home.world(&["config"]);
    let before = seen(TEST, &files);
    let plan = apply(&edit(), &world);
    assert_eq!(effects(&plan), [&Effect::Added; 3]);
    assert_eq!(plan.current_context, None);
    insta::assert_snapshot!("beside_others", home.text("config"));
    home.is_bare();

    let (Some(before), Some(after)) = (before, seen(TEST, &files)) else {
        return;
    };
    for list in ["clusters", "users", "contexts"] {
        for entry in before[list].as_array().unwrap() {
            assert_eq!(
                entry,
                named(&after, list, entry["name"].as_str().unwrap()),
                "{list}"
            );
        }
    }
    assert_eq!(after["current-context"], "zebra");
    assert_eq!(
        named(&after, "contexts", "datalab")["context"]["cluster"],
        "datalab"
    );
}

#[test]
fn the_same_again_writes_nothing_even_after_kubectl_has_written() {
    const TEST: &str = "the same again writes nothing, even after kubectl has written";
    let home = Home::new(&[]);
    let (world, files) = home.world(&["config"]);
    apply(&edit(), &world);
    let first = home.text("config");
    let plan = apply(&edit(), &world);
    assert!(plan.is_empty());
    assert_eq!(home.text("config"), first);
    // kubectl writes the whole file in its own way.
    let other = ["config", "set-context", "other", "--cluster=datalab"];
    if kubectl(TEST, &files, &other).is_none() {
        return;
    }
    assert_ne!(home.text("config"), first);
    assert!(apply(&edit(), &world).is_empty());
    // What the user gives the plugin stays hers.
    let proxy = [
        "config",
        "set-credentials",
        "me@datalab",
        "--exec-env=HTTPS_PROXY=p",
    ];
    kubectl(TEST, &files, &proxy);
    assert!(apply(&edit(), &world).is_empty());
    let mut other = edit();
    other.changes = entries(&["get-token", "--account", "off"]);
    assert_eq!(apply(&other, &world).replaced().count(), 1);
    assert!(home.text("config").contains("HTTPS_PROXY"));
}

#[test]
fn entries_stay_in_the_files_they_come_from() {
    let second = "
users: [{name: me@datalab, user: {token: old, as: someone}}]
clusters: [{name: datalab, cluster: {server: 'https://old.example', proxy-url: 'http://p.example', insecure-skip-tls-verify: true}}]
";
    let home = Home::new(&[("first", "contexts: []\n"), ("second", second)]);
    let (world, _) = home.world(&["missing", "first", "second"]);
    let plan = apply(&edit(), &world);
    let files: Vec<_> = plan
        .steps
        .iter()
        .map(|step| step.file.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(files, ["second", "second", "first"]);
    assert_eq!(plan.file.file_name().unwrap(), "first");
    assert!(!home.path().join("missing").exists());
    let differences: Vec<_> = plan
        .replaced()
        .flat_map(|step| match &step.effect {
            Effect::Replaced { differences, .. } => differences.clone(),
            _ => Vec::new(),
        })
        .collect();
    insta::assert_snapshot!("differences", differences.join("\n"));
    insta::assert_snapshot!("second_of_two", home.text("second"));
    assert!(!format!("{plan:?}").contains("old\""), "{plan:?}");
    let current = home.text("first");
    assert!(current.contains("current-context: datalab"), "{current}");
}

#[test]
fn the_last_of_the_list_is_made_where_none_exists() {
    let home = Home::new(&[]);
    let (world, _) = home.world(&["one", "two"]);
    apply(&edit(), &world);
    assert!(!home.path().join("one").exists());
    assert!(home.text("two").contains("me@datalab"));
}

#[test]
fn the_command_lines_file_is_the_only_one() {
    let home = Home::new(&[("config", OTHERS)]);
    let (world, _) = home.world(&["config"]);
    let edit = Edit {
        kubeconfig: Some(home.path().join("mine")),
        ..edit()
    };
    apply(&edit, &world);
    assert!(home.text("mine").contains("current-context: datalab"));
    assert_eq!(home.text("config"), OTHERS);
}

#[test]
fn the_current_context_is_changed_only_when_asked() {
    let home = Home::new(&[("config", OTHERS)]);
    let (world, _) = home.world(&["config"]);
    let edit = Edit {
        current_context: Some(CurrentContext::Switch("datalab".to_owned())),
        ..edit()
    };
    let plan = apply(&edit, &world);
    assert_eq!(
        plan.current_context,
        Some(("datalab".to_owned(), Some("zebra".to_owned())))
    );
    assert!(home.text("config").contains("current-context: datalab"));
}

#[test]
fn a_link_stays_a_link_and_the_mode_stays() {
    let home = Home::new(&[("real/config", OTHERS)]);
    let real = home.path().join("real/config");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real/config", home.path().join("config")).unwrap();
    let (world, _) = home.world(&["config"]);
    apply(&edit(), &world);
    let link = fs::symlink_metadata(home.path().join("config")).unwrap();
    assert!(link.is_symlink());
    assert!(home.text("real/config").contains("me@datalab"));
    assert_eq!(mode(&real), 0o640);
}

#[test]
fn a_link_to_nothing_yet_is_followed() {
    let home = Home::new(&[("real/other", "")]);
    symlink("real/config", home.path().join("config")).unwrap();
    let (world, _) = home.world(&["config"]);
    apply(&edit(), &world);
    assert!(home.text("real/config").contains("me@datalab"));
}

#[test]
fn kubectls_lock_is_waited_for_and_named() {
    let home = Home::new(&[("a", OTHERS), ("b", "")]);
    let (world, _) = home.world(&["a", "b"]);
    let plan = edit().plan(&world).unwrap();
    let lock = home.path().join("b.lock");
    // As kubectl makes it: empty, and nobody may read it.
    fs::write(&lock, "").unwrap();
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o000)).unwrap();
    let refused = edit().write(&world, &plan).unwrap_err();
    let failure = Failure::from(refused);
    assert_eq!(failure.kind(), Kind::Conflict);
    let text = failure.to_string();
    let text = text.replace(home.path().to_str().unwrap(), "FOLDER");
    let seconds = without_age(&text);
    insta::assert_snapshot!("locked", seconds);
    assert_eq!(home.text("a"), OTHERS);
    assert!(lock.exists(), "a lock of somebody else's was removed");
    assert!(!home.path().join("a.lock").exists());

    // While it is released a little later, nothing is refused.
    let released = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        fs::remove_file(lock).unwrap();
    });
    edit().write(&world, &plan).unwrap();
    released.join().unwrap();
    home.is_bare();
}

/// The lock's age in seconds, which depends on the machine.
fn without_age(text: &str) -> String {
    let (head, tail) = text.split_once("has been there for ").unwrap();
    let (_, tail) = tail.split_once(" s").unwrap();
    format!("{head}has been there for N s{tail}")
}

fn add_context(name: &str, world: &World) {
    let mut edit = edit();
    edit.changes = vec![Change::context(name, "zebra", "1e3", None)];
    let plan = edit.plan(world).unwrap();
    edit.write(world, &plan).unwrap();
}

/// kubectl reads before it locks, and drops what came in between (also between two kubectls); we
/// read under the lock, so nothing of kubectl's is lost.
#[test]
fn what_kubectl_writes_at_the_same_time_is_not_lost() {
    const TEST: &str = "what kubectl writes at the same time is not lost";
    let home = Home::new(&[("config", OTHERS)]);
    let (world, files) = home.world(&["config"]);
    if kubectl(TEST, &files, &["config", "view"]).is_none() {
        return;
    }
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let kubectls = std::thread::spawn({
        let (files, done) = (files.clone(), done.clone());
        move || {
            for count in 0..8 {
                // kubectl does not wait for a lock, so it has to be asked again.
                let name = format!("kubectl-{count}");
                let written = (0..500).any(|_| {
                    Command::new("kubectl")
                        .args(["config", "set-context", &name, "--cluster=zebra"])
                        .env("KUBECONFIG", &files)
                        .env("KUBERC", "off")
                        .output()
                        .unwrap()
                        .status
                        .success()
                });
                assert!(written, "kubectl never got the lock");
            }
            done.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    });
    let mut ours = 0;
    while !done.load(std::sync::atomic::Ordering::Relaxed) && !kubectls.is_finished() {
        add_context(&format!("ours-{ours}"), &world);
        ours += 1;
    }
    kubectls.join().unwrap();
    assert!(ours > 8, "only {ours} writes in all that time");
    let config = seen(TEST, &files).unwrap();
    for count in 0..8 {
        named(&config, "contexts", &format!("kubectl-{count}"));
    }
}

#[test]
fn two_of_us_at_once_lose_nothing() {
    let home = Home::new(&[("config", OTHERS)]);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let home = &home;
            scope.spawn(move || {
                let (world, _) = home.world(&["config"]);
                for count in 0..10 {
                    add_context(&format!("{writer}-{count}"), &world);
                }
            });
        }
    });
    let text = home.text("config");
    assert_eq!(text.matches("cluster: zebra").count(), 41, "{text}");
    home.is_bare();
}

#[test]
fn an_entry_that_changed_meanwhile_is_left_alone() {
    let other = "users: [{name: me@datalab, user: {token: mine}}]\n";
    let home = Home::new(&[("config", "")]);
    let (world, _) = home.world(&["config"]);
    let plan = edit().plan(&world).unwrap();
    home.write("config", other);
    let refused = edit().write(&world, &plan).unwrap_err();
    assert!(matches!(refused, EditError::Changed { .. }), "{refused:?}");
    assert_eq!(Failure::from(refused).kind(), Kind::Conflict);
    assert_eq!(home.text("config"), other);
    home.is_bare();
}

#[test]
fn what_is_no_kubeconfig_is_not_touched() {
    for broken in [
        "clusters: 3\n",
        "- a list\n",
        "users: [{name: x, user: {token: ]}\n",
        "a: 1\n---\nb: 2\n",
    ] {
        let home = Home::new(&[("config", broken)]);
        let (world, _) = home.world(&["config"]);
        let failure = Failure::from(edit().plan(&world).unwrap_err());
        assert_eq!(failure.kind(), Kind::Usage, "{broken}");
        assert_eq!(home.text("config"), broken);
        home.is_bare();
    }
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    assert!(matches!(edit().plan(&world), Err(EditError::Nowhere)));
}

#[test]
fn a_folder_that_cannot_be_written_says_so() {
    let home = Home::new(&[]);
    fs::write(home.path().join("file"), "").unwrap();
    let (world, _) = home.world(&["file/config"]);
    let plan = edit().plan(&world);
    let failure = match plan {
        Ok(plan) => Failure::from(edit().write(&world, &plan).unwrap_err()),
        Err(error) => Failure::from(error),
    };
    let text = failure.to_string();
    assert!(text.contains("file/config"), "{text}");
}

/// A program that says what a kubectl wants of a credential plugin.
fn plugin(folder: &Path) -> PathBuf {
    let path = folder.join("plugin");
    fs::write(
        &path,
        "#!/bin/sh\necho \"ran as $0\" >>\"$RAN\"\necho '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{\"token\":\"t\"}}'\n",
    )
    .unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// kubectl rewrites the path of a program in the kubeconfig's own folder to a bare name as soon
/// as it edits that user entry; what it does to other entries leaves it alone.
#[test]
fn kubectl_runs_the_program_and_where_it_stops_is_foretold() {
    const TEST: &str = "kubectl runs the program of the entry";
    for (folder, lost) in [("", true), ("below", false), ("../beside", false)] {
        let home = Home::new(&[("kube/none", "")]);
        let kube = home.path().join("kube");
        let folder = kube.join(folder);
        fs::create_dir_all(&folder).unwrap();
        let program = plugin(&fs::canonicalize(folder).unwrap());
        let (world, files) = home.world(&["kube/config"]);
        let exec = ExecEntry {
            command: program.display().to_string(),
            arguments: vec!["get-token".to_owned()],
            install_hint: "none".to_owned(),
        };
        let edit = Edit {
            kubeconfig: None,
            changes: vec![
                // Nobody listens there: the plugin is run before that is found out.
                Change::cluster("c", "https://127.0.0.1:1", None),
                Change::user("u", &exec),
                Change::context("c", "c", "u", None),
            ],
            current_context: Some(CurrentContext::Switch("c".to_owned())),
        };
        apply(&edit, &world);
        let kubeconfig = fs::canonicalize(&kube).unwrap().join("config");
        assert_eq!(loses_its_path(&program, &kubeconfig), lost);

        let ran = home.path().join("ran");
        let runs = || {
            let _ = fs::remove_file(&ran);
            Command::new("kubectl")
                .args(["get", "--raw", "/version", "--request-timeout=5s"])
                .env("KUBECONFIG", &kubeconfig)
                .env("KUBERC", "off")
                .env("RAN", &ran)
                .output()
                .map(|_| fs::read_to_string(&ran).is_ok())
        };
        match runs() {
            Ok(ran) => assert!(ran),
            Err(_) => return datalab_lab::skip(TEST, "kubectl"),
        }
        kubectl(
            TEST,
            &files,
            &["config", "set-context", "c", "--namespace=n"],
        );
        kubectl(
            TEST,
            &files,
            &["config", "set-cluster", "c", "--tls-server-name=n"],
        );
        assert!(runs().unwrap(), "after an edit of other entries");
        kubectl(
            TEST,
            &files,
            &["config", "set-credentials", "u", "--exec-env=A=b"],
        );
        assert_eq!(runs().unwrap(), !lost, "after an edit of the user entry");
    }
}

#[test]
fn what_was_written_is_read_back() {
    let home = Home::new(&[]);
    let (world, _) = home.world(&["config"]);
    apply(&edit(), &world);
    let connection = datalab_core::kubeconfig::resolve(&Overrides::default(), &world).unwrap();
    assert_eq!(connection.server, SERVER);
    assert_eq!(connection.namespace.as_str(), "user-me");
    let datalab_core::kubeconfig::Credential::Exec(exec) = connection.credential else {
        panic!("it is no exec entry");
    };
    assert_eq!(exec.arguments, ["get-token", "--account", "on"]);
    assert!(exec.cluster.is_some());
}
