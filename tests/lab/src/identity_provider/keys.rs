//! The keys that tokens are signed with.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RsaKeyPair,
};
use serde_json::{Value, json};

use super::Error;
use super::settings::{Lies, Signature};

/// What the provider signs with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Algorithm {
    /// ECDSA on P-256.
    Es256,
    /// RSA of 2048 bits, as Keycloak's realms do. Its key is made by openssl, once a process: ring
    /// makes none.
    Rs256,
    /// Ed25519, which logins can check, and API servers cannot.
    EdDsa,
}

enum Private {
    Ecdsa(EcdsaKeyPair),
    Eddsa(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

struct Key {
    id: String,
    private: Private,
}

/// The keys; the last one signs.
pub(super) struct Keys {
    algorithm: Algorithm,
    published: Vec<Key>,
    /// Never published.
    other: Key,
    made: usize,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("made", &self.made)
            .finish_non_exhaustive()
    }
}

impl Keys {
    pub(super) fn new(algorithm: Algorithm) -> Result<Self, Error> {
        Ok(Self {
            algorithm,
            published: vec![Key::new(algorithm, 1)?],
            // Of the other kind of key one would do as well; this one is quick to make.
            other: Key::new(Algorithm::Es256, 0)?,
            made: 1,
        })
    }

    /// The hash that the signatures are made of, which other hashes in a token are to be as well:
    /// OpenID Connect Core, section 3.1.3.6.
    pub(super) fn hash(&self) -> &'static ring::digest::Algorithm {
        match self.algorithm {
            Algorithm::EdDsa => &ring::digest::SHA512,
            Algorithm::Es256 | Algorithm::Rs256 => &ring::digest::SHA256,
        }
    }

    /// A new key signs from now on. An RSA key is the same one under a new id.
    pub(super) fn roll(&mut self, keep_old: bool) -> Result<(), Error> {
        self.made += 1;
        if !keep_old {
            self.published.clear();
        }
        self.published.push(Key::new(self.algorithm, self.made)?);
        Ok(())
    }

    /// The JSON Web Key Set, with an encryption key that must not be taken for a signing key.
    pub(super) fn set(&self) -> Value {
        let mut keys: Vec<Value> = self.published.iter().map(Key::published).collect();
        if let Some(first) = keys.first().cloned() {
            let mut encryption = first;
            encryption["use"] = json!("enc");
            encryption["kid"] = json!("encryption");
            keys.insert(0, encryption);
        }
        json!({"keys": keys})
    }

    /// The token with these claims, signed as the lies say.
    pub(super) fn sign(&self, claims: &Value, lies: &Lies) -> Result<String, Error> {
        let key = self.published.last().unwrap_or(&self.other);
        let algorithm = match lies.signature {
            Signature::None => "none",
            Signature::Hs256WithClientId | Signature::Hs256WithPublicKey => "HS256",
            _ => key.algorithm(),
        };
        let id = match lies.signature {
            Signature::UnknownKeyId => "nobody-knows-it",
            _ => &key.id,
        };
        let part = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let header = json!({"alg": algorithm, "typ": "JWT", "kid": id});
        let signed = format!("{}.{}", part(&header), part(claims));
        let hmac = |secret: &[u8]| {
            let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
            ring::hmac::sign(&key, signed.as_bytes()).as_ref().to_vec()
        };
        let signature = match lies.signature {
            Signature::None => Vec::new(),
            Signature::Hs256WithPublicKey => hmac(&key.public()),
            Signature::Hs256WithClientId => hmac(
                claims["azp"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned()
                    .as_bytes(),
            ),
            Signature::OtherKey => self.other.sign(signed.as_bytes())?,
            Signature::Broken => {
                let mut signature = key.sign(signed.as_bytes())?;
                if let Some(first) = signature.first_mut() {
                    *first ^= 1;
                }
                signature
            }
            Signature::Honest | Signature::UnknownKeyId => key.sign(signed.as_bytes())?,
        };
        Ok(format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature)))
    }
}

