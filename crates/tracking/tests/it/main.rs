//! Integration tests, in one binary.

mod hostile;
mod kill;
mod runs;
