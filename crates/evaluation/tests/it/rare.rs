//! Rare cases: behaviour that is tested without a truth, and samples that stand for all rows.

use ndarray::array;
use perennial_core::{Matrix, Values};
use perennial_evaluation::explain::Score;
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::{Expectation, Metric, TestSample, test_behaviour};

use crate::conformal::{close, repeated};

#[test]
fn behaviour_is_counted() {
    let score = Score::new("score", |x: &Matrix| Ok(x.dense()?.column(0).mapv(|a| a * a).to_vec()));
    let x = Matrix::from(array![[-3.0], [-1.0], [0.5], [2.0]]);
    let more = |x: &Matrix| Ok(Matrix::from(x.dense()?.mapv(|a| a + 1.0)));
    let test = |expectation| test_behaviour("more is more", &score, &x, more, expectation).unwrap();
    // Squares of -2, 0, 1.5, 3: they move by -5, -1, 2, 5.
    assert_eq!(test(Expectation::NotFalling(0.0)).broken, [0, 1]);
    assert_eq!(test(Expectation::NotFalling(1.0)).broken, [0]);
    assert_eq!(test(Expectation::NotRising(0.0)).broken, [3, 2]);
    assert_eq!(test(Expectation::Unmoved(2.0)).broken, [0, 3]);
    assert_eq!(test(Expectation::AtLeast(1.0)).broken, [1]);
    let all = test(Expectation::AtMost(9.0));
    assert!(all.passes() && all.to_string().contains("holds: 0 of 4 rows"));
    // None of four: up to 1 - 0.025^(1/4) is possible.
    close(all.share.high, 1.0 - 0.025_f64.powf(0.25), 1e-12);
    let refuse =
        |x: &Matrix, expectation| test_behaviour("", &score, x, more, expectation).unwrap_err().to_string();
    assert!(refuse(&x, Expectation::Unmoved(-1.0)).contains("tolerance"));
    assert!(refuse(&x, Expectation::AtLeast(f64::NAN)).contains("bound"));
    assert!(
        refuse(&Matrix::from(ndarray::Array2::zeros((0, 1))), Expectation::Unmoved(0.0)).contains("no rows")
    );
}

#[test]
fn samples_stand_for_all_rows() {
    let n = 200;
    let sizes: Vec<f64> = (0..n).map(|row| if row == 7 { 1e9 } else { f64::from(row % 5) + 0.1 }).collect();
    let truth: Vec<f64> = (0..n).map(|row| f64::from(row * 13 % 17)).collect();
    let total: f64 = truth.iter().sum();
    let (mean, error) = repeated(1500, |mut random| {
        let sample = TestSample::draw(&sizes, 30, random.below(1 << 40) as u64).unwrap();
        assert_eq!(sample.rows.len(), 30);
        // One that is larger than all others is always there, and stands for itself alone.
        let place = sample.rows.iter().position(|row| *row == 7).unwrap();
        assert_eq!(sample.weights[place], 1.0);
        sample.rows.iter().zip(&sample.weights).map(|(&row, weight)| truth[row] * weight).sum()
    });
    assert!((mean - total).abs() < 3.5 * error, "{mean} +- {error}, {total}");
    // All rows are drawn where as many are asked for, and a metric takes the weights.
    let all = TestSample::draw(&sizes, n as usize, 1).unwrap();
    assert_eq!(all.rows, (0..n as usize).collect::<Vec<_>>());
    let score = MeanAbsoluteError
        .score_weighted(&Values::from(truth), &vec![0.0; n as usize].into(), Some(&all.weights))
        .unwrap();
    close(score, total / f64::from(n), 1e-12);
    for (sizes, n_rows) in
        [(vec![1.0, -1.0], 1), (vec![f64::NAN], 1), (vec![0.0, 1.0], 2), (vec![], 1), (vec![1.0], 0)]
    {
        assert!(TestSample::draw(&sizes, n_rows, 1).is_err());
    }
    assert_eq!(TestSample::draw(&[5e-324, 1e-320, 1e308], 2, 1).map_or(0, |sample| sample.rows.len()), 0);
}
