use std::io::{self, Write};
use std::process::Child;

use datalab_journeys::transcript::{Transcript, command_line};
use datalab_lab::proxy::Proxy;
use datalab_lab::tenant::{Database, Output, Play, Program, Release, Stage, Tenant};

/// The program itself: kubectl, which would only become it, takes as long to start as half a grant.
const PROGRAM: &str = "kubectl-datalab-share_db";

/// An owner with a database, behind a proxy.
pub(crate) struct Scene {
    pub(crate) stage: Stage,
    pub(crate) play: Play,
    pub(crate) me: Tenant,
    pub(crate) proxy: Proxy,
    pub(crate) transcript: Transcript,
}

impl Scene {
    #[track_caller]
    pub(crate) fn required(test: &str) -> Option<Self> {
        let stage = Stage::required(test)?;
        let play = stage.play();
        let me = play.tenant("me");
        Some(Self {
            proxy: Proxy::before(me.kubeconfig())
                .expect("because the kubeconfig of a tenant leads to the stage"),
            transcript: Transcript::of(&play, "faults"),
            me,
            stage,
            play,
        })
    }

    /// The catalogue's database of the owner, ready. Statements are not logged, as it is by default.
    #[track_caller]
    pub(crate) fn database(&self, isolated: bool) -> Database {
        let release = Release::named("postgresql-951239").isolated(isolated);
        self.me.postgres(release).ready()
    }

    /// A colleague's namespace, which need not exist.
    pub(crate) fn namespace(&self, plain: &str) -> String {
        format!("user-{}", self.play.name(plain))
    }

    /// The user of such a namespace, as a subject.
    pub(crate) fn user(&self, plain: &str) -> String {
        format!("user:oidc-{}", self.play.name(plain))
    }

    /// share-db, straight to the server.
    #[track_caller]
    pub(crate) fn run(&self, words: &[String]) -> Output {
        self.program(words).run()
    }

    /// share-db through the proxy, to its end.
    #[track_caller]
    pub(crate) fn run_by_proxy(&self, words: &[String]) -> Output {
        let program = self.program(words);
        program.env("KUBECONFIG", self.proxy.kubeconfig()).run()
    }

    /// share-db through the proxy, left to the caller.
    #[track_caller]
    pub(crate) fn start_by_proxy(&self, words: &[String]) -> Child {
        let program = self.program(words);
        program.env("KUBECONFIG", self.proxy.kubeconfig()).spawn()
    }

    /// `kubectl datalab share-db …` through the proxy, as a person types it.
    #[track_caller]
    pub(crate) fn typed(&self, words: &[String]) -> Output {
        self.me
            .program(command_line(words))
            .env("KUBECONFIG", self.proxy.kubeconfig())
            .run()
    }

    /// share-db straight to the server, left to the caller.
    #[track_caller]
    pub(crate) fn start(&self, words: &[String]) -> Child {
        self.program(words).spawn()
    }

    fn program(&self, words: &[String]) -> Program {
        self.me.program(
            [PROGRAM]
                .into_iter()
                .chain(words.iter().map(String::as_str)),
        )
    }
}

/// The words of a command line.
pub(crate) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

/// Says how far a story went, past the harness, which keeps what passing tests print to itself.
pub(crate) fn say(text: &str) {
    // Without stderr nobody could be told.
    let _ = writeln!(io::stderr(), "{text}");
}
