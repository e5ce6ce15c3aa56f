//! Products and decompositions: references, algebra, and the same bits for every layout and thread count.

use ndarray::{Array1, Array2, ArrayRef2, Axis, array, s};
use perennial_core::ErrorKind;
use perennial_numeric::linalg::{Cholesky, Qr, eigh, gram, matmul, matvec, matvec_t, svd};
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::{digits, fixture, number, numbers, same_bits};

pub(crate) fn random_matrix(seed: u64, n_rows: usize, n_cols: usize) -> Array2<f64> {
    let mut random = Random::new(seed);
    Array2::from_shape_simple_fn((n_rows, n_cols), || random.normal())
}

/// `work` must give the same bits for the same numbers in any layout.
pub(crate) fn same_for_layouts<T: PartialEq + std::fmt::Debug>(
    a: &Array2<f64>,
    work: impl Fn(&ArrayRef2<f64>) -> T,
) {
    let truth = work(a);
    let (n, p) = a.dim();
    let mut columns = Array2::zeros((p, n));
    columns.assign(&a.t());
    assert_eq!(work(&columns.t()), truth, "column-major");
    let mut wide = Array2::from_elem((2 * n, 3 * p + 1), f64::NAN);
    wide.slice_mut(s![..;2, 1..;3]).assign(a);
    assert_eq!(work(&wide.slice(s![..;2, 1..;3])), truth, "strided");
    let mut reversed = a.clone();
    reversed.invert_axis(Axis(0));
    reversed.invert_axis(Axis(1));
    let mut stored = Array2::zeros((n, p));
    stored.assign(&reversed);
    stored.invert_axis(Axis(0));
    stored.invert_axis(Axis(1));
    assert_eq!(work(&stored), truth, "reversed");
    let mut padded = Array2::zeros((n + 1, p + 1));
    padded.slice_mut(s![1.., 1..]).assign(a);
    assert_eq!(work(&padded.slice(s![1.., 1..])), truth, "sliced");
}

fn naive(a: &Array2<f64>, b: &Array2<f64>) -> Array2<f64> {
    Array2::from_shape_fn((a.nrows(), b.ncols()), |(i, j)| {
        (0..a.ncols()).map(|k| a[[i, k]] * b[[k, j]]).sum()
    })
}

fn close(a: &Array2<f64>, b: &Array2<f64>, tolerance: f64) -> bool {
    a.dim() == b.dim() && a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance)
}

#[test]
fn products_agree_with_the_definition() {
    for (n, k, m) in
        [(1, 1, 1), (1, 5, 3), (7, 3, 1), (300, 20, 17), (65, 80, 70), (0, 3, 2), (3, 0, 2), (3, 2, 0)]
    {
        let (a, b) = (random_matrix(1, n, k), random_matrix(2, k, m));
        assert!(close(&matmul(&a, &b), &naive(&a, &b), 1e-12), "{n} x {k} x {m}");
    }
    let x = random_matrix(3, 20_000, 5);
    let w: Vec<f64> = (0..x.nrows()).map(|i| (i % 4) as f64).collect();
    let weighted = &x * &Array1::from(w.clone()).insert_axis(Axis(1));
    assert!(close(&gram(&x, None), &naive(&x.t().to_owned(), &x), 1e-9));
    assert!(close(&gram(&x, Some(&w)), &naive(&x.t().to_owned(), &weighted), 1e-9));
    assert_eq!(gram(&x, Some(&vec![1.0; x.nrows()])), gram(&x, None));
    assert_eq!(gram(&Array2::zeros((0, 2)), None), Array2::<f64>::zeros((2, 2)));
    let v = random_matrix(4, 5, 1);
    assert!(close(&matvec(&x, &v.column(0)).insert_axis(Axis(1)), &naive(&x, &v), 1e-12));
    let u = random_matrix(5, 20_000, 1);
    assert!(close(&matvec_t(&x, &u.column(0)).insert_axis(Axis(1)), &naive(&x.t().to_owned(), &u), 1e-9));
}

