//! This repository keeps its promises, and each check would tell if it did not: every rule is also
//! tried on the same files with one more line.

use std::path::{Path, PathBuf};

use datalab_repo::{Breach, Map, Tree, arrows, house};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What compiles, committed or not.
fn sources() -> Tree {
    Tree::below(&root(), &["core", "plugins"]).expect("because the checkout can be read")
}

fn tracked() -> Tree {
    Tree::tracked(&root()).expect("because the checkout can be read")
}

fn map(tree: &Tree) -> Map {
    let page = tree
        .text("core/README.md")
        .expect("because core has a page");
    Map::parse(page).expect("because the page has its tables")
}

#[track_caller]
fn assert_kept(breaches: &[Breach]) {
    let lines: Vec<String> = breaches.iter().map(ToString::to_string).collect();
    assert!(
        lines.is_empty(),
        "{} breaches:\n{}\n",
        lines.len(),
        lines.join("\n")
    );
}

#[test]
fn the_sources_keep_to_the_map() {
    let tree = sources();
    let arrows = arrows::check(&tree, &map(&tree));
    assert_kept(&arrows.breaches);
    for arrow in [
        "world -> report",
        "kubeconfig -> world",
        "cluster -> kubeconfig",
        "cli -> world",
        "plugins/share-db -> cluster",
        "plugins/share-db -> cli",
    ] {
        assert!(
            arrows.seen.contains(arrow),
            "{arrow} was overlooked; seen: {:?}",
            arrows.seen
        );
    }
}

#[test]
fn the_files_keep_to_the_house_rules() {
    let tree = tracked();
    assert!(tree.files().count() > 100, "most files were overlooked");
    assert_kept(&house::check(&tree));
}

