#![doc = include_str!("../README.md")]

mod chart;
mod document;
mod html;
mod markdown;
mod scale;
mod svg;

pub use chart::{Chart, Mark, Point, Series};
pub use document::{Block, Document, Level, TableBlock};
pub use scale::format_number;
