//! The answer's XML. Servers differ in namespace, order and spelling, so that elements are known by
//! their local names, wherever they stand.

use datalab_core::words::Secret;
use jiff::Timestamp;
use quick_xml::{Reader, events::Event};

use crate::issued::Credentials;

/// The text of the first element of this local name.
pub(super) fn first<const N: usize>(xml: &[u8], names: [&str; N]) -> Option<[Option<String>; N]> {
    let mut found = [const { None::<String> }; N];
    let mut reader = Reader::from_reader(xml);
    let mut inside: Option<(usize, String)> = None;
    let mut elements = 0;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                elements += 1;
                let name = start.local_name();
                inside = names
                    .iter()
                    .position(|&wanted| wanted == name.as_ref())
                    .filter(|&index| found[index].is_none())
                    .map(|index| (index, String::new()));
            }
            Event::Text(text) => {
                if let Some((_, value)) = &mut inside {
                    value.push_str(&text);
                }
            }
            Event::CData(text) => {
                if let Some((_, value)) = &mut inside {
                    value.push_str(&text);
                }
            }
            Event::GeneralRef(reference) => {
                if let Some((_, value)) = &mut inside {
                    value.push(character(&reference)?);
                }
            }
            Event::Empty(_) => elements += 1,
            Event::End(_) => {
                if let Some((index, value)) = inside.take() {
                    found[index] = Some(value.trim().to_owned());
                }
            }
            Event::Eof => return (elements > 0).then_some(found),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
}

/// What a reference to a character stands for: XML's own five, and numbers.
fn character(reference: &quick_xml::events::BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    match &**reference {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => None,
    }
}

/// The keys of an answer, or what is wrong with it.
pub(super) fn credentials(xml: &[u8]) -> Result<Credentials, &'static str> {
    let names = [
        "AccessKeyId",
        "SecretAccessKey",
        "SessionToken",
        "Expiration",
    ];
    let [key, secret, token, expiration] = first(xml, names).ok_or("it is no XML")?;
    let there = |text: Option<String>| text.filter(|text| !text.is_empty());
    // What ends up in shells and configuration files is one word.
    let word = |text: Option<String>| {
        there(text).filter(|text| text.chars().all(|c| c.is_ascii_graphic()))
    };
    let expiration = there(expiration).ok_or("it names no expiration")?;
    Ok(Credentials {
        access_key_id: word(key).ok_or("it holds no access key")?,
        secret_access_key: Secret::new(word(secret).ok_or("it holds no secret key")?),
        session_token: Some(Secret::new(word(token).ok_or("it holds no session token")?)),
        expiration: Some(
            expiration
                .parse::<Timestamp>()
                .map_err(|_| "its expiration is no time")?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ceph 16: one line, no declaration, no namespace, nine digits of a second.
    const CEPH: &str = "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult>\
        <SubjectFromWebIdentityToken>s</SubjectFromWebIdentityToken><Audience>minio</Audience>\
        <AssumedRoleUser><Arn>arn:aws:sts:::assumed-role/datalab/alice</Arn>\
        <AssumeRoleId>x:alice</AssumeRoleId></AssumedRoleUser><Credentials>\
        <AccessKeyId>0123456789012345678</AccessKeyId>\
        <Expiration>2026-11-20T22:15:33.690120665Z</Expiration>\
        <SecretAccessKey>secret</SecretAccessKey><SessionToken>a+/b==</SessionToken></Credentials>\
        </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";

    /// AWS and those who follow it.
    const AWS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<a:AssumeRoleWithWebIdentityResponse xmlns:a="https://sts.amazonaws.com/doc/2011-06-15/">
  <a:AssumeRoleWithWebIdentityResult>
    <a:Credentials>
      <a:SessionToken>t&amp;&#x61;<![CDATA[<]]></a:SessionToken>
      <a:SecretAccessKey> secret </a:SecretAccessKey>
      <a:Expiration>2026-11-20T22:15:33Z</a:Expiration>
      <a:AccessKeyId>ASIA</a:AccessKeyId>
    </a:Credentials>
  </a:AssumeRoleWithWebIdentityResult>
</a:AssumeRoleWithWebIdentityResponse>"#;

    #[test]
    fn namespaces_order_and_fractions_do_not_matter() {
        let ceph = credentials(CEPH.as_bytes()).unwrap();
        assert_eq!(ceph.access_key_id, "0123456789012345678");
        assert_eq!(ceph.session_token.unwrap().expose(), "a+/b==");
        assert_eq!(ceph.expiration.unwrap().as_second(), 1_795_212_933);
        let aws = credentials(AWS.as_bytes()).unwrap();
        assert_eq!(aws.secret_access_key.expose(), "secret");
        assert_eq!(aws.session_token.unwrap().expose(), "t&a<");
    }

    #[test]
    fn what_lacks_something_says_so() {
        for (change, problem) in [
            (("SessionToken", "Token"), "it holds no session token"),
            (("AccessKeyId", "Key"), "it holds no access key"),
            (("2026-11-20T", "soon "), "its expiration is no time"),
            (("secret<", "se cret<"), "it holds no secret key"),
        ] {
            let text = CEPH.replace(change.0, change.1);
            assert_eq!(credentials(text.as_bytes()), Err(problem), "{change:?}");
        }
        for text in ["", "moved", "{\"a\":1}", "<a", "<html><body>Sign in</html>"] {
            assert!(credentials(text.as_bytes()).is_err(), "{text}");
        }
    }
}
