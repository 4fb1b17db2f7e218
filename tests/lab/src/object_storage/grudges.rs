//! What a client must never do, though servers let it pass.

use super::settings::Dialect;
use super::state::State;
use super::{Endpoint, Seen};
use crate::loopback::{decode, pairs};

/// Notes what is wrong with a request, whatever is answered.
pub(super) fn look(state: &State, seen: &Seen) {
    let complain = |text: String| state.journal.complain(seen, text);
    let address = decode(&format!("{}?{}", seen.path, seen.query_text));
    let leaked = |secret: &&String| address.contains(secret.as_str());
    // A presigned address carries the session's token by design, and is secret itself.
    let is_presigned = seen.query.contains_key("X-Amz-Signature");
    if !is_presigned && state.secrets.iter().any(|secret| leaked(&secret)) {
        complain("a secret in the address is written to logs".to_owned());
    }
    let keys = state.issued.iter().map(|issued| &issued.secret_access_key);
    let given = state.settings.access_keys.values().map(|key| &key.secret);
    for secret in keys.chain(given) {
        let in_header = seen.headers.values().any(|value| value.contains(secret));
        if in_header || seen.text().contains(secret.as_str()) {
            complain("a secret access key goes over no wire".to_owned());
        }
    }
    match seen.endpoint {
        Endpoint::AssumeRole | Endpoint::OtherAction => exchange(state, seen, &complain),
        Endpoint::Configuration if seen.header("authorization").is_some() => {
            complain("the configuration is public: it needs no authorization".to_owned());
        }
        _ => {}
    }
}

fn exchange(state: &State, seen: &Seen, complain: &dyn Fn(String)) {
    if seen.method != "POST" {
        complain("STS is asked by POST".to_owned());
    }
    if seen.header("authorization").is_some() {
        complain("an exchange is not signed".to_owned());
    }
    if seen.header("cookie").is_some() {
        complain("an exchange has no cookies".to_owned());
    }
    if !seen.query.is_empty() {
        complain("parameters in the address are written to logs".to_owned());
    }
    if !seen.is_form() {
        let kind = seen.header("content-type").unwrap_or_default();
        complain(format!("{kind:?} is not a form"));
    }
    let text = seen.text();
    let fields = pairs(&text);
    if fields.len() != seen.form.len() {
        complain("a parameter stands twice".to_owned());
    }
    for (name, value) in &fields {
        const KNOWN: [&str; 8] = [
            "Action",
            "Version",
            "WebIdentityToken",
            "RoleArn",
            "RoleSessionName",
            "DurationSeconds",
            "Policy",
            "ProviderId",
        ];
        if !KNOWN.contains(&name.as_str()) {
            complain(format!("the parameter {name} does not belong here"));
        } else if value.is_empty() {
            complain(format!("the parameter {name} is empty"));
        }
    }
    if state.settings.dialect == Dialect::Ceph && text.contains('+') {
        complain("a space written as + is a + here".to_owned());
    }
}
