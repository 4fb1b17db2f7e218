//! Rules that hold for every tracked file.

use crate::{Breach, Mark, ReferenceKind, Source, Tree};

/// More than this no reader keeps in mind.
const LONGEST_SOURCE: usize = 600;

/// Folders and files that collect what nobody named.
const DRAWERS: [&str; 10] = [
    "common",
    "commons",
    "helper",
    "helpers",
    "misc",
    "miscellaneous",
    "stuff",
    "util",
    "utilities",
    "utils",
];

/// All that may stand in the root, dotted files apart.
const TOP: [&str; 14] = [
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "clippy.toml",
    "core",
    "deny.toml",
    "krew-index",
    "manifests",
    "plugins",
    "rustfmt.toml",
    "tests",
];

/// All that may stand in `tests/`.
const TESTS: [&str; 5] = ["journeys", "lab", "repo", "tools", "xtask"];

/// All rules, on all files of the tree.
pub fn check(tree: &Tree) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (path, text) in tree.files() {
        names(path, &mut breaches);
        if path.ends_with(".rs") {
            source(path, text, &mut breaches);
        }
        if path.ends_with(".md") {
            links(tree, path, text, &mut breaches);
        }
        if path.starts_with("plugins/") && path.ends_with("/Cargo.toml") {
            binary(path, text, &mut breaches);
        }
    }
    breaches.sort();
    breaches.dedup();
    breaches
}

fn names(path: &str, breaches: &mut Vec<Breach>) {
    let mut refuse =
        |problem: String, remedy: &str| breaches.push(Breach::at(path, None, problem, remedy));
    let top = path.split('/').next().unwrap_or(path);
    if !top.starts_with('.') && !TOP.contains(&top) {
        refuse(
            format!("{top} does not belong into the root"),
            "put it where its kind lives: core, plugins, manifests, krew-index or tests",
        );
    }
    if let Some(below) = path.strip_prefix("tests/")
        && let Some((folder, _)) = below.split_once('/')
        && !TESTS.contains(&folder)
    {
        refuse(
            format!("tests/{folder} is none of the parts of tests/"),
            "put it into one of them",
        );
    }
    for part in path.split('/') {
        let stem = part.split('.').next().unwrap_or(part);
        if DRAWERS.contains(&stem) {
            refuse(
                format!("{part} says nothing about what is in it"),
                "name it by the noun it holds",
            );
        }
    }
    let file = path.rsplit('/').next().unwrap_or(path);
    if file
        .strip_prefix("kubectl-datalab-")
        .is_some_and(|tool| tool.contains('-'))
    {
        refuse(
            format!("kubectl takes {file} for a command of one more word"),
            "write the dashes of the tool's name as underscores",
        );
    }
}

fn source(path: &str, text: &str, breaches: &mut Vec<Breach>) {
    let lines = text.lines().count();
    if lines > LONGEST_SOURCE {
        breaches.push(Breach::at(
            path,
            None,
            format!("{lines} lines, more than {LONGEST_SOURCE}"),
            "split it by noun",
        ));
    }
    let source = match Source::parse(path, text) {
        Ok(source) => source,
        Err(breach) => return breaches.push(breach),
    };
    for reference in source.references {
        let name = reference
            .path
            .last()
            .map(String::as_str)
            .unwrap_or_default();
        if reference.kind == ReferenceKind::Macro && matches!(name, "todo" | "unimplemented") {
            breaches.push(Breach::at(
                path,
                reference.line,
                format!("{name}! stands in for something"),
                "write it, or leave the whole feature out",
            ));
        }
    }
    for (line, mark) in source.marks {
        if mark == Mark::Ignore {
            breaches.push(Breach::at(
                path,
                line,
                "an ignored test is a silent pass",
                "run it, or skip it aloud with datalab_lab::skip",
            ));
        }
    }
}

/// Links of a page to other files of the repository lead somewhere.
fn links(tree: &Tree, path: &str, text: &str, breaches: &mut Vec<Breach>) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (index, line) in text.lines().enumerate() {
        for link in line.split("](").skip(1) {
            let target = link.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains(':') {
                continue;
            }
            let target = joined(folder, target);
            let inside = format!("{target}/");
            if tree.text(&target).is_none()
                && !tree.files().any(|(path, _)| path.starts_with(&inside))
            {
                breaches.push(Breach::at(
                    path,
                    index + 1,
                    format!("links to {target}, which is not there"),
                    "mend the link, or write the file",
                ));
            }
        }
    }
}

fn joined(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// cargo names a binary after its package unless it is told otherwise.
fn binary(path: &str, text: &str, breaches: &mut Vec<Breach>) {
    let tool = path.split('/').nth(1).unwrap_or_default();
    let binary = match tool {
        "datalab" => "kubectl-datalab".to_owned(),
        tool => format!("kubectl-datalab-{}", tool.replace('-', "_")),
    };
    let named = text
        .split("[[bin]]")
        .skip(1)
        .flat_map(|section| section.lines().take_while(|line| !line.starts_with('[')))
        .filter_map(|line| line.strip_prefix("name = "))
        .any(|name| name.trim_matches('"') == binary);
    if !named {
        breaches.push(Breach::at(
            path,
            None,
            format!("the plugin's binary is not {binary}"),
            "name it in a [[bin]] section: kubectl finds it by that name only",
        ));
    }
}
