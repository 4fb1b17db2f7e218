use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Metadata that differs between two objects that say the same.
const BOOKKEEPING: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// The shares of a database at one moment.
#[derive(Clone, Debug)]
pub struct State {
    objects: Vec<Value>,
    logins: Vec<ServerLogin>,
    refused: Vec<(Publication, String)>,
}

/// A login of a share, as the server knows it.
#[derive(Clone, Debug)]
pub struct ServerLogin {
    /// Its role.
    pub role: String,
    /// Whether the server would let it in, with the right password.
    pub can_login: bool,
    facts: String,
    /// A digest of the verifier.
    password: String,
    /// The objects on which it holds something.
    depends: Value,
}

/// A login that somebody beside the owner can read.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The Secret.
    pub secret: String,
    /// The login's role.
    pub user: String,
    /// Its password.
    pub password: String,
    /// The database it is for.
    pub database: String,
}

impl ServerLogin {
    #[track_caller]
    pub(super) fn from_json(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_default();
        assert!(value.is_object(), "the server did not answer: {line}");
        let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
        Self {
            role: text("role"),
            can_login: value["canLogin"] == json!(true),
            facts: text("facts"),
            password: text("password"),
            depends: value["depends"].clone(),
        }
    }
}

impl State {
    pub(super) fn new(objects: Vec<Value>, logins: Vec<ServerLogin>) -> Self {
        Self {
            objects,
            logins,
            refused: Vec::new(),
        }
    }

    pub(super) fn note_refusal(&mut self, publication: Publication, refused: Option<String>) {
        self.refused.extend(refused.map(|said| (publication, said)));
    }

    /// Whether there is nothing of any share.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.logins.is_empty()
    }

    /// All logins of shares in Secrets that a RoleBinding of ours lets somebody read.
    #[must_use]
    pub fn published(&self) -> Vec<Publication> {
        let published = self.bindings().filter_map(|(_, secret)| {
            let secret = secret?;
            let text = |key: &str| decoded(&secret["data"][key]);
            Some(Publication {
                secret: name(secret),
                user: text("username"),
                password: text("password"),
                database: text("database"),
            })
        });
        published.collect()
    }

    /// What must never be, at whatever point a command was killed; nothing when all is well.
    ///
    /// 1. A login that the server lets in has its Secret.
    /// 2. A Secret that somebody can read holds a login that is let in.
    /// 3. Nobody can read it who is not in its terms.
    #[must_use]
    pub fn broken(&self) -> Vec<String> {
        let mut broken = Vec::new();
        for login in self.logins.iter().filter(|login| login.can_login) {
            let has_secret = self
                .of_kind("Secret")
                .any(|secret| decoded(&secret["data"]["username"]) == login.role);
            if !has_secret {
                broken.push(format!("login {} has no Secret", login.role));
            }
        }
        for (publication, said) in &self.refused {
            broken.push(format!(
                "secret {} is published, but its login is not let in: {}",
                publication.secret,
                said.trim()
            ));
        }
        for (binding, secret) in self.bindings() {
            let Some(secret) = secret else { continue };
            let terms = &secret["metadata"]["annotations"]["datalab/subjects"];
            let terms: Vec<String> =
                serde_json::from_str(terms.as_str().unwrap_or("[]")).unwrap_or_default();
            for subject in subjects(binding) {
                if !terms.contains(&subject) {
                    broken.push(format!(
                        "{subject} may read secret {}, whose terms are for {terms:?}",
                        name(secret)
                    ));
                }
            }
        }
        broken
    }

    /// Everything, a line per fact. With what was `generated`, two states are equal only when nothing was
    /// replaced; without, when they give the same to the same people.
    #[must_use]
    pub fn facts(&self, generated: bool) -> BTreeSet<String> {
        let objects = self.objects.iter().map(|object| {
            let mut object = object.clone();
            if let Some(metadata) = object["metadata"].as_object_mut() {
                metadata.retain(|key, _| !BOOKKEEPING.contains(&key.as_str()));
            }
            if !generated && object["data"].is_object() {
                object["data"]["password"] = json!("***");
            }
            object.to_string()
        });
        let logins = self.logins.iter().map(|login| {
            let ServerLogin {
                role,
                facts,
                password,
                depends,
                ..
            } = login;
            if generated {
                format!("{role} {facts} {password} {depends}")
            } else {
                format!("{role} {facts}")
            }
        });
        objects.chain(logins).collect()
    }

    /// The bindings of shares, each with the Secret that it opens, where that and the Role are there.
    fn bindings(&self) -> impl Iterator<Item = (&Value, Option<&Value>)> {
        self.of_kind("RoleBinding").map(|binding| {
            let role = self
                .of_kind("Role")
                .find(|role| role["metadata"]["name"] == binding["roleRef"]["name"]);
            let opened = role.and_then(|role| {
                let names = role["rules"][0]["resourceNames"].as_array()?;
                self.of_kind("Secret")
                    .find(|secret| names.contains(&secret["metadata"]["name"]))
            });
            (binding, opened)
        })
    }

    fn of_kind<'s>(&'s self, kind: &'s str) -> impl Iterator<Item = &'s Value> {
        self.objects
            .iter()
            .filter(move |object| object["kind"] == kind)
    }
}

