//! Least squares: NIST's digits, algebra, rank, and the same bits everywhere.

use ndarray::{Array2, Axis, array, concatenate, s};
use perennial_core::ErrorKind;
use perennial_numeric::linalg::{Qr, gram, svd};
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::linalg::{random_matrix, same_for_layouts};
use crate::{digits, fixture, number, numbers, same_bits};

#[test]
fn linear_regression_digits_of_nist() {
    let Some(suite) = fixture("strd_linear.json") else { return };
    for case in suite["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        let y = numbers(&case["y"]);
        let n = y.len();
        let model = case["model"].as_str().unwrap();
        let x = match model.strip_prefix("poly") {
            _ if case["x"][0].is_array() => {
                let rows: Vec<f64> = case["x"].as_array().unwrap().iter().flat_map(numbers).collect();
                Array2::from_shape_vec((n, rows.len() / n), rows).unwrap()
            }
            degree => {
                let degree = degree.map_or(1, |degree| degree.parse().unwrap());
                let x = numbers(&case["x"]);
                Array2::from_shape_fn((n, degree), |(i, j)| x[i].powi(j as i32 + 1))
            }
        };
        let y = Array2::from_shape_vec((n, 1), y).unwrap();
        let intercept = case["fit_intercept"].as_bool().unwrap();
        let qr = Qr::new(&x, &y, None, intercept).unwrap();
        let fit = qr.solve().unwrap();
        let n_design = x.ncols() + usize::from(intercept);
        assert_eq!(fit.rank, n_design, "{id}");

        let mut found: Vec<f64> = fit.coefficients.column(0).to_vec();
        if intercept {
            found.insert(0, fit.intercept[0]);
        }
        let variance = fit.residual_sum_of_squares[0] / (n - n_design) as f64;
        let errors: Vec<f64> =
            qr.covariance().unwrap().diag().iter().map(|v| (v * variance).sqrt()).collect();
        let expected = &case["expected"];
        let worst = |found: &[f64], truth: &[f64]| {
            found.iter().zip(truth).map(|(&f, &t)| digits(f, t)).fold(16.0, f64::min)
        };
        let target = number(&case["target_lre"]);
        let coefficients = worst(&found, &numbers(&expected["coef"]));
        let (errors, spread) =
            (worst(&errors, &numbers(&expected["se"])), digits(variance.sqrt(), number(&expected["s"])));
        println!(
            "{id}: target {target:.1}, coefficients {coefficients:.1}, errors {errors:.1}, s {spread:.1}"
        );
        assert!(coefficients >= target, "{id}: {coefficients} < {target}");
        assert!(errors >= target && spread >= target, "{id}: {errors}, {spread} < {target}");
    }
}

#[test]
fn the_same_bits_at_any_number_of_threads_and_in_any_layout() {
    let (x, y) = (random_matrix(1, 20_011, 9), random_matrix(2, 20_011, 2));
    let w: Vec<f64> = (0..x.nrows()).map(|i| 0.25 + (i % 5) as f64).collect();
    let all = |x: &ndarray::ArrayRef2<f64>| {
        let qr = Qr::new(x, &y, Some(&w), true).unwrap();
        (qr.solve().unwrap(), qr.ridge(0.7).unwrap(), qr.covariance().unwrap())
    };
    same_bits(|| all(&x));
    same_for_layouts(&x, all);
    same_for_layouts(&y, |y| Qr::new(&x, y, None, true).unwrap().solve().unwrap());
}

#[test]
fn reduced_problem_keeps_the_inner_products() {
    for (n, p) in [(3, 5), (50, 4), (5000, 30), (9000, 1)] {
        let (x, y) = (random_matrix(3, n, p), random_matrix(4, n, 2));
        let design = concatenate![Axis(1), Array2::ones((n, 1)), x];
        let qr = Qr::new(&x, &y, None, true).unwrap();
        let (r, truth) = (qr.r(), gram(&design, None));
        assert!((&r.t().dot(&r) - &truth).iter().all(|d| d.abs() < 1e-11 * n as f64));
        let xty = design.t().dot(&y);
        assert!((&r.t().dot(&qr.qty()) - &xty).iter().all(|d| d.abs() < 1e-11 * n as f64));
        let means = x.mean_axis(Axis(0)).unwrap();
        assert!((qr.means().unwrap() - means).iter().all(|d| d.abs() < 1e-13));
    }
}

