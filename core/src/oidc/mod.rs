//! An identity provider, and sessions with it that processes share.