impl Key {
    fn new(algorithm: Algorithm, number: usize) -> Result<Self, Error> {
        let wrong = |error: &dyn std::fmt::Display| Error::Key(error.to_string());
        let private = match algorithm {
            Algorithm::Es256 => {
                let random = SystemRandom::new();
                let kind = &ECDSA_P256_SHA256_FIXED_SIGNING;
                let document =
                    EcdsaKeyPair::generate_pkcs8(kind, &random).map_err(|error| wrong(&error))?;
                let pair = EcdsaKeyPair::from_pkcs8(kind, document.as_ref(), &random)
                    .map_err(|error| wrong(&error))?;
                Private::Ecdsa(pair)
            }
            Algorithm::EdDsa => {
                let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                    .map_err(|error| wrong(&error))?;
                let pair = Ed25519KeyPair::from_pkcs8(document.as_ref());
                Private::Eddsa(pair.map_err(|error| wrong(&error))?)
            }
            Algorithm::Rs256 => Private::Rsa(
                RsaKeyPair::from_pkcs8(rsa_document()?).map_err(|error| wrong(&error))?,
            ),
        };
        Ok(Self {
            id: format!("key-{number}"),
            private,
        })
    }

    fn algorithm(&self) -> &'static str {
        match self.private {
            Private::Ecdsa(_) => "ES256",
            Private::Eddsa(_) => "EdDSA",
            Private::Rsa(_) => "RS256",
        }
    }

    /// The bytes of the public key.
    fn public(&self) -> Vec<u8> {
        match &self.private {
            Private::Ecdsa(pair) => pair.public_key().as_ref().to_vec(),
            Private::Eddsa(pair) => pair.public_key().as_ref().to_vec(),
            Private::Rsa(pair) => pair.public().as_ref().to_vec(),
        }
    }

    fn published(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        match &self.private {
            Private::Ecdsa(pair) => {
                // The point in full: 4, x, y.
                let point = pair.public_key().as_ref();
                let (x, y) = point[1..].split_at((point.len() - 1) / 2);
                json!({
                    "kid": self.id, "kty": "EC", "alg": "ES256", "use": "sig", "crv": "P-256",
                    "x": text(x), "y": text(y),
                })
            }
            Private::Eddsa(pair) => json!({
                "kid": self.id, "kty": "OKP", "alg": "EdDSA", "use": "sig", "crv": "Ed25519",
                "x": text(pair.public_key().as_ref()),
            }),
            Private::Rsa(pair) => {
                let parts: PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({
                    "kid": self.id, "kty": "RSA", "alg": "RS256", "use": "sig",
                    "n": text(&parts.n), "e": text(&parts.e),
                })
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        let wrong = |_| Error::Key("it does not sign".to_owned());
        match &self.private {
            Private::Ecdsa(pair) => {
                let signature = pair.sign(&random, message).map_err(wrong)?;
                Ok(signature.as_ref().to_vec())
            }
            Private::Eddsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .map_err(wrong)?;
                Ok(signature)
            }
        }
    }
}

/// An RSA key in PKCS#8, made once a process.
fn rsa_document() -> Result<&'static [u8], Error> {
    static DOCUMENT: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let made = DOCUMENT.get_or_init(|| {
        let openssl = |arguments: &[&str], input: &[u8]| {
            let mut child = Command::new("openssl")
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input)?;
            }
            child.wait_with_output().map(|output| output.stdout)
        };
        let bits = "rsa_keygen_bits:2048";
        let pem = openssl(&["genpkey", "-algorithm", "RSA", "-pkeyopt", bits], b"");
        pem.and_then(|pem| openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], &pem))
            .map_err(|error| format!("openssl: {error}"))
    });
    made.as_deref().map_err(|error| Error::Key(error.clone()))
}
