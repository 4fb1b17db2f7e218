//! `application/x-www-form-urlencoded`, read and written.

use std::collections::BTreeMap;

/// The parameters of a form or query, decoded, in order.
pub(crate) fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// The same as a map, in which the last of equal names counts.
pub(super) fn map(text: &str) -> BTreeMap<String, String> {
    pairs(text).into_iter().collect()
}

/// Undoes percent encoding, and `+` for a space.
#[must_use]
pub fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| {
                    digit.and_then(|digit| char::from(digit).to_digit(16).map(|value| value as u8))
                });
                match digits {
                    [Some(high), Some(low)] => bytes.push(high * 16 + low),
                    _ => bytes.push(b'%'),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Percent encoding of everything that is not a plain letter, digit or one of `-._~`.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}

#[test]
fn what_is_encoded_is_decoded() {
    let text = "a b+c&d=é/%41:~";
    assert_eq!(encode(text), "a%20b%2Bc%26d%3D%C3%A9%2F%2541%3A~");
    assert_eq!(decode(&encode(text)), text);
    assert_eq!(decode("a+b%zz%4"), "a b%%");
    assert_eq!(
        pairs("a=1&b=%20&&c"),
        [("a", "1"), ("b", " "), ("c", "")].map(|(n, v)| (n.to_owned(), v.to_owned()))
    );
}
