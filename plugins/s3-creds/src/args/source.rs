use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use datalab_core::{
    login::Flow,
    report::{Failure, Kind},
    words::Lifetime,
    world::World,
};
use jiff::SignedDuration;

use crate::{
    bearer::HowToLogIn,
    cache::CacheKind,
    issue::{MARGIN, Terms},
    issued::Server,
    policy::Extent,
    source::{Addressing, Duration, Source, TokenKind, TokenSource},
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
    pub(super) profile: Option<String>,
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
    addressing: AddressingArg,
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
    keys_args: KeysArgs,
    #[command(flatten)]
    login: LoginArgs,
}

/// What the keys are to be like.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which keys")]
struct KeysArgs {
    /// How long they live: seconds, 15m, 12h, 7d or max [default: the platform's, else 1h]
    #[arg(long, value_name = "TIME")]
    duration: Option<Duration>,
    /// Name of the session in the store's logs [default: the user's]
    #[arg(long, value_name = "NAME")]
    session_name: Option<String>,
    /// Only this bucket
    #[arg(long, value_name = "NAME")]
    bucket: Option<String>,
    /// Only what begins so in the bucket
    #[arg(long, value_name = "PREFIX", requires = "bucket")]
    prefix: Option<String>,
    /// Reading only
    #[arg(long)]
    read_only: bool,
    /// Only what this policy allows of the role
    #[arg(long, value_name = "FILE", conflicts_with = "read_only")]
    policy: Option<PathBuf>,
    /// How much of their life is left at least, if that can be had [default: 15m]
    #[arg(long, value_name = "TIME")]
    min_ttl: Option<Lifetime>,
    /// Where they are kept for the next call: file (readable by you alone) or keyring (slower)
    #[arg(
        long,
        value_enum,
        default_value = "file",
        value_name = "PLACE",
        hide_possible_values = true,
        hide_default_value = true,
        conflicts_with = "no_cache"
    )]
    cache: CacheArg,
    /// Neither use kept keys nor keep new ones
    #[arg(long)]
    no_cache: bool,
}

/// Whose keys.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Which login")]
struct LoginArgs {
    /// Identity provider, by its issuer URL
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Client at the identity provider
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// Scope that the store's token needs; can be repeated
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// One of several accounts, by user name or e-mail
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Certificate authorities of the identity provider, beside the system's
    #[arg(long, value_name = "FILE")]
    issuer_ca: Option<PathBuf>,
    /// A token instead of a login: a file, - for standard input, or env:NAME
    #[arg(long, value_name = "FILE")]
    token: Option<TokenArg>,
    /// Which of the login's tokens is sent: access or id
    #[arg(
        long,
        value_enum,
        default_value = "access",
        value_name = "KIND",
        hide_possible_values = true,
        hide_default_value = true
    )]
    token_kind: TokenKindArg,
    /// Say yes beforehand to an issuer or token service that has not had your token yet
    #[arg(long)]
    trust: bool,
    /// auto, browser or device (a code to enter on any device)
    #[arg(
        long,
        default_value = "auto",
        value_name = "FLOW",
        hide_default_value = true
    )]
    flow: Flow,
    /// How long a person may take to log in [default: 3m]
    #[arg(
        long,
        default_value = "3m",
        value_name = "TIME",
        hide_default_value = true
    )]
    login_timeout: Lifetime,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum AddressingArg {
    Auto,
    Path,
    Virtual,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CacheArg {
    File,
    Keyring,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TokenKindArg {
    Access,
    Id,
}

#[derive(Clone, Debug)]
struct TokenArg(TokenSource);

impl FromStr for TokenArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(match text.strip_prefix("env:") {
            Some(name) => TokenSource::Variable(name.to_owned()),
            None if text == "-" => TokenSource::Stdin,
            None => TokenSource::File(text.into()),
        }))
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
            keys_args,
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
        } = keys_args;
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
        let variable = |name: &str| -> Result<Option<String>, Failure> {
            let Some(value) = world.environment().get(name) else {
                return Ok(None);
            };
            let text = value.to_str().ok_or_else(|| {
                Failure::new(Kind::Usage, format!("the variable {name} is no text"))
            })?;
            Ok(Some(text.to_owned()))
        };
        // A store that is named on the command line is not mixed with another one's platform.
        let names_store = onyxia.is_some() || endpoint.is_some();
        let of_store = |flag: Option<String>, name: &str| match flag {
            Some(flag) => Ok(Some(flag)),
            None if names_store => Ok(None),
            None => variable(name),
        };
        let or = |flag: Option<String>, name: &str| match flag {
            Some(flag) => Ok(Some(flag)),
            None => variable(name),
        };
        let names_issuer = issuer.is_some();
        let source = Source {
            onyxia: of_store(onyxia, "DATALAB_ONYXIA")?,
            platform_region,
            profile: of_store(profile, "DATALAB_S3_PROFILE")?,
            endpoint: of_store(endpoint, "DATALAB_S3_ENDPOINT")?,
            sts_endpoint: of_store(sts_endpoint, "DATALAB_STS_ENDPOINT")?,
            region,
            addressing: match addressing {
                AddressingArg::Auto => Addressing::Auto,
                AddressingArg::Path => Addressing::Path,
                AddressingArg::Virtual => Addressing::Virtual,
            },
            server: match server {
                ServerArg::Auto => None,
                ServerArg::Aws => Some(Server::Aws),
                ServerArg::Ceph => Some(Server::Ceph),
                ServerArg::Minio => Some(Server::Minio),
                ServerArg::RustFs => Some(Server::RustFs),
                ServerArg::SeaweedFs => Some(Server::SeaweedFs),
                ServerArg::Static => Some(Server::Static),
            },
            role_arn: of_store(role_arn, "DATALAB_S3_ROLE_ARN")?,
            session_name,
            duration,
            policy,
            extent: Extent {
                bucket,
                prefix,
                read_only,
            },
            token: token.map(|TokenArg(source)| source).unwrap_or_default(),
            token_kind: match token_kind {
                TokenKindArg::Access => TokenKind::Access,
                TokenKindArg::Id => TokenKind::Id,
            },
            issuer: or(issuer, "DATALAB_ISSUER")?,
            client_id: match client_id {
                None if names_issuer => None,
                client_id => or(client_id, "DATALAB_CLIENT_ID")?,
            },
            scopes,
            account,
            issuer_ca,
            ca_file: or(
                ca_file.map(|file| file.to_string_lossy().into_owned()),
                "DATALAB_CA_FILE",
            )?
            .map(PathBuf::from),
            keys,
            allows_http: allow_http,
            trusts: trust,
        };
        let terms = Terms {
            cache: match (no_cache, cache) {
                (true, _) => CacheKind::None,
                (false, CacheArg::File) => CacheKind::File,
                (false, CacheArg::Keyring) => CacheKind::Keyring,
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
