//! What is theirs stays as it is, byte for byte, whatever is done with what is ours.

use proptest::prelude::*;

use crate::configure::{document::Document, syntax::Syntax};
use crate::forms::Section;

/// Keys that we write.
const OWN: [&str; 2] = ["region", "s3"];

const COMMAND: &str = "kubectl datalab s3-creds configure aws --name a --remove";

fn section(name: &str, region: &str) -> Vec<String> {
    let section = Section {
        name: name.to_owned(),
        entries: vec![
            ("region", region.to_owned()),
            ("s3", "\n  addressing_style = path".to_owned()),
        ],
    };
    section.lines()
}

fn put(content: &[u8], name: &str, region: &str) -> Vec<u8> {
    let mut document = Document::parse(content, Syntax::Ini);
    document.put(name, &section(name, region), &OWN, COMMAND);
    document.to_bytes()
}

fn remove(content: &[u8], name: &str) -> Vec<u8> {
    let mut document = Document::parse(content, Syntax::Ini);
    document.remove(name);
    document.to_bytes()
}

fn text(content: &[u8]) -> &str {
    std::str::from_utf8(content).unwrap()
}

#[test]
fn a_section_is_put_at_the_end() {
    let file = put(b"[profile b]\nregion = x", "profile a", "eu");
    insta::assert_snapshot!(text(&file), @"
    [profile b]
    region = x

    [profile a]
    # Written by kubectl datalab s3-creds after a line without an end; to be rid of it: kubectl datalab s3-creds configure aws --name a --remove
    region = eu
    s3 =
      addressing_style = path
    ");
    assert_eq!(remove(&file, "profile a"), b"[profile b]\nregion = x");
}

#[test]
fn a_section_of_theirs_is_put_aside_and_comes_back() {
    let before =
        "# mine\r\n[profile b]\r\nx = 1\r\n\r\n[ profile 'a' ]\r\nregion = us\r\n# why\r\nk = v";
    let file = put(before.as_bytes(), "profile a", "eu");
    assert_eq!(
        text(&file),
        "# mine\r\n[profile b]\r\nx = 1\r\n\r\n\
         [profile a]\r\n# Written by kubectl datalab s3-creds after a line without an end; to be rid of it: \
         kubectl datalab s3-creds configure aws --name a --remove\r\n\
         #~ [ profile 'a' ]\r\n#~ region = us\r\n#~ # why\r\n#~ k = v\r\n\
         region = eu\r\ns3 =\r\n  addressing_style = path\r\n"
    );
    assert_eq!(text(&remove(&file, "profile a")), before);
}

#[test]
fn what_others_put_into_ours_stays() {
    let file = put(b"", "profile a", "eu");
    let by_hand = [&*file, b"output = json\ns3api =\n  x = 1\n"].concat();
    let file = put(&by_hand, "profile a", "us");
    assert!(text(&file).ends_with(
        "\nregion = us\ns3 =\n  addressing_style = path\noutput = json\ns3api =\n  x = 1\n"
    ));
    let document = Document::parse(&file, Syntax::Ini);
    assert_eq!(
        document.added_by_others("profile a", &OWN),
        ["output = json", "s3api =", "  x = 1"]
    );
    assert!(document.added_by_others("profile b", &OWN).is_empty());
}

/// The aws CLI puts a new key right above the next section's name, past the empty line.
#[test]
fn a_key_from_the_aws_cli_stays_in_its_section() {
    let file = put(&put(b"", "profile a", "eu"), "services a-s3", "eu");
    let by_hand = text(&file).replace("\n[services", "\noutput = json\n[services");
    let mut document = Document::parse(by_hand.as_bytes(), Syntax::Ini);
    assert_eq!(
        document.added_by_others("profile a", &OWN),
        ["output = json"]
    );
    assert_eq!(document.ours(), ["profile a", "services a-s3"]);
    document.remove("services a-s3");
    document.remove("profile a");
    assert_eq!(text(&document.to_bytes()), "");
}

#[test]
fn aws_own_profile_has_two_names() {
    let document = Document::parse(b"[profile default]\nregion = x\n", Syntax::Ini);
    assert!(document.find("default").is_some_and(|found| !found.is_ours));
    assert!(document.find("profile a").is_none());
}

#[test]
fn statements_stay_where_they_are() {
    let mut document = Document::parse(b".mode box\nSELECT 1;", Syntax::Sql);
    let lines = ["[lab]", ".once x", "CREATE SECRET lab;"].map(str::to_owned);
    document.put("lab", &lines, &[], COMMAND);
    let file = [&*document.to_bytes(), b".timer on\n"].concat();
    assert!(text(&file).contains("--remove\n.once x\nCREATE SECRET lab;\n.timer"));
    let mut document = Document::parse(&file, Syntax::Sql);
    assert_eq!(document.ours(), ["lab"]);
    assert!(document.added_by_others("lab", &[]).is_empty());
    let lines = ["[lab]", ".once x", "CREATE SECRET other;"].map(str::to_owned);
    document.put("lab", &lines, &[], COMMAND);
    let file = document.to_bytes();
    assert!(text(&file).contains("--remove\n.once x\nCREATE SECRET other;\n.timer"));
    document.remove("lab");
    assert_eq!(
        text(&document.to_bytes()),
        ".mode box\nSELECT 1;\n.timer on\n"
    );
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, u8),
    Remove(usize),
}

