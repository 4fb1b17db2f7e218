use datalab_core::report::Failure;
use serde_json::{Value, json};

use super::{Ground, Page, broken, form};

const FORM: &str = include_str!("../../../../../manifests/oidc-login/keycloak-client.yaml");

/// The client, and an optional client scope for each audience that has one. Keycloak's partial
/// import takes the clients and passes the scopes over, so these are made first.
///
/// <https://www.keycloak.org/docs-api/latest/rest-api/index.html>
pub(super) fn page(ground: &Ground<'_>) -> Result<Page, Failure> {
    let mut tree = form(FORM)?;
    let scope_form = tree["clientScopes"][0].take();
    let scopes: Vec<(&str, &str)> = ground
        .facts
        .audiences
        .iter()
        .filter_map(|audience| Some((audience.name.as_str(), audience.scope.as_deref()?)))
        .collect();
    tree["clientScopes"] = scopes
        .iter()
        .map(|(name, scope)| {
            let mut made = scope_form.clone();
            made["name"] = (*scope).into();
            made["description"] = format!("tokens of the command line are good for {name}").into();
            let mapper = &mut made["protocolMappers"][0];
            mapper["name"] = format!("audience-{scope}").into();
            mapper["config"]["included.custom.audience"] = (*scope).into();
            made
        })
        .collect::<Vec<Value>>()
        .into();
    let client = &mut tree["clients"][0];
    client["clientId"] = ground.client_id.into();
    if let Some(optional) = client["optionalClientScopes"].as_array_mut() {
        optional.extend(scopes.iter().map(|(_, scope)| json!(scope)));
    }
    let text = serde_json::to_string_pretty(&tree).map_err(|error| broken(&error))?;
    let realm = match ground.issuer.rsplit_once("/realms/") {
        Some((_, realm)) => realm.trim_end_matches('/'),
        None => "REALM",
    };
    let mut use_it = Vec::new();
    if !scopes.is_empty() {
        use_it.push("# first the scopes: a partial import makes none, and a client is not given one that is not there".to_owned());
        use_it.push(format!(
            "# jq -c '.clientScopes[]' FILE | while read -r scope; do printf %s \"$scope\" | kcadm.sh create client-scopes -r {realm} -f -; done"
        ));
    }
    use_it.push(format!(
        "# kcadm.sh create partialImport -r {realm} -f FILE"
    ));
    Ok(Page {
        text: format!("{text}\n"),
        use_it,
    })
}
