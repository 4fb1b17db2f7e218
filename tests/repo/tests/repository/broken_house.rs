//! Each house rule is broken once, in a tree of a few files.

use datalab_repo::{Tree, house};

use super::assert_kept;

#[test]
fn a_file_that_breaks_a_house_rule_is_found() {
    let tree = Tree::default()
        .with("README.md", "")
        .with("plugins/README.md", "");
    assert_kept(&house::check(&tree));
    for (path, text, problem) in [
        (
            "core/src/words/long.rs",
            "fn f() {}\n".repeat(601).as_str(),
            "601 lines, more than 600",
        ),
        ("core/src/utils.rs", "", "utils.rs says nothing"),
        (
            "plugins/share-db/src/helpers/x.rs",
            "",
            "helpers says nothing",
        ),
        ("docs/page.md", "", "docs does not belong"),
        ("notes.txt", "", "notes.txt does not belong"),
        ("tests/more/x.rs", "", "tests/more is none of the parts"),
        (
            "plugins/share-db/kubectl-datalab-share-db",
            "",
            "a command of one more word",
        ),
        (
            "core/src/words/new.rs",
            "fn f() { todo!() }",
            "todo! stands in",
        ),
        (
            "core/src/words/new.rs",
            "fn f() { if x { unimplemented!(\"later\") } }",
            "unimplemented! stands in",
        ),
        (
            "core/tests/new.rs",
            "#[test]\n#[ignore = \"slow\"]\nfn f() {}",
            "an ignored test",
        ),
        (
            "core/tests/new.rs",
            "#[cfg_attr(unix, ignore)]\nfn f() {}",
            "an ignored test",
        ),
        (
            "core/notes.md",
            "[x](../plugins/nowhere.md#part)",
            "links to plugins/nowhere.md",
        ),
        (
            "plugins/s3-creds/Cargo.toml",
            "[[bin]]\nname = \"kubectl-datalab-s3-creds\"\n",
            "binary is not kubectl-datalab-s3_creds",
        ),
        (
            "plugins/s3-creds/Cargo.toml",
            "[package]\nname = \"kubectl-datalab-s3_creds\"\n",
            "binary is not kubectl-datalab-s3_creds",
        ),
    ] {
        let breaches = house::check(&tree.clone().with(path, text));
        let found = breaches
            .iter()
            .any(|breach| breach.file == path && breach.problem.contains(problem));
        assert!(found, "{path}: {breaches:#?}");
    }
    for (path, text) in [
        (".github/notes", ""),
        (
            "core/notes.md",
            "[x](../README.md) [y](https://kubernetes.io) [z](#part) [w](../plugins)",
        ),
        (
            "core/src/words/new.rs",
            "/// todo!()\nfn f() { \"todo!()\"; }",
        ),
        (
            "plugins/s3-creds/Cargo.toml",
            "[[bin]]\nname = \"kubectl-datalab-s3_creds\"\n",
        ),
        (
            "plugins/datalab/Cargo.toml",
            "[[bin]]\nname = \"kubectl-datalab\"\n",
        ),
    ] {
        assert_kept(&house::check(&tree.clone().with(path, text)));
    }
}
