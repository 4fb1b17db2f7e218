//! What the API server makes of a token.

use std::collections::BTreeMap;

use datalab_core::{
    http::{self, Client, Options, Patience},
    kubeconfig::{Connection, Credential, Overrides, Trust, resolve},
    oidc::Way,
    report::{Failure, Kind},
    words::Secret,
    world::World,
};
use serde::{Deserialize, Serialize};

use crate::{args::SessionArgs, desk::USER_AGENT};

/// Who asks, says the server.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/authentication/#self-subject-review>
const REVIEWS: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";

/// Who somebody is to a cluster.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub(crate) struct UserInfo {
    #[serde(default)]
    pub(crate) username: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) uid: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) extra: BTreeMap<String, Vec<String>>,
}

/// What the server makes of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// This is who asks.
    User(UserInfo),
    /// Nobody whom it knows (401).
    Unauthorized,
    /// Something else.
    Other(u16),
}

#[derive(Deserialize)]
struct Review {
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    user_info: UserInfo,
}

/// The API server of the kubeconfig's context.
pub(crate) fn of_context(args: &SessionArgs, world: &World) -> Result<Connection, Failure> {
    let overrides = Overrides {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        ..Overrides::default()
    };
    Ok(resolve(&overrides, world)?)
}

/// The server with the way to it, as kubectl would tell a credential plugin.
pub(crate) fn destination(connection: &Connection) -> String {
    let asked = match &connection.credential {
        Credential::Exec(spec) => spec.cluster.as_ref(),
        _ => None,
    };
    let (trust, proxy, name) = match asked {
        Some(cluster) => (&cluster.trust, &cluster.proxy_url, &cluster.tls_server_name),
        None => (&connection.trust, &None, &connection.tls_server_name),
    };
    let way = Way {
        authorities: match trust {
            Trust::Authorities(pem) => Some(pem),
            Trust::System | Trust::Insecure => None,
        },
        is_insecure: *trust == Trust::Insecure,
        proxy: proxy.as_deref(),
        tls_server_name: name.as_deref(),
    };
    way.to(&connection.server)
}

/// Asks the server who the token's bearer is.
///
/// # Errors
/// The kubeconfig asks for what cannot be done here, or the server does not answer.
pub(crate) async fn review(
    connection: &Connection,
    token: &Secret<String>,
    world: &World,
) -> Result<View, Failure> {
    let server = connection.server.trim_end_matches('/');
    let authorities = match &connection.trust {
        Trust::System => Vec::new(),
        Trust::Authorities(pem) => pem.clone(),
        Trust::Insecure => {
            return Err(elsewhere(
                "the kubeconfig has the server's certificate go unchecked, and a token is not sent to whoever answers",
            ));
        }
    };
    if connection.tls_server_name.is_some() {
        return Err(elsewhere(
            "the kubeconfig has the server's certificate checked against another name, which is not possible here",
        ));
    }
    let options = Options {
        user_agent: USER_AGENT.to_owned(),
        authorities,
        proxy: connection.proxy_url.clone(),
        ..Options::default()
    };
    let unasked = |error: http::Error| {
        Failure::new(Kind::Unreachable, format!("{server} cannot be asked")).caused_by(&error)
    };
    let client = Client::new(&options, world).map_err(unasked)?;
    let body = serde_json::json!({
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "SelfSubjectReview",
    });
    let request = http::post_json(&format!("{server}{REVIEWS}"), &body, Some(token));
    let request = request.map_err(unasked)?;
    let answer = client.send_patiently(request, Patience::USUAL).await;
    let answer = answer.map_err(unasked)?;
    match answer.status.as_u16() {
        401 => Ok(View::Unauthorized),
        200..=299 => {
            let review: Review = answer.json().map_err(|error| {
                Failure::new(
                    Kind::Unreachable,
                    format!("{server} answers with something that is no review"),
                )
                .caused_by(&error)
            })?;
            Ok(View::User(review.status.user_info))
        }
        other => Ok(View::Other(other)),
    }
}

fn elsewhere(problem: &str) -> Failure {
    Failure::new(Kind::Usage, problem).next("kubectl auth whoami")
}
