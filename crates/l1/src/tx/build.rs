//! Builds and signs.
