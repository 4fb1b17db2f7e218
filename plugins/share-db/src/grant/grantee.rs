use datalab_core::report::{Failure, Kind, quoted_if_needed};

use super::request::GrantRequest;
use crate::desk::Desk;

/// The namespace to share with cannot be looked at, so only its name can be judged.
pub(super) fn refuse_odd_grantee(desk: &Desk<'_>, request: &GrantRequest) -> Result<(), Failure> {
    let (own, with) = (desk.namespace().as_str(), request.with.as_str());
    let command = |with: &str| {
        let wanted = quoted_if_needed(&request.wanted.to_string());
        let flags = request.flags_of_terms();
        format!("{} {wanted} --with {with}{flags}", desk.name)
    };
    if own == with {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "{own} is the database's own namespace; its pods and its admin reach it already"
            ),
        )
        .next("the same command with --with NAMESPACE, the colleague's"));
    }
    let (Some((prefix, _)), false) = (own.split_once('-'), with.contains('-')) else {
        return Ok(());
    };
    if !request.subjects.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        format!("{with:?} does not look like a namespace of this platform, whose names begin like {prefix}-"),
    )
    .detail(format!("if there is a namespace of that name, say who is meant: --subject group:system:serviceaccounts:{with}"))
    .next(command(&format!("{prefix}-{with}")))
    .next(command(&format!("projet-{with}"))))
}
