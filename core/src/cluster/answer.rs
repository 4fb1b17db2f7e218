//! What a server's answer means.

use kube::core::Status;

use super::{Attempt, Error};

/// How much of a foreign page an error shows, in characters: its title, or its first sentence.
const BEGINNING: usize = 80;

/// How admission webhooks and policies say no, whatever the code of their choice.
const DENIALS: [&str; 2] = ["admission webhook ", "denied request: "];

/// A whole answer.
pub(super) struct Answer {
    pub(super) code: u16,
    pub(super) body: Vec<u8>,
    pub(super) location: Option<String>,
}

/// An answer that is not a success, as an error.
pub(super) fn refusal(attempt: Box<Attempt>, server: &str, answer: &Answer) -> Error {
    let status = serde_json::from_slice::<Status>(&answer.body)
        .ok()
        .filter(|status| status.status.is_some());
    match status {
        Some(status) => of_status(attempt, answer.code, &status),
        None => of_foreign(attempt, server, answer),
    }
}

/// An answer in the words of Kubernetes.
///
/// <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/>
pub(super) fn of_status(attempt: Box<Attempt>, code: u16, status: &Status) -> Error {
    let message = match status.message.trim_end() {
        "" => status.reason.clone(),
        message => message.to_owned(),
    };
    let denied = DENIALS.iter().any(|words| message.contains(words));
    match code {
        401 => Error::Unauthorized { attempt },
        400 | 403 | 422 if denied => Error::Denied {
            attempt,
            message: without_object(&message),
        },
        403 if is_access_rule(&message) => match rights_not_held(&message) {
            rights if rights.is_empty() => Error::Forbidden {
                attempt: by_the_missing_verb(attempt, &message),
                message: without_object(&message),
            },
            rights => Error::Escalation { attempt, rights },
        },
        403 => Error::Denied {
            attempt,
            message: without_object(&message),
        },
        404 => Error::NotFound { attempt, message },
        409 if status.reason == "AlreadyExists" => Error::AlreadyExists { attempt, message },
        409 => Error::Conflict {
            attempt,
            managers: managers(status),
            message,
        },
        410 => Error::Gone { attempt, message },
        400 | 422 => Error::Invalid { attempt, message },
        429 => Error::TooManyRequests { attempt, message },
        _ => Error::Server {
            attempt,
            code,
            message,
        },
    }
}

/// An answer of something between us and the API server, or of something else altogether.
fn of_foreign(attempt: Box<Attempt>, server: &str, answer: &Answer) -> Error {
    let message = beginning(answer);
    match answer.code {
        401 => Error::Unauthorized { attempt },
        429 => Error::TooManyRequests { attempt, message },
        code @ 500.. => Error::Server {
            attempt,
            code,
            message,
        },
        code => Error::NotKubernetes {
            attempt,
            server: server.to_owned(),
            code,
            beginning: message,
        },
    }
}

/// The first words of a page, without its tags.
pub(super) fn beginning(answer: &Answer) -> String {
    if let Some(location) = &answer.location {
        return format!("moved to {location}");
    }
    let text = String::from_utf8_lossy(&answer.body);
    let mut words = String::new();
    let mut in_tag = false;
    for character in text.chars() {
        match character {
            '<' => in_tag = true,
            '>' => {
                in_tag = false;
                words.push(' ');
            }
            _ if in_tag => {}
            _ => words.push(character),
        }
        if words.len() > 16 * BEGINNING {
            break;
        }
    }
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(BEGINNING) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}

/// A WebSocket to a pod is asked for by GET. Servers before 1.35 want the right to `get` for it, later
/// ones the right to `create` as well: the refusal names the one that is missing.
fn by_the_missing_verb(mut attempt: Box<Attempt>, message: &str) -> Box<Attempt> {
    let missing = ["get", "create"]
        .into_iter()
        .find(|verb| message.contains(&format!("cannot {verb} resource")));
    attempt.verb = missing.unwrap_or(attempt.verb);
    attempt
}

/// Whether a 403 speaks of the user's rights (RBAC or another authorizer, also RBAC's guard
/// against escalation) and not of the object. The check of an upgraded connection gives no reason.
fn is_access_rule(message: &str) -> bool {
    (message.contains("User \"") && message.contains("\" cannot "))
        || message.contains("is attempting to grant RBAC permissions")
        || message.ends_with(" is forbidden:")
}

/// The server's words begin with the object, as in `secrets "x" is forbidden: …`, which the attempt
/// names already.
fn without_object(message: &str) -> String {
    match message.split_once(" is forbidden: ") {
        Some((object, reason)) if object.split(' ').count() <= 2 => reason.to_owned(),
        _ => message.to_owned(),
    }
}

/// The rights that RBAC's guard against escalation names, one rule a line, as Go prints it:
/// `{APIGroups:["apps"], Resources:["a" "b"], ResourceNames:["x"], Verbs:["get"]}`.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>
fn rights_not_held(message: &str) -> Vec<String> {
    let Some((_, rules)) =
        message.split_once("attempting to grant RBAC permissions not currently held:")
    else {
        return Vec::new();
    };
    let list = |rule: &str, field: &str| -> Vec<String> {
        rule.split_once(&format!("{field}:["))
            .and_then(|(_, rest)| rest.split_once(']'))
            .map(|(list, _)| {
                list.split_whitespace()
                    .map(|word| word.replace('"', ""))
                    .collect()
            })
            .unwrap_or_default()
    };
    rules
        .lines()
        .filter(|line| line.starts_with('{'))
        .map(|rule| {
            let groups = list(rule, "APIGroups");
            let group = groups.iter().find(|group| !group.is_empty());
            let suffix = group.map(|group| format!(".{group}")).unwrap_or_default();
            let names = list(rule, "ResourceNames")
                .iter()
                .map(|name| format!(" {name:?}"))
                .collect::<String>();
            let resources = list(rule, " Resources").join(", ");
            format!(
                "{} {resources}{suffix}{names}",
                list(rule, "Verbs").join(", ")
            )
        })
        .collect()
}

/// The field managers that a server-side apply ran into.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts>
fn managers(status: &Status) -> Vec<String> {
    let mut managers = Vec::new();
    for cause in status.details.iter().flat_map(|details| &details.causes) {
        let name = cause
            .message
            .strip_prefix("conflict with \"")
            .and_then(|rest| rest.split('"').next());
        if let Some(name) = name.filter(|_| cause.reason == "FieldManagerConflict")
            && !managers.iter().any(|known| known == name)
        {
            managers.push(name.to_owned());
        }
    }
    managers
}
