use std::{fmt, str::FromStr};

use serde_json_path::JsonPath;
use thiserror::Error;

/// The form of a result, as `-o` names it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Format {
    /// A table of the columns that matter most.
    #[default]
    Table,
    /// A table with all columns.
    Wide,
    /// One JSON document with `apiVersion` and `kind`.
    Json,
    /// The same document as YAML.
    Yaml,
    /// One `kind/name` a line.
    Name,
    /// What a JSONPath finds in the JSON document.
    JsonPath(Box<JsonPath>),
}

/// Why a text is not an output format.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FormatError {
    /// Not one of the known names.
    #[error("expected wide, json, yaml, name or jsonpath=EXPRESSION")]
    Unknown,
    /// The expression after `jsonpath=` cannot be read.
    #[error("the JSONPath cannot be read, near character {position}: {message}")]
    JsonPath {
        /// Where reading stopped, in characters from 1.
        position: usize,
        /// What the parser says.
        message: String,
    },
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(text: &str) -> Result<Self, FormatError> {
        match text {
            "table" => Ok(Self::Table),
            "wide" => Ok(Self::Wide),
            "json" => Ok(Self::Json),
            "yaml" => Ok(Self::Yaml),
            "name" => Ok(Self::Name),
            other => {
                let expression = other
                    .strip_prefix("jsonpath=")
                    .ok_or(FormatError::Unknown)?;
                JsonPath::parse(&standard(expression))
                    .map(|path| Self::JsonPath(Box::new(path)))
                    .map_err(|error| FormatError::JsonPath {
                        position: error.position(),
                        message: error.message().to_owned(),
                    })
            }
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Wide => "wide",
            Self::Json => "json",
            Self::Yaml => "yaml",
            Self::Name => "name",
            Self::JsonPath(_) => "jsonpath",
        })
    }
}

/// kubectl's spelling of a JSONPath (`{.items[*].name}`, braces and `$` optional) as RFC 9535 has
/// it (`$.items[*].name`). Only single expressions: kubectl's `range` template is not taken.
///
/// <https://kubernetes.io/docs/reference/kubectl/jsonpath/>
fn standard(expression: &str) -> String {
    let inner = expression
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        .unwrap_or(expression);
    match inner.chars().next() {
        Some('$') => inner.to_owned(),
        Some('.' | '[') => format!("${inner}"),
        _ => format!("$.{inner}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_kubectl_spelling() {
        for (kubectl, rfc) in [
            ("{.items[*].name}", "$.items[*].name"),
            (".role", "$.role"),
            ("{$.a}", "$.a"),
            ("items[0]", "$.items[0]"),
            ("['a.b']", "$['a.b']"),
        ] {
            assert_eq!(standard(kubectl), rfc);
            assert!(
                format!("jsonpath={kubectl}").parse::<Format>().is_ok(),
                "{kubectl}"
            );
        }
    }

    #[test]
    fn refuses_what_it_cannot_read() {
        assert!(matches!("xml".parse::<Format>(), Err(FormatError::Unknown)));
        assert!(matches!(
            "jsonpath={.items[}".parse::<Format>(),
            Err(FormatError::JsonPath { .. })
        ));
    }
}
