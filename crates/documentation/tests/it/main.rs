//! Integration tests, in one binary.

mod cards;
