//! Texts made alike before they are counted or compared.

mod clean;
mod entities;
mod html;

pub use clean::{CleanText, CleanTextModel, UnicodeForm};
