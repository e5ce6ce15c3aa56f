#![doc = include_str!("../README.md")]

pub mod distribution;
pub mod special;
