//! Keys of a store that gives no temporary ones: brought by the user, handed out in the same forms.

use std::path::Path;

use data_encoding::BASE64;
use datalab_core::{
    report::{Failure, Kind},
    words::Secret,
    world::read_text,
};
use serde_json::Value;

use crate::{desk::Desk, issued::Credentials};

/// Standard input, where a file is asked for.
const STDIN: &str = "-";

/// What the two are called, in files and in the environment.
const KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";

/// Keys from a file, standard input, or the environment.
pub(crate) fn read(file: Option<&Path>, desk: &Desk<'_>) -> Result<Credentials, Failure> {
    let variable = |name: &str| {
        let value = desk.world.environment().get(name)?.to_str()?;
        Some(value.to_owned())
    };
    let (place, found) = match file {
        Some(path) if path == Path::new(STDIN) => {
            ("standard input".to_owned(), pair(desk.input()?))
        }
        Some(path) => (path.display().to_string(), pair(&read_text(path)?)),
        None => (
            "the environment".to_owned(),
            variable(KEY).zip(variable(SECRET)),
        ),
    };
    let (key, secret) = found.ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{place} holds no {KEY} and {SECRET}"))
            .detail("--keys FILE reads lines NAME=VALUE, a section of AWS' credentials file, or a Kubernetes Secret as JSON")
            .state("no keys were handed out")
            .next("kubectl get secret NAME -o json | the same command with --keys -")
    })?;
    Ok(Credentials {
        access_key_id: key,
        secret_access_key: Secret::new(secret),
        session_token: None,
        expiration: None,
    })
}

/// The two keys of a text, in any of its forms.
fn pair(text: &str) -> Option<(String, String)> {
    if let Ok(document) = serde_json::from_str::<Value>(text) {
        return of_json(&document);
    }
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let line = line.trim().trim_start_matches("export ");
            let (key, value) = line.split_once('=')?;
            let value = value.trim().trim_matches(['"', '\'']);
            (key.trim().eq_ignore_ascii_case(name) && !value.is_empty()).then(|| value.to_owned())
        })
    };
    value(KEY).zip(value(SECRET))
}

fn of_json(document: &Value) -> Option<(String, String)> {
    let of = |field: &Value, name: &str| field.get(name)?.as_str().map(str::to_owned);
    let encoded = |name: &str| {
        let text = of(document.get("data")?, name)?;
        String::from_utf8(BASE64.decode(text.as_bytes()).ok()?).ok()
    };
    let plain = |name: &str| of(document.get("stringData").unwrap_or(document), name);
    let value = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| encoded(name).or_else(|| plain(name)))
            .filter(|value| !value.is_empty())
    };
    value([KEY, "AccessKeyId"]).zip(value([SECRET, "SecretAccessKey"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_every_form() {
        let expected = Some(("GK1".to_owned(), "s=/+".to_owned()));
        for text in [
            "AWS_ACCESS_KEY_ID=GK1\nAWS_SECRET_ACCESS_KEY=s=/+\n",
            "export AWS_ACCESS_KEY_ID='GK1'\nexport AWS_SECRET_ACCESS_KEY=\"s=/+\"\n",
            "[default]\naws_access_key_id = GK1\naws_secret_access_key = s=/+\n",
            r#"{"AccessKeyId":"GK1","SecretAccessKey":"s=/+"}"#,
            r#"{"kind":"Secret","data":{"AWS_ACCESS_KEY_ID":"R0sx","AWS_SECRET_ACCESS_KEY":"cz0vKw=="}}"#,
            r#"{"kind":"Secret","stringData":{"AWS_ACCESS_KEY_ID":"GK1","AWS_SECRET_ACCESS_KEY":"s=/+"}}"#,
        ] {
            assert_eq!(pair(text), expected, "{text}");
        }
        for text in [
            "",
            "AWS_ACCESS_KEY_ID=GK1",
            "{}",
            "[]",
            r#"{"data":{"AWS_ACCESS_KEY_ID":"!"}}"#,
        ] {
            assert_eq!(pair(text), None, "{text}");
        }
    }
}
