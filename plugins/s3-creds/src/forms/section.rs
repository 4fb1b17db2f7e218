use datalab_core::report::{Failure, Kind};

/// A section of an INI file: its name in brackets, and `key = value` lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Section {
    /// What stands in the brackets.
    pub(crate) name: String,
    /// A value may hold lines of its own, each of them indented: a map within the section.
    pub(crate) entries: Vec<(&'static str, String)>,
}

impl Section {
    /// The lines, the name's first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = vec![format!("[{}]", self.name)];
        for (key, value) in &self.entries {
            let mut values = value.split('\n');
            let first = values.next().unwrap_or_default();
            lines.push(format!("{key} = {first}").trim_end().to_owned());
            lines.extend(values.map(str::to_owned));
        }
        lines
    }

    /// Adds a value that the readers of such a file take as it is.
    ///
    /// # Errors
    /// [`Kind::Usage`]: some would cut it, or take a part of it for more.
    pub(crate) fn put(&mut self, key: &'static str, value: &str) -> Result<(), Failure> {
        let value = checked(key, value)?;
        self.entries.push((key, value.to_owned()));
        Ok(())
    }

    /// Adds a map of one entry.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub(super) fn put_map(
        &mut self,
        key: &'static str,
        entry: &'static str,
        value: &str,
    ) -> Result<(), Failure> {
        let value = checked(entry, value)?;
        self.entries.push((key, format!("\n  {entry} = {value}")));
        Ok(())
    }
}

/// A value without what begins a comment or another line.
fn checked<'a>(key: &str, value: &'a str) -> Result<&'a str, Failure> {
    let is_comment = value.starts_with(['#', ';'])
        || [" #", " ;", "\t#", "\t;"]
            .iter()
            .any(|mark| value.contains(mark));
    let is_cut = value.trim() != value || value.chars().any(char::is_control);
    if value.is_empty() || is_cut || is_comment {
        return Err(Failure::new(
            Kind::Usage,
            format!("the value of {key} cannot stand in a configuration file"),
        )
        .detail(
            "it is empty, has a blank at one end, a line end in it, or a # or ; that begins a comment",
        ));
    }
    Ok(value)
}

/// Sections as a file, an empty line between them.
pub(super) fn text(sections: &[Section]) -> String {
    let sections: Vec<String> = sections
        .iter()
        .map(|section| section.lines().join("\n"))
        .collect();
    format!("{}\n", sections.join("\n\n"))
}
