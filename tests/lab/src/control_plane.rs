//! The control plane: etcd, the API server, the controllers and the scheduler.

use std::path::Path;

use serde_json::json;

use crate::keycloak;
use crate::kubeconfig;
use crate::layout::{
    API_PORT, API_SERVICE, Layout, NODE, NODE_ADDRESS, POD_NETWORK, SERVICE_NETWORK,
};
use crate::network::Subnet;
use crate::part::Part;
use crate::pki::{self, Authority, write_private};
use crate::state::{self, write_whole};
use crate::tools::Programs;

/// The context in the administrator's kubeconfig; a name that no other tool gives.
const CONTEXT: &str = "datalab-lab";

/// What went wrong while the configuration was written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A certificate, key or kubeconfig.
    #[error(transparent)]
    Pki(#[from] pki::Error),
    /// A configuration file.
    #[error(transparent)]
    State(#[from] state::Error),
}

/// The address of the API server for whoever is in this network position.
fn server(address: impl std::fmt::Display) -> String {
    format!("https://{address}:{API_PORT}")
}

/// Writes the certificates of all parts, the kubeconfigs, the audit policy, and whose tokens count.
pub(crate) fn configure(layout: &Layout, subnet: Subnet) -> Result<(), Error> {
    let authority = Authority::new("kubectl-datalab lab")?;
    write_private(&layout.pki("ca.crt"), &authority.identity().certificate)?;
    write_private(&layout.pki("ca.key"), &authority.identity().key)?;
    let (private, public) = pki::signing_key()?;
    write_private(&layout.pki("service-accounts.key"), &private)?;
    write_private(&layout.pki("service-accounts.pub"), &public)?;

    let names = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        "localhost",
    ];
    let addresses = [
        [127, 0, 0, 1].into(),
        API_SERVICE,
        NODE_ADDRESS,
        subnet.lab(),
    ];
    let node = format!("system:node:{NODE}");
    for (file, identity) in [
        (
            "kube-apiserver",
            authority.server("kube-apiserver", &names, &addresses)?,
        ),
        (
            "keycloak",
            authority.server("keycloak", &[keycloak::PUBLIC_NAME], &[subnet.lab()])?,
        ),
        ("ceph", authority.server("ceph", &[], &[subnet.lab()])?),
        (
            "versitygw",
            authority.server("versitygw", &[], &[subnet.lab()])?,
        ),
        ("kubelet", authority.server(NODE, &[NODE], &[NODE_ADDRESS])?),
        (
            "kubelet-client",
            authority.client("kube-apiserver", Some("system:masters"))?,
        ),
    ] {
        write_private(&layout.pki(&format!("{file}.crt")), &identity.certificate)?;
        write_private(&layout.pki(&format!("{file}.key")), &identity.key)?;
    }

    let admin = authority.client("lab-admin", Some("system:masters"))?;
    let ca = &authority.identity().certificate;
    kubeconfig::write(
        &layout.kubeconfig(),
        CONTEXT,
        &server(subnet.lab()),
        ca,
        &admin,
    )?;
    let inside = server("127.0.0.1");
    kubeconfig::write(&layout.kubeconfig_inside(), CONTEXT, &inside, ca, &admin)?;
    for (part, user, group) in [
        (
            "kube-controller-manager",
            "system:kube-controller-manager",
            None,
        ),
        ("kube-scheduler", "system:kube-scheduler", None),
        ("kube-proxy", "system:kube-proxy", None),
        ("kubelet", node.as_str(), Some("system:nodes")),
    ] {
        let client = authority.client(user, group)?;
        kubeconfig::write(&kubeconfig_of(layout, part), part, &inside, ca, &client)?;
    }

    let audit_policy = json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        // One line a request is enough to count them, and who asked for what is all there.
        "omitStages": ["RequestReceived"],
        "rules": [{ "level": "Metadata" }],
    });
    write_whole(&layout.config("audit-policy.json"), &audit_policy)?;

    // From the start, though Keycloak comes on demand: until its realms answer, the API server asks
    // for them now and then, and serves everybody else.
    let authentication = json!({
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AuthenticationConfiguration",
        "jwt": keycloak::TRUSTED.map(|realm| realm.authenticator(subnet.lab(), ca)),
    });
    Ok(write_whole(
        &layout.config("authentication.json"),
        &authentication,
    )?)
}

pub(crate) fn kubeconfig_of(layout: &Layout, part: &str) -> std::path::PathBuf {
    layout.config(&format!("{part}.kubeconfig"))
}

