//! Nothing of its own: the examples are the files beside this one. Run one with
//! `cargo run --release --example quickstart`.
