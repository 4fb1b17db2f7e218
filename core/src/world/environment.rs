use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::PathBuf,
};

/// An environment variable that a tool reads.
#[derive(Clone, Copy, Debug)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What it is for, in one line of the reference page.
    pub purpose: &'static str,
}

/// Every environment variable that the suite reads.
pub const VARIABLES: &[Variable] = &[
    Variable {
        name: "KUBECONFIG",
        purpose: "kubeconfig files, separated as in PATH; --kubeconfig wins",
    },
    Variable {
        name: "HOME",
        purpose: "where .kube/config lies when KUBECONFIG is not set",
    },
    Variable {
        name: "HTTPS_PROXY",
        purpose: "proxy to the API server, unless NO_PROXY names the server; a kubeconfig's proxy-url wins",
    },
    Variable {
        name: "HTTP_PROXY",
        purpose: "as HTTPS_PROXY, for API servers without TLS",
    },
    Variable {
        name: "NO_PROXY",
        purpose: "hosts, domains and address ranges reached without a proxy",
    },
    Variable {
        name: "https_proxy",
        purpose: "as HTTPS_PROXY, which wins",
    },
    Variable {
        name: "http_proxy",
        purpose: "as HTTP_PROXY, which wins",
    },
    Variable {
        name: "no_proxy",
        purpose: "as NO_PROXY, which wins",
    },
    Variable {
        name: "KUBERNETES_SERVICE_HOST",
        purpose: "inside a pod: the API server's address, used when there is no kubeconfig",
    },
    Variable {
        name: "KUBERNETES_SERVICE_PORT",
        purpose: "inside a pod: the API server's port",
    },
    Variable {
        name: "POD_NAMESPACE",
        purpose: "inside a pod: the namespace to work in, instead of the service account's",
    },
    Variable {
        name: "XDG_CACHE_HOME",
        purpose: "where files lie that can be made again, instead of .cache in HOME",
    },
    Variable {
        name: "XDG_STATE_HOME",
        purpose: "where logins are kept, instead of .local/state in HOME",
    },
    Variable {
        name: "XDG_CONFIG_HOME",
        purpose: "where it is kept which issuers are trusted, instead of .config in HOME",
    },
    Variable {
        name: "XDG_RUNTIME_DIR",
        purpose: "where ready-made replies to kubectl and AWS SDKs lie, instead of XDG_CACHE_HOME",
    },
    Variable {
        name: "KUBERNETES_EXEC_INFO",
        purpose: "oidc-login: what kubectl asks for; set by kubectl",
    },
    Variable {
        name: "BROWSER",
        purpose: "oidc-login: the browser, instead of the desktop's",
    },
    Variable {
        name: "TERM",
        purpose: "oidc-login: whether the screen has colours, which `dumb` has not",
    },
    Variable {
        name: "NO_COLOR",
        purpose: "oidc-login: the picture of a login's address has the screen's own colours",
    },
    Variable {
        name: "AWS_CONFIG_FILE",
        purpose: "s3-creds configure: where the profiles of AWS' SDKs lie, instead of ~/.aws/config",
    },
    Variable {
        name: "AWS_SHARED_CREDENTIALS_FILE",
        purpose: "s3-creds configure: where their keys lie, instead of ~/.aws/credentials",
    },
    Variable {
        name: "RCLONE_CONFIG",
        purpose: "s3-creds configure: where rclone's settings lie, instead of rclone/rclone.conf in XDG_CONFIG_HOME",
    },
    Variable {
        name: "S3CMD_CONFIG",
        purpose: "s3-creds configure: where s3cmd's settings lie, instead of ~/.s3cfg",
    },
    Variable {
        name: "MC_CONFIG_DIR",
        purpose: "s3-creds configure: the folder of mc's settings, instead of ~/.mc",
    },
    Variable {
        name: "DATALAB_RELAY_IMAGE",
        purpose: "image of the relay pod that connects from outside the cluster; --relay-image wins",
    },
    Variable {
        name: "DATALAB_OPERATOR_NAMESPACE",
        purpose: "share-db: where CloudNativePG's operator runs; --operator-namespace wins",
    },
    Variable {
        name: "DATALAB_ONYXIA",
        purpose: "s3-creds: the platform that tells store, roles and login; --onyxia wins",
    },
    Variable {
        name: "DATALAB_S3_PROFILE",
        purpose: "s3-creds: one of the platform's profiles; --profile wins",
    },
    Variable {
        name: "DATALAB_S3_ENDPOINT",
        purpose: "s3-creds: the store's address; --endpoint wins",
    },
    Variable {
        name: "DATALAB_STS_ENDPOINT",
        purpose: "s3-creds: the token service's address; --sts-endpoint wins",
    },
    Variable {
        name: "DATALAB_S3_ROLE_ARN",
        purpose: "s3-creds: the role to take on; --role-arn wins",
    },
    Variable {
        name: "DATALAB_ISSUER",
        purpose: "s3-creds: the identity provider; --issuer wins",
    },
    Variable {
        name: "DATALAB_CLIENT_ID",
        purpose: "s3-creds: the client at the identity provider; --client-id wins",
    },
    Variable {
        name: "DATALAB_CA_FILE",
        purpose: "s3-creds: certificate authorities of platform, token service and store; --ca-file wins",
    },
    Variable {
        name: "AWS_ACCESS_KEY_ID",
        purpose: "s3-creds: with AWS_SECRET_ACCESS_KEY, the keys of a store without temporary ones; --keys wins",
    },
    Variable {
        name: "SHELL",
        purpose: "s3-creds: what its verb shell starts, instead of /bin/sh",
    },
    Variable {
        name: "DATALAB_DISPLAY_NAME",
        purpose: "how help pages spell the command; set by the dispatcher",
    },
];

/// The environment as a table read once, so that tests can bring their own.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    pub(super) fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    pub(super) fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }

    /// A variable's value; an empty one counts as not set.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable's value where it is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(OsStr::to_str)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.get("HOME").map(PathBuf::from)
    }

    /// Where the suite keeps files that can be made again at any time.
    ///
    /// <https://specifications.freedesktop.org/basedir-spec/latest/>
    pub fn cache(&self) -> Option<PathBuf> {
        self.base("XDG_CACHE_HOME", ".cache")
    }

    /// Where the suite keeps what lasts, and is no configuration.
    pub fn state(&self) -> Option<PathBuf> {
        self.base("XDG_STATE_HOME", ".local/state")
    }

    /// Where the suite keeps what the user has decided.
    pub fn configuration(&self) -> Option<PathBuf> {
        self.base("XDG_CONFIG_HOME", ".config")
    }

    fn base(&self, variable: &str, in_home: &str) -> Option<PathBuf> {
        let base = self
            .get(variable)
            .map(PathBuf::from)
            // The specification has relative paths ignored.
            .filter(|path| path.is_absolute())
            .or_else(|| Some(self.home()?.join(in_home)))?;
        Some(base.join("kubectl-datalab"))
    }
}
