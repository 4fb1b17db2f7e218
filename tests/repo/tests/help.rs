//! The help pages, as a reader sees them, in the spelling that was used.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The program as it lies on PATH, and the link that krew makes to it.
const FROM_PATH: (&str, &str) = ("kubectl-datalab-share_db", "kubectl datalab share-db");
const FROM_KREW: (&str, &str) = ("kubectl-datalab_share_db", "kubectl datalab-share-db");

const VERBS: [&str; 4] = ["grant", "list", "revoke", "connect"];

/// Both spellings, in a folder of their own; `None` when the program is not built.
struct Spellings {
    folder: tempfile::TempDir,
}

impl Spellings {
    #[track_caller]
    fn required(test: &str) -> Option<Self> {
        let built = std::env::var_os("DATALAB_BIN").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug"),
            PathBuf::from,
        );
        let Ok(program) = fs::canonicalize(built.join(FROM_PATH.0)) else {
            datalab_lab::skip(test, "cargo build --package kubectl-datalab-share-db");
            return None;
        };
        let folder = tempfile::tempdir().expect("because a folder for temporary files can be made");
        for (file, _) in [FROM_PATH, FROM_KREW] {
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

#[test]
fn pages() {
    let Some(spellings) = Spellings::required("help pages") else {
        return;
    };
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    insta::assert_snapshot!("share-db", spellings.page(FROM_PATH.0, &["--help"]));
    for verb in VERBS {
        insta::assert_snapshot!(
            format!("share-db-{verb}"),
            spellings.page(FROM_PATH.0, &[verb, "--help"])
        );
    }
}

/// The spelling is the only thing that krew's link changes, apart from where lines end.
#[test]
fn krew_changes_the_spelling_only() {
    let Some(spellings) = Spellings::required("help pages as krew links them") else {
        return;
    };
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let mut lines = vec![vec!["--help"], vec!["-h"], vec!["help"], vec!["--version"]];
    lines.extend(VERBS.map(|verb| vec![verb, "--help"]));
    lines.extend(VERBS.map(|verb| vec!["help", verb]));
    for line in &lines {
        let plain = spellings.page(FROM_PATH.0, line);
        let krew = spellings.page(FROM_KREW.0, line);
        assert!(
            plain.contains(FROM_PATH.1) && !plain.contains(FROM_KREW.1),
            "{plain}"
        );
        assert!(
            krew.contains(FROM_KREW.1) && !krew.contains(FROM_PATH.1),
            "{krew}"
        );
        assert_eq!(
            words(&plain.replace(FROM_PATH.1, FROM_KREW.1)),
            words(&krew),
            "{line:?}"
        );
        for page in [plain, krew] {
            assert!(
                !page.contains("share_db") && !page.contains("{command}"),
                "{page}"
            );
        }
    }
}

/// A page that does not fit is wrapped in the middle of a command.
#[test]
fn examples_fit_a_screen() {
    let Some(spellings) = Spellings::required("help pages on a screen") else {
        return;
    };
    let lines = VERBS.map(|verb| vec![verb, "--help"]);
    for line in lines.into_iter().chain([vec!["--help"]]) {
        let page = spellings.page(FROM_KREW.0, &line);
        let examples: Vec<&str> = page
            .lines()
            .skip_while(|line| *line != "Examples:")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .collect();
        assert!(examples.len() > 2, "no examples in {page}");
        for example in examples {
            assert!(example.contains(FROM_KREW.1), "wrapped: {example}");
        }
    }
}

/// A command line that says nothing is answered with the whole page, and is an error.
#[test]
fn nothing_said_is_a_usage_error() {
    let Some(spellings) = Spellings::required("help when nothing is said") else {
        return;
    };
    let output = spellings.run(FROM_PATH.0, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let page = spellings.page(FROM_PATH.0, &["--help"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr).trim_end(),
        page.trim_end()
    );
}