#[test]
fn columns_that_depend_share_the_smallest_coefficients() {
    let base = random_matrix(5, 60, 3);
    let y = random_matrix(6, 60, 1);
    let x = concatenate![
        Axis(1),
        base,
        base.slice(s![.., 1..2]),
        &base.slice(s![.., 0..1]) + &base.slice(s![.., 2..3])
    ];
    for intercept in [false, true] {
        let fit = Qr::new(&x, &y, None, intercept).unwrap().solve().unwrap();
        assert_eq!(fit.rank, 3 + usize::from(intercept));
        assert!((fit.coefficients[[1, 0]] - fit.coefficients[[3, 0]]).abs() < 1e-13);
        // The pseudo-inverse gives the shortest answer too.
        let centre = |a: &Array2<f64>| if intercept { a - &a.mean_axis(Axis(0)).unwrap() } else { a.clone() };
        let (cx, cy) = (centre(&x), centre(&y));
        let f = svd(&cx).unwrap();
        let inverse = f.s.mapv(|s| if s > 1e-10 { 1.0 / s } else { 0.0 });
        let truth = f.vt.t().dot(&(&f.u.t().dot(&cy) * &inverse.insert_axis(Axis(1))));
        assert!((&fit.coefficients - &truth).iter().all(|d| d.abs() < 1e-12), "{fit:?} {truth}");
        let residual = &cy - &cx.dot(&truth);
        assert!((residual.mapv(|r| r * r).sum() - fit.residual_sum_of_squares[0]).abs() < 1e-11);
        let error = Qr::new(&x, &y, None, intercept).unwrap().covariance().unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Singular { .. }));
    }
}

#[test]
fn fewer_rows_than_columns_and_constant_columns() {
    let (x, y) = (random_matrix(7, 4, 9), random_matrix(8, 4, 1));
    let fit = Qr::new(&x, &y, None, false).unwrap().solve().unwrap();
    assert_eq!(fit.rank, 4);
    assert!((x.dot(&fit.coefficients) - &y).iter().all(|d| d.abs() < 1e-12));
    assert!(fit.residual_sum_of_squares[0] < 1e-24);

    let mut x = random_matrix(9, 3000, 3);
    x.column_mut(1).fill(0.1);
    let y = random_matrix(10, 3000, 1);
    let fit = Qr::new(&x, &y, None, true).unwrap().solve().unwrap();
    assert_eq!(fit.rank, 3);
    assert!(fit.coefficients[[1, 0]].abs() < 1e-12);
    x.column_mut(1).fill(0.0);
    assert_eq!(Qr::new(&x, &y, None, true).unwrap().solve().unwrap().coefficients[[1, 0]], 0.0);

    let one = Qr::new(&array![[2.0]], &array![[6.0]], None, true).unwrap().solve().unwrap();
    assert_eq!((one.rank, one.coefficients[[0, 0]], one.intercept[0]), (1, 0.0, 6.0));
    let mean = Qr::new(&Array2::zeros((4, 0)), &array![[1.0], [2.0], [3.0], [6.0]], None, true).unwrap();
    assert!((mean.solve().unwrap().intercept[0] - 3.0).abs() < 1e-15);
}

#[test]
fn weights_are_copies_and_zero_is_absence() {
    let (x, y) = (random_matrix(11, 200, 4), random_matrix(12, 200, 1));
    let w: Vec<f64> = (0..200).map(|i| (i % 4) as f64).collect();
    let copies: Vec<usize> = (0..200).flat_map(|i| vec![i; i % 4]).collect();
    let weighted = Qr::new(&x, &y, Some(&w), true).unwrap();
    let copied = Qr::new(&x.select(Axis(0), &copies), &y.select(Axis(0), &copies), None, true).unwrap();
    for (a, b) in [
        (weighted.solve().unwrap(), copied.solve().unwrap()),
        (weighted.ridge(3.0).unwrap(), copied.ridge(3.0).unwrap()),
    ] {
        assert!((&a.coefficients - &b.coefficients).iter().all(|d| d.abs() < 1e-13));
        assert!((a.intercept[0] - b.intercept[0]).abs() < 1e-13);
        assert!((a.residual_sum_of_squares[0] / b.residual_sum_of_squares[0] - 1.0).abs() < 1e-13);
    }
}

