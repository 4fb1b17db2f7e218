//! The colleague's side from outside the cluster: a kubeconfig, psql, and no way to any pod's network.

mod carriers;
mod lost;
mod relay;

use std::path::PathBuf;

use datalab_lab::tenant::{Output, Play, Program, Release, Stage, Tenant};

use super::share::{program, share_db};

/// What the owner's table of orders sums up to.
const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

/// Its only row, as psql prints it.
const SUMMED: &str = "4|122.60\n";

/// An owner who has shared a database, and the colleague at a laptop.
struct Scene {
    play: Play,
    x: Tenant,
    share: String,
    image: String,
    tool: PathBuf,
}

impl Scene {
    #[track_caller]
    fn new(stage: &Stage, release: Release) -> Self {
        let play = stage.play();
        let (me, x) = (play.tenant("me"), play.tenant("x"));
        let db = me.postgres(release).ready();
        share_db(&me, &format!("postgres --with {}", x.namespace())).ok();
        Self {
            share: format!("{}/{}", me.namespace(), db.fullname()),
            image: stage.image().to_owned(),
            tool: program("kubectl-datalab-share_db", &x),
            play,
            x,
        }
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
