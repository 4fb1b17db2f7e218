use datalab_core::{cluster::api::api::core::v1::Secret as SecretObject, words::Secret};

use crate::{relay::Address, share::CA_KEY};

/// The login, as the Secret holds it.
pub(super) struct SharedLogin {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: String,
    pub(super) user: String,
    pub(super) password: Secret<String>,
    /// The certificate of the server's authority, in PEM.
    pub(super) authority: Option<Vec<u8>>,
}

impl SharedLogin {
    /// Where the database is, as pods know it.
    pub(super) fn address(&self) -> Address {
        Address {
            host: self.host.clone(),
            port: self.port,
        }
    }

    pub(super) fn from(secret: &SecretObject) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        Some(Self {
            host: text("host").filter(|host| is_host_name(host))?,
            port: text("port")?.parse().ok()?,
            database: text("database")?,
            user: text("username")?,
            password: Secret::new(text("password")?),
            authority: data.get(CA_KEY).map(|value| value.0.clone()),
        })
    }
}

/// The longest host name, in bytes (RFC 1035, section 2.3.4, less the length and the root).
const HOST_MAX: usize = 253;

/// Whether this is the name of a host and nothing else. The owner's namespace says it, and the
/// grantee's relay and client would read more into other characters: socat has options and
/// commands after some, libpq several hosts, or a folder of sockets.
fn is_host_name(text: &str) -> bool {
    text.len() <= HOST_MAX
        && text.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        for host in ["postgresql-951239.user-me.svc", "10.96.0.1", "DB"] {
            assert!(is_host_name(host), "{host}");
        }
        let long = "a".repeat(HOST_MAX + 1);
        for other in [
            "",
            ".",
            "db..svc",
            "-db",
            "db,bind=0.0.0.0",
            "db:1!!EXEC:sh",
            "/run/postgresql",
            "db one",
            "db\n",
            "db'$(id)",
            "ä",
            &long,
        ] {
            assert!(!is_host_name(other), "{other:?}");
        }
    }
}
