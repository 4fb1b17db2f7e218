//! The help pages, as a reader sees them, in the spelling that was used.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A tool, with its verbs; those that stand first have examples.
struct Tool {
    name: &'static str,
    /// The program as it lies on PATH, and how it is called.
    from_path: (&'static str, &'static str),
    /// The link that krew makes to it, and how that is called.
    from_krew: (&'static str, &'static str),
    verbs: &'static [&'static str],
    with_examples: usize,
}

const TOOLS: [Tool; 3] = [
    Tool {
        name: "share-db",
        from_path: ("kubectl-datalab-share_db", "kubectl datalab share-db"),
        from_krew: ("kubectl-datalab_share_db", "kubectl datalab-share-db"),
        verbs: &["grant", "list", "revoke", "connect"],
        with_examples: 4,
    },
    Tool {
        name: "oidc-login",
        from_path: ("kubectl-datalab-oidc_login", "kubectl datalab oidc-login"),
        from_krew: ("kubectl-datalab_oidc_login", "kubectl datalab-oidc-login"),
        verbs: &[
            "setup",
            "login",
            "logout",
            "whoami",
            "token",
            "doctor",
            "list",
            "refresh",
            "get-token",
        ],
        with_examples: 8,
    },
    Tool {
        name: "s3-creds",
        from_path: ("kubectl-datalab-s3_creds", "kubectl datalab s3-creds"),
        from_krew: ("kubectl-datalab_s3_creds", "kubectl datalab-s3-creds"),
        verbs: &[
            "get",
            "exec",
            "serve",
            "credential-process",
            "configure",
            "shell",
            "status",
            "profiles",
            "whoami",
            "verify",
            "doctor",
            "logout",
        ],
        with_examples: 12,
    },
];

/// Both spellings, in a folder of their own; `None` when the program is not built.
struct Spellings {
    folder: tempfile::TempDir,
}

impl Spellings {
    #[track_caller]
    fn required(tool: &Tool, test: &str) -> Option<Self> {
        let built = std::env::var_os("DATALAB_BIN").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug"),
            PathBuf::from,
        );
        let Ok(program) = fs::canonicalize(built.join(tool.from_path.0)) else {
            let package = format!("cargo build --package kubectl-datalab-{}", tool.name);
            datalab_lab::skip(&format!("{test} of {}", tool.name), &package);
            return None;
        };
        let folder = tempfile::tempdir().expect("because a folder for temporary files can be made");
        for (file, _) in [tool.from_path, tool.from_krew] {
            symlink(&program, folder.path().join(file)).expect("because the folder is new");
        }
        Some(Self { folder })
    }

    fn run(&self, file: &str, words: &[&str]) -> Output {
        Command::new(self.folder.path().join(file))
            .args(words)
            .env_clear()
            .output()
            .expect("because the program is built")
    }

    /// What goes to standard output; nothing may go elsewhere, and all must be well.
    #[track_caller]
    fn page(&self, file: &str, words: &[&str]) -> String {
        let output = self.run(file, words);
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && complaint.is_empty(),
            "{words:?}: {complaint}"
        );
        String::from_utf8(output.stdout).expect("because help pages are UTF-8")
    }
}

/// For each tool that is built.
#[track_caller]
fn each(test: &str, mut look: impl FnMut(&Tool, &Spellings)) {
    for tool in &TOOLS {
        if let Some(spellings) = Spellings::required(tool, test) {
            look(tool, &spellings);
        }
    }
}

#[test]
fn pages() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    each("help pages", |tool, spellings| {
        let file = tool.from_path.0;
        insta::assert_snapshot!(tool.name, spellings.page(file, &["--help"]));
        for verb in tool.verbs {
            insta::assert_snapshot!(
                format!("{}-{verb}", tool.name),
                spellings.page(file, &[verb, "--help"])
            );
        }
    });
}

/// The spelling is the only thing that krew's link changes, apart from where lines end.
#[test]
fn krew_changes_the_spelling_only() {
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    each("help pages as krew links them", |tool, spellings| {
        let ((path, by_path), (krew, by_krew)) = (tool.from_path, tool.from_krew);
        let mut lines = vec![vec!["--help"], vec!["-h"], vec!["help"], vec!["--version"]];
        lines.extend(tool.verbs.iter().map(|verb| vec![*verb, "--help"]));
        lines.extend(tool.verbs.iter().map(|verb| vec!["help", *verb]));
        for line in &lines {
            let plain = spellings.page(path, line);
            let linked = spellings.page(krew, line);
            assert!(
                plain.contains(by_path) && !plain.contains(by_krew),
                "{plain}"
            );
            assert!(
                linked.contains(by_krew) && !linked.contains(by_path),
                "{linked}"
            );
            assert_eq!(
                words(&plain.replace(by_path, by_krew)),
                words(&linked),
                "{line:?}"
            );
            let underscored = tool.name.replace('-', "_");
            for page in [plain, linked] {
                assert!(
                    !page.contains(&underscored) && !page.contains("{command}"),
                    "{page}"
                );
            }
        }
    });
}

/// A page that does not fit is wrapped in the middle of a command.
#[test]
fn examples_fit_a_screen() {
    each("help pages on a screen", |tool, spellings| {
        let (krew, by_krew) = tool.from_krew;
        let verbs = &tool.verbs[..tool.with_examples];
        let lines = verbs.iter().map(|verb| vec![*verb, "--help"]);
        for line in lines.chain([vec!["--help"]]) {
            let page = spellings.page(krew, &line);
            let examples: Vec<&str> = page
                .lines()
                .skip_while(|line| *line != "Examples:")
                .skip(1)
                .take_while(|line| !line.is_empty())
                .collect();
            assert!(examples.len() > 1, "no examples in {page}");
            for example in examples {
                // What the tool is for, and what its output goes to.
                let is_whole = example.contains(by_krew) || example.starts_with("  kubectl get ");
                assert!(is_whole, "wrapped: {example}");
            }
        }
    });
}

/// A command line that says nothing is answered with the whole page, and is an error.
#[test]
fn nothing_said_is_a_usage_error() {
    each("help when nothing is said", |tool, spellings| {
        let output = spellings.run(tool.from_path.0, &[]);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        let page = spellings.page(tool.from_path.0, &["--help"]);
        assert_eq!(
            String::from_utf8_lossy(&output.stderr).trim_end(),
            page.trim_end()
        );
    });
}
