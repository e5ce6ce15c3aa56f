//! Linear and quadratic discriminants.
