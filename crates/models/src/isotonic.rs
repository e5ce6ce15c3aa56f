//! Isotonic regression.
