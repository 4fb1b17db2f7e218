use datalab_core::{
    onyxia::{self, Role},
    report::{Failure, Kind},
};

use super::{
    Addressing, Source, TokenSource, UNTOUCHED,
    address::{check_transport, origin},
    amazon::Amazon,
    platform,
};
use crate::{
    desk::Desk,
    issued::{Server, Store},
};

/// Every SDK's region where nobody says another one.
const DEFAULT_REGION: &str = "us-east-1";

/// A store, and where its keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) store: Store,
    /// The token service; `None` for a store whose keys are not temporary.
    pub(crate) sts_url: Option<String>,
    pub(crate) server: Option<Server>,
    /// How long the platform wants keys to live, in seconds.
    pub(crate) seconds: Option<u64>,
    pub(crate) roles: Vec<Role>,
    /// Where users log in for it.
    pub(crate) login: Option<onyxia::Login>,
    /// Where the platform that tells all this has its configuration.
    pub(crate) platform: Option<String>,
}

/// The stores that the user may mean: those of the platform, or the one of the flags.
pub(crate) async fn places(source: &Source, desk: &Desk<'_>) -> Result<Vec<Place>, Failure> {
    let address = match (&source.onyxia, &source.endpoint) {
        (Some(address), _) => Some(address.clone()),
        (None, Some(_)) => None,
        (None, None) if source.server == Some(Server::Aws) => None,
        (None, None) => Some(known_platform(desk)?),
    };
    let mut places = match &address {
        Some(address) => of_platform(address, source, desk).await?,
        None => vec![of_flags(source)?],
    };
    for place in &mut places {
        override_by(place, source)?;
    }
    Ok(places)
}

/// The only platform that a login was set up with.
fn known_platform(desk: &Desk<'_>) -> Result<String, Failure> {
    let known = desk.known();
    let mut platforms: Vec<_> = known
        .issuers
        .iter()
        .filter_map(|known| known.platform.as_ref())
        .collect();
    platforms.sort();
    platforms.dedup();
    let failure = |problem: &str| {
        Failure::new(Kind::Usage, problem)
            .detail("--onyxia URL names a platform, --endpoint URL a store; DATALAB_ONYXIA and DATALAB_S3_ENDPOINT do too")
    };
    match platforms.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(failure("which store is meant is not said").next(format!(
            "{} get --onyxia https://datalab.example.org",
            desk.name
        ))),
        several => Err(several.iter().fold(
            failure("several platforms could be meant").with_kind(Kind::NotFound),
            |failure, url| {
                let url = url.trim_end_matches("/api/public/configuration");
                failure.next(format!("{} get --onyxia {url}", desk.name))
            },
        )),
    }
}

async fn of_platform(
    address: &str,
    source: &Source,
    desk: &Desk<'_>,
) -> Result<Vec<Place>, Failure> {
    let url = onyxia::configuration_url(address);
    check_transport(&url, source)?;
    let client = desk.http(&desk.platform_authorities(source, &url), &url)?;
    let platform = platform::platform(address, &client, desk).await?;
    let region = platform
        .region(source.platform_region.as_deref())
        .map_err(|error| error.failure("--platform-region").state(UNTOUCHED))?;
    if region.s3.is_empty() {
        return Err(Failure::new(
            Kind::NotFound,
            format!("region {} of the platform has no object storage", region.id),
        )
        .state(UNTOUCHED));
    }
    region
        .s3
        .iter()
        .map(|s3| {
            let sts = s3.sts.as_ref();
            Ok(Place {
                store: Store {
                    url: origin(&s3.url)?,
                    region: s3
                        .region
                        .clone()
                        .unwrap_or_else(|| DEFAULT_REGION.to_owned()),
                    path_style: s3.path_style,
                },
                sts_url: sts.map(|sts| sts.url.trim_end_matches('/').to_owned()),
                server: None,
                seconds: sts.and_then(|sts| sts.duration_seconds),
                roles: sts.map(|sts| sts.roles.clone()).unwrap_or_default(),
                login: sts.and_then(|sts| sts.login.clone()),
                platform: Some(url.clone()),
            })
        })
        .collect()
}

fn of_flags(source: &Source) -> Result<Place, Failure> {
    let url = match &source.endpoint {
        Some(url) => origin(url)?,
        None => Amazon::endpoint(source.region.as_deref())?,
    };
    let amazon = Amazon::of(&url);
    let is_static = source.server == Some(Server::Static);
    Ok(Place {
        sts_url: (!is_static).then(|| match &amazon {
            Some(amazon) => amazon.sts_url.clone(),
            None => url.clone(),
        }),
        store: Store {
            region: amazon.map_or_else(|| DEFAULT_REGION.to_owned(), |amazon| amazon.region),
            path_style: !url.contains(".amazonaws.com"),
            url,
        },
        server: None,
        seconds: None,
        roles: Vec::new(),
        login: None,
        platform: None,
    })
}

