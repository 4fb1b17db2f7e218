use std::collections::BTreeSet;

use clap::{CommandFactory as _, Parser};
use jiff::Timestamp;

use super::*;
use crate::source::TokenSource;

#[derive(Debug, Parser)]
#[command(no_binary_name = true)]
struct Line {
    #[command(flatten)]
    source: SourceArgs,
}

fn read(words: &[String], variables: &[(&str, &str)]) -> (Source, Terms) {
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, variables.iter().copied());
    let line = Line::try_parse_from(words).unwrap();
    line.source.into_request(&world).unwrap()
}

/// Flags with a value each that is not what counts without them; some exclude each other.
const FLAGS: [&[&str]; 2] = [
    &[
        "--onyxia=https://datalab.example",
        "--platform-region=paris",
        "--profile=team",
        "--endpoint=https://s3.example",
        "--sts-endpoint=https://sts.example",
        "--region=eu",
        "--addressing=virtual",
        "--server=minio",
        "--role-arn=arn:x",
        "--ca-file=/ca.pem",
        "--allow-http",
        "--duration=max",
        "--session-name=job",
        "--bucket=b",
        "--prefix=-p",
        "--read-only",
        "--min-ttl=30m",
        "--cache=keyring",
        "--issuer=https://idp.example",
        "--client-id=c",
        "--scope=one",
        "--scope=two",
        "--account=alice",
        "--issuer-ca=/idp.pem",
        "--token=env:TOKEN",
        "--token-kind=id",
    ],
    &[
        "--server=static",
        "--keys=/keys",
        "--policy=/policy.json",
        "--duration=900",
        "--token=/token",
        "--no-cache",
    ],
];

/// Those that a program which is started again and again has no use for: nobody sits there.
const FOR_PERSONS: [&str; 3] = ["flow", "login-timeout", "trust"];

#[test]
fn what_is_said_of_keys_can_be_said_again() {
    for flags in FLAGS {
        let flags: Vec<String> = flags.iter().copied().map(str::to_owned).collect();
        let (source, terms) = read(&flags, &[]);
        let again = [source.words().unwrap(), terms.words()].concat();
        assert_eq!(read(&again, &[]), (source, terms), "{again:?}");
    }
}

#[test]
fn every_flag_can_be_said_again() {
    let name = |flag: &str| {
        flag.trim_start_matches("--")
            .split('=')
            .next()
            .map(str::to_owned)
    };
    let said = FLAGS.concat();
    let tried: BTreeSet<_> = said.iter().filter_map(|flag| name(flag)).collect();
    let mut known: BTreeSet<_> = Line::command()
        .get_arguments()
        .filter_map(|argument| argument.get_long().map(str::to_owned))
        .collect();
    known.retain(|name| !FOR_PERSONS.contains(&name.as_str()));
    assert_eq!(tried, known);
    // A flag whose value is what counts without it would be said again by nobody.
    let (plain, _) = read(&[], &[]);
    assert_eq!(plain.words().unwrap(), Vec::<String>::new());
}

#[test]
fn what_came_in_once_cannot_be_said_again() {
    for flags in [&["--token=-"][..], &["--keys=-"], &["--server=static"]] {
        let flags: Vec<String> = flags.iter().copied().map(str::to_owned).collect();
        assert_eq!(read(&flags, &[]).0.words(), None, "{flags:?}");
    }
}

#[test]
fn a_variable_speaks_where_no_flag_does() {
    let variables = variable::ALL.map(|name| (name, name));
    let (source, _) = read(&[], &variables);
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(source.onyxia, text(variable::ONYXIA));
    assert_eq!(source.profile, text(variable::PROFILE));
    assert_eq!(source.endpoint, text(variable::ENDPOINT));
    assert_eq!(source.sts_endpoint, text(variable::STS_ENDPOINT));
    assert_eq!(source.role_arn, text(variable::ROLE_ARN));
    assert_eq!(source.issuer, text(variable::ISSUER));
    assert_eq!(source.client_id, text(variable::CLIENT_ID));
    assert_eq!(source.ca_file, Some(variable::CA_FILE.into()));
    // A store that is named is not mixed with another one's platform, nor an issuer with a client.
    let named = [
        "--endpoint=https://s3.example",
        "--issuer=https://idp.example",
    ];
    let (source, _) = read(&named.map(str::to_owned), &variables);
    assert_eq!(source.onyxia, None);
    assert_eq!((source.role_arn, source.client_id), (None, None));
    assert_eq!(source.ca_file, Some(variable::CA_FILE.into()));
}

#[cfg(unix)]
#[test]
fn a_file_is_named_to_the_byte() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let file = OsStr::from_bytes(b"/ca-\xff.pem");
    let line = Line::try_parse_from([OsStr::new("--ca-file"), file]).unwrap();
    let (world, _) = World::test(Timestamp::UNIX_EPOCH, []);
    let (source, _) = line.source.into_request(&world).unwrap();
    assert_eq!(source.ca_file.unwrap().as_os_str(), file);
    assert_eq!(source.token, TokenSource::Session);
}
