//! What others have written is in the way, or counts more: it is said, and left alone.

use datalab_core::report::Failure;
use datalab_core::store::Change;

use crate::configure::{
    syntax::Syntax,
    work::{Order, Sections, Work},
};
use crate::forms::{AwsProfile, s3cmd};

const ORDER: Order<'_> = Order {
    forces: false,
    undo: "kubectl datalab s3-creds configure aws --name lab --remove",
    was_there: true,
};

const FORCE: Order<'_> = Order {
    forces: true,
    ..ORDER
};

/// Keys that would win over a program that gives keys.
const KEYS: &str = "[lab]\naws_access_key_id = AKIA\naws_secret_access_key = SECRET\n";

fn profile(outdone: bool) -> Work {
    let mut sections = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    if outdone {
        sections.outdo.push("lab".to_owned());
    } else {
        let lines = ["[profile lab]", "region = eu", "credential_process = /x"];
        sections
            .put
            .push(("profile lab".to_owned(), lines.map(str::to_owned).to_vec()));
    }
    Work::sections("/home/a/.aws/config".into(), sections)
}

fn written(change: Result<Change, Failure>) -> String {
    match change.unwrap() {
        Change::Write(content) | Change::Update(content) => String::from_utf8(content).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_profile_of_theirs_is_shown_without_its_secrets() {
    let theirs = "[profile lab]\nregion = eu\noutput = json\naws_secret_access_key = SECRET\n";
    let refused = profile(false).change(Some(theirs.as_bytes()), &ORDER);
    insta::assert_snapshot!(refused.unwrap_err(), @"
    error: [profile lab] in /home/a/.aws/config was not written by us
      - there: output = json
      - there: aws_secret_access_key = (hidden)
      - ours:  credential_process = /x
    nothing was changed
    try: the same command with --force: what is there is put aside, and comes back with --remove
    ");
    let forced = written(profile(false).change(Some(theirs.as_bytes()), &FORCE));
    assert!(forced.contains("#~ output = json\n"), "{forced}");
}

#[test]
fn keys_that_would_win_are_put_aside() {
    let work = profile(true);
    let refused = work.change(Some(KEYS.as_bytes()), &ORDER);
    insta::assert_snapshot!(refused.unwrap_err(), @"
    error: [lab] in /home/a/.aws/config would win over ours
      - there: [lab]
      - there: aws_access_key_id = (hidden)
      - there: aws_secret_access_key = (hidden)
    nothing was changed
    try: the same command with --force: what is there is put aside, and comes back with --remove
    ");
    let forced = written(work.change(Some(KEYS.as_bytes()), &FORCE));
    assert!(
        forced.starts_with("[lab]\n# Written by")
            && forced.ends_with("#~ aws_secret_access_key = SECRET\n"),
        "{forced}"
    );
    // They stay aside as long as ours is there.
    assert_eq!(
        written(work.change(Some(forced.as_bytes()), &ORDER)),
        forced
    );
    let mut removal = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    removal.remove.push("lab".to_owned());
    let removal = Work::sections("/home/a/.aws/credentials".into(), removal);
    assert_eq!(
        written(removal.change(Some(forced.as_bytes()), &ORDER)),
        KEYS
    );
}

#[test]
fn lines_of_others_in_ours_are_not_taken_out_unasked() {
    let ours = written(profile(false).change(None, &ORDER));
    let with = format!("{ours}output = json\n");
    let mut removal = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    removal.remove.push("profile lab".to_owned());
    let removal = Work::sections("/home/a/.aws/config".into(), removal);
    let refused = removal.change(Some(with.as_bytes()), &ORDER);
    insta::assert_snapshot!(refused.unwrap_err(), @"
    error: [profile lab] in /home/a/.aws/config has lines that we did not write
      - there: output = json
    nothing was changed
    try: the same command with --force, which takes them out too
    ");
    assert_eq!(written(removal.change(Some(with.as_bytes()), &FORCE)), "");
}

#[test]
fn s3cmd_knows_one_store_only() {
    let mut sections = Sections::new(Syntax::Ini, &s3cmd::OWN);
    let lines = ["[lab]", "host_base = b"].map(str::to_owned);
    sections.put.push(("lab".to_owned(), lines.to_vec()));
    sections.shadowed.extend(s3cmd::OWN);
    let work = Work::sections("/home/a/.s3cfg".into(), sections);
    let theirs = "[default]\naccess_key = A\nhost_base = a\nprogress_meter = True\n";
    let refused = work.change(Some(theirs.as_bytes()), &ORDER).unwrap_err();
    insta::assert_snapshot!(refused, @"
    error: /home/a/.s3cfg names a store already, and knows only one
      - there: access_key = (hidden)
      - there: host_base = a
    nothing was changed
    try: the same command with --force: what is there is put aside, and comes back with --remove
    ");
    // The last word counts.
    let forced = written(work.change(Some(theirs.as_bytes()), &FORCE));
    assert!(forced.starts_with(theirs) && forced.ends_with("--remove\nhost_base = b\n"));
    let quiet = "[default]\nprogress_meter = True\n";
    assert!(work.change(Some(quiet.as_bytes()), &ORDER).is_ok());
}

#[test]
fn an_encrypted_file_is_refused() {
    let encrypted = b"# Encrypted rclone configuration File\n\nRCLONE_ENCRYPT_V0:\nXXXX\n";
    let said = profile(false).change(Some(encrypted), &ORDER).unwrap_err();
    assert!(said.to_string().contains("is encrypted"), "{said}");
}

#[test]
fn a_file_that_has_only_ours_goes_with_it() {
    let mut removal = Sections::new(Syntax::Ini, &AwsProfile::OWN);
    removal.remove.push("profile lab".to_owned());
    let removal = Work::sections("/home/a/.aws/config".into(), removal);
    let ours = written(profile(false).change(None, &ORDER));
    let ours_alone = Order {
        was_there: false,
        ..ORDER
    };
    let change = removal.change(Some(ours.as_bytes()), &ours_alone);
    assert_eq!(change.unwrap(), Change::Remove);
    // An empty file that was there before stays one, and what is not there is not made.
    assert_eq!(written(removal.change(Some(ours.as_bytes()), &ORDER)), "");
    assert_eq!(
        removal.change(Some(b""), &ours_alone).unwrap(),
        Change::Write(Vec::new())
    );
    assert_eq!(removal.change(None, &ours_alone).unwrap(), Change::Keep);
}
