//! Integration tests, in one binary.

mod predicates;
mod specs;
