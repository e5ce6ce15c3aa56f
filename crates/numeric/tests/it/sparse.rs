//! Sparse products against the dense ones.

use ndarray::{Array1, Array2, ArrayRef2, Axis};
use perennial_core::{Csr, ErrorKind};
use perennial_numeric::random::Random;
use perennial_numeric::{linalg, sparse};
use proptest::prelude::*;

use crate::linalg::random_matrix;
use crate::same_bits;

fn random_csr(seed: u64, n_rows: usize, n_cols: usize, density: f64) -> Csr {
    let mut random = Random::new(seed);
    let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..n_rows {
        for column in 0..n_cols {
            if random.uniform() < density {
                indices.push(column as u32);
                values.push(random.normal());
            }
        }
        indptr.push(indices.len());
    }
    Csr::new(n_cols, indptr, indices, values).unwrap()
}

fn close(a: &ArrayRef2<f64>, b: &ArrayRef2<f64>) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= 1e-9)
}

#[test]
fn the_same_bits_at_any_number_of_threads() {
    let a = random_csr(1, 30_000, 12, 0.2);
    let b = random_matrix(2, 12, 5);
    let (v, u) = (b.column(0).to_owned(), random_matrix(3, 30_000, 1).remove_axis(Axis(1)));
    let weights: Vec<f64> = u.iter().map(|u| u.abs()).collect();
    same_bits(|| {
        let gram = sparse::csr_gram(&a, Some(&weights)).unwrap();
        let product = sparse::csr_matmul_dense(&a, &b);
        (sparse::csr_matvec(&a, &v), sparse::csr_matvec_t(&a, &u), product, gram)
    });
}

#[test]
fn too_wide_a_gram_matrix_is_refused() {
    let wide = Csr::new(20_000, vec![0, 1], vec![19_999], vec![1.0]).unwrap();
    assert!(matches!(sparse::csr_gram(&wide, None).unwrap_err().kind(), ErrorKind::TooLarge { .. }));
    assert_eq!(sparse::csr_matvec_t(&wide, &Array1::ones(1)).sum(), 1.0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_equal_the_dense_ones(n in 0usize..60, p in 0usize..12, m in 0usize..5, seed in 0u64..1000) {
        let a = random_csr(seed, n, p, 0.3);
        let dense = a.to_dense().unwrap();
        let b = random_matrix(seed + 1, p, m);
        prop_assert!(close(&sparse::csr_matmul_dense(&a, &b), &linalg::matmul(&dense, &b)));
        let (v, u) = (Array1::linspace(-1.0, 2.0, p), Array1::linspace(-3.0, 1.0, n));
        let column = |v: Array1<f64>| -> Array2<f64> { v.insert_axis(Axis(1)) };
        prop_assert!(close(&column(sparse::csr_matvec(&a, &v)), &column(linalg::matvec(&dense, &v))));
        prop_assert!(close(&column(sparse::csr_matvec_t(&a, &u)), &column(linalg::matvec_t(&dense, &u))));
        let weights: Vec<f64> = (0..n).map(|i| (i % 3) as f64).collect();
        for weights in [None, Some(&weights[..])] {
            prop_assert!(close(&sparse::csr_gram(&a, weights).unwrap(), &linalg::gram(&dense, weights)));
        }
    }
}
