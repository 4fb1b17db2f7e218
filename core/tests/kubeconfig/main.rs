//! kubectl's rules for files, entries and flags.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod errors;
mod files;
mod flags;
mod users;
mod writing;

use std::{fs, path::Path};

use datalab_core::{
    kubeconfig::{Connection, Credential, Error, Overrides, resolve},
    report::{Failure, Kind},
    world::World,
};
use jiff::Timestamp;
use tempfile::TempDir;

const PLAIN: &str = "
apiVersion: v1
kind: Config
current-context: lab
preferences: {}
contexts:
- name: lab
  context: {cluster: lab, user: me, namespace: user-me}
- name: bare
  context: {cluster: lab}
clusters:
- name: lab
  cluster: {server: 'https://lab.example:6443'}
users:
- name: me
  user: {token: mine}
";

struct Home(TempDir);

impl Home {
    fn new(files: &[(&str, &str)]) -> Self {
        let home = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            home.write(name, text);
        }
        home
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// `HOME` in a value stands for this directory.
    fn resolve_in(
        &self,
        variables: &[(&str, &str)],
        overrides: &Overrides,
    ) -> Result<Connection, Error> {
        let home = self.path().to_str().unwrap();
        let variables: Vec<_> = variables
            .iter()
            .map(|(name, value)| (*name, value.replace("HOME", home)))
            .collect();
        let (world, _) = World::test(
            Timestamp::UNIX_EPOCH,
            variables
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        resolve(overrides, &world)
    }

    fn resolve(&self, overrides: &Overrides) -> Result<Connection, Error> {
        self.resolve_in(&[("KUBECONFIG", "HOME/config")], overrides)
    }
}

/// One file, no flags.
fn of(config: &str) -> Result<Connection, Error> {
    Home::new(&[("config", config)]).resolve(&Overrides::default())
}

fn with_user(user: &str) -> String {
    PLAIN.replace("user: {token: mine}", &format!("user: {user}"))
}

fn with_cluster(more: &str) -> String {
    PLAIN.replace("6443'}", &format!("6443', {more}}}"))
}

fn token(connection: &Connection) -> &str {
    match &connection.credential {
        Credential::Token(token) => token.expose(),
        other => panic!("{other:?} is no token"),
    }
}

fn text(error: Error) -> String {
    let failure = Failure::from(error);
    assert_eq!(failure.kind(), Kind::Usage);
    failure.to_string()
}
