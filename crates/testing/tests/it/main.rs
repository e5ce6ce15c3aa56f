//! The kit is proven by wrong estimators: each has one fault, and the check that must see it.

mod mutants;
mod rows;
mod sound;
