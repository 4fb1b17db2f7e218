use datalab_core::{
    cluster::api::api::rbac::v1::RoleBinding,
    words::{Namespace, Subject},
};

/// The RoleBinding by which Onyxia makes a user the admin of their namespace.
const ONYXIA_BINDING: &str = "full_control_namespace";

/// Who is meant by `--with`, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grantee {
    pub(crate) namespace: Namespace,
    pub(crate) subjects: Vec<Subject>,
    /// How the subjects were found, for the reader to judge.
    pub(crate) derivation: String,
}

/// The subjects that a namespace stands for: all its service accounts; and, where the owner's own
/// user is named after the owner's namespace, the user who is named after this one likewise.
///
/// Onyxia makes `user-me` for the user `oidc-me`: both prefixes are settings of the platform, which
/// a tenant cannot read, so the pattern is taken from the owner's own namespace.
pub(crate) fn derive(
    owner: &Namespace,
    bindings: &[RoleBinding],
    grantee: &Namespace,
    given: &[Subject],
) -> Grantee {
    if !given.is_empty() {
        return Grantee {
            namespace: grantee.clone(),
            subjects: given.to_vec(),
            derivation: "as given with --subject".to_owned(),
        };
    }
    let pods = Subject::service_accounts_of(grantee);
    let user = bindings
        .iter()
        .filter(|binding| binding.metadata.name.as_deref() == Some(ONYXIA_BINDING))
        .flat_map(|binding| binding.subjects.iter().flatten())
        .filter(|subject| subject.kind == "User")
        .find_map(|subject| {
            Some((
                alike(owner.as_str(), &subject.name, grantee.as_str())?,
                &subject.name,
            ))
        });
    match user {
        Some((user, own)) => Grantee {
            namespace: grantee.clone(),
            derivation: format!(
                "user {user} follows from your own: {owner} belongs to {own}; `kubectl auth whoami` tells the colleague"
            ),
            subjects: vec![Subject::User(user), pods],
        },
        None => Grantee {
            namespace: grantee.clone(),
            derivation: format!(
                "no user can be derived from the name {grantee}: only its pods; name people with --subject, as `kubectl auth whoami` tells them"
            ),
            subjects: vec![pods],
        },
    }
}

/// The user of namespace `grantee`, when `own_user` is the one of `own`: what both own names end
/// with is the person, what stands before it is the platform's.
fn alike(own: &str, own_user: &str, grantee: &str) -> Option<String> {
    let common: usize = own
        .chars()
        .rev()
        .zip(own_user.chars().rev())
        .take_while(|(a, b)| a == b)
        .map(|(a, _)| a.len_utf8())
        .sum();
    if common == 0 {
        return None;
    }
    let (namespace_prefix, _) = own.split_at(own.len() - common);
    let (user_prefix, _) = own_user.split_at(own_user.len() - common);
    // `me` at the end of `jerome` is an accident: a person's name begins at a sign, or at the start.
    let begins_clean = user_prefix
        .chars()
        .next_back()
        .is_none_or(|last| !last.is_alphanumeric());
    if !begins_clean && !own[namespace_prefix.len()..].starts_with('-') {
        return None;
    }
    let person = grantee.strip_prefix(namespace_prefix)?;
    // `user` and `oidc` are followed by a dash that both share; a longer first word is another
    // kind of namespace.
    if own[namespace_prefix.len()..].starts_with('-') && !person.starts_with('-') {
        return None;
    }
    (!person.is_empty()).then(|| format!("{user_prefix}{person}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn derived(own: &str, kind: &str, name: &str, grantee: &str) -> Vec<String> {
        let binding = serde_json::from_value(json!({
            "metadata": {"name": ONYXIA_BINDING},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "admin"},
            "subjects": [{"kind": kind, "name": name}],
        }))
        .unwrap();
        derive(
            &own.parse().unwrap(),
            &[binding],
            &grantee.parse().unwrap(),
            &[],
        )
        .subjects
        .iter()
        .map(Subject::to_string)
        .collect()
    }

    #[test]
    fn onyxia_names() {
        assert_eq!(
            derived("user-me", "User", "oidc-me", "user-x"),
            ["user:oidc-x", "group:system:serviceaccounts:user-x"]
        );
        assert_eq!(
            derived("user-me", "User", "me", "user-x"),
            ["user:x", "group:system:serviceaccounts:user-x"]
        );
        assert_eq!(
            derived("onyxia-me", "User", "https://idp#me", "onyxia-x"),
            [
                "user:https://idp#x",
                "group:system:serviceaccounts:onyxia-x"
            ]
        );
    }

    #[test]
    fn other_kinds_of_namespaces_have_no_user() {
        for (own, kind, name, grantee) in [
            ("user-me", "User", "oidc-me", "projet-p"),
            ("user-me", "User", "oidc-me", "userland"),
            ("user-me", "User", "somebody", "user-x"),
            ("user-me", "User", "jerome", "user-x"),
            ("user-me", "User", "acme", "user-x"),
            ("projet-p", "Group", "oidc-p", "user-x"),
        ] {
            assert_eq!(
                derived(own, kind, name, grantee),
                [format!("group:system:serviceaccounts:{grantee}")]
            );
        }
    }

    #[test]
    fn given_subjects_replace_derived_ones() {
        let given: Vec<Subject> = vec!["group:projet-p".parse().unwrap()];
        let grantee = derive(
            &"user-me".parse().unwrap(),
            &[],
            &"projet-p".parse().unwrap(),
            &given,
        );
        assert_eq!(grantee.subjects, given);
    }
}
