//! Matching of RBAC rules, as the API server's own authorizer does it.

use k8s_openapi::api::authorization::v1::ResourceRule;

use super::Access;

/// Whether the rules allow the access.
///
/// <https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources>
pub(super) fn allow(rules: &[ResourceRule], access: &Access) -> bool {
    rules.iter().any(|rule| {
        holds(Some(&rule.verbs), &access.verb)
            && holds(rule.api_groups.as_ref(), &access.group)
            && holds_resource(rule, &access.resource)
            && holds_name(rule, access.name.as_deref())
    })
}

fn holds(values: Option<&Vec<String>>, wanted: &str) -> bool {
    values
        .into_iter()
        .flatten()
        .any(|value| value == "*" || value == wanted)
}

fn holds_resource(rule: &ResourceRule, wanted: &str) -> bool {
    let any_with_subresource = wanted
        .split_once('/')
        .map(|(_, subresource)| format!("*/{subresource}"));
    let mut resources = rule.resources.iter().flatten();
    resources.any(|resource| {
        resource == "*" || resource == wanted || Some(resource) == any_with_subresource.as_ref()
    })
}

fn holds_name(rule: &ResourceRule, wanted: Option<&str>) -> bool {
    let names = rule.resource_names.as_deref().unwrap_or_default();
    names.is_empty() || wanted.is_some_and(|wanted| names.iter().any(|name| name == wanted))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]) -> ResourceRule {
        let owned = |values: &[&str]| values.iter().map(ToString::to_string).collect::<Vec<_>>();
        ResourceRule {
            api_groups: Some(owned(groups)),
            resources: Some(owned(resources)),
            verbs: owned(verbs),
            resource_names: Some(owned(names)).filter(|names| !names.is_empty()),
        }
    }

    fn secret(verb: &str, name: Option<&str>) -> Access {
        Access::new(verb, "", "secrets").maybe_on(name)
    }

    #[test]
    fn names_and_wildcards() {
        let one = [rule(&[""], &["secrets"], &["get"], &["x"])];
        assert!(allow(&one, &secret("get", Some("x"))));
        assert!(!allow(&one, &secret("get", Some("y"))));
        assert!(
            !allow(&one, &secret("get", None)),
            "a rule for one name does not allow all"
        );
        assert!(!allow(&one, &secret("list", Some("x"))));

        let all = [rule(&["*"], &["*"], &["*"], &[])];
        assert!(allow(&all, &secret("delete", None)));
        assert!(allow(&all, &Access::new("create", "", "pods/portforward")));
        assert!(!allow(&[], &secret("get", None)));
    }

    #[test]
    fn groups() {
        let core = [rule(&[""], &["*"], &["*"], &[])];
        assert!(!allow(
            &core,
            &Access::new("create", "rbac.authorization.k8s.io", "roles")
        ));
        let rbac = [rule(
            &["rbac.authorization.k8s.io"],
            &["roles"],
            &["create"],
            &[],
        )];
        assert!(allow(
            &rbac,
            &Access::new("create", "rbac.authorization.k8s.io", "roles")
        ));
        assert!(!allow(&rbac, &Access::new("create", "", "roles")));
    }

    #[test]
    fn subresources() {
        let forward = Access::new("create", "", "pods/portforward").on("x-0");
        assert!(
            !allow(&[rule(&[""], &["pods"], &["*"], &[])], &forward),
            "a resource is not its subresources"
        );
        assert!(
            !allow(&[rule(&[""], &["pods/*"], &["*"], &[])], &forward),
            "RBAC has no such wildcard"
        );
        assert!(!allow(&[rule(&[""], &["*/exec"], &["*"], &[])], &forward));
        assert!(allow(
            &[rule(&[""], &["*/portforward"], &["create"], &[])],
            &forward
        ));
        assert!(allow(
            &[rule(&[""], &["pods/portforward"], &["create"], &["x-0"])],
            &forward
        ));
        assert!(!allow(
            &[rule(&[""], &["*/portforward"], &["create"], &[])],
            &Access::new("create", "", "portforward")
        ));
    }
}
