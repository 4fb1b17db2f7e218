//! What one file quotes of another.

use std::{fs, path::Path};

#[test]
fn readmes_quote_the_benchmarks_as_they_were_measured() {
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    for tool in ["share-db", "oidc-login", "s3-creds"] {
        let read = |name: &str| fs::read_to_string(plugins.join(tool).join(name)).unwrap();
        let (measured, readme) = (read("BENCHMARKS.md"), read("README.md"));
        let begin = measured.find("| what |").unwrap();
        let table = measured[begin..].trim_end();
        assert!(table.lines().count() > 2, "no rows in {measured}");
        assert!(
            readme.contains(table),
            "{table}\nis not in {tool}'s README.md"
        );
    }
}

/// `MODULE::NAME` of the last column of a table, as in "| 1 | … | `races::one_login` |".
fn named_tests(readme: &str) -> Vec<(&str, &str)> {
    readme
        .lines()
        .filter(|line| line.starts_with("| ") && line.ends_with("` |"))
        .filter_map(|line| line.trim_end_matches([' ', '|']).rsplit_once("| "))
        .flat_map(|(_, names)| names.split(", "))
        .filter_map(|name| name.trim_matches('`').rsplit_once("::"))
        .map(|(module, name)| (module.trim_end_matches("::tests"), name))
        .collect()
}

/// All files below a folder, with what they hold.
fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("because the checkout can be read") {
        let path = entry.expect("because the checkout can be read").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            found.push((
                name,
                fs::read_to_string(&path).expect("because the checkout can be read"),
            ));
        }
    }
    found
}

#[test]
fn the_readme_of_oidc_login_names_tests_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = [
        "core/src/login",
        "core/src/oidc",
        "plugins/oidc-login",
        "tests/journeys/tests/oidc_login",
    ];
    let sources: Vec<_> = folders
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .collect();
    let readme = fs::read_to_string(root.join("plugins/oidc-login/README.md")).unwrap();
    let named = named_tests(&readme);
    assert!(named.len() > 20, "{named:?}");
    for (module, name) in named {
        let is_there = sources.iter().any(|(file, text)| {
            file == module && text.contains(&format!("fn {name}(")) && text.contains("test]")
        });
        assert!(is_there, "{module}::{name} is in none of {folders:?}");
    }
}
