use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Obtained, Record, reply::remove_replies, secrets::Secrets};
use crate::{
    http,
    oidc::{Client, Error, Identity, KnownIssuers, Provider},
    store::{Folder, Sealer},
    world::World,
};

/// The files of a session.
pub(super) const SESSION: &str = "session.json";
const PROVIDER: &str = "provider.json";
pub(super) const LOCK: &str = "lock";

/// The lock under which a key is made.
const KEY_LOCK: &str = "key.lock";

/// How long making a key may take: the keyring's own limit, twice.
const KEY_LIMIT: Duration = Duration::from_secs(8);

/// Where a user's sessions are.
#[derive(Debug)]
pub struct Sessions<'w> {
    pub(super) world: &'w World,
    root: PathBuf,
    user_agent: String,
}

/// One session: a file, the key to it, and the provider that it is with.
#[derive(Debug)]
pub struct Session<'w> {
    pub(super) world: &'w World,
    pub(super) identity: Identity,
    root: PathBuf,
    http: http::Options,
}

impl<'w> Sessions<'w> {
    /// The sessions of this user, in the suite's state directory.
    ///
    /// # Errors
    /// [`Error::NoPlace`].
    pub fn new(user_agent: &str, world: &'w World) -> Result<Self, Error> {
        let root = world.environment().state().ok_or(Error::NoPlace)?;
        Ok(Self {
            world,
            root,
            user_agent: user_agent.to_owned(),
        })
    }

    /// The session of this identity, whether or not there is one yet; `authorities` are trusted
    /// beside the system's.
    pub fn session(&self, identity: &Identity, authorities: &[PathBuf]) -> Session<'w> {
        Session {
            world: self.world,
            identity: identity.clone(),
            root: self.root.clone(),
            http: http::Options {
                user_agent: self.user_agent.clone(),
                authority_files: authorities.to_vec(),
                ..http::Options::default()
            },
        }
    }

    /// All sessions, by issuer and account, and what is wrong with those that cannot be read.
    ///
    /// # Errors
    /// [`Error`]: the folder of them all is not safe to read.
    pub fn all(&self) -> Result<(Vec<Record>, Vec<Error>), Error> {
        let Some(folder) = Folder::open(&sessions_folder(&self.root))? else {
            return Ok((Vec::new(), Vec::new()));
        };
        let (mut records, mut unreadable) = (Vec::new(), Vec::new());
        for name in folder.names()? {
            match record_in(&folder, &name) {
                Ok(record) => records.extend(record),
                Err(error) => unreadable.push(error),
            }
        }
        records.sort_by(|one, other| one.identity.cmp(&other.identity));
        Ok((records, unreadable))
    }
}

fn record_in(sessions: &Folder, name: &str) -> Result<Option<Record>, Error> {
    let Some(folder) = sessions.folder(name)? else {
        return Ok(None);
    };
    let Some(content) = folder.read(SESSION)? else {
        return Ok(None);
    };
    let record = Record::parse(&content, None).map_err(|reason| unreadable(&folder, reason))?;
    Ok(Some(record))
}

fn sessions_folder(root: &Path) -> PathBuf {
    root.join("oidc-login").join("sessions")
}

fn unreadable(folder: &Folder, reason: String) -> Error {
    Error::Session {
        file: folder.path().join(SESSION),
        reason,
    }
}

