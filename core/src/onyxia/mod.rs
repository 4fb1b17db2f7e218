//! The platform's public configuration.
