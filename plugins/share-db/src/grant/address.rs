use jiff::Timestamp;

use super::survey::Survey;
use crate::{
    catalogue::Database,
    postgres::Presented,
    share::{self, Address},
};

/// Where the database is, and what of the server's certificate could not be shown.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) address: Address,
    /// Why `verify-full` does not work, where an authority was found.
    pub(super) gap: Option<String>,
}

impl Located {
    /// The address at which the server can be verified with the authority that was found, a Secret's
    /// name and PEM. An authority that is not the server's is not published: every client would
    /// refuse the server.
    pub(super) fn of(
        database: &Database,
        found: Option<(String, String)>,
        presented: Option<&Presented>,
        now: Timestamp,
    ) -> Self {
        let hosts = database.hosts();
        let at = |host: &str, ca: Option<String>, gap: Option<String>| Self {
            address: Address {
                host: host.to_owned(),
                port: database.service_port,
                ca,
            },
            gap,
        };
        let plain = database.host();
        let Some((secret, ca)) = found else {
            return at(&plain, None, None);
        };
        let without = |why: &str| {
            let gap = format!("the server's certificate, {why}: the share has no ca.crt");
            at(&plain, None, Some(gap))
        };
        let Some(presented) = presented else {
            return without("which it did not show");
        };
        match presented.name_among(&hosts, ca.as_bytes(), now) {
            Ok(Some(host)) => at(host, Some(ca), None),
            Ok(None) => {
                let gap = format!(
                    "the server's name: its certificate is not for {plain}; `connect --sslmode verify-ca` asks for its authority alone"
                );
                at(&plain, Some(ca), Some(gap))
            }
            Err(error) => without(&format!(
                "which the authority in Secret {secret} does not verify ({error})"
            )),
        }
    }
}

impl Survey {
    /// What the Secret says otherwise about where the server is and how it is known.
    pub(super) fn address_changes(&self) -> Vec<String> {
        let before = self.existing.secret.as_ref().and_then(|s| s.data.as_ref());
        let Some(before) = before else {
            return Vec::new();
        };
        let text = |key: &str| {
            before
                .get(key)
                .map(|value| String::from_utf8_lossy(&value.0))
        };
        let Address { host, ca, .. } = &self.address;
        let mut changes = Vec::new();
        if let Some(before) = text("host").filter(|before| before != host) {
            changes.push(format!("host: {before} -> {host}"));
        }
        match (text(share::CA_KEY), ca) {
            (Some(before), Some(after)) if before != *after => {
                changes.push(format!("{}: replaced", share::CA_KEY));
            }
            (Some(_), None) => changes.push(format!("{}: taken out", share::CA_KEY)),
            (None, Some(_)) => changes.push(format!("{}: put in", share::CA_KEY)),
            _ => {}
        }
        changes
    }
}
