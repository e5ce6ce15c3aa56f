//! Integration tests, in one binary.

mod charts;
mod hostile;
