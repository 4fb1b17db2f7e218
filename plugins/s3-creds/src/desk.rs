use std::{
    cell::{OnceCell, Ref, RefCell},
    collections::BTreeSet,
    path::PathBuf,
};

use datalab_core::{
    cli::DisplayName,
    http::{self, Client},
    oidc::{KnownIssuers, KnownIssuersError, Sessions},
    report::{Failure, Kind},
    store::Folder,
    world::World,
};

use crate::source::{Place, Source};

/// Tool and version, as servers see them.
pub(crate) const USER_AGENT: &str = concat!("kubectl-datalab-s3-creds/", env!("CARGO_PKG_VERSION"));

/// What a use case works with: what may be touched, and what is kept.
#[derive(Debug)]
pub(crate) struct Desk<'w> {
    pub(crate) world: &'w World,
    /// How the command is spelled, for commands to go on with.
    pub(crate) name: &'w DisplayName,
    /// The issuers that the user has said yes to, with what they have said in this process.
    known: RefCell<KnownIssuers>,
    /// Standard input, which is there only once.
    input: OnceCell<String>,
}

impl<'w> Desk<'w> {
    pub(crate) fn at(world: &'w World, name: &'w DisplayName) -> Result<Self, Failure> {
        let known = match KnownIssuers::folder(world) {
            Ok(folder) => KnownIssuers::load(&folder)?,
            // Who brings a token, or keys, needs no home.
            Err(KnownIssuersError::NoPlace) => KnownIssuers::default(),
            Err(error) => return Err(error.into()),
        };
        Ok(Self {
            world,
            name,
            known: RefCell::new(known),
            input: OnceCell::new(),
        })
    }

    /// The user's logins.
    pub(crate) fn sessions(&self) -> Result<Sessions<'w>, Failure> {
        Ok(Sessions::new(USER_AGENT, self.world)?)
    }

    /// The issuers that the user has said yes to.
    pub(crate) fn known(&self) -> Ref<'_, KnownIssuers> {
        self.known.borrow()
    }

    /// Takes in what the user has said just now.
    pub(crate) fn learn(&self, known: KnownIssuers) {
        self.known.replace(known);
    }

    /// Standard input, to its end.
    pub(crate) fn input(&self) -> Result<&str, Failure> {
        if let Some(text) = self.input.get() {
            return Ok(text);
        }
        let text = self.world.streams().all_input().map_err(|error| {
            Failure::new(Kind::Failed, "standard input cannot be read").caused_by(&error)
        })?;
        Ok(self.input.get_or_init(|| text))
    }

    /// The folder of what can be had again, made if it is missing.
    pub(crate) fn cache_folder(&self) -> Result<Folder, Failure> {
        let path = self.cache_path().ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                "there is no place for them: neither HOME nor XDG_CACHE_HOME is set",
            )
        })?;
        Ok(Folder::open_or_make(&path)?)
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

    /// A client for the server at this address, which trusts these authorities beside the system's.
    pub(crate) fn http(&self, authorities: &[PathBuf], url: &str) -> Result<Client, Failure> {
        let options = http::Options {
            user_agent: USER_AGENT.to_owned(),
            authority_files: authorities.to_vec(),
            // Whether it may has been looked at where the address was read.
            plain_http: url.starts_with("http://"),
            ..http::Options::default()
        };
        Ok(Client::new(&options, self.world)?)
    }

    /// The certificate authorities of a platform that was set up before, or those given now.
    pub(crate) fn platform_authorities(&self, source: &Source, platform: &str) -> Vec<PathBuf> {
        self.authorities(source, |known| known.platform.as_deref() == Some(platform))
    }

    /// The certificate authorities of a place: those given now; else those of its issuer or its
    /// platform, since one authority signs for all of a platform, more often than not.
    pub(crate) fn place_authorities(&self, source: &Source, place: &Place) -> Vec<PathBuf> {
        let issuer = place.login.as_ref().map(|login| login.issuer.as_str());
        self.authorities(source, |known| {
            issuer == Some(known.issuer.as_str())
                || (known.platform.is_some() && known.platform == place.platform)
        })
    }

    fn authorities(
        &self,
        source: &Source,
        is_of: impl Fn(&datalab_core::oidc::KnownIssuer) -> bool,
    ) -> Vec<PathBuf> {
        let given = source.ca_file.iter().chain(&source.issuer_ca).cloned();
        let mut files: Vec<PathBuf> = given.collect();
        if files.is_empty() {
            let known = self.known();
            let of_it = known.issuers.iter().filter(|known| is_of(known));
            files.extend(of_it.filter_map(|known| known.certificate_authority.clone()));
        }
        let mut seen = BTreeSet::new();
        files.retain(|file| seen.insert(file.clone()));
        files
    }

    /// How oidc-login is spelled where this tool is spelled so.
    pub(crate) fn oidc_login(&self) -> String {
        let name = self.name.as_str().replace("s3-creds", "oidc-login");
        name.replace("s3_creds", "oidc_login")
    }
}
