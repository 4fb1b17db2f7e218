//! What one file quotes of another.

use std::{fs, path::Path};

#[test]
fn the_readme_quotes_the_benchmarks_as_they_were_measured() {
    let plugin = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins/share-db");
    let read = |name: &str| fs::read_to_string(plugin.join(name)).unwrap();
    let (measured, readme) = (read("BENCHMARKS.md"), read("README.md"));
    let begin = measured.find("| what |").unwrap();
    let table = measured[begin..].trim_end();
    assert!(table.lines().count() > 2, "no rows in {measured}");
    assert!(readme.contains(table), "{table}\nis not in README.md");
}
