//! Dense linear algebra: products, least squares, decompositions.
//!
//! Arrays of any stride come in, row-major arrays go out. The bits of a result depend on the numbers
//! alone: neither on the number of threads nor on how the input lies in memory. Work on
//! rows runs in parallel over fixed blocks; inside a block the kernels (of faer, where there is
//! a product or a decomposition) run on one thread.

mod blocks;
mod centred;
mod cholesky;
mod forward;
mod gemm;
mod householder;
mod krylov;
mod micro;
mod narrow;
mod product;
mod qr;
mod spectral;
mod subspace;
mod tall;

pub(crate) use blocks::{array, contiguous, magnitude, power_of_two, row_block, rows_of};
pub use centred::Centred;
pub use cholesky::Cholesky;
pub use gemm::{Side, multiply_f32};
pub use krylov::{LargestEigen, largest_eigen};
pub(crate) use micro::{HIGH, Tile, WIDE, tile};
pub(crate) use product::add;
pub use product::{gram, matmul, matvec, matvec_t};
pub use qr::{LeastSquares, Qr};
pub use spectral::{Eigh, Svd, eigh, svd};
pub use subspace::{Subspace, largest_singular, orthonormal};
