//! Kubernetes objects from YAML files with `$(name)` in their values.

use serde_json::Value;

/// The objects of a YAML stream, every `$(name)` of `values` replaced inside strings only: a value is
/// never read as YAML, whatever it holds.
///
/// # Panics
/// When the file, which is part of this crate, is no YAML or has a name that is not in `values`.
pub(super) fn objects(yaml: &str, values: &[(&str, &str)]) -> Vec<Value> {
    let mut objects: Vec<Value> =
        serde_yaml::from_multiple(yaml).expect("because the manifests of this crate are YAML");
    for object in &mut objects {
        fill(object, values);
    }
    objects
}

/// The only object of a YAML file, filled in as by [`objects`].
pub(super) fn object(yaml: &str, values: &[(&str, &str)]) -> Value {
    objects(yaml, values)
        .pop()
        .expect("because the manifest holds an object")
}

/// Several objects as one document for `kubectl -f -`.
pub(super) fn list(objects: &[Value]) -> String {
    serde_json::json!({ "apiVersion": "v1", "kind": "List", "items": objects }).to_string()
}

fn fill(value: &mut Value, values: &[(&str, &str)]) {
    match value {
        Value::String(text) => *text = filled(text, values),
        Value::Array(items) => items.iter_mut().for_each(|item| fill(item, values)),
        Value::Object(fields) => fields.values_mut().for_each(|field| fill(field, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// In one pass, so that a value holding `$(…)` itself stays as it is.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, (name, after))) = rest
        .split_once("$(")
        .and_then(|(before, tail)| Some((before, tail.split_once(')')?)))
    {
        let value = values
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, value)| *value);
        assert!(
            value.is_some(),
            "the manifest asks for $({name}), which nobody gives"
        );
        result += before;
        result += value.unwrap_or_default();
        rest = after;
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::object;

    #[test]
    fn values_are_never_read_as_yaml() {
        let hostile = "a: [b\n\"c\" $(port)";
        let object = object(
            "name: x-$(name)-$(port)\nlist: [$(name)]",
            &[("name", hostile), ("port", "1")],
        );
        assert_eq!(object["name"], format!("x-{hostile}-1"));
        assert_eq!(object["list"][0], hostile);
    }

    #[test]
    #[should_panic(expected = "$(nmae)")]
    fn a_name_that_nobody_gives_is_an_error() {
        object("name: $(nmae)", &[("name", "x")]);
    }
}
