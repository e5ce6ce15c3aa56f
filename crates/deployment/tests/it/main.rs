//! Integration tests, in one binary.

mod artifact;
mod forged;
#[cfg(feature = "server")]
mod held;
#[cfg(feature = "server")]
mod http;
#[cfg(feature = "server")]
mod recipes;
mod request_log;
mod support;