const NAMES: [&str; 3] = ["profile a", "services a-s3", "b"];

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        (0..3usize, any::<u8>()).prop_map(|(name, region)| Step::Put(name, region)),
        (0..3usize).prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..12)
}

/// Files as people have them: comments, empty lines, blanks, sections once or twice, line ends of
/// both kinds and none at the end, bytes that are no text.
fn file() -> impl Strategy<Value = Vec<u8>> {
    let lines: [&[u8]; 13] = [
        b"",
        b"# comment",
        b"; x",
        b"  indented = 1",
        b"key = value",
        b"s3 =",
        b"[profile a]",
        b"[profile \"a\"]",
        b"[other]",
        b"[b]",
        b"[broken",
        b"#~ key = x",
        b"\xff\xfe",
    ];
    let line = prop::sample::select(lines.to_vec());
    let lines = prop::collection::vec((line, prop::bool::weighted(0.8)), 0..12);
    (lines, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(lines, is_windows, has_mark, has_end)| {
            let mut file = Vec::new();
            if has_mark {
                file.extend_from_slice(b"\xef\xbb\xbf");
            }
            for (line, is_usual) in &lines {
                file.extend_from_slice(line);
                let end: &[u8] = if is_windows == *is_usual {
                    b"\r\n"
                } else {
                    b"\n"
                };
                file.extend_from_slice(end);
            }
            if !has_end {
                while file.ends_with(b"\n") || file.ends_with(b"\r") {
                    file.pop();
                }
            }
            file
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_only_read_stays_as_it_is(file in file()) {
        let document = Document::parse(&file, Syntax::Ini);
        prop_assert_eq!(document.to_bytes(), file);
    }

    #[test]
    fn when_ours_is_gone_all_is_as_it_was(file in file(), steps in steps()) {
        let mut now = file.clone();
        for step in &steps {
            match step {
                Step::Put(name, region) => {
                    now = put(&now, NAMES[*name], &format!("r{region}"));
                    let document = Document::parse(&now, Syntax::Ini);
                    let found = document.find(NAMES[*name]).unwrap();
                    prop_assert!(found.is_ours);
                    prop_assert_eq!(&found.lines[1], &format!("region = r{region}"));
                    // Once more changes nothing.
                    prop_assert_eq!(&put(&now, NAMES[*name], &format!("r{region}")), &now);
                }
                Step::Remove(name) => now = remove(&now, NAMES[*name]),
            }
        }
        for name in NAMES {
            now = remove(&now, name);
        }
        prop_assert_eq!(
            String::from_utf8_lossy(&now).into_owned(),
            String::from_utf8_lossy(&file).into_owned()
        );
    }

    #[test]
    fn what_others_add_at_the_end_survives(file in file(), added in "[a-z=\\n]{1,20}") {
        // A section of its own: keys alone would be a part of ours.
        let added = format!("\n[theirs]\n{added}\n");
        let ours = put(&file, "profile zzz", "eu");
        let both = [&*ours, added.as_bytes()].concat();
        let after = remove(&both, "profile zzz");
        prop_assert!(after.ends_with(added.as_bytes()));
        prop_assert!(after.starts_with(&file));
        prop_assert!(after.len() <= file.len() + 2 + added.len());
    }
}
