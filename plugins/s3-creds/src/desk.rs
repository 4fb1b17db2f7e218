use std::{collections::BTreeSet, path::PathBuf};

use datalab_core::{
    cli::DisplayName,
    http::{self, Client},
    oidc::{KnownIssuers, Sessions},
    report::Failure,
    store::Folder,
    world::World,
};

use crate::source::Source;

/// Tool and version, as servers see them.
pub(crate) const USER_AGENT: &str = concat!("kubectl-datalab-s3-creds/", env!("CARGO_PKG_VERSION"));

/// What a use case works with: what may be touched, and what is kept.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w World,
    /// How the command is spelled, for commands to go on with.
    pub(crate) name: &'w DisplayName,
    pub(crate) sessions: Sessions<'w>,
    /// The issuers that the user has said yes to.
    pub(crate) known: KnownIssuers,
}

impl<'w> Desk<'w> {
    pub(crate) fn at(world: &'w World, name: &'w DisplayName) -> Result<Self, Failure> {
        let sessions = Sessions::new(USER_AGENT, world)?;
        let known = KnownIssuers::load(&KnownIssuers::folder(world)?)?;
        Ok(Self {
            world,
            name,
            sessions,
            known,
        })
    }

    /// The folder of what can be had again; `None` where it cannot be had.
    pub(crate) fn cache_folder(&self) -> Option<Folder> {
        Folder::open_or_make(&self.cache_path()?).ok()
    }

    /// The same folder, if there is one.
    pub(crate) fn kept_folder(&self) -> Result<Option<Folder>, Failure> {
        match self.cache_path() {
            Some(path) => Ok(Folder::open(&path)?),
            None => Ok(None),
        }
    }

    fn cache_path(&self) -> Option<PathBuf> {
        Some(self.world.environment().cache()?.join("s3-creds"))
    }

    /// A client for the platform, the token service or the store at this address.
    pub(crate) fn http(&self, source: &Source, url: &str) -> Result<Client, Failure> {
        let options = http::Options {
            user_agent: USER_AGENT.to_owned(),
            authority_files: self.authorities(source),
            // Whether it may has been looked at where the address was read.
            plain_http: url.starts_with("http://"),
            ..http::Options::default()
        };
        Ok(Client::new(&options, self.world)?)
    }

    /// The certificate authorities to trust beside the system's, those that are meant for the store
    /// first: other programs can be told of one file. One authority signs for all of a platform, more
    /// often than not.
    pub(crate) fn authorities(&self, source: &Source) -> Vec<PathBuf> {
        let given = source.ca_file.iter().chain(&source.issuer_ca).cloned();
        let mut files: Vec<PathBuf> = given.collect();
        if files.is_empty() {
            let known = self.known.issuers.iter();
            files.extend(known.filter_map(|known| known.certificate_authority.clone()));
        }
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        files
    }

    /// How oidc-login is spelled where this tool is spelled so.
    pub(crate) fn oidc_login(&self) -> String {
        self.name
            .as_str()
            .replace("s3-creds", "oidc-login")
            .replace("s3_creds", "oidc_login")
    }
}
