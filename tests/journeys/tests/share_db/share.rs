//! A share from both sides: the owner's commands, and what kubectl shows the one it is for.

use std::path::PathBuf;

use datalab_lab::tenant::{Login, Output, Pod, Tenant};

use super::transcript;

/// The keys of a login, one a line; the password last.
const LOGIN: &str = "--output=go-template={{.data.host | base64decode}}
{{.data.port | base64decode}}
{{.data.database | base64decode}}
{{.data.username | base64decode}}
{{.data.password | base64decode}}";

/// `kubectl datalab share-db …` as a tenant, the words parted by blanks.
#[track_caller]
pub(crate) fn share_db(tenant: &Tenant, line: &str) -> Output {
    transcript::share_db(tenant, line.split_whitespace())
}

/// The Secret of one share.
pub(crate) struct ShareSecret {
    namespace: String,
    name: String,
}

impl ShareSecret {
    /// Of the share that this grant would make, by its dry run: nothing is there yet.
    #[track_caller]
    pub(crate) fn planned(owner: &Tenant, grant: &str) -> Self {
        let line = format!("{grant} --dry-run=client --output=jsonpath={{.secret}}");
        Self::named(owner, share_db(owner, &line).ok().trim_end())
    }

    pub(crate) fn named(owner: &Tenant, name: &str) -> Self {
        Self {
            namespace: owner.namespace().to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// What a tenant's kubectl says of it.
    #[track_caller]
    pub(crate) fn shown_to(&self, tenant: &Tenant) -> Output {
        tenant.kubectl(self.get())
    }

    /// What kubectl says of it in a pod, by the pod's service account; [`install_kubectl`] first.
    #[track_caller]
    pub(crate) fn shown_in(&self, pod: &Pod) -> Output {
        pod.exec(["kubectl"].into_iter().chain(self.get()))
    }

    fn get(&self) -> [&str; 6] {
        let Self { namespace, name } = self;
        ["get", "secret", name, "--namespace", namespace, LOGIN]
    }

    /// The login in it, as a tenant reads it.
    #[track_caller]
    pub(crate) fn login_of(&self, tenant: &Tenant) -> Login {
        login(&self.shown_to(tenant).ok())
    }
}

/// The login in what kubectl showed of a Secret.
#[track_caller]
pub(crate) fn login(shown: &str) -> Login {
    let parts: Vec<&str> = shown.lines().collect();
    assert_eq!(parts.len(), 5, "a login has five parts");
    Login {
        host: parts[0].to_owned(),
        port: parts[1].parse().expect("because a port is a number"),
        database: parts[2].to_owned(),
        user: parts[3].to_owned(),
        password: parts[4].to_owned(),
    }
}

/// Puts the tenant's own kubectl into a pod.
#[track_caller]
pub(crate) fn install_kubectl(pod: &Pod, tenant: &Tenant) {
    pod.install(&program("kubectl", tenant));
}

/// Where a tenant finds a program.
#[track_caller]
pub(crate) fn program(name: &str, tenant: &Tenant) -> PathBuf {
    let found = tenant
        .run(["sh", "-c", "command -v \"$1\"", "sh", name])
        .ok();
    PathBuf::from(found.trim_end())
}
