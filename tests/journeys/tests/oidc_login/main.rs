//! `kubectl datalab oidc-login` on the lab: Keycloak's real pages, the API server that trusts it, kubectl,
//! helm and a kube-based program.

mod api_server;
mod audiences;
mod forms;
mod names;
mod programs;
mod refusals;
mod refused;
mod rotation;
mod scene;
mod story;
mod terminals;
