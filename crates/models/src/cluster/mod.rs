//! Clusters: rows that belong together.
