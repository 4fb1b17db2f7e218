//! The documents, to the letter of each dialect.

use serde_json::Value;

use super::super::Reply;
use super::super::charset::{self, draw};
use super::super::credentials::{Credentials, Grant};
use super::super::settings::{Dialect, Settings};
use super::super::xml::{element, escape};
use super::Refusal;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;
const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// As long as AWS's ids of requests, which are UUIDs.
fn request_id() -> String {
    let hex = |length| draw("0123456789abcdef", length);
    format!("{}-{}-4{}-8{}-{}", hex(8), hex(4), hex(3), hex(3), hex(12))
}

/// The id that MinIO and Ceph give: without dashes.
fn short_id() -> String {
    draw("0123456789ABCDEF", 16)
}

/// An element unless it has nothing to say.
fn optional(name: &str, text: &str) -> String {
    match text {
        "" => String::new(),
        text => element(name, text),
    }
}

pub(super) fn credentials(settings: &Settings, grant: &Grant, credentials: &Credentials) -> Reply {
    let dialect = settings.dialect;
    let key = element("AccessKeyId", &credentials.access_key_id);
    let secret = element("SecretAccessKey", &credentials.secret_access_key);
    let token = element("SessionToken", &credentials.session_token);
    let end = element("Expiration", &credentials.expiration(dialect));
    let keys = match dialect {
        Dialect::Ceph => [key, end, secret, token],
        Dialect::Minio | Dialect::Seaweedfs => [key, secret, end, token],
        Dialect::Rustfs => [key, secret, token, end],
        Dialect::Aws => [token, secret, end, key],
    };
    let keys = format!("<Credentials>{}</Credentials>", keys.concat());
    let claim = |name: &str| {
        let value = grant.claims.get(name);
        let first = value.and_then(|value| value.as_array()?.first());
        first.or(value).and_then(Value::as_str).unwrap_or_default()
    };
    let subject = element("SubjectFromWebIdentityToken", claim("sub"));
    let provider = element("Provider", claim("iss"));
    let audience = match dialect {
        Dialect::Aws => claim("azp"),
        _ => claim("aud"),
    };
    let audience = optional("Audience", audience);
    let user = user(dialect, grant);
    let result = match dialect {
        Dialect::Ceph => [
            subject,
            audience,
            user,
            keys,
            provider,
            element("PackedPolicySize", "0"),
        ]
        .concat(),
        Dialect::Minio => [user, keys, subject].concat(),
        Dialect::Aws => [subject, audience, user, keys, provider].concat(),
        Dialect::Rustfs | Dialect::Seaweedfs => [keys, subject, user].concat(),
    };
    let unknown = match settings.adds_unknown_elements {
        true => "<SourceIdentity>alice</SourceIdentity><Next a=\"1\"><Code>0</Code></Next>",
        false => "",
    };
    let result = format!(
        "<AssumeRoleWithWebIdentityResult>{unknown}{result}</AssumeRoleWithWebIdentityResult>"
    );
    let name = "AssumeRoleWithWebIdentityResponse";
    let document = match dialect {
        // One line, no declaration, no namespace, no metadata.
        Dialect::Ceph => format!("<{name}>{result}</{name}>"),
        _ => format!(
            "{DECLARATION}\n<{name} xmlns=\"{NAMESPACE}\">{result}<ResponseMetadata>{}</ResponseMetadata></{name}>",
            element("RequestId", &id(dialect)),
        ),
    };
    match dialect {
        Dialect::Aws => Reply::text(200, "text/xml", &document),
        _ => Reply::xml(200, &document),
    }
}

fn id(dialect: Dialect) -> String {
    match dialect {
        Dialect::Minio => short_id(),
        _ => request_id(),
    }
}

/// Who the credentials are for; MinIO and Ceph misspell the id, and MinIO says neither.
fn user(dialect: Dialect, grant: &Grant) -> String {
    let session = &grant.session_name;
    let role = grant.role_arn.as_deref().unwrap_or_default();
    let role = role.rsplit('/').next().unwrap_or_default();
    let (arn, id) = match dialect {
        Dialect::Minio => (String::new(), ("AssumeRoleId", String::new())),
        Dialect::Ceph => (
            format!("arn:aws:sts:::assumed-role/{role}/{session}"),
            ("AssumeRoleId", format!("{}:{session}", request_id())),
        ),
        Dialect::Aws | Dialect::Seaweedfs => (
            format!("arn:aws:sts::000000000000:assumed-role/{role}/{session}"),
            (
                "AssumedRoleId",
                format!("AROA{}:{session}", draw(charset::UPPER, 17)),
            ),
        ),
        Dialect::Rustfs => return String::new(),
    };
    let (arn, id) = (element("Arn", &arn), element(id.0, &id.1));
    match dialect {
        Dialect::Aws => format!("<AssumedRoleUser>{id}{arn}</AssumedRoleUser>"),
        _ => format!("<AssumedRoleUser>{arn}{id}</AssumedRoleUser>"),
    }
}

pub(super) fn refusal(dialect: Dialect, refusal: &Refusal) -> Reply {
    let Refusal {
        status,
        code,
        message,
    } = refusal;
    if dialect == Dialect::Ceph {
        // The same words for S3 and STS, and none in the message.
        return super::super::s3::error(dialect, *status, code, "", "");
    }
    let kind = match (dialect, *status) {
        (Dialect::Minio, _) => "",
        (_, 500..) => "Receiver",
        _ => "Sender",
    };
    let document = format!(
        "{DECLARATION}\n<ErrorResponse xmlns=\"{NAMESPACE}\"><Error>{}{}<Message>{}</Message></Error>{}</ErrorResponse>",
        element("Type", kind),
        element("Code", code),
        escape(message),
        element("RequestId", &id(dialect)),
    );
    match dialect {
        Dialect::Aws => Reply::text(*status, "text/xml", &document),
        _ => Reply::xml(*status, &document),
    }
}
