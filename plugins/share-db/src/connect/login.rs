use datalab_core::{cluster::api::api::core::v1::Secret as SecretObject, words::Secret};

use crate::share::CA_KEY;

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
    pub(super) fn from(secret: &SecretObject) -> Option<Self> {
        let data = secret.data.as_ref()?;
        let text = |key: &str| String::from_utf8(data.get(key)?.0.clone()).ok();
        Some(Self {
            host: text("host")?,
            port: text("port")?.parse().ok()?,
            database: text("database")?,
            user: text("username")?,
            password: Secret::new(text("password")?),
            authority: data.get(CA_KEY).map(|value| value.0.clone()),
        })
    }
}
