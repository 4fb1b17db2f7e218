use super::MapError;

/// The rows of the table with these headings, each with its line.
pub(super) fn table(page: &str, headings: &[&str]) -> Result<Vec<(usize, Vec<String>)>, MapError> {
    let mut lines = page.lines().enumerate();
    lines
        .find(|(_, line)| cells(line).is_some_and(|cells| cells == headings))
        .ok_or_else(|| MapError::NoTable(headings.join(", ")))?;
    let mut rows = Vec::new();
    // The line under the headings only says that this is a table.
    for (index, line) in lines.skip(1) {
        let Some(cells) = cells(line) else { break };
        if cells.len() != headings.len() {
            return Err(MapError::Row {
                line: index + 1,
                problem: format!("{} cells, not {}", cells.len(), headings.len()),
            });
        }
        rows.push((index + 1, cells));
    }
    Ok(rows)
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(
        inner
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect(),
    )
}

pub(super) fn code(cell: &str) -> Option<String> {
    cell.strip_prefix('`')?.strip_suffix('`').map(str::to_owned)
}

pub(super) fn list(cell: &str) -> impl Iterator<Item = String> {
    cell.split(", ")
        .map(|word| code(word).unwrap_or_else(|| word.to_owned()))
}
