//! This repository keeps its promises, and each check would tell if it did not: every rule is also
//! tried on the same files with one more line.

mod broken_house;
mod broken_map;

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
