//! Integration tests, in one binary.

mod search;
mod space;