/// The store; nothing in it has to survive a crash of the machine.
pub(crate) fn etcd(layout: &Layout, programs: &Programs) -> Part {
    Part::new("etcd", &programs.etcd)
        .flag("data-dir", layout.data("etcd"))
        .flag("listen-client-urls", "http://127.0.0.1:2379")
        .flag("advertise-client-urls", "http://127.0.0.1:2379")
        .flag("listen-peer-urls", "http://127.0.0.1:2380")
        .arg("--unsafe-no-fsync")
}

/// The API server.
pub(crate) fn kube_apiserver(layout: &Layout, programs: &Programs) -> Part {
    Part::new("kube-apiserver", &programs.kube_apiserver)
        .flag("etcd-servers", "http://127.0.0.1:2379")
        .flag("secure-port", API_PORT.to_string())
        .flag("bind-address", "0.0.0.0")
        // Loopback is refused here, so that pods reach the server by its Service.
        .flag("advertise-address", NODE_ADDRESS.to_string())
        .flag("service-cluster-ip-range", SERVICE_NETWORK)
        .flag("tls-cert-file", layout.pki("kube-apiserver.crt"))
        .flag("tls-private-key-file", layout.pki("kube-apiserver.key"))
        .flag("client-ca-file", layout.pki("ca.crt"))
        .flag("kubelet-certificate-authority", layout.pki("ca.crt"))
        .flag(
            "kubelet-client-certificate",
            layout.pki("kubelet-client.crt"),
        )
        .flag("kubelet-client-key", layout.pki("kubelet-client.key"))
        .flag("kubelet-preferred-address-types", "InternalIP")
        .flag("service-account-issuer", "https://kubernetes.default.svc")
        .flag(
            "service-account-key-file",
            layout.pki("service-accounts.pub"),
        )
        .flag(
            "service-account-signing-key-file",
            layout.pki("service-accounts.key"),
        )
        .flag(
            "authentication-config",
            layout.config("authentication.json"),
        )
        .flag("authorization-mode", "Node,RBAC")
        .flag("allow-privileged", "true")
        .flag("audit-policy-file", layout.config("audit-policy.json"))
        .flag("audit-log-path", layout.audit_log())
        .flag("event-ttl", "15m")
}

/// The controllers that a cluster without a cloud needs.
pub(crate) fn kube_controller_manager(layout: &Layout, programs: &Programs) -> Part {
    let kubeconfig = kubeconfig_of(layout, "kube-controller-manager");
    Part::new("kube-controller-manager", &programs.kube_controller_manager)
        .flag("kubeconfig", &kubeconfig)
        .flag("authentication-kubeconfig", &kubeconfig)
        .flag("authorization-kubeconfig", &kubeconfig)
        .flag("bind-address", "127.0.0.1")
        .arg("--use-service-account-credentials")
        .flag(
            "service-account-private-key-file",
            layout.pki("service-accounts.key"),
        )
        .flag("root-ca-file", layout.pki("ca.crt"))
        .flag("cluster-signing-cert-file", layout.pki("ca.crt"))
        .flag("cluster-signing-key-file", layout.pki("ca.key"))
        .flag("cluster-cidr", POD_NETWORK)
        .flag("controllers", "*,-nodeipam")
        // It begins with a burst; the default of 20 requests a second costs each start 5 s.
        .flag("kube-api-qps", "500")
        .flag("kube-api-burst", "500")
        .flag("leader-elect", "false")
}

/// The scheduler.
pub(crate) fn kube_scheduler(layout: &Layout, programs: &Programs) -> Part {
    let kubeconfig = kubeconfig_of(layout, "kube-scheduler");
    Part::new("kube-scheduler", &programs.kube_scheduler)
        .flag("kubeconfig", &kubeconfig)
        .flag("authentication-kubeconfig", &kubeconfig)
        .flag("authorization-kubeconfig", &kubeconfig)
        .flag("bind-address", "127.0.0.1")
        .flag("leader-elect", "false")
}

/// The engine that enforces NetworkPolicies: the lab's own, in `program`, or a real one.
pub(crate) fn network_policy_engine(layout: &Layout, programs: &Programs, program: &Path) -> Part {
    let name = NETWORK_POLICY_ENGINE;
    let part = match &programs.network_policy_engine {
        Some(engine) => Part::new(name, engine)
            .arg("--run-firewall=true")
            .arg("--run-router=false")
            .arg("--run-service-proxy=false")
            .arg("--run-loadbalancer=false")
            .flag("hostname-override", NODE)
            .flag("service-cluster-ip-range", SERVICE_NETWORK)
            .env("NODE_NAME", NODE),
        None => Part::new(name, program).arg("lab").arg("policy-engine"),
    };
    part.flag("kubeconfig", layout.kubeconfig_inside())
}

/// The only part that is started again when it ends: its watches may fail with the API server.
pub(crate) const NETWORK_POLICY_ENGINE: &str = "network-policy-engine";