/// A line that breaks a rule, added to a file of this repository, is found in that line.
#[test]
fn a_source_that_leaves_the_map_is_found() {
    let tree = sources();
    let map = map(&tree);
    for (path, line, problem) in [
        // The three ways up, and every way to write one.
        (
            "core/src/words/name.rs",
            "use crate::world::World;",
            "words -> world",
        ),
        (
            "core/src/words/name.rs",
            "use crate::{report::Kind, words::Secret};",
            "words -> report",
        ),
        (
            "core/src/words/name.rs",
            "pub use super::super::cluster::Cluster;",
            "words -> cluster",
        ),
        (
            "core/src/report/mod.rs",
            "pub use crate::world::*;",
            "report -> world",
        ),
        (
            "core/src/world/mod.rs",
            "fn f(c: &crate::cluster::Cluster) {}",
            "world -> cluster",
        ),
        (
            "core/src/world/file.rs",
            "fn f() { super::super::cli::interruptible() }",
            "world -> cli",
        ),
        (
            "core/src/kubeconfig/mod.rs",
            "impl super::cli::Made for World {}",
            "kubeconfig -> cli",
        ),
        (
            "core/src/kubeconfig/mod.rs",
            "fn f() { println(format!(\"{}\", crate::cluster::X)) }",
            "kubeconfig -> cluster",
        ),
        (
            "core/src/kubeconfig/mod.rs",
            "macro_rules! m { () => { $crate::cli::x() } }",
            "kubeconfig -> cli",
        ),
        (
            "core/src/cluster/mod.rs",
            "#[serde(with = \"crate::cli::Output\")] struct S;",
            "cluster -> cli",
        ),
        (
            "core/src/cluster/mod.rs",
            "mod inner { use super::super::cli::Shell; }",
            "cluster -> cli",
        ),
        (
            "core/src/cli/mod.rs",
            "type C = Vec<Option<crate::cluster::Cluster>>;",
            "cli -> cluster",
        ),
        (
            "core/src/cli/mod.rs",
            "#[cfg(test)] mod t { use crate::cluster::Cluster; }",
            "cli -> cluster",
        ),
        (
            "core/src/cli/mod.rs",
            "pub(in crate::cluster) struct S;",
            "cli -> cluster",
        ),
        // The ways round the table.
        (
            "core/src/cli/mod.rs",
            "use crate as root;",
            "the root of core is imported",
        ),
        (
            "core/src/cli/mod.rs",
            "use super::*;",
            "the root of core is imported",
        ),
        (
            "core/src/cli/mod.rs",
            "extern crate self as root;",
            "the root of core is imported",
        ),
        (
            "core/src/cli/mod.rs",
            "use crate::Cluster;",
            "datalab_core::Cluster is in no room",
        ),
        (
            "core/src/lib.rs",
            "pub use cluster::Cluster;",
            "lib.rs holds more than its rooms",
        ),
        (
            "core/src/lib.rs",
            "pub mod garden { pub use crate::cluster::Cluster; }",
            "lib.rs holds more than its rooms",
        ),
        (
            "core/src/cli/mod.rs",
            "#[path = \"../cluster/x.rs\"] mod x;",
            "another file than its name says",
        ),
        (
            "core/src/cli/mod.rs",
            "#[cfg(feature = \"cluster\")] fn f() {}",
            "cfg(feature) stands outside",
        ),
        (
            "core/src/cli/mod.rs",
            "fn f() -> bool { cfg!(feature = \"cluster\") }",
            "cfg(feature) stands outside",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use datalab_core as d;",
            "the root of core is imported",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use datalab_core::*;",
            "the root of core is imported",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use kubectl_datalab_s3_creds::x;",
            "plugins do not know each other",
        ),
        // Names that not everybody may use.
        (
            "plugins/share-db/src/list.rs",
            "use kube::Client;",
            "names kube::Client",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use k8s_openapi as api;",
            "names k8s_openapi",
        ),
        (
            "core/src/world/mod.rs",
            "fn f(c: ::kube::Client) {}",
            "names kube::Client",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { std::env::var(\"X\"); }",
            "names std::env::var",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use std::{env, io};",
            "names std::env",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { std::process::exit(1) }",
            "names std::process::exit",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use std::process; fn f() { process::exit(1) }",
            "names std::process::exit",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use std::process::*;",
            "names std::process::*",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { println!() }",
            "names println",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { drop(vec![eprintln!()]) }",
            "names eprintln",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { std::dbg!(1); }",
            "names std::dbg",
        ),
        (
            "plugins/share-db/src/list.rs",
            "fn f() { std::fs::read(\"x\"); }",
            "names std::fs::read",
        ),
        (
            "core/src/report/mod.rs",
            "use jiff::Timestamp; fn f() { Timestamp::now() }",
            "names jiff::Timestamp::now",
        ),
        ("core/src/words/name.rs", "fn f( {", "this is no Rust"),
        // Places that are in no table.
        (
            "core/src/garden/mod.rs",
            "fn f() {}",
            "room garden has no row",
        ),
        ("core/src/garden.rs", "fn f() {}", "room garden has no row"),
        (
            "plugins/other/Cargo.toml",
            "kubectl-datalab-share-db.workspace = true",
            "depends on plugins/share-db",
        ),
    ] {
        let text = tree.text(path).unwrap_or("//\n");
        let manifests = Tree::default().with("plugins/share-db/Cargo.toml", "");
        let number = text.lines().count() + 1;
        let breaches = |text: &str| {
            let tree = manifests.clone().with(path, text);
            let mut breaches = arrows::check(&tree, &map).breaches;
            breaches.retain(|breach| breach.file == path);
            breaches
        };
        if tree.text(path).is_some() {
            assert_kept(&breaches(text));
        }
        let broken = breaches(&format!("{}\n{line}\n", text.trim_end()));
        let found = broken.iter().any(|breach| {
            let here = breach.line.is_none_or(|line| line == number);
            here && breach.problem.contains(problem) && !breach.remedy.is_empty()
        });
        assert!(found, "{line}: {broken:#?}");
    }
}

/// What looks like a breach and is none.
#[test]
fn what_is_allowed_is_let_through() {
    let tree = sources();
    let map = map(&tree);
    for (path, line) in [
        (
            "core/src/cli/mod.rs",
            "use crate::{kubeconfig::Overrides, words, world::*};",
        ),
        ("core/src/cli/mod.rs", "use super::cli::{self, Shell};"),
        (
            "core/src/cli/mod.rs",
            "pub(crate) struct S; mod inner { use super::*; }",
        ),
        (
            "core/src/cli/mod.rs",
            "/// See [cluster](crate::cluster).\nfn f(kube: u8, println: u8) -> u8 { kube + println }",
        ),
        (
            "core/src/cli/mod.rs",
            "fn f() -> &'static str { \"use kube::Client; println!()\" } // kube::Client",
        ),
        (
            "core/src/cli/mod.rs",
            "use crate::world as kube; fn f(w: kube::World) {}",
        ),
        ("core/src/cluster/mod.rs", "use kube::{Client, api::*};"),
        (
            "core/src/kubeconfig/mod.rs",
            "fn f() { std::env::split_paths(\"\"); }",
        ),
        (
            "core/src/kubeconfig/mod.rs",
            "#[cfg(test)] mod t { fn f() { std::fs::read(\"x\"); } }",
        ),
        (
            "core/src/lib.rs",
            "#[cfg(feature = \"cluster\")] pub mod cluster;",
        ),
        (
            "plugins/share-db/src/main.rs",
            "fn f() { std::env::args(); std::process::exit(1) }",
        ),
        (
            "plugins/share-db/src/list.rs",
            "use datalab_core::cluster::api; use kubectl_datalab_share_db::x;",
        ),
        (
            "plugins/other/Cargo.toml",
            "datalab-core.workspace = true # not kubectl-datalab-share-db",
        ),
    ] {
        let text = tree.text(path).unwrap_or_default();
        let more = Tree::default()
            .with("plugins/share-db/Cargo.toml", "")
            .with(path, &format!("{text}\n{line}\n"));
        let mut breaches = arrows::check(&more, &map).breaches;
        breaches.retain(|breach| breach.file == path);
        assert_kept(&breaches);
    }
}

#[test]
fn a_row_that_is_missing_is_found() {
    let tree = sources();
    let page = tree
        .text("core/README.md")
        .expect("because core has a page");
    for (taken, problem) in [
        ("| `cluster` |", "room cluster has no row"),
        ("", "room attic has a row"),
    ] {
        let mut lines: Vec<&str> = page
            .lines()
            .filter(|line| taken.is_empty() || !line.contains(taken))
            .collect();
        if taken.is_empty() {
            let words = lines.iter().position(|line| line.contains("| `words` |"));
            lines.insert(
                words.expect("because words is a room"),
                "| 0 | `attic` | x | - |",
            );
        } else {
            // The table of names must not speak of a room that is gone.
            lines.retain(|line| !line.contains("`cluster`"));
        }
        let map = Map::parse(&lines.join("\n")).expect("because it still is a table");
        let breaches = arrows::check(&tree, &map).breaches;
        assert!(
            breaches
                .iter()
                .any(|breach| breach.problem.contains(problem)),
            "{breaches:#?}"
        );
    }
}

#[test]
fn a_file_that_breaks_a_house_rule_is_found() {
    let tree = Tree::default()
        .with("README.md", "")
        .with("plugins/README.md", "");
    assert_kept(&house::check(&tree));
    let registry = ["see static.crates", "io/crates"].join(".");
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
            "core/notes.md",
            registry.as_str(),
            "the host of a package registry",
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
        ("tests/tools/new/go.sum", registry.as_str()),
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
