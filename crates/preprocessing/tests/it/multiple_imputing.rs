//! Several completed tables: what was there stays, and intervals pooled over them hold what they promise.

use ndarray::{Array2, array};
use perennial_core::{ErrorKind, Matrix, Rows};
use perennial_numeric::random::Random;
use perennial_preprocessing::{Draw, MultipleImputer};
use perennial_statistics::interval::pooled_interval;

/// Two columns with a correlation of 0.8 and mean 0, of which the second is missing more often where the first is large.
fn incomplete(seed: u64, n: usize, slope: f64) -> Matrix {
    let mut random = Random::new(seed);
    let mut cells = Array2::zeros((n, 2));
    for mut row in cells.rows_mut() {
        let (x, e) = (random.normal(), random.normal());
        row[0] = x;
        row[1] =
            if random.uniform() < 1.0 / (1.0 + (-slope * x).exp()) { f64::NAN } else { 0.8 * x + 0.6 * e };
    }
    Matrix::from(cells)
}

fn means(completed: &[Matrix]) -> (Vec<f64>, Vec<f64>) {
    let of = |x: &Matrix| {
        let column = x.dense().unwrap().column(1).to_owned();
        (column.mean().unwrap(), column.var(1.0) / column.len() as f64)
    };
    completed.iter().map(of).unzip()
}

