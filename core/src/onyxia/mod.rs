//! The platform's public configuration: regions, and where each of their services is logged in to.
//!
//! - [`Platform::fetch`] asks an Onyxia for it; [`Platform::region`] picks one of its regions.
//! - [`Region`]: what there is: [`Kubernetes`], [`S3`] with [`Sts`], [`Vault`].
//! - [`Login`]: issuer and client of a service, completed from the platform's own.
//!
//! <https://github.com/InseeFrLab/onyxia-api/blob/main/docs/region-configuration.md> has its form;
//! older forms are understood, since platforms still have them.

mod error;
mod fetch;
mod platform;
mod wire;

pub use error::{Error, NoRegion};
pub use fetch::configuration_url;
pub use platform::{ClaimPattern, Kubernetes, Login, Platform, Region, Role, S3, Sts, Vault};
