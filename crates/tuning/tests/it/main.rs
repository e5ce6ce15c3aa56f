//! Integration tests, in one binary.

mod on_bins;
mod search;
mod space;