#[test]
fn products_have_the_same_bits_at_any_number_of_threads_and_in_any_layout() {
    let (x, b) = (random_matrix(6, 20_001, 13), random_matrix(7, 13, 9));
    let w: Vec<f64> = (0..x.nrows()).map(|i| 0.5 + (i % 7) as f64).collect();
    let (v, u) = (b.column(0).to_owned(), x.column(3).to_owned());
    let all = |x: &ArrayRef2<f64>| {
        (matmul(x, &b), gram(x, None), gram(x, Some(&w)), matvec(x, &v), matvec_t(x, &u))
    };
    same_bits(|| all(&x));
    same_for_layouts(&x, all);
    same_for_layouts(&b, |b| matmul(&x, b));
    for shape in [(6, 1), (1, 6), (1, 1)] {
        same_for_layouts(&random_matrix(8, shape.0, shape.1), |a| (gram(a, None), matmul(a, &a.t())));
    }
}

#[test]
fn a_row_of_a_product_depends_on_its_row_alone() {
    let shapes = [
        (2, 2),
        (3, 10),
        (10, 3),
        (20, 5),
        (64, 64),
        (63, 65),
        (65, 64),
        (100, 41),
        (300, 33),
        (1, 5),
        (900, 2),
    ];
    for (k, m) in shapes {
        let (a, b) = (random_matrix(9, 700, k), random_matrix(10, k, m));
        let all = matmul(&a, &b);
        for batch in [1, 7, 64, 300, 699] {
            for start in (0..700).step_by(batch) {
                let rows = start..(start + batch).min(700);
                assert_eq!(
                    matmul(&a.slice(s![rows.clone(), ..]), &b),
                    all.slice(s![rows, ..]),
                    "{k} x {m} by {batch}"
                );
            }
        }
    }
}

#[test]
fn references_with_eighty_digits() {
    let Some(suite) = fixture("linalg.json") else { return };
    for case in suite["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let expected = &case["expected"];
        let n = case["n"].as_u64().unwrap_or(0) as usize;
        let hilbert = |n: usize, p: usize| Array2::from_shape_fn((n, p), |(i, j)| 1.0 / (i + j + 1) as f64);
        let check_values = |s: &[f64], truth: &[f64], size: usize| {
            let worst =
                s.iter().zip(truth).map(|(s, t)| (s - t).abs()).fold(0.0, f64::max) / truth[0] / f64::EPSILON;
            println!("{id}: {worst:.2} eps of the largest, {size} x 4 allowed");
            assert!(worst <= 4.0 * size as f64, "{id}");
        };
        match case["kind"].as_str().unwrap() {
            "singular_values" if !case["eps"].is_null() => {
                let eps = number(&case["eps"]);
                let a = Array2::from_shape_fn((n + 1, n), |(i, j)| match i {
                    0 => 1.0,
                    i if i - 1 == j => eps,
                    _ => 0.0,
                });
                let (s, truth) = (svd(&a).unwrap().s, numbers(&expected["s"]));
                println!("{id}: {:.1} digits", digits(s[n - 1], truth[n - 1]));
                assert!(digits(s[n - 1], truth[n - 1]) >= 8.0);
            }
            "singular_values" => {
                let (a, truth) = (hilbert(n, n), numbers(&expected["s"]));
                let found = svd(&a).unwrap();
                check_values(found.s.as_slice().unwrap(), &truth, n);
                assert!(digits(found.s[0], truth[0]) >= 14.0);
                // Symmetric and positive definite, so the same numbers by another way.
                let mut values = eigh(&a).unwrap().values.to_vec();
                values.reverse();
                check_values(&values, &truth, n);
                let log_det = Cholesky::new(&a).unwrap().log_det();
                let condition = number(&expected["cond"]);
                assert!(
                    (log_det - number(&expected["logdet"])).abs() <= n as f64 * f64::EPSILON * condition,
                    "{id}"
                );
            }
            "pca" => {
                let p = case["p"].as_u64().unwrap() as usize;
                let mut a = hilbert(n, p);
                a -= &a.mean_axis(Axis(0)).unwrap();
                let found = svd(&a).unwrap();
                let truth = numbers(&expected["singular_values"]);
                check_values(&found.s.as_slice().unwrap()[..truth.len().min(n - 1)], &truth, n.max(p));
                let components = expected["components_first"].as_array().unwrap();
                for (k, component) in components.iter().take(3).enumerate() {
                    for (v, t) in found.vt.row(k).iter().zip(numbers(component)) {
                        let gap = (truth[k] - truth[k + 1]) / truth[0];
                        assert!((v - t).abs() <= 1e-9 / gap.max(1e-6), "{id} component {k}: {v} {t}");
                    }
                }
            }
            "covariance" => {
                let rows = case["X"].as_array().unwrap();
                let x: Vec<f64> = rows.iter().flat_map(numbers).collect();
                let x = Array2::from_shape_vec((rows.len(), x.len() / rows.len()), x).unwrap();
                let qr = Qr::new(&x, &Array2::zeros((x.nrows(), 0)), None, true).unwrap();
                let r = qr.r().slice_move(s![1.., 1..]);
                let covariance = r.t().dot(&r) / (x.nrows() - 1) as f64;
                for (i, row) in expected["cov"].as_array().unwrap().iter().enumerate() {
                    for (j, truth) in numbers(row).into_iter().enumerate() {
                        assert!(digits(covariance[[i, j]], truth) >= 9.0, "{id}: {i}, {j}");
                    }
                }
                let log_det = Cholesky::new(&covariance).unwrap().log_det();
                assert!(digits(log_det, number(&expected["logdet"])) >= 9.0);
            }
            other => panic!("unknown kind {other}"),
        }
    }
}

