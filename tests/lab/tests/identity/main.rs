//! The lab's Keycloak answers, its API server trusts it for what it says, and a person without a window
//! gets through its pages.

mod pages;
mod trust;