impl Session<'_> {
    /// What it is a session of.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The session as it is now; `None` when nobody is logged in.
    ///
    /// # Errors
    /// [`Error`]: its file is not safe to read, or not one of ours.
    pub fn read(&self) -> Result<Option<Record>, Error> {
        match self.folder_if_any()? {
            Some(folder) => self.read_in(&folder),
            None => Ok(None),
        }
    }

    /// The session and its token as they are kept, good or not; nobody is asked for anything.
    ///
    /// # Errors
    /// [`Error`]: what is kept is not safe to read, or cannot be opened.
    pub fn kept(&self) -> Result<Option<Obtained>, Error> {
        let Some(record) = self.read()? else {
            return Ok(None);
        };
        let secrets = self.secrets(&record)?;
        Ok(Some(Obtained::new(record, &secrets)))
    }

    pub(super) fn read_in(&self, folder: &Folder) -> Result<Option<Record>, Error> {
        let Some(content) = folder.read(SESSION)? else {
            return Ok(None);
        };
        Record::parse(&content, Some(&self.identity))
            .map(Some)
            .map_err(|reason| unreadable(folder, reason))
    }

    /// Its folder, if there is one.
    pub(super) fn folder_if_any(&self) -> Result<Option<Folder>, Error> {
        let path = sessions_folder(&self.root).join(self.identity.file_name());
        Ok(Folder::open(&path)?)
    }

    /// Its folder, made where it is missing.
    pub(super) fn folder(&self) -> Result<Folder, Error> {
        let sessions = Folder::open_or_make(&sessions_folder(&self.root))?;
        Ok(sessions.make_folder(&self.identity.file_name())?)
    }

    fn key_folder(&self) -> Result<Folder, Error> {
        Ok(Folder::open_or_make(&self.root.join("oidc-login"))?)
    }

    /// A key for a session that begins.
    pub(super) async fn new_sealer(&self) -> Result<Sealer, Error> {
        let folder = self.key_folder()?;
        let _one_at_a_time = folder.lock(KEY_LOCK, KEY_LIMIT, |_| {}).await?;
        Ok(Sealer::for_new(&folder, self.world)?)
    }

    /// The key of a session that exists.
    pub(super) fn sealer(&self, record: &Record) -> Result<Sealer, Error> {
        Ok(Sealer::at(record.key_place(), &self.key_folder()?)?)
    }

    pub(super) fn secrets(&self, record: &Record) -> Result<Secrets, Error> {
        Ok(record.open(&self.sealer(record)?)?)
    }

    /// The HTTP client for its provider.
    ///
    /// # Errors
    /// [`Error::Http`]: a file of certificate authorities is missing, say.
    pub fn http(&self) -> Result<http::Client, Error> {
        Ok(http::Client::new(&self.http, self.world)?)
    }

    pub(super) fn authorities(&self) -> &[PathBuf] {
        &self.http.authority_files
    }

    /// Its provider, as the last login found it, else asked now.
    pub(super) async fn client<'h>(
        &self,
        folder: &Folder,
        http: &'h http::Client,
    ) -> Result<Client<'h>, Error> {
        match self.kept_provider(folder) {
            Some(provider) => self.client_of(provider, http),
            None => self.discovered(folder, http).await,
        }
    }

    /// What its provider said of itself, if that was kept.
    pub(super) fn kept_provider(&self, folder: &Folder) -> Option<Provider> {
        let kept = folder.read(PROVIDER).ok()??;
        let kept: Provider = serde_json::from_slice(&kept).ok()?;
        (kept.issuer() == self.identity.issuer).then_some(kept)
    }

    /// Its provider, asked now.
    pub(super) async fn discovered<'h>(
        &self,
        folder: &Folder,
        http: &'h http::Client,
    ) -> Result<Client<'h>, Error> {
        let provider = Provider::discover(&self.identity.issuer, http).await?;
        let client = self.client_of(provider, http)?;
        self.keep_provider(folder, &client);
        Ok(client)
    }

    /// The client of this provider, as the user has said that it is registered: no kubeconfig says
    /// so, because a stranger's could have any file sent to an issuer of their own as a secret.
    pub(super) fn client_of<'h>(
        &self,
        provider: Provider,
        http: &'h http::Client,
    ) -> Result<Client<'h>, Error> {
        let Identity {
            issuer, client_id, ..
        } = &self.identity;
        let known = KnownIssuers::load(&KnownIssuers::folder(self.world)?)?;
        let known = known.find(issuer, client_id);
        let registration = known.map(|known| known.registration.clone());
        let clock = self.world.clock();
        Client::new(
            http,
            provider,
            client_id,
            registration.unwrap_or_default(),
            clock,
        )
    }

    /// Keeps what the provider says of itself; what cannot be kept is asked for again.
    pub(super) fn keep_provider(&self, folder: &Folder, client: &Client<'_>) {
        let text = serde_json::json!(client.provider()).to_string();
        let _ = folder.write(PROVIDER, text.as_bytes(), self.world);
    }

    /// Removes the session's files; those made from it first, since they are what opens doors. The
    /// folder and its lock stay: removing a lock that somebody waits for makes two of it.
    pub(super) fn forget(&self, folder: &Folder, record: &Record) -> Result<(), Error> {
        remove_replies(record);
        folder.remove(SESSION)?;
        Ok(folder.remove(PROVIDER)?)
    }
}
