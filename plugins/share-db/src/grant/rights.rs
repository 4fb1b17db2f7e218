use datalab_core::{
    cluster::Access,
    report::{Failure, Kind},
};

use crate::desk::Desk;

/// What the owner has to be allowed to do; before the database is known, with objects of any name.
pub(super) fn needed(object_name: Option<&str>) -> Vec<Access> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let mut accesses = vec![
        Access::new("list", "", "services"),
        Access::new("list", "", "pods"),
        Access::new("get", "", "pods/portforward"),
        Access::new("create", "", "pods/portforward"),
        Access::new("list", RBAC, "rolebindings"),
        Access::new("list", "networking.k8s.io", "networkpolicies"),
        Access::new(
            "create",
            "authorization.k8s.io",
            "localsubjectaccessreviews",
        ),
        Access::new("create", "", "secrets"),
        Access::new("create", RBAC, "roles"),
        Access::new("create", RBAC, "rolebindings"),
        Access::new("create", "networking.k8s.io", "networkpolicies"),
    ];
    for (group, resource) in [
        ("", "secrets"),
        (RBAC, "roles"),
        (RBAC, "rolebindings"),
        ("networking.k8s.io", "networkpolicies"),
    ] {
        for verb in [
            "get",
            if resource == "secrets" {
                "update"
            } else {
                "patch"
            },
            "delete",
        ] {
            let access = Access::new(verb, group, resource);
            accesses.push(match object_name {
                Some(name) => access.on(name),
                None => access,
            });
        }
    }
    accesses
}

pub(super) fn refuse_missing(desk: &Desk<'_>, missing: &[Access]) -> Result<(), Failure> {
    if missing.is_empty() {
        return Ok(());
    }
    let namespace = desk.namespace();
    let failure = Failure::new(
        Kind::Refused,
        format!(
            "you are not allowed to share a database of namespace {namespace}: {} rights are missing",
            missing.len()
        ),
    );
    Err(missing
        .iter()
        .fold(failure, |failure, access| {
            failure.detail(access.to_string())
        })
        .next(format!("kubectl auth can-i --list -n {namespace}")))
}
