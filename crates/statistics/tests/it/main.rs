//! Integration tests, in one binary.

mod describe;
mod distributions;
mod fixtures;
mod hypothesis;
mod interval;
mod missing;
mod properties;
