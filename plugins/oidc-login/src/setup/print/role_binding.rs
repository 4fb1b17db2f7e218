use datalab_core::report::Failure;
use serde_json::{Value, json};

use super::{Ground, Page, form, yaml};

const FORM: &str = include_str!("../../../../../manifests/oidc-login/role-binding.yaml");

/// Groups of the identity provider get a ClusterRole in one namespace.
pub(super) fn page(ground: &Ground<'_>) -> Result<Page, Failure> {
    let mut tree = form(FORM)?;
    let request = &ground.request.print;
    let namespace = ground.request.namespace.as_ref();
    let namespace = namespace.map_or("default", |namespace| namespace.as_str());
    tree["metadata"]["namespace"] = namespace.into();
    tree["metadata"]["name"] = format!("oidc-groups-{}", request.role).into();
    tree["roleRef"]["name"] = request.role.clone().into();
    tree["subjects"] = request
        .groups
        .iter()
        .map(|group| {
            json!({
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "Group",
                "name": format!("{}{group}", request.prefix),
            })
        })
        .collect::<Vec<Value>>()
        .into();
    Ok(Page {
        text: yaml(&tree)?,
        use_it: vec!["# kubectl apply -f FILE".to_owned()],
    })
}
