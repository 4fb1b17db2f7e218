//! Sharing a database that CloudNativePG runs: the real operator, and what the catalogue's chart leaves
//! it. Its policy selects no pod, so the whole cluster reaches the database until `--isolate` closes it.
//!
//! | part | what it shows |
//! |---|---|
//! | `story` | who reaches the database and the login before, after the grant, isolated, and after revoke |
//! | `operator` | the operator, the replicas, the owner and the grantee are served through failovers |
//! | `laptop` | the grantee outside of the cluster |
//! | `failures` | hibernated, a wrong superuser's password, an operator that nobody names |

mod failures;
mod laptop;
mod operator;
mod story;

use datalab_lab::tenant::{CLOUDNATIVE_PG, Cluster, Output, Play, Pod, Release, Stage, Tenant};

use crate::{
    share::ShareSecret,
    transcript::{Transcript, share_db},
};

/// What a reader of schema `sales` sees.
const ORDERS: &str = "SELECT count(*), sum(amount) FROM sales.orders";

/// An owner with a colleague, and what is kept of their play.
struct Scene {
    stage: Stage,
    play: Play,
    me: Tenant,
    x: Tenant,
    transcript: Transcript,
}

impl Scene {
    #[track_caller]
    fn required(test: &str) -> Option<Self> {
        let stage = Stage::required_lab(test)?;
        let play = stage.play();
        Some(Self {
            stage,
            me: play.tenant("me"),
            x: play.tenant("x"),
            transcript: Transcript::of(&play, "share_db"),
            play,
        })
    }

    /// The catalogue's database of the owner, ready, with the box for its network checked.
    #[track_caller]
    fn database(&self) -> Cluster {
        self.me
            .cluster(Release::named("postgresql-cnpg-951239"))
            .ready()
    }

    /// `share-db postgres --with user-x --schema sales …` as the owner.
    #[track_caller]
    fn grant(&self, options: &[&str]) -> Output {
        let words = [
            "postgres",
            "--with",
            self.x.namespace(),
            "--schema",
            "sales",
        ];
        share_db(&self.me, [words.as_slice(), options].concat())
    }

    /// A grant that closes the database to all but the shares, and knows its operator.
    #[track_caller]
    fn grant_isolated(&self, options: &[&str]) -> Output {
        let isolate = ["--isolate", "--operator-namespace", CLOUDNATIVE_PG.0];
        self.grant(&[isolate.as_slice(), options].concat())
    }

    /// `share-db revoke postgres --with user-x …` as the owner.
    #[track_caller]
    fn revoke(&self, options: &[&str]) -> Output {
        let words = ["revoke", "postgres", "--with", self.x.namespace()];
        share_db(&self.me, [words.as_slice(), options].concat())
    }

    /// The Secret of the share.
    #[track_caller]
    fn share(&self) -> ShareSecret {
        let name = self.grant(&["--dry-run=client", "--output=jsonpath={.secret}"]);
        ShareSecret::named(&self.me, name.ok().trim())
    }

    /// Asserts that a command showed what `snapshots/NAME.snap` holds.
    #[track_caller]
    fn keep(&self, name: &str, output: &Output) {
        self.transcript.keep(name, output);
    }

    /// The NetworkPolicies in the owner's namespace, by name.
    #[track_caller]
    fn policies(&self) -> Vec<String> {
        let names = "--output=jsonpath={.items[*].metadata.name}";
        let names = self.me.kubectl(["get", "networkpolicies", names]).ok();
        names.split_whitespace().map(str::to_owned).collect()
    }
}

/// Whether something listens at a port of an address, as a pod sees it.
#[track_caller]
fn reaches(pod: &Pod, address: &str, port: &str) -> bool {
    pod.exec(["nc", "-z", "-w", "2", address, port]).succeeded()
}
