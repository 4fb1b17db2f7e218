//! `kubectl datalab s3-creds` on the lab: Keycloak's logins, two object stores that check every token and
//! signature, and the clients of S3 that people use.

mod configure;
mod counter;
mod forms;
mod limits;
mod refused;
mod refused_as_aws;
mod renewal;
mod scene;
mod story;
mod tour;
