#![doc = include_str!("../README.md")]

mod check;
pub mod describe;
pub mod distribution;
pub mod interval;
pub mod multiple;
pub mod special;
pub mod test;