#[test]
fn decompositions_rebuild_the_matrix() {
    for (n, p) in [(1, 1), (5, 5), (30, 4), (4, 30), (200, 60), (500, 3)] {
        let a = random_matrix(11, n, p);
        let f = svd(&a).unwrap();
        let rebuilt = f.u.dot(&Array2::from_diag(&f.s)).dot(&f.vt);
        assert!(close(&rebuilt, &a, 1e-12));
        assert!(close(&f.vt.dot(&f.vt.t()), &Array2::eye(n.min(p)), 1e-13));
        assert!(close(&f.u.t().dot(&f.u), &Array2::eye(n.min(p)), 1e-13));
        assert!(f.s.windows(2).into_iter().all(|w| w[0] >= w[1]));
        for row in f.vt.rows() {
            assert!(row.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs())).unwrap() > 0.0);
        }
        let c = gram(&a, None);
        let e = eigh(&c).unwrap();
        assert!(close(&e.vectors.dot(&Array2::from_diag(&e.values)).dot(&e.vectors.t()), &c, 1e-10));
        assert!(e.values.windows(2).into_iter().all(|w| w[0] <= w[1]));
    }
    let rank_one = Array2::from_elem((6, 4), 2.0);
    let f = svd(&rank_one).unwrap();
    assert!((f.s[0] - 2.0 * 24f64.sqrt()).abs() < 1e-14 && f.s[1] < 1e-14);
    let zero = svd(&Array2::zeros((3, 2))).unwrap();
    assert_eq!(zero.s, array![0.0, 0.0]);
    assert!(zero.u.iter().chain(&zero.vt).all(|x| x.is_finite()));
}

#[test]
fn decompositions_do_not_overflow_and_do_not_depend_on_layout() {
    let a = random_matrix(12, 20, 6);
    same_for_layouts(&a, |a| svd(a).unwrap());
    let c = gram(&a, None);
    same_for_layouts(&c, |c| (eigh(c).unwrap(), Cholesky::new(c).unwrap().inverse()));
    same_bits(|| (svd(&a).unwrap(), eigh(&c).unwrap()));
    for factor in [1e300, 1e-300] {
        let (big, plain) = (svd(&(&a * factor)).unwrap(), svd(&a).unwrap());
        assert!(big.s.iter().zip(&plain.s).all(|(b, s)| (b / factor - s).abs() < 1e-13 * plain.s[0]));
        let (big, plain) = (eigh(&(&c * factor)).unwrap(), eigh(&c).unwrap());
        assert!(
            big.values
                .iter()
                .zip(&plain.values)
                .all(|(b, s)| (b / factor - s).abs() < 1e-13 * plain.values[5])
        );
    }
}

