//! What stories about logins, and `cargo xtask bench oidc-login`, begin with: somebody at a machine of her
//! own, with a browser.

mod laptop;

pub use laptop::Laptop;
