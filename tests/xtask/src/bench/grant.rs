//! A grant beside the same share made by hand.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use datalab_lab::tenant::{Database, Tenant};
use serde_json::{Value, json};

use super::{
    Failure,
    measure::{interleaved, timed},
    output,
    share_db::Scene,
    table::Row,
};

/// How often each way is gone.
const ROUNDS: usize = 9;

/// Where the peer's script lies.
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/bench/grant-by-hand.sh");

/// The password that the script gives the login.
const PASSWORD: &str = "made-by-hand";

/// A grant, an unchanged one and a list.
pub(super) fn rows(
    scene: &Scene,
    me: &Tenant,
    x: &Tenant,
    database: &Database,
) -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir()?;
    let share = Share {
        scene,
        me,
        with: x.namespace(),
    };
    let granted: Value = serde_json::from_str(&output(share.grant().arg("--output=json"))?)?;
    write_out(folder.path(), &share, &granted, database)?;
    share.revoke()?;

    let by_tool = || {
        let took = timed(|| output(&mut share.grant()).map(drop))?;
        share.revoke()?;
        Ok(took)
    };
    let by_hand = || {
        let took = timed(|| {
            let mut script = scene.command(Path::new(SCRIPT), me.kubeconfig());
            script
                .arg(folder.path())
                .args([database.pod(), database.dbname()])
                .arg(&scene.administrator);
            output(&mut script).map(drop)
        })?;
        share.revoke()?;
        Ok(took)
    };
    let compared = interleaved(ROUNDS, by_tool, by_hand)?;
    output(&mut share.grant())?;
    let again = interleaved(
        ROUNDS,
        || timed(|| output(&mut share.grant()).map(drop)),
        || {
            let mut list = scene.tool(me.kubeconfig());
            timed(|| output(list.arg("list")).map(drop))
        },
    )?;
    share.revoke()?;
    let milliseconds = |time: Duration| format!("{} ms", time.as_millis());
    Ok(vec![
        Row {
            what: "grant",
            ours: milliseconds(compared.ours),
            peer: format!("{}, script", milliseconds(compared.peer)),
            value: format!("{:.2} ×", compared.ratio()),
            target: "≤ 0.4 ×",
            met: compared.ratio() <= 0.4,
        },
        Row {
            what: "the same grant again",
            ours: milliseconds(again.ours),
            peer: "-".to_owned(),
            value: "-".to_owned(),
            target: "-",
            met: true,
        },
        Row {
            what: "list",
            ours: milliseconds(again.peer),
            peer: "-".to_owned(),
            value: "-".to_owned(),
            target: "-",
            met: true,
        },
    ])
}

struct Share<'a> {
    scene: &'a Scene,
    me: &'a Tenant,
    with: &'a str,
}

impl Share<'_> {
    fn grant(&self) -> Command {
        let mut grant = self.scene.tool(self.me.kubeconfig());
        grant.args(["postgres", "--with", self.with]);
        grant
    }

    /// Takes the share back, whoever made it.
    fn revoke(&self) -> Result<(), Failure> {
        let mut revoke = self.scene.tool(self.me.kubeconfig());
        output(revoke.args(["revoke", "postgres", "--with", self.with])).map(drop)
    }
}

/// What the tool made, as the files that the script reads.
fn write_out(
    folder: &Path,
    share: &Share<'_>,
    granted: &Value,
    database: &Database,
) -> Result<(), Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let role = text(&granted["role"]);
    let lines = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(text).collect()
    };
    // The tool shows no password: this is where one was.
    let statements: Vec<String> = lines(&granted["statements"])
        .into_iter()
        .filter(|statement| !matches!(statement.as_str(), "BEGIN" | "COMMIT"))
        .map(|statement| statement.replace("'***'", &format!("'{PASSWORD}'")) + ";")
        .collect();
    fs::write(folder.join("share.sql"), statements.join("\n"))?;
    fs::write(folder.join("role"), &role)?;
    write_secret(
        &folder.join("share.pgpass"),
        &format!("*:*:*:*:{PASSWORD}\n"),
    )?;
    let superuser = database.superuser().password;
    write_secret(
        &folder.join("superuser.pgpass"),
        &format!("*:*:*:*:{superuser}\n"),
    )?;

    let name = text(&granted["secret"]);
    let mut items = Vec::new();
    for kind in ["secret", "role", "networkpolicy", "rolebinding"] {
        let mut get = share
            .scene
            .command(&share.scene.kubectl, share.me.kubeconfig());
        let mut object: Value =
            serde_json::from_str(&output(get.args(["get", kind, &name, "--output=json"]))?)?;
        object["metadata"] = json!({
            "name": object["metadata"]["name"],
            "labels": object["metadata"]["labels"],
            "annotations": object["metadata"]["annotations"],
            "ownerReferences": object["metadata"]["ownerReferences"],
        });
        if kind == "secret" {
            let password = data_encoding::BASE64.encode(PASSWORD.as_bytes());
            object["data"]["password"] = password.into();
        }
        items.push(object);
    }
    let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
    write_secret(&folder.join("objects.json"), &list.to_string())?;

    let reviews = granted["proof"]["reviews"].as_array();
    let questions: Vec<String> = reviews
        .into_iter()
        .flatten()
        .map(|review| question(review, share.me.namespace()))
        .collect();
    fs::write(folder.join("questions"), questions.join("\n") + "\n")?;
    Ok(())
}

/// A review of the tool's, as `kubectl auth can-i` asks it: `yes get secrets/NAME --as USER …`.
fn question(review: &Value, namespace: &str) -> String {
    let asked = review["question"].as_str().unwrap_or_default();
    let mut words = asked.split(' ');
    let verb = words.next().unwrap_or_default();
    let resource = words.next().unwrap_or_default();
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, format!(" --subresource={subresource}")),
        None => (resource, String::new()),
    };
    let name = words
        .next()
        .map(|name| format!("/{}", name.trim_matches('"')))
        .unwrap_or_default();
    let expected = if review["allowed"] == true {
        "yes"
    } else {
        "no"
    };
    let user = review["user"].as_str().unwrap_or_default();
    let groups: String = review["groups"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(|group| format!(" --as-group={group}"))
        .collect();
    format!(
        "{expected} {verb} {resource}{name}{subresource} --namespace={namespace} --as={user}{groups}"
    )
}

fn write_secret(path: &Path, content: &str) -> Result<(), Failure> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    Ok(file.write_all(content.as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_is_a_question_of_kubectls() {
        let review = json!({
            "user": "oidc-x",
            "groups": ["system:authenticated"],
            "question": "create pods/exec \"postgresql-1-0\"",
            "allowed": false,
        });
        assert_eq!(
            question(&review, "user-me"),
            "no create pods/postgresql-1-0 --subresource=exec --namespace=user-me --as=oidc-x --as-group=system:authenticated"
        );
    }
}
