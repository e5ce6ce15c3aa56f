//! Integration tests, in one binary.

mod distributions;
mod fixtures;
