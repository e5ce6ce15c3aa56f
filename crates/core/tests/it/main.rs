//! Integration tests, in one binary.

mod compile;
mod matrix;
mod pipeline;
mod train;