#[test]
fn ridge_solves_its_normal_equations() {
    let (x, y) = (random_matrix(13, 300, 5), random_matrix(14, 300, 2));
    for (alpha, intercept) in [(1e-3, true), (2.5, true), (1e6, false)] {
        let fit = Qr::new(&x, &y, None, intercept).unwrap().ridge(alpha).unwrap();
        let residual = &y - &x.dot(&fit.coefficients) - &fit.intercept;
        let gradient = x.t().dot(&residual) - alpha * &fit.coefficients;
        assert!(gradient.iter().all(|g| g.abs() < 1e-10), "{gradient}");
        for t in 0..2 {
            let squares: f64 = residual.column(t).iter().map(|r| r * r).sum();
            assert!((squares / fit.residual_sum_of_squares[t] - 1.0).abs() < 1e-12);
        }
    }
    let twice = concatenate![Axis(1), x.slice(s![.., ..1]), x.slice(s![.., ..1])];
    let fit = Qr::new(&twice, &y, None, true).unwrap().ridge(1.0).unwrap();
    assert!((fit.coefficients[[0, 0]] - fit.coefficients[[1, 0]]).abs() < 1e-14);
    let qr = Qr::new(&x, &y, None, true).unwrap();
    assert_eq!(qr.ridge(0.0).unwrap(), qr.solve().unwrap());
    assert!(qr.ridge(-1.0).is_err() && qr.ridge(f64::NAN).is_err());
}

#[test]
fn extreme_units_do_not_matter() {
    let (x, y) = (random_matrix(15, 100, 3), random_matrix(16, 100, 1));
    let plain = Qr::new(&x, &y, None, true).unwrap().solve().unwrap();
    let units = array![[1e-160, 1e150, 1e300]];
    let scaled = Qr::new(&(&x * &units), &(&y * 1e120), None, true).unwrap().solve().unwrap();
    for j in 0..3 {
        let back = scaled.coefficients[[j, 0]] * units[[0, j]] / 1e120;
        assert!((back / plain.coefficients[[j, 0]] - 1.0).abs() < 1e-11, "{j}");
    }
    let error = Qr::new(&(&x * 1e-300), &(&y * 1e200), None, true).unwrap().solve().unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Overflow { .. }));
}

#[test]
fn what_cannot_be_fitted_says_why() {
    let (x, y) = (random_matrix(17, 5, 2), random_matrix(18, 5, 1));
    let kind = |result: perennial_core::Result<Qr>| result.unwrap_err().kind().clone();
    assert!(matches!(
        kind(Qr::new(&Array2::zeros((0, 2)), &Array2::zeros((0, 1)), None, true)),
        ErrorKind::Empty { .. }
    ));
    assert!(matches!(kind(Qr::new(&Array2::zeros((5, 0)), &y, None, false)), ErrorKind::Empty { .. }));
    assert!(matches!(kind(Qr::new(&x, &y.slice(s![..3, ..]), None, true)), ErrorKind::LengthMismatch { .. }));
    assert!(matches!(kind(Qr::new(&x, &y, Some(&[1.0]), true)), ErrorKind::LengthMismatch { .. }));
    assert!(matches!(
        kind(Qr::new(&x, &y, Some(&[1.0, 1.0, -1.0, 1.0, 1.0]), true)),
        ErrorKind::Malformed { .. }
    ));
    let mut bad = x.clone();
    bad[[3, 1]] = f64::INFINITY;
    let ErrorKind::NonFinite { row, column, .. } = kind(Qr::new(&bad, &y, None, true)) else { panic!() };
    assert_eq!((row, column.as_deref()), (3, Some("1")));
    let nothing = Qr::new(&x, &y, Some(&[0.0; 5]), true).unwrap().solve().unwrap_err();
    assert!(matches!(nothing.kind(), ErrorKind::Singular { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn residuals_are_orthogonal_to_the_design(
        n in 1usize..60, p in 1usize..12, seed in 0u64..1000, copies in 0usize..3, intercept: bool,
    ) {
        let mut x = random_matrix(seed, n, p);
        let mut random = Random::new(seed);
        for _ in 0..copies {
            let (from, to) = (random.below(p), random.below(p));
            let column = x.column(from).to_owned();
            x.column_mut(to).assign(&column);
        }
        let y = random_matrix(seed + 5000, n, 1);
        let fit = Qr::new(&x, &y, None, intercept).unwrap().solve().unwrap();
        prop_assert!(fit.rank <= n.min(p + usize::from(intercept)));
        let residual = &y - &x.dot(&fit.coefficients) - &fit.intercept;
        let size = 1.0 + fit.coefficients.iter().map(|c| c.abs()).fold(0.0, f64::max);
        prop_assert!(x.t().dot(&residual).iter().all(|g| g.abs() < 1e-9 * size));
        if intercept {
            prop_assert!(residual.sum().abs() < 1e-9 * size);
        }
        let squares: f64 = residual.iter().map(|r| r * r).sum();
        prop_assert!((squares - fit.residual_sum_of_squares[0]).abs() < 1e-9 * size * size);
    }
}
