//! The store itself, asked with keys.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/Welcome.html>

use datalab_core::{
    http::{self, Client, Patience},
    world::World,
};
use jiff::SignedDuration;
use percent_encoding::utf8_percent_encode;
use rusty_s3::{Method, signing::sign};
use url::Url;

use crate::{
    issued::Issued,
    sts::{RESERVED, Refusal},
};

/// How long a signature holds: it stands in the address, and with it in the store's log.
pub(crate) const SIGNED_FOR: SignedDuration = SignedDuration::from_secs(60);

/// What a store is asked.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    /// Which buckets are the user's.
    Buckets,
    /// What begins so in a bucket; one name is enough.
    Objects { bucket: &'a str, prefix: &'a str },
    /// Room for an empty object.
    Put { bucket: &'a str, key: &'a str },
    /// The object's end.
    Delete { bucket: &'a str, key: &'a str },
}

/// A store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    #[error(transparent)]
    Http(#[from] http::Error),
    #[error("{0}")]
    Refused(Box<Refusal>),
    #[error("the store's address cannot be used: {0}")]
    Address(#[from] url::ParseError),
}

impl<'a> Question<'a> {
    fn method(self) -> (Method, ::http::Method) {
        match self {
            Self::Buckets | Self::Objects { .. } => (Method::Get, ::http::Method::GET),
            Self::Put { .. } => (Method::Put, ::http::Method::PUT),
            Self::Delete { .. } => (Method::Delete, ::http::Method::DELETE),
        }
    }

    /// Bucket and object.
    fn place(self) -> (Option<&'a str>, Option<&'a str>) {
        match self {
            Self::Buckets => (None, None),
            Self::Objects { bucket, .. } => (Some(bucket), None),
            Self::Put { bucket, key } | Self::Delete { bucket, key } => (Some(bucket), Some(key)),
        }
    }

    fn query(self) -> Vec<(&'static str, &'a str)> {
        match self {
            Self::Objects { prefix, .. } => {
                vec![("list-type", "2"), ("max-keys", "1"), ("prefix", prefix)]
            }
            _ => Vec::new(),
        }
    }
}

/// Asks a store.
pub(crate) async fn ask(
    question: Question<'_>,
    issued: &Issued,
    client: &Client,
    world: &World,
) -> Result<(), Unanswered> {
    let (method, verb) = question.method();
    let credentials = &issued.credentials;
    let token = credentials.session_token.as_ref();
    let query = question.query();
    let url = sign(
        &world.now(),
        method,
        address(question, issued)?,
        &credentials.access_key_id,
        credentials.secret_access_key.expose(),
        token.map(|token| token.expose().as_str()),
        &issued.store.region,
        SIGNED_FOR.as_secs().unsigned_abs(),
        query.iter().copied(),
        std::iter::empty(),
    );
    let request = ::http::Request::builder()
        .method(verb)
        .uri(url.as_str())
        // Said also where it is nothing: Ceph wants to know.
        .header(::http::header::CONTENT_LENGTH, 0)
        .body(Vec::new())
        .map_err(|_| http::Error::Address {
            url: issued.store.url.clone(),
            reason: "it is no address",
        })?;
    let answer = client.send_patiently(request, Patience::USUAL).await?;
    match answer.is_success() {
        true => Ok(()),
        false => Err(Unanswered::Refused(Box::new(Refusal::of(
            &answer,
            issued.server,
        )))),
    }
}

/// The bucket stands in the path, or before the host.
fn address(question: Question<'_>, issued: &Issued) -> Result<Url, url::ParseError> {
    let mut url = Url::parse(&issued.store.url)?;
    let (bucket, key) = question.place();
    let in_path = bucket.filter(|_| issued.store.path_style);
    if let (Some(bucket), false) = (bucket, issued.store.path_style) {
        let host = url.host_str().unwrap_or_default();
        let host = format!("{bucket}.{host}");
        url.set_host(Some(&host))?;
    }
    // To the letter of what is signed, where only these stand for themselves: a URL of the web lets
    // more of them be.
    let encoded = |text: &str| utf8_percent_encode(text, RESERVED).to_string();
    let segments = key.into_iter().flat_map(|key| key.split('/'));
    let mut path: Vec<String> = in_path.into_iter().chain(segments).map(encoded).collect();
    if key.is_none() {
        path.push(String::new());
    }
    url.set_path(&path.join("/"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issued::{Credentials, Server, Store};

    fn issued(path_style: bool) -> Issued {
        Issued {
            credentials: Credentials {
                access_key_id: "AK".to_owned(),
                secret_access_key: "SK".to_owned().into(),
                session_token: None,
                expiration: None,
            },
            store: Store {
                url: "https://s3.example:9000".to_owned(),
                region: "r".to_owned(),
                path_style,
            },
            server: Server::Other,
            origin: None,
            bucket: None,
            prefix: None,
        }
    }

    #[test]
    fn the_bucket_stands_where_the_store_wants_it() {
        let put = Question::Put {
            bucket: "b",
            key: "a/ü c+=~",
        };
        let of = |question, path_style| address(question, &issued(path_style)).unwrap().to_string();
        assert_eq!(of(Question::Buckets, true), "https://s3.example:9000/");
        assert_eq!(
            of(put, true),
            "https://s3.example:9000/b/a/%C3%BC%20c%2B%3D~"
        );
        assert_eq!(
            of(put, false),
            "https://b.s3.example:9000/a/%C3%BC%20c%2B%3D~"
        );
        let objects = Question::Objects {
            bucket: "b",
            prefix: "",
        };
        assert_eq!(of(objects, true), "https://s3.example:9000/b/");
        assert_eq!(of(objects, false), "https://b.s3.example:9000/");
    }
}
