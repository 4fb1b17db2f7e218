//! Both spellings: from PATH, and as krew links it.

use std::os::unix::fs::symlink;

use datalab_lab::tenant::{Release, Stage};

use super::share::program;

#[test]
fn help_and_hints_show_the_spelling_used() {
    let Some(stage) = Stage::required("help and hints show the spelling used") else {
        return;
    };
    let play = stage.play();
    let (me, x) = (play.tenant("me"), play.tenant("x"));
    let krew = tempfile::tempdir().expect("because a folder for temporary files can be made");
    symlink(
        program("kubectl-datalab-share_db", &me),
        krew.path().join("kubectl-datalab_share_db"),
    )
    .expect("because the folder is new");
    // kubectl alone, then the link alone: neither spelling may lean on the other's file.
    let kubectl = program("kubectl", &me);
    let kubectl_only = kubectl
        .parent()
        .expect("because a program lies in a folder");
    let as_krew = std::env::join_paths([krew.path(), kubectl_only])
        .expect("because no folder has a colon in its name");
    let spellings = [
        ("datalab share-db", None),
        ("datalab-share-db", Some(as_krew)),
    ];
    let run = |(spelling, path): &(&str, Option<std::ffi::OsString>), line: &str| {
        let words = ["kubectl"]
            .into_iter()
            .chain(spelling.split(' '))
            .chain(line.split(' '));
        let program = me.program(words);
        match path {
            Some(path) => program.env("PATH", path).run(),
            None => program.run(),
        }
    };

    let db = me.postgres(Release::named("postgresql-951239")).ready();
    for (mine, other) in [(0, 1), (1, 0)] {
        let spelling = &spellings[mine];
        let command = format!("kubectl {}", spelling.0);
        let only_mine = |text: &str| {
            assert!(text.contains(&command), "{text}");
            assert!(!text.contains(spellings[other].0), "{text}");
            assert!(!text.contains("share_db"), "{text}");
        };
        only_mine(&run(spelling, "--help").ok());
        only_mine(&run(spelling, "grant --help").ok());
        only_mine(&run(spelling, "help revoke").ok());
        only_mine(&run(spelling, "grant").fails_with(2));
        only_mine(&run(spelling, "postgres --with x").fails_with(2));

        let told = run(spelling, &format!("postgres --with {}", x.namespace())).ok();
        only_mine(&told);
        let take_back = format!("take back: {command} ");
        let revoke = told
            .lines()
            .find_map(|line| line.strip_prefix(&take_back))
            .expect("because a grant says how it is taken back");
        assert!(run(spelling, "list").ok().contains(db.fullname()));
        run(spelling, revoke).ok();
        assert_eq!(run(spelling, "list").ok(), "no shares\n");
    }

    // kubectl itself lists both.
    for (spelling, path) in spellings {
        let program = me.program(["kubectl", "plugin", "list", "--name-only"]);
        let listed = match path {
            Some(path) => program.env("PATH", path).run(),
            None => program.run(),
        };
        let file = format!(
            "kubectl-{}",
            spelling
                .replace("share-db", "share_db")
                .replace("datalab-", "datalab_")
                .replace(' ', "-")
        );
        assert!(listed.stdout().lines().any(|line| line == file), "{listed}");
    }
}
