//! Texts as numbers: how often terms come, and how much that says.
//!
//! `CountVectorizer` counts the terms of columns of text, `HashingVectorizer` in a fixed number of columns, `TfidfVectorizer` weighs the counts, and [`TfidfTransformer`]
//! weighs counts that are there already. What they make is sparse.

#[cfg(feature = "table")]
mod analysis;
#[cfg(feature = "table")]
mod count;
#[cfg(feature = "table")]
mod hashing;
#[cfg(feature = "table")]
mod stop_words;
#[cfg(feature = "table")]
mod terms;
mod tfidf;
#[cfg(feature = "table")]
mod tfidf_vectorizer;
#[cfg(feature = "table")]
mod vocabulary;

#[cfg(feature = "table")]
pub use analysis::Analyzer;
#[cfg(feature = "table")]
pub use count::{CountModel, CountVectorizer};
#[cfg(feature = "table")]
pub(crate) use hashing::place;
#[cfg(feature = "table")]
pub use hashing::{HashingVectorizer, HashingVectorizerModel};
#[cfg(feature = "table")]
pub use stop_words::english_stop_words;
#[cfg(feature = "table")]
pub use terms::Documents;
pub use tfidf::{Norm, TfidfModel, TfidfTransformer};
#[cfg(feature = "table")]
pub use tfidf_vectorizer::{TfidfVectorizer, TfidfVectorizerModel};
