//! `kubectl datalab s3-creds` on the lab: Keycloak's logins, an object store that checks every token and
//! signature, and the clients of S3 that people use.

mod scene;
mod story;
