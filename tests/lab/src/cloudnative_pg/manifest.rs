//! The operator's own manifest, with the lab's image in it.

use std::fs;

use serde_json::{Value, json};

use super::Error;
use crate::file::fail;
use crate::tools::Operator;

/// The variable by which the operator knows the image that database pods begin with.
const IMAGE_VARIABLE: &str = "OPERATOR_IMAGE_NAME";

/// The objects that install the operator, which runs `image`, as a stream for kubectl.
pub(super) fn of(operator: &Operator, image: &str) -> Result<String, Error> {
    let path = &operator.manifest;
    let text = fs::read_to_string(path).map_err(fail("read", path))?;
    with_image(&text, image).ok_or_else(|| Error::Manifest(path.clone()))
}

/// Only the Deployment is read; the definitions, a megabyte of them, stay as they are.
fn with_image(manifest: &str, image: &str) -> Option<String> {
    let mut documents: Vec<String> = manifest.split("\n---\n").map(str::to_owned).collect();
    let deployment = documents
        .iter_mut()
        .find(|document| document.lines().any(|line| line == "kind: Deployment"))?;
    let mut object: Value = serde_yaml::from_str(deployment).ok()?;
    let container = object.pointer_mut("/spec/template/spec/containers/0")?;
    container["image"] = image.into();
    container["imagePullPolicy"] = "IfNotPresent".into();
    // A tenth of a processor makes every answer wait for its turn; tests wait for the answers.
    container["resources"] = json!({ "requests": { "cpu": "10m", "memory": "100Mi" } });
    let variables = container["env"].as_array_mut()?;
    let variable = variables
        .iter_mut()
        .find(|variable| variable["name"] == IMAGE_VARIABLE)?;
    variable["value"] = image.into();
    *deployment = object.to_string();
    Some(documents.join("\n---\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_of_the_image_change_and_the_rest_stays() {
        let manifest = "kind: Namespace\nmetadata: {name: n}\n---\nkind: Deployment\nspec:\n  template:\n    spec:\n      \
            containers:\n      - image: from/elsewhere:1\n        env:\n        - name: OPERATOR_IMAGE_NAME\n          \
            value: from/elsewhere:1\n        - name: OTHER\n          value: x\n---\nkind: Service\n";
        let changed = with_image(manifest, "lab:2").unwrap();
        assert!(!changed.contains("elsewhere"), "{changed}");
        assert_eq!(changed.matches("lab:2").count(), 2);
        assert!(changed.starts_with("kind: Namespace\nmetadata: {name: n}\n---\n"));
        assert!(changed.ends_with("\n---\nkind: Service\n"));
    }

    #[test]
    fn a_manifest_in_another_form_is_refused() {
        assert_eq!(with_image("kind: Namespace\n", "lab:2"), None);
        assert_eq!(with_image("kind: Deployment\nspec: {}\n", "lab:2"), None);
    }
}
