use serde::Serialize;
use serde_json::Value;
use tabled::{
    builder::Builder,
    settings::{Padding, Style},
};
use thiserror::Error;

use super::{Format, printable};

/// The version of the machine-readable forms. They are stable: a field is added, never changed.
const API_VERSION: &str = "datalab/v1";

/// What a use case returns, in a shape that every output form can be made from.
///
/// The serialized form must hold no secret value.
pub trait Outcome: Serialize {
    /// The `kind` of the JSON and YAML document.
    const KIND: &'static str;

    /// What a person reads; `wide` asks for all that is known.
    fn text(&self, wide: bool) -> String;

    /// The `kind/name` lines of `-o name`.
    fn names(&self) -> Vec<String>;
}

/// Why a result cannot be shown in the form that was asked for.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The result cannot be written as JSON.
    #[error("the result cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The result cannot be written as YAML.
    #[error("the result cannot be written as YAML: {0}")]
    Yaml(String),
}

/// Writes a result in the form that was asked for, with a final newline unless it is empty.
pub fn render<O: Outcome>(outcome: &O, format: &Format) -> Result<String, RenderError> {
    let text = match format {
        Format::Table => outcome.text(false),
        Format::Wide => outcome.text(true),
        Format::Name => outcome.names().join("\n"),
        Format::Json => serde_json::to_string_pretty(&document(outcome)?)?,
        Format::Yaml => serde_yaml::to_string(&document(outcome)?)
            .map_err(|error| RenderError::Yaml(error.to_string()))?,
        Format::JsonPath(path) => path
            .query(&document(outcome)?)
            .all()
            .into_iter()
            .map(bare)
            .collect::<Vec<_>>()
            .join(" "),
    };
    Ok(match text.trim_end() {
        "" => String::new(),
        text => format!("{text}\n"),
    })
}

/// A table as kubectl draws one: upper-case headings, three spaces between columns, no lines.
pub fn table<const N: usize>(
    headings: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> String {
    draw(headings, rows)
}

/// The same, with more columns where `wide` asks for them.
pub fn wide_table<const N: usize, const M: usize>(
    wide: bool,
    headings: [&str; N],
    more_headings: [&str; M],
    rows: impl IntoIterator<Item = ([String; N], [String; M])>,
) -> String {
    let more = if wide { M } else { 0 };
    let headings = headings
        .into_iter()
        .chain(more_headings.into_iter().take(more));
    let rows = rows
        .into_iter()
        .map(|(row, rest)| row.into_iter().chain(rest.into_iter().take(more)));
    draw(headings, rows)
}

fn draw<'h>(
    headings: impl IntoIterator<Item = &'h str>,
    rows: impl IntoIterator<Item = impl IntoIterator<Item = String>>,
) -> String {
    let mut builder = Builder::default();
    builder.push_record(headings);
    for row in rows {
        builder.push_record(row.into_iter().map(|cell| match cell.as_str() {
            "" => "<none>".to_owned(),
            cell => printable(cell).replace('\n', " "),
        }));
    }
    let drawn = builder
        .build()
        .with(Style::empty())
        .with(Padding::new(0, 3, 0, 0))
        .to_string();
    drawn
        .lines()
        .map(str::trim_end)
        .collect::<Vec<_>>()
        .join("\n")
}

fn document<O: Outcome>(outcome: &O) -> Result<Value, serde_json::Error> {
    let mut document = serde_json::Map::new();
    document.insert("apiVersion".into(), API_VERSION.into());
    document.insert("kind".into(), O::KIND.into());
    match serde_json::to_value(outcome)? {
        Value::Object(fields) => document.extend(fields),
        other => {
            document.insert("items".into(), other);
        }
    }
    Ok(Value::Object(document))
}

fn bare(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Shares {
        items: Vec<&'static str>,
    }

    impl Outcome for Shares {
        const KIND: &'static str = "ShareList";

        fn text(&self, wide: bool) -> String {
            table(
                ["NAME", "WIDE"],
                self.items
                    .iter()
                    .map(|item| [(*item).to_owned(), wide.to_string()]),
            )
        }

        fn names(&self) -> Vec<String> {
            self.items
                .iter()
                .map(|item| format!("share/{item}"))
                .collect()
        }
    }

    fn shown(format: &str) -> String {
        let format = format.parse().unwrap();
        render(
            &Shares {
                items: vec!["a", "long\u{1b}one"],
            },
            &format,
        )
        .unwrap()
    }

    #[test]
    fn all_forms() {
        assert_eq!(
            shown("table"),
            "NAME            WIDE\na               false\nlong\\u{1b}one   false\n"
        );
        assert_eq!(shown("name"), "share/a\nshare/long\u{1b}one\n");
        assert_eq!(shown("jsonpath={.items[0]}"), "a\n");
        assert_eq!(shown("jsonpath={.none}"), "");
        assert!(
            shown("json")
                .starts_with("{\n  \"apiVersion\": \"datalab/v1\",\n  \"kind\": \"ShareList\",\n")
        );
        assert!(
            shown("yaml").starts_with("apiVersion: datalab/v1\nkind: ShareList\nitems:\n"),
            "{}",
            shown("yaml")
        );
    }
}
