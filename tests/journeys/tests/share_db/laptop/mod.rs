//! The colleague's side from outside the cluster: a kubeconfig, psql, and no way to any pod's network.

mod carriers;
mod command;
mod failover;
mod listening;
mod lost;
mod own_pod;
mod refused;
mod relay;
mod sessions;
mod verify;

use std::path::PathBuf;

use datalab_lab::tenant::{Database, Output, Play, Program, Release, Stage, Tenant};

use super::share::{ShareSecret, program, share_db};

/// What the owner's table of orders sums up to.
const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

/// Its only row, as psql prints it.
const SUMMED: &str = "4|122.60\n";

/// An owner who has shared a database, and the colleague at a laptop.
struct Scene {
    play: Play,
    me: Tenant,
    x: Tenant,
    db: Database,
    share: String,
    image: String,
    tool: PathBuf,
}

impl Scene {
    #[track_caller]
    fn new(stage: &Stage, release: Release) -> Self {
        let scene = Self::unshared(stage, release);
        // On a busy machine a server that was ready may miss its probes for a moment.
        scene.grant("--wait").ok();
        scene
    }

    /// Before the grant.
    #[track_caller]
    fn unshared(stage: &Stage, release: Release) -> Self {
        let play = stage.play();
        let (me, x) = (play.tenant("me"), play.tenant("x"));
        let db = me.postgres(release).ready();
        Self {
            share: format!("{}/{}", me.namespace(), db.fullname()),
            image: stage.image().to_owned(),
            tool: program("kubectl-datalab-share_db", &x),
            play,
            me,
            x,
            db,
        }
    }

    /// `share-db postgres --with user-x …`, by the owner.
    #[track_caller]
    fn grant(&self, options: &str) -> Output {
        let with = format!("postgres --with {} {options}", self.x.namespace());
        share_db(&self.me, &with)
    }

    /// The share's Secret.
    #[track_caller]
    fn secret(&self) -> ShareSecret {
        let with = format!("postgres --with {}", self.x.namespace());
        ShareSecret::planned(&self.me, &with)
    }

    /// `share-db connect NAMESPACE/DATABASE …`, by the colleague at the laptop.
    fn connecting(&self, words: &[&str]) -> Program {
        let line = [
            &self.tool.display().to_string(),
            "connect",
            self.share.as_str(),
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(words.iter().map(|word| (*word).to_owned()));
        self.x.program(line).env("DATALAB_RELAY_IMAGE", &self.image)
    }

    #[track_caller]
    fn connect(&self, words: &[&str]) -> Output {
        self.connecting(words).run()
    }

    /// Everything of a relay in the colleague's namespace, as kubectl names it.
    #[track_caller]
    fn relays(&self) -> String {
        let get = [
            "get",
            "jobs,pods",
            "--selector=datalab/purpose=share-db-relay",
            "--output=name",
        ];
        self.x.kubectl(get).ok()
    }
}