/// The mean of the rows that are known is far from 0, that of the completed tables is not, and 95 intervals of 100 or so hold 0: with 200 repetitions fewer
/// than 181 would be a matter of less than one in a thousand (binomial). A single completed table promises too much.
#[test]
fn pooled_intervals_hold_what_they_promise() {
    let repetitions = 200;
    let (mut held, mut known_held, mut sum) = (0, 0, 0.0);
    for seed in 0..repetitions {
        let x = incomplete(seed, 120, 2.0);
        let imputer = MultipleImputer::new().n_imputations(12).max_iter(2).draw(Draw::Normal).seed(seed);
        let (estimates, variances) = means(&imputer.impute(&x).unwrap());
        let interval = pooled_interval(&estimates, &variances, 119.0, 0.95).unwrap();
        held += i32::from(interval.low < 0.0 && 0.0 < interval.high);
        sum += interval.estimate;
        let cells = x.dense().unwrap();
        let known: Vec<f64> = cells.column(1).iter().copied().filter(|cell| !cell.is_nan()).collect();
        let (n, mean) = (known.len() as f64, known.iter().sum::<f64>() / known.len() as f64);
        let error = (known.iter().map(|cell| (cell - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
        known_held += i32::from(mean.abs() < 1.98 * error);
    }
    let mean = sum / repetitions as f64;
    assert!(held >= 181 && mean.abs() < 0.04, "{held} of {repetitions}, mean {mean}");
    assert!(known_held < 100, "the cells must be missing for a reason: {known_held}");
}

/// Matching draws its rows with replacement; without, 135 of these 200 intervals of 95 % held the mean, where large values are missing most.
#[test]
fn matches_vary_as_much_as_rows_do() {
    let mut held = 0;
    for seed in 0..200 {
        let x = incomplete(seed, 120, 2.0);
        let imputer = MultipleImputer::new().n_imputations(12).max_iter(1).seed(seed);
        let (estimates, variances) = means(&imputer.impute(&x).unwrap());
        let interval = pooled_interval(&estimates, &variances, 119.0, 0.95).unwrap();
        held += i32::from(interval.low < 0.0 && 0.0 < interval.high);
    }
    assert!(held >= 160, "{held} of 200");
}

/// With many rows the line through the known rows says what is drawn on average, and how much it varies.
#[test]
fn normal_draws_lie_around_the_line() {
    let n = 2000;
    let mut random = Random::new(3);
    let mut cells = Array2::from_shape_fn((n, 3), |_| random.normal());
    for row in 0..n {
        cells[[row, 2]] = 1.0 + 2.0 * cells[[row, 0]] - cells[[row, 1]] + 0.5 * cells[[row, 2]];
    }
    let truth: Vec<f64> = (0..n).map(|row| 1.0 + 2.0 * cells[[row, 0]] - cells[[row, 1]]).collect();
    (0..n).step_by(4).for_each(|row| cells[[row, 2]] = f64::NAN);
    let imputer = MultipleImputer::new().n_imputations(40).max_iter(1).draw(Draw::Normal).seed(9);
    let completed = imputer.impute(&Matrix::from(cells)).unwrap();
    let (mut sum, mut squares, mut count) = (0.0, 0.0, 0.0);
    for x in &completed {
        for row in (0..n).step_by(4) {
            let off = x.dense().unwrap()[[row, 2]] - truth[row];
            (sum, squares, count) = (sum + off, squares + off * off, count + 1.0);
        }
    }
    assert!((sum / count).abs() < 0.03, "{}", sum / count);
    assert!((squares / count - 0.25_f64).abs() < 0.03, "{}", squares / count);
}

#[test]
fn what_was_there_stays_and_matches_occur() {
    let x = incomplete(5, 60, 2.0);
    let cells = x.dense().unwrap();
    let imputer = MultipleImputer::new().n_imputations(4).seed(2);
    let completed = imputer.impute(&x).unwrap();
    assert_eq!(completed.len(), 4);
    let known: Vec<f64> = cells.column(1).iter().copied().filter(|cell| !cell.is_nan()).collect();
    let mut differ = false;
    for filled in &completed {
        assert_eq!((filled.features(), filled.n_rows()), (x.features(), 60));
        for ((place, cell), was) in filled.dense().unwrap().indexed_iter().zip(cells) {
            assert!(if was.is_nan() { known.contains(cell) } else { cell == was }, "{place:?}");
        }
        differ |= filled != &completed[0];
    }
    assert!(differ, "the tables must differ by what is not known");
    // The same seed draws the same, more tables begin with the same ones, and another seed draws others.
    assert_eq!(imputer.clone().n_imputations(6).impute(&x).unwrap()[..4], completed);
    assert_ne!(imputer.clone().seed(3).impute(&x).unwrap(), completed);
    let complete = Matrix::from(array![[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(imputer.impute(&complete).unwrap(), vec![complete; 4]);
}

#[test]
fn the_edges() {
    const N: f64 = f64::NAN;
    let impute = |cells: Array2<f64>, draw: Draw| {
        MultipleImputer::new().n_imputations(3).max_iter(3).draw(draw).impute(&Matrix::from(cells))
    };
    for draw in [Draw::Normal, Draw::Match(1), Draw::Match(100)] {
        for cells in [
            array![[1.0], [2.0], [N]],
            array![[1.0, 1.0], [1.0, 2.0], [1.0, N], [N, 4.0]],
            array![[5.0, 1.0], [5.0, 1.0], [5.0, N]],
            array![[1.0, 2.0, 4.0], [2.0, 4.0, 8.0], [3.0, 6.0, N], [4.0, N, 16.0]],
            array![[1e300, -1e300], [-1e300, 1e300], [1e300, N], [N, 1e300]],
            array![[1e-300, 2e-300], [3e-300, 1e-300], [2e-300, N]],
            array![[1e-300, 1.0], [2e-300, 2.0], [1.5e-300, 4.0], [1e300, N], [N, 3.0]],
            array![[1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 5.0, N], [N, N, 1.0, 2.0], [7.0, 6.0, N, 1.0]],
        ] {
            for x in impute(cells.clone(), draw).unwrap() {
                assert!(x.dense().unwrap().iter().all(|cell| cell.is_finite()), "{draw:?} {cells}");
            }
        }
        // A constant column is filled with its constant.
        let filled = impute(array![[5.0, 1.0], [5.0, 1.0], [5.0, N]], draw).unwrap();
        assert!(filled.iter().all(|x| x.dense().unwrap()[[2, 1]] == 1.0));
    }
    // A predictor that varies by nothing but rounding where the target is known says nothing of a row where it differs.
    for odd in [0.3, 0.1 + 0.2] {
        let cells = Array2::from_shape_fn((40, 2), |(row, column)| match (row, column) {
            (39, 0) => 1e6,
            (39, _) => N,
            (_, 0) if row % 2 == 1 => odd,
            (_, 0) => 0.3,
            _ => (row % 7) as f64,
        });
        for x in impute(cells, Draw::Normal).unwrap() {
            let drawn = x.dense().unwrap()[[39, 1]];
            assert!(drawn.abs() < 40.0, "{drawn}");
        }
    }
    let large = Matrix::from(Array2::zeros((110_000, 2)));
    let error = MultipleImputer::new().n_imputations(10_000).impute(&large).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    for cells in [array![[1.0, N], [2.0, N]], array![[1.0, 3.0], [2.0, N]]] {
        let error = impute(cells, Draw::Normal).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }), "{error}");
    }
    assert!(impute(array![[1.0, f64::INFINITY], [2.0, N]], Draw::Normal).is_err());
    assert!(impute(array![[1.0, 2.0], [2.0, N]], Draw::Match(0)).is_err());
    let x = Matrix::from(array![[1.0], [2.0]]);
    assert!(MultipleImputer::new().n_imputations(0).impute(&x).is_err());
    assert!(MultipleImputer::new().max_iter(0).impute(&x).is_err());
}
