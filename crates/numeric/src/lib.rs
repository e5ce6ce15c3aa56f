#![doc = include_str!("../README.md")]

pub mod random;
pub mod reduce;
