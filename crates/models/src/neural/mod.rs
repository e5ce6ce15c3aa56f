//! Networks of layers.
