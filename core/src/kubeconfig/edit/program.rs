//! The program of a user entry, as it may be shown to whoever looks over a shoulder.

use serde_json::Value;

use super::plan::HIDDEN;

/// What credential plugins are told to do.
const VERBS: [&str; 2] = ["get-token", "oidc-login"];

/// Flags, ours and kubelogin's, whose values say who logs in where, and let nobody in.
const PUBLIC: [&str; 8] = [
    "--account",
    "--client-id",
    "--issuer",
    "--issuer-ca",
    "--oidc-client-id",
    "--oidc-extra-scope",
    "--oidc-issuer-url",
    "--scope",
];

/// The command and its arguments, of which only what is known to be no secret is told: the next one
/// may be a password, as kubelogin's `--oidc-client-secret=…` is. Of the environment, nothing.
pub(super) fn shown(exec: &Value) -> String {
    let mut words = vec![exec["command"].as_str().unwrap_or_default().to_owned()];
    let mut is_public = false;
    for word in exec["args"].as_array().into_iter().flatten() {
        let word = word.as_str().unwrap_or_default();
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let is_flag = name.starts_with("--");
        words.push(match value {
            _ if is_public && !is_flag => word.to_owned(),
            Some(value) if PUBLIC.contains(&name) => format!("{name}={value}"),
            Some(_) if is_flag => format!("{name}={HIDDEN}"),
            None if is_flag || VERBS.contains(&name) => name.to_owned(),
            _ => HIDDEN.to_owned(),
        });
        is_public = value.is_none() && PUBLIC.contains(&name);
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_known_to_be_no_secret_is_told() {
        for (arguments, expected) in [
            (
                vec!["get-token", "--issuer", "https://a/?b=c", "--scope=d"],
                "p get-token --issuer https://a/?b=c --scope=d",
            ),
            (
                vec![
                    "oidc-login",
                    "get-token",
                    "--oidc-issuer-url=https://a",
                    "--oidc-client-secret=S",
                    "--password",
                    "S",
                    "-pS",
                    "S",
                    "--username=S",
                ],
                "p oidc-login get-token --oidc-issuer-url=https://a --oidc-client-secret=(hidden) \
                 --password (hidden) (hidden) (hidden) --username=(hidden)",
            ),
            (
                vec!["--account", "--token=S", "-c", "curl -u a:S", "S=S"],
                "p --account --token=(hidden) (hidden) (hidden) (hidden)",
            ),
        ] {
            let exec = json!({
                "command": "p", "args": arguments, "env": [{"name": "S", "value": "S"}],
            });
            assert_eq!(shown(&exec), expected);
        }
        assert_eq!(shown(&json!({"command": "p"})), "p");
    }
}