fn name(object: &Value) -> String {
    let name = object["metadata"]["name"].as_str();
    name.unwrap_or_default().to_owned()
}

fn decoded(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let bytes = data_encoding::BASE64.decode(text.as_bytes());
    String::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
}

/// The subjects of a binding, in share-db's words.
fn subjects(binding: &Value) -> Vec<String> {
    let subjects = binding["subjects"].as_array();
    let in_words = |subject: &Value| {
        let text = |key: &str| subject[key].as_str().unwrap_or_default();
        match text("kind") {
            "User" => format!("user:{}", text("name")),
            "Group" => format!("group:{}", text("name")),
            _ => format!("sa:{}/{}", text("namespace"), text("name")),
        }
    };
    subjects.into_iter().flatten().map(in_words).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, more: &Value) -> Value {
        let mut object = json!({"kind": kind, "metadata": {"name": "s"}});
        for (key, value) in more.as_object().into_iter().flatten() {
            object[key] = value.clone();
        }
        object
    }

    fn secret() -> Value {
        let mut secret = object("Secret", &json!({"data": {"username": "c2hhcmVfeA=="}}));
        secret["metadata"]["annotations"] = json!({"datalab/subjects": "[\"user:x\"]"});
        secret
    }

    fn login() -> ServerLogin {
        ServerLogin::from_json(r#"{"role": "share_x", "canLogin": true}"#)
    }

    fn role() -> Value {
        object("Role", &json!({"rules": [{"resourceNames": ["s"]}]}))
    }

    fn binding(user: &str) -> Value {
        let subjects = json!([{"kind": "User", "name": user}]);
        object(
            "RoleBinding",
            &json!({"roleRef": {"name": "s"}, "subjects": subjects}),
        )
    }

    #[test]
    fn each_breach_is_seen_and_no_other() {
        let whole = State::new(vec![secret(), role(), binding("x")], vec![login()]);
        assert_eq!(whole.broken(), Vec::<String>::new());
        assert_eq!(whole.published().len(), 1);

        let without_secret = State::new(vec![role(), binding("x")], vec![login()]);
        assert_eq!(without_secret.broken(), ["login share_x has no Secret"]);

        let mut dead = whole;
        for publication in dead.published() {
            dead.note_refusal(publication, Some("no".to_owned()));
        }
        assert_eq!(dead.broken().len(), 1);

        let to_another = State::new(vec![secret(), role(), binding("y")], vec![login()]);
        assert!(to_another.broken()[0].starts_with("user:y may read"));

        let unpublished = State::new(vec![secret(), role()], vec![login()]);
        assert!(unpublished.published().is_empty() && unpublished.broken().is_empty());
    }
}
