//! A web identity token, verified.

use data_encoding::BASE64URL_NOPAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde_json::{Map, Value};

/// Why a token is not believed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Wrong {
    /// It has not three parts of base64 and JSON.
    Malformed,
    /// It is signed by something that nobody accepts.
    Algorithm(String),
    /// No published key has this id.
    UnknownKey(String),
    /// The key has not made the signature.
    Signature {
        /// It is one of RSA, else of ECDSA.
        rsa: bool,
    },
    /// It ended then, in seconds since 1970.
    Expired(i64),
    /// It begins later.
    NotYet,
    /// It was made later.
    IssuedLater,
}

/// By whose clock, and how exactly, times are looked at.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) now: i64,
    pub(super) leeway_seconds: i64,
}

/// The claims of a token that one of these keys has signed, and whose time it is.
pub(super) fn verify(
    token: &str,
    keys: &[Value],
    clock: Clock,
) -> Result<Map<String, Value>, Wrong> {
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(signature), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Wrong::Malformed);
    };
    let signed = &token[..header.len() + 1 + claims.len()];
    let header = object(header).ok_or(Wrong::Malformed)?;
    let claims = object(claims).ok_or(Wrong::Malformed)?;
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .map_err(|_| Wrong::Malformed)?;
    let algorithm = header.get("alg").and_then(Value::as_str);
    let algorithm = algorithm.unwrap_or_default();
    if !["ES256", "RS256"].contains(&algorithm) {
        return Err(Wrong::Algorithm(algorithm.to_owned()));
    }
    let id = header.get("kid").and_then(Value::as_str);
    let id = id.unwrap_or_default();
    let key = keys
        .iter()
        .find(|key| key["kid"] == id)
        .ok_or_else(|| Wrong::UnknownKey(id.to_owned()))?;
    check(key, algorithm, signed.as_bytes(), &signature).ok_or(Wrong::Signature {
        rsa: algorithm == "RS256",
    })?;
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    let Clock {
        now,
        leeway_seconds: leeway,
    } = clock;
    match (time("exp"), time("nbf"), time("iat")) {
        (Some(end), ..) if now > end + leeway => Err(Wrong::Expired(end)),
        (None, ..) => Err(Wrong::Malformed),
        (_, Some(begin), _) if now + leeway < begin => Err(Wrong::NotYet),
        (_, _, Some(issued)) if now + leeway < issued => Err(Wrong::IssuedLater),
        _ => Ok(claims),
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Whether the key has made the signature.
fn check(key: &Value, algorithm: &str, signed: &[u8], signature: &[u8]) -> Option<()> {
    let bytes = |name: &str| {
        let text = key[name].as_str()?;
        BASE64URL_NOPAD.decode(text.as_bytes()).ok()
    };
    match (algorithm, key["kty"].as_str()?) {
        ("ES256", "EC") => {
            let point = [vec![4], bytes("x")?, bytes("y")?].concat();
            UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(signed, signature)
                .ok()
        }
        ("RS256", "RSA") => RsaPublicKeyComponents {
            n: bytes("n")?,
            e: bytes("e")?,
        }
        .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
        .ok(),
        _ => None,
    }
}

/// All values of a claim that is a text, or a list of texts; a text may hold several, parted by commas.
pub(super) fn values(claims: &Map<String, Value>, name: &str) -> Option<Vec<String>> {
    let texts = match claims.get(name)? {
        Value::String(text) => vec![text.as_str()],
        Value::Array(values) => values.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let parts = texts.into_iter().flat_map(|text| text.split(','));
    Some(parts.map(|text| text.trim().to_owned()).collect())
}
