//! mc's one JSON document: what is not ours keeps its bytes.

use datalab_core::store::ForeignFile;
use proptest::prelude::*;
use serde_json::{Map, Value};

use crate::configure::{
    alias::{self, AliasWork},
    work::Order,
};

const ORDER: Order<'_> = Order {
    forces: false,
    undo: "configure mc --name lab --remove",
    was_there: true,
};

/// As mc writes it, and as nobody would.
const FILES: [&str; 4] = [
    "{\n\t\"version\": \"10\",\n\t\"aliases\": {\n\t\t\"gcs\": {\n\t\t\t\"url\": \"https://x\",\n\
     \t\t\t\"secretKey\": \"}\\\"{,\"\n\t\t}\n\t}\n}\n",
    "{\"version\":\"10\",\"aliases\":{\"lab2\":{},\"a\\u0062\":{\"url\":\"\"}},\"more\":[1,{}]}",
    " { \"aliases\" : { } , \"version\" : \"10\" } ",
    "{\"version\":\"10\",\"aliases\":{\"lab\":{\"url\": \"https://mine\", \"accessKey\":\"A\"}  ,\"z\":{}}}",
];

fn work(entry: Option<&str>) -> AliasWork {
    let entry = entry.map(|url| {
        let mut entry = Map::new();
        entry.insert("url".to_owned(), url.into());
        entry.insert("sessionToken".to_owned(), "t".into());
        entry
    });
    AliasWork {
        name: "lab".to_owned(),
        entry,
    }
}

fn changed(work: &AliasWork, content: Option<&[u8]>, order: &Order<'_>) -> String {
    let file = ForeignFile::at("/home/a/.mc/config.json");
    let (changed, _) = work.changed(content, order, &file).unwrap();
    String::from_utf8(changed).unwrap()
}

#[test]
fn an_alias_comes_and_goes() {
    let force = Order {
        forces: true,
        ..ORDER
    };
    for file in FILES {
        let with = changed(&work(Some("https://s3")), Some(file.as_bytes()), &force);
        let value: Value = serde_json::from_str(&with).unwrap();
        assert_eq!(value["aliases"]["lab"]["url"], "https://s3", "{with}");
        let before: Value = serde_json::from_str(file).unwrap();
        for (name, alias) in before["aliases"].as_object().unwrap() {
            assert!(name == "lab" || value["aliases"][name] == *alias, "{with}");
        }
        // New keys under the same name, then none.
        let again = changed(&work(Some("https://s4")), Some(with.as_bytes()), &ORDER);
        assert!(again.contains("https://s4") && !again.contains("https://s3"));
        assert_eq!(changed(&work(None), Some(again.as_bytes()), &ORDER), file);
    }
}

#[test]
fn a_file_of_ours_goes_with_its_last_alias() {
    let with = changed(&work(Some("https://s3")), None, &ORDER);
    assert!(serde_json::from_str::<Value>(&with).is_ok(), "{with}");
    let ours_alone = Order {
        was_there: false,
        ..ORDER
    };
    assert_eq!(changed(&work(None), Some(with.as_bytes()), &ours_alone), "");
    assert_eq!(changed(&work(None), None, &ORDER), "");
}

#[test]
fn an_alias_of_theirs_is_left_alone() {
    let file = ForeignFile::at("/home/a/.mc/config.json");
    let refused = work(Some("https://s3")).changed(Some(FILES[3].as_bytes()), &ORDER, &file);
    insta::assert_snapshot!(refused.unwrap_err(), @"
    error: the alias lab in /home/a/.mc/config.json was not written by us
      - there: https://mine
      - ours:  https://s3
    nothing was changed
    try: the same command with --force: what is there is put aside, and comes back with --remove
    ");
    // Nor is it taken out.
    assert_eq!(
        changed(&work(None), Some(FILES[3].as_bytes()), &ORDER),
        FILES[3]
    );
    assert!(alias::ours(FILES[3].as_bytes(), &file).unwrap().is_empty());
}

#[test]
fn what_is_not_mcs_is_refused() {
    let file = ForeignFile::at("/home/a/.mc/config.json");
    for content in [
        &b"{\"version\":\"9\",\"hosts\":{}}"[..],
        b"[]",
        b"not json",
        b"{\"version\":\"10\"}",
        b"{\"version\":\"10\",\"aliases\":{\"\xff\":{}}}",
    ] {
        let refused = work(Some("https://s3")).changed(Some(content), &ORDER, &file);
        let said = refused.unwrap_err().to_string();
        assert!(said.contains("cannot be edited"), "{said}");
    }
}

/// Values as JSON has them, with what has a meaning to whoever looks for brackets.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-z{}\\[\\]\"\\\\,: ]{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let list = prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from);
        let map = prop::collection::btree_map("[a-z\"{}]{1,4}", inner, 0..3);
        prop_oneof![list, map.prop_map(|map| map.into_iter().collect::<Value>())]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_document_comes_back(
        aliases in prop::collection::btree_map("[a-z\"{}]{1,4}", value(), 0..4),
        more in value(),
        is_first: bool,
        is_pretty: bool,
    ) {
        let mut document = Map::new();
        let aliases: Value = aliases.into_iter().collect();
        if is_first {
            document.insert("aliases".to_owned(), aliases.clone());
        }
        document.insert("more".to_owned(), more);
        document.insert("version".to_owned(), "10".into());
        document.insert("aliases".to_owned(), aliases);
        let text = match is_pretty {
            true => serde_json::to_string_pretty(&document),
            false => serde_json::to_string(&document),
        };
        let text = text.unwrap();
        let with = changed(&work(Some("https://s3")), Some(text.as_bytes()), &ORDER);
        let mut value: Value = serde_json::from_str(&with).unwrap();
        let ours = value["aliases"].as_object_mut().unwrap().remove("lab").unwrap();
        prop_assert_eq!(&ours["url"], "https://s3");
        prop_assert_eq!(value, Value::Object(document));
        let without = changed(&work(None), Some(with.as_bytes()), &ORDER);
        prop_assert_eq!(without, text);
    }
}