/// A flag wins over what the platform says.
fn override_by(place: &mut Place, source: &Source) -> Result<(), Failure> {
    if let Some(url) = &source.endpoint {
        place.store.url = origin(url)?;
    }
    if let Some(region) = &source.region {
        place.store.region.clone_from(region);
    }
    match source.addressing {
        Addressing::Auto => {}
        Addressing::Path => place.store.path_style = true,
        Addressing::Virtual => place.store.path_style = false,
    }
    if let Some(url) = &source.sts_endpoint {
        place.sts_url = Some(url.trim_end_matches('/').to_owned());
    }
    if let Some(server) = source.server {
        place.server = Some(server);
        if server == Server::Static {
            place.sts_url = None;
        }
    }
    // The platform's word is not for what others have said.
    if source.sts_endpoint.is_some() || source.issuer.is_some() || source.client_id.is_some() {
        place.platform = None;
    }
    if let Some(arn) = &source.role_arn {
        place.roles = vec![Role {
            profile_name: source.profile.clone(),
            arn: Some(arn.clone()),
            ..Role::default()
        }];
    }
    place.login = login(place.login.take(), source)?;
    for url in [Some(&place.store.url), place.sts_url.as_ref()]
        .into_iter()
        .flatten()
    {
        check_transport(url, source)?;
    }
    if place.sts_url.is_some() && place.login.is_none() && source.token == TokenSource::Session {
        return Err(Failure::new(Kind::Usage, "where to log in for this store is not said")
            .detail("--issuer URL and --client-id ID name the identity provider, --token FILE brings a token of its own")
            .detail("a store without temporary keys is --server static")
            .state(UNTOUCHED));
    }
    Ok(())
}

/// Where to log in: as the platform tells, or as the flags say.
fn login(told: Option<onyxia::Login>, source: &Source) -> Result<Option<onyxia::Login>, Failure> {
    if told.is_none() && source.issuer.is_none() {
        return Ok(None);
    }
    let issuer = source.issuer.as_ref();
    let issuer = issuer.or(told.as_ref().map(|login| &login.issuer));
    let client_id = source.client_id.as_ref();
    let client_id = client_id.or(told.as_ref().map(|login| &login.client_id));
    let (Some(issuer), Some(client_id)) = (issuer.cloned(), client_id.cloned()) else {
        return Err(Failure::new(Kind::Usage, "--issuer needs --client-id").state(UNTOUCHED));
    };
    // What the platform's client is asked for is not for another one.
    let is_told = source.issuer.is_none() && source.client_id.is_none();
    let told = told.filter(|_| is_told).map(|login| login.scopes);
    let mut scopes = told.unwrap_or_default();
    scopes.extend(source.scopes.iter().cloned());
    scopes.retain(|scope| scope != "openid");
    Ok(Some(onyxia::Login {
        issuer,
        client_id,
        scopes,
        extra_query_parameters: None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(endpoint: &str) -> Source {
        Source {
            endpoint: Some(endpoint.to_owned()),
            token: TokenSource::Stdin,
            ..Source::default()
        }
    }

    fn completed(source: &Source) -> Result<Place, Failure> {
        let mut place = of_flags(source)?;
        override_by(&mut place, source)?;
        Ok(place)
    }

    #[test]
    fn a_store_is_scheme_host_and_port() {
        let place = completed(&source("https://s3.example:9000/")).unwrap();
        assert_eq!(place.store.url, "https://s3.example:9000");
        assert_eq!(place.sts_url.as_deref(), Some("https://s3.example:9000"));
        assert!(place.store.path_style);
        for url in [
            "s3.example",
            "https://s3.example/bucket",
            "https://user@s3.example",
            "https://s3.example?x",
            "https://$(id)",
            "ftp://s3.example",
            "",
        ] {
            assert!(completed(&source(url)).is_err(), "{url}");
        }
    }

    #[test]
    fn plain_http_stays_on_this_machine_unless_it_may_leave() {
        for here in [
            "http://127.0.0.1:9000",
            "http://localhost:1",
            "http://[::1]:9",
        ] {
            assert!(completed(&source(here)).is_ok(), "{here}");
        }
        let mut away = source("http://minio.svc:9000");
        assert!(completed(&away).is_err());
        away.allows_http = true;
        assert!(completed(&away).is_ok());
    }

    #[test]
    fn flags_win() {
        let mut source = source("https://s3.example");
        source.sts_endpoint = Some("https://sts.example/".to_owned());
        source.region = Some("eu".to_owned());
        source.addressing = Addressing::Virtual;
        source.role_arn = Some("arn:x".to_owned());
        let place = completed(&source).unwrap();
        assert_eq!(place.sts_url.as_deref(), Some("https://sts.example"));
        assert_eq!(
            (place.store.region.as_str(), place.store.path_style),
            ("eu", false)
        );
        assert_eq!(place.roles[0].arn.as_deref(), Some("arn:x"));
    }

    #[test]
    fn aws_has_its_token_service_elsewhere() {
        let place = completed(&source("https://s3.eu-west-3.amazonaws.com")).unwrap();
        let sts = "https://sts.eu-west-3.amazonaws.com";
        assert_eq!(place.sts_url.as_deref(), Some(sts));
        assert_eq!(
            (place.store.region.as_str(), place.store.path_style),
            ("eu-west-3", false)
        );
        // Without an address, a region is enough; and a flag still wins.
        let source = Source {
            endpoint: None,
            server: Some(Server::Aws),
            region: Some("us-gov-west-1".to_owned()),
            sts_endpoint: Some("https://sts.example".to_owned()),
            ..source("")
        };
        let place = completed(&source).unwrap();
        assert_eq!(place.store.url, "https://s3.us-gov-west-1.amazonaws.com");
        assert_eq!(place.sts_url.as_deref(), Some("https://sts.example"));
        let nowhere = Source {
            region: None,
            ..source
        };
        assert!(completed(&nowhere).is_err());
    }

    #[test]
    fn a_login_is_a_must_without_a_token() {
        let source = Source {
            token: TokenSource::Session,
            ..source("https://s3.example")
        };
        assert!(
            completed(&source)
                .unwrap_err()
                .to_string()
                .contains("--issuer")
        );
        let is_static = Source {
            server: Some(Server::Static),
            ..source
        };
        assert!(completed(&is_static).is_ok());
    }
}
