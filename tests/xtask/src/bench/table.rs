//! The table of a benchmark, in the file that README files quote.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

type Failure = Box<dyn Error + Send + Sync>;

/// Where the quoted table begins and ends in a README.
const BEGINNING: &str = "<!-- bench: written by cargo xtask bench -->\n";
const END: &str = "<!-- bench: end -->\n";

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) what: &'static str,
    pub(super) ours: String,
    pub(super) peer: String,
    /// What is compared with the target, as it is written.
    pub(super) value: String,
    pub(super) target: &'static str,
    pub(super) met: bool,
}

/// The table in Markdown.
pub(super) fn markdown(tool: &str, rows: &[Row]) -> String {
    let mut text = format!("| what | {tool} | peer | compared | target |\n|---|---|---|---|---|\n");
    for row in rows {
        let missed = if row.met { "" } else { ", missed" };
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {}{missed} |",
            row.what, row.ours, row.peer, row.value, row.target
        );
    }
    text
}

/// Writes the file with the table, and the table into the README beside it.
pub(super) fn write(folder: &Path, heading: &str, table: &str) -> Result<(), Failure> {
    fs::write(
        folder.join("BENCHMARKS.md"),
        format!("{heading}\n\n{table}"),
    )?;
    let path = folder.join("README.md");
    let readme = fs::read_to_string(&path)?;
    fs::write(
        &path,
        quoted(&readme, table).ok_or("README.md has no place for the table")?,
    )?;
    Ok(())
}

/// The README with this table between its two marks.
fn quoted(readme: &str, table: &str) -> Option<String> {
    let (before, rest) = readme.split_once(BEGINNING)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGINNING}{table}{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_replaces_what_is_between_the_marks() {
        let readme = format!("a\n{BEGINNING}old\n{END}b\n");
        let new = quoted(&readme, "| new |\n").unwrap();
        assert_eq!(new, format!("a\n{BEGINNING}| new |\n{END}b\n"));
        assert_eq!(quoted("no marks", "x"), None);
    }

    #[test]
    fn a_missed_target_shows() {
        let row = Row {
            what: "size",
            ours: "11 MB".to_owned(),
            peer: "-".to_owned(),
            value: "11 MB".to_owned(),
            target: "≤ 10 MB",
            met: false,
        };
        assert!(markdown("tool", &[row]).contains("| ≤ 10 MB, missed |"));
    }
}
