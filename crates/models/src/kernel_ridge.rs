//! Kernel ridge regression.
