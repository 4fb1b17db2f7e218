use std::path::PathBuf;

use clap::{Args, ValueEnum};
use datalab_core::{report::Failure, world::World};
use jiff::SignedDuration;

use super::{
    fallback::Fallback,
    keys::KeysArgs,
    login::{LoginArgs, TokenArg},
};
use crate::{
    bearer::HowToLogIn,
    cache::CacheKind,
    issue::{MARGIN, Terms},
    issued::Server,
    policy::Extent,
    source::{Addressing, Source, variable},
};

/// Which store is meant, and which keys. Without any: the store of the platform that oidc-login
/// was set up with.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which store")]
pub(crate) struct SourceArgs {
    /// Platform (Onyxia) that tells store, roles and login
    #[arg(long, value_name = "URL")]
    onyxia: Option<String>,
    /// Region of the platform, where it has several
    #[arg(long, value_name = "ID")]
    platform_region: Option<String>,
    /// One of the platform's profiles: see the verb profiles
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Address of the store
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// Address of the token service, where it is not the store's
    #[arg(long, value_name = "URL")]
    sts_endpoint: Option<String>,
    /// Region that requests are signed for [default: us-east-1]
    #[arg(long, value_name = "NAME")]
    region: Option<String>,
    /// Where the bucket stands: path, virtual (in the host's name) or auto
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "STYLE",
        hide_possible_values = true,
        hide_default_value = true
    )]
    addressing: Addressing,
    /// What the store is: auto, aws, ceph, minio, rustfs, seaweedfs, or static (no temporary keys)
    #[arg(
        long,
        value_enum,
        default_value = "auto",
        value_name = "KIND",
        hide_possible_values = true,
        hide_default_value = true
    )]
    server: ServerArg,
    /// Role to take on
    #[arg(long, value_name = "ARN")]
    role_arn: Option<String>,
    /// Certificate authorities of platform, token service and store, beside the system's
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Send token and keys over plain http, to more than this machine
    #[arg(long)]
    allow_http: bool,
    /// Where a static store's keys are: a file, or - for standard input [default: the environment]
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    kind: KeysArgs,
    #[command(flatten)]
    login: LoginArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ServerArg {
    Auto,
    Aws,
    Ceph,
    Minio,
    #[value(name = "rustfs")]
    RustFs,
    #[value(name = "seaweedfs")]
    SeaweedFs,
    Static,
}

impl ServerArg {
    fn server(self) -> Option<Server> {
        match self {
            Self::Auto => None,
            Self::Aws => Some(Server::Aws),
            Self::Ceph => Some(Server::Ceph),
            Self::Minio => Some(Server::Minio),
            Self::RustFs => Some(Server::RustFs),
            Self::SeaweedFs => Some(Server::SeaweedFs),
            Self::Static => Some(Server::Static),
        }
    }
}

impl SourceArgs {
    /// What the flags say, and where they say nothing, the environment.
    pub(crate) fn into_request(self, world: &World) -> Result<(Source, Terms), Failure> {
        let Self {
            onyxia,
            platform_region,
            profile,
            endpoint,
            sts_endpoint,
            region,
            addressing,
            server,
            role_arn,
            ca_file,
            allow_http,
            keys,
            kind,
            login,
        } = self;
        let KeysArgs {
            duration,
            session_name,
            bucket,
            prefix,
            read_only,
            policy,
            min_ttl,
            cache,
            no_cache,
        } = kind;
        let LoginArgs {
            issuer,
            client_id,
            scopes,
            account,
            issuer_ca,
            token,
            token_kind,
            trust,
            flow,
            login_timeout,
        } = login;
        // A store that is named on the command line is not mixed with another one's platform.
        let names_store = onyxia.is_some() || endpoint.is_some();
        let fallback = Fallback { world };
        let of_store = |flag: Option<String>, name| match names_store {
            true => Ok(flag),
            false => fallback.text(flag, name),
        };
        let names_issuer = issuer.is_some();
        let source = Source {
            onyxia: of_store(onyxia, variable::ONYXIA)?,
            platform_region,
            profile: of_store(profile, variable::PROFILE)?,
            endpoint: of_store(endpoint, variable::ENDPOINT)?,
            sts_endpoint: of_store(sts_endpoint, variable::STS_ENDPOINT)?,
            region,
            addressing,
            server: server.server(),
            role_arn: of_store(role_arn, variable::ROLE_ARN)?,
            session_name,
            duration,
            policy,
            extent: Extent {
                bucket,
                prefix,
                read_only,
            },
            token: token.map(TokenArg::source).unwrap_or_default(),
            token_kind,
            issuer: fallback.text(issuer, variable::ISSUER)?,
            // Another issuer's client is none of this one's.
            client_id: match names_issuer {
                true => client_id,
                false => fallback.text(client_id, variable::CLIENT_ID)?,
            },
            scopes,
            account,
            issuer_ca,
            ca_file: fallback.path(ca_file, variable::CA_FILE),
            keys,
            allows_http: allow_http,
            trusts: trust,
        };
        let terms = Terms {
            cache: match no_cache {
                true => CacheKind::None,
                false => cache.kind(),
            },
            margin: min_ttl.map_or(MARGIN, |margin| {
                SignedDuration::try_from(margin.as_duration()).unwrap_or(MARGIN)
            }),
            how: HowToLogIn {
                flow,
                limit: login_timeout.as_duration(),
            },
            anew: false,
        };
        Ok((source, terms))
    }
}

#[cfg(test)]
mod tests;
