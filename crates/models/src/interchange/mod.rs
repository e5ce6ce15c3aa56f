//! Models of other libraries: LightGBM's text, XGBoost's JSON and UBJSON, read and written; CatBoost's JSON, read; ONNX and
//! source code, written.
//!
//! Scores are those of the other library: to the last bits of `f64` for LightGBM, to the rounding of `f32` sums for
//! XGBoost. What cannot be represented exactly is refused by name. Files are not trusted: whatever their bytes, the
//! answer is a model or an error, and reading takes memory in proportion to their length.

mod catboost_read;
mod code;
mod code_languages;
mod lightgbm_read;
mod lightgbm_write;
mod model;
mod of_forests;
mod onnx;
mod onnx_graph;
mod onnx_trees;
mod protobuf;
mod text;
mod ubjson;
mod value;
mod xgboost_read;
mod xgboost_write;

pub use code::Language;
pub use model::{Link, TreeModel};
pub use onnx::OnnxOptions;