#[test]
fn cholesky_solves_inverts_and_refuses() {
    let a = gram(&random_matrix(13, 40, 7), None);
    let factor = Cholesky::new(&a).unwrap();
    assert!(close(&factor.lower().dot(&factor.lower().t()), &a, 1e-12));
    let b = random_matrix(14, 7, 3);
    let x = factor.solve_columns(&b);
    assert!(close(&a.dot(&x), &b, 1e-12));
    assert!((&factor.solve(&b.column(1)) - &x.column(1)).iter().all(|d| d.abs() < 1e-14));
    let inverse = factor.inverse();
    assert!(close(&a.dot(&inverse), &Array2::eye(7), 1e-12));
    assert_eq!(inverse, inverse.t());
    let log_det: f64 = eigh(&a).unwrap().values.iter().map(|v| v.ln()).sum();
    assert!((factor.log_det() - log_det).abs() < 1e-11);

    let singular =
        |a: &Array2<f64>| matches!(Cholesky::new(a).unwrap_err().kind(), ErrorKind::Singular { .. });
    assert!(singular(&array![[1.0, 2.0], [2.0, 1.0]]));
    assert!(singular(&array![[0.0]]));
    assert!(singular(&Array2::ones((3, 3))));
    assert!(singular(&array![[-1.0]]));
}

#[test]
fn what_cannot_be_decomposed_says_why() {
    let nan = array![[1.0, 2.0], [f64::NAN, 3.0]];
    for error in [svd(&nan).unwrap_err(), eigh(&nan).unwrap_err(), Cholesky::new(&nan).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::NonFinite { row: 1, .. }), "{error}");
    }
    let flat = Array2::<f64>::zeros((2, 3));
    for error in [eigh(&flat).unwrap_err(), Cholesky::new(&flat).unwrap_err()] {
        assert!(error.to_string().contains("2 x 3; it must be square"), "{error}");
    }
    let none = Array2::<f64>::zeros((0, 0));
    for error in [svd(&none).unwrap_err(), eigh(&none).unwrap_err(), Cholesky::new(&none).unwrap_err()] {
        assert!(matches!(error.kind(), ErrorKind::Empty { .. }), "{error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn batches_give_the_rows_of_the_whole(
        k in 1usize..200, m in 1usize..150, n in 1usize..400, cut in 0usize..400, seed in 0u64..1000,
    ) {
        let (a, b) = (random_matrix(seed, n, k), random_matrix(seed + 1, k, m));
        let cut = cut.min(n);
        let all = matmul(&a, &b);
        prop_assert_eq!(matmul(&a.slice(s![..cut, ..]), &b), all.slice(s![..cut, ..]));
        prop_assert_eq!(matmul(&a.slice(s![cut.., ..]), &b), all.slice(s![cut.., ..]));
    }

    #[test]
    fn singular_values_keep_the_frobenius_norm(n in 1usize..30, p in 1usize..30, seed in 0u64..1000, power in -150i32..150) {
        let a = random_matrix(seed, n, p) * 10f64.powi(power);
        let f = svd(&a).unwrap();
        let (norm, sum): (f64, f64) = (a.iter().map(|x| x * x).sum(), f.s.iter().map(|s| s * s).sum());
        prop_assert!((norm - sum).abs() <= 1e-12 * norm);
    }

    #[test]
    fn a_matrix_times_its_transpose_is_symmetric(n in 1usize..40, p in 1usize..20, seed in 0u64..1000) {
        let a = random_matrix(seed, n, p);
        let g = gram(&a, None);
        prop_assert_eq!(&g, &g.t());
        let product = matmul(&a.t(), &a);
        prop_assert!(close(&g, &product, 1e-12 * n as f64));
    }
}
