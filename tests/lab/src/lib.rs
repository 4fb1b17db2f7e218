//! Real servers for the tests.

pub mod policy;
pub mod tenant;
