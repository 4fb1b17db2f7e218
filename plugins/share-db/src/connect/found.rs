use datalab_core::{
    cluster::{self, api::api::core::v1::Secret as SecretObject},
    report::{Failure, Kind},
};

use super::{ShareName, login::SharedLogin};
use crate::{
    desk::Desk,
    share::{Identity, Terms},
};

/// The login of a share, from its Secret.
///
/// # Errors
/// No share that may be read, one that is over, or one whose Secret was damaged.
pub(super) async fn login(desk: &Desk<'_>, share: &ShareName) -> Result<SharedLogin, Failure> {
    let (identity, secret) = find(desk, share).await?;
    refuse_expired(desk, &identity, &secret).await?;
    SharedLogin::from(&secret).ok_or_else(|| {
        Failure::new(
            Kind::Failed,
            format!(
                "secret {} of {} lacks a part of the login",
                identity.object_name(),
                identity.namespace
            ),
        )
        .detail("somebody changed it; the owner's next grant with the same terms mends it")
    })
}

/// The share's Secret, without listing anything: its name follows from the database's. A release may
/// be named instead, to which the catalogue's charts add their own name.
async fn find(desk: &Desk<'_>, share: &ShareName) -> Result<(Identity, SecretObject), Failure> {
    let identity = |database: String| Identity {
        namespace: share.namespace.clone(),
        database,
        grantee: desk.namespace().clone(),
    };
    let named = identity(share.database.to_string());
    let mut kind = Kind::NotFound;
    for suffix in ["", "-postgresql", "-postgresql-cnpg"] {
        let identity = identity(format!("{}{suffix}", share.database));
        let name = identity.object_name();
        match desk.cluster.get(&identity.namespace, &name).await {
            Ok(Some(secret)) => return Ok((identity, secret)),
            Ok(None) => {}
            // A Role that names one Secret answers 403 for all others, so a missing share looks
            // like this.
            Err(cluster::Error::Forbidden { .. }) => kind = Kind::Refused,
            Err(error) => return Err(error.into()),
        }
    }
    let (namespace, name) = (&named.namespace, named.object_name());
    Err(Failure::new(
        kind,
        format!(
            "no share of {share} with {} that you may read",
            named.grantee
        ),
    )
    .detail("it was never made, or was revoked: from here both look alike")
    .detail(format!(
        "it would be Secret {name} in namespace {namespace}"
    ))
    .detail(format!(
        "your namespace is taken to be {}; -n names another",
        named.grantee
    ))
    .next(format!(
        "kubectl auth can-i get secret/{name} -n {namespace}"
    ))
    .next("kubectl auth whoami"))
}

async fn refuse_expired(
    desk: &Desk<'_>,
    identity: &Identity,
    secret: &SecretObject,
) -> Result<(), Failure> {
    let terms = secret
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| Terms::from_annotations(annotations).ok());
    let Some(expiry) = terms.map(|terms| terms.expiry) else {
        return Ok(());
    };
    if !expiry.is_over(desk.cluster.server_time().await?) {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Refused,
        format!(
            "the share of {}/{} ended at {expiry}",
            identity.namespace, identity.database
        ),
    )
    .next(format!(
        "ask its owner for: {} postgres/{} --with {} --renew",
        desk.name, identity.database, identity.grantee
    )))
}
