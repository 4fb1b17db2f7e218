use datalab_core::cluster::api::{
    api::networking::v1::NetworkPolicyPort, apimachinery::pkg::util::intstr::IntOrString,
};

/// The port of a pod that a policy may or may not open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodPort {
    /// What the container calls it.
    pub(crate) name: Option<String>,
    pub(crate) number: i32,
}

impl PodPort {
    /// The port behind a Service. A named one has most likely the Service's own number: only the
    /// pod could tell, and there may be none.
    pub(crate) fn behind(target: &IntOrString, service_port: i32) -> Self {
        match target {
            IntOrString::Int(number) => Self {
                name: None,
                number: *number,
            },
            IntOrString::String(name) => Self {
                name: Some(name.clone()),
                number: service_port,
            },
        }
    }

    /// Whether a policy that names this port means the pod's.
    pub(crate) fn is_in(&self, allowed: &NetworkPolicyPort) -> bool {
        if !matches!(allowed.protocol.as_deref(), None | Some("TCP")) {
            return false;
        }
        match (&allowed.port, allowed.end_port) {
            (None, _) => true,
            (Some(IntOrString::Int(first)), last) => {
                (*first..=last.unwrap_or(*first)).contains(&self.number)
            }
            (Some(IntOrString::String(name)), _) => self.name.as_ref() == Some(name),
        }
    }
}
