#![doc = include_str!("../README.md")]

mod card;
mod front_matter;
mod sections;

pub use card::{ModelCard, REQUIRED_FIELDS};
