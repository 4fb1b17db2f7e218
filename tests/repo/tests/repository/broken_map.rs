//! Each rule of the map is broken once, by one line more in a file of this repository.

use datalab_repo::{Breach, Map, Tree, arrows};

use super::{assert_kept, map, sources};

#[test]
fn a_line_that_leaves_the_map_is_found() {
    let (tree, cases) = (sources(), cases(include_str!("breaches.txt")));
    assert!(cases.len() > 40);
    for case in cases {
        let [path, line, problem] = case[..] else {
            panic!("{case:?} is no case");
        };
        let before = tree.text(path).unwrap_or_default().trim_end();
        let number = before.lines().count() + 1;
        let found = breaches(&tree, path, line).iter().any(|breach| {
            let here = breach.line.is_none_or(|line| line == number);
            here && breach.problem.contains(problem) && !breach.remedy.is_empty()
        });
        assert!(found, "{line}: {:#?}", breaches(&tree, path, line));
    }
}

#[test]
fn what_only_looks_like_it_is_let_through() {
    let (tree, cases) = (sources(), cases(include_str!("allowed.txt")));
    assert!(cases.len() > 10);
    for case in cases {
        let [path, line] = case[..] else {
            panic!("{case:?} is no case");
        };
        assert_kept(&breaches(&tree, path, line));
    }
}

/// The cases of a page; `#` begins a remark.
fn cases(page: &str) -> Vec<Vec<&str>> {
    page.lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split(" ## ").collect())
        .collect()
}

/// What is found in one file when it has one line more. Only that file is read again.
fn breaches(tree: &Tree, path: &str, line: &str) -> Vec<Breach> {
    let text = match tree.text(path) {
        Some(text) => format!("{}\n{line}\n", text.trim_end()),
        None => format!("{line}\n"),
    };
    let small = Tree::default()
        .with("plugins/share-db/Cargo.toml", "")
        .with(path, &text);
    let mut breaches = arrows::check(&small, &map(tree)).breaches;
    breaches.retain(|breach| breach.file == path);
    breaches
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
fn a_feature_that_is_no_room_is_found() {
    let tree = sources();
    let map = map(&tree);
    let manifest = tree
        .text("core/Cargo.toml")
        .expect("because core is a package");
    for (from, to, problem) in [
        ("default = []", "default = [\"cli\"]", "is a default"),
        (
            "\ncli = [",
            "\ngopher = []\ncli = [",
            "feature gopher is no room",
        ),
        ("\ncli = [", "\ncommand = [", "room cli is no feature"),
        ("[features]", "[patches]", "room cluster is no feature"),
    ] {
        assert!(manifest.contains(from), "{from}");
        let tree = tree
            .clone()
            .with("core/Cargo.toml", &manifest.replace(from, to));
        let breaches = arrows::check(&tree, &map).breaches;
        let found = breaches
            .iter()
            .any(|breach| breach.problem.contains(problem));
        assert!(found, "{to}: {breaches:#?}");
    }
}
