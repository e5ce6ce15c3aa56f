//! What a score does near a row, and along paths through all rows.

use perennial_core::{Context, Matrix, Rows};
use perennial_data::{Column, Table};
use perennial_evaluation::explain::{Score, elementary_effects, local_line};

use crate::tables::{Cities, table};

#[test]
fn lines_near_a_row_say_how_good_they_are() {
    let x = table(48);
    let (score, row) = (Score::prediction(&Cities), x.take(&[5]).unwrap());
    let line = local_line(&score, &row, &x, 4000, &Context::new()).unwrap();
    // Basel for a city at random is 10 less on average, and hour 2 for one at random 9.5 less.
    assert!(line.weights[..2].iter().all(|(name, _)| name == "city" || name == "hour"), "{line:?}");
    let of = |name: &str| line.weights.iter().find(|(other, _)| other == name).unwrap().1;
    assert!((of("city") + 10.0).abs() < 1.0 && (of("hour") + 9.5).abs() < 1.0 && of("note").abs() < 1.0);
    // Half of the variance of a draw is what the background varies: 100 + 575 / 12 where both features are its own.
    assert!(line.fidelity > 0.2 && line.fidelity < 0.6, "{line:?}");
    assert_eq!(line, local_line(&score, &row, &x, 4000, &Context::new()).unwrap());
    // A score of two features that are alike or not is no line.
    let y = Matrix::from(ndarray::array![[0.0, 0.0]]);
    let alike = Score::new("alike", |x: &Matrix| {
        Ok(x.dense()?.rows().into_iter().map(|row| f64::from(u8::from(row[0] == row[1]))).collect())
    });
    let other = Matrix::from(ndarray::array![[1.0, 1.0]]);
    let line = local_line(&alike, &y, &other, 4000, &Context::new()).unwrap();
    assert!(line.fidelity < 0.1, "{line:?}");
    assert!(local_line(&alike, &other, &y.take(&[]).unwrap(), 100, &Context::new()).is_err());
    assert!(local_line(&alike, &other, &y, 1, &Context::new()).is_err());
    for value in [1.0, 0.1] {
        let constant = Score::new("constant", |x: &Matrix| Ok(vec![value; x.n_rows()]));
        let line = local_line(&constant, &y, &other, 100, &Context::new()).unwrap();
        assert!(line.intercept == value && line.fidelity == 1.0, "{line:?}");
        assert!(line.weights.iter().all(|(_, weight)| *weight == 0.0), "{line:?}");
    }
}

#[test]
fn lines_of_scores_of_any_size_are_alike() {
    let row = Matrix::from(ndarray::array![[1.0, 1.0]]);
    let background = Matrix::from(ndarray::array![[0.0, 0.0], [0.5, 0.0]]);
    let line = |unit: f64| {
        let score = Score::new("score", |x: &Matrix| {
            Ok(x.dense()?.rows().into_iter().map(|row| unit * (1.0 + row[0] * row[1])).collect())
        });
        local_line(&score, &row, &background, 500, &Context::new())
    };
    let plain = line(1.0).unwrap();
    for unit in [1e-200, 1e200] {
        let found = line(unit).unwrap();
        assert!((found.fidelity - plain.fidelity).abs() < 1e-12, "{found:?} {plain:?}");
        assert!((found.intercept / unit - plain.intercept).abs() < 1e-12, "{found:?} {plain:?}");
        for (found, plain) in found.weights.iter().zip(&plain.weights) {
            assert!(found.0 == plain.0 && (found.1 / unit - plain.1).abs() < 1e-12, "{found:?} {plain:?}");
        }
    }
    // Further apart than the range of numbers.
    let score = Score::new("score", |x: &Matrix| {
        Ok(x.dense()?.column(0).iter().map(|a| if *a > 0.7 { f64::MAX } else { f64::MIN }).collect())
    });
    let error = local_line(&score, &row, &background, 500, &Context::new()).unwrap_err().to_string();
    assert!(error.contains("too far apart"), "{error}");
}

#[test]
fn effects_along_paths_are_those_of_the_range() {
    let x = Matrix::from(ndarray::Array2::from_shape_fn((201, 4), |(row, column)| {
        if column == 3 { 7.0 } else { (row * (column + 1) % 201) as f64 / 200.0 }
    }))
    .with_names(["a", "b", "c", "d"])
    .unwrap();
    let score = Score::new("score", |x: &Matrix| {
        Ok(x.dense()?.rows().into_iter().map(|row| 2.0 * row[0] + 4.0 * row[0] * row[1]).collect())
    });
    let found = elementary_effects(&score, &x, &["a", "b", "c"], 300, &Context::new()).unwrap();
    // Ranges are 0.9 long, around 0.5: an `a` is worth (2 + 4 b) 0.9, and `b` 4 a 0.9.
    assert_eq!(found[0].feature, "a");
    assert!((found[0].mean - 3.6).abs() < 0.2 && (found[1].mean - 1.8).abs() < 0.2, "{found:?}");
    // Both act together: the deviation of 0.9 * 4 times that of four places over 0.9.
    let deviation = 3.6 * 0.9 * (5.0_f64 / 36.0).sqrt();
    assert!((found[0].deviation - deviation).abs() < 0.1 && (found[1].deviation - deviation).abs() < 0.1);
    assert_eq!((found[2].mean_size, found[2].deviation), (0.0, 0.0));
    let ctx = Context::new();
    let error =
        |features: &[&str]| elementary_effects(&score, &x, features, 5, &ctx).unwrap_err().to_string();
    assert!(error(&["d"]).contains("no range") && error(&["a", "a"]).contains("twice"));
    assert!(error(&["e"]).contains("`e`"));
    assert!(elementary_effects(&score, &x, &["a"], 1, &ctx).is_err());
    // Columns of a table, but for those that are no numbers.
    let (table, score) = (table(96), Score::prediction(&Cities));
    let found = elementary_effects(&score, &table, &["price", "hour"], 50, &ctx).unwrap();
    assert!(found[0].feature == "hour" && found[0].mean > 10.0 && found[1].mean_size == 0.0, "{found:?}");
    assert!(elementary_effects(&score, &table, &["city"], 5, &ctx).is_err());
}

#[test]
fn effects_of_whole_numbers_and_truth_values_are_those_of_the_steps_they_take() {
    let x = Table::new([
        ("open", Column::boolean((0..60).map(|row| row % 2 == 0))),
        ("floors", Column::integer((0..60_i64).map(|row| 1 + row % 5))),
    ])
    .unwrap();
    let score = Score::new("score", |x: &Table| {
        let open = x.column("open")?.as_real()?.into_owned();
        let floors = x.column("floors")?.as_real()?.into_owned();
        Ok(open.iter().zip(&floors).map(|(open, floors)| 3.0 * open + 2.0 * floors).collect())
    });
    let found = elementary_effects(&score, &x, &["open", "floors"], 40, &Context::new()).unwrap();
    // From 1 to 5 floors, and from closed to open.
    assert!(found[0].feature == "floors" && found[1].feature == "open");
    for (found, worth) in found.iter().zip([8.0, 3.0]) {
        assert_eq!((found.mean, found.mean_size, found.deviation), (worth, worth, 0.0));
    }
}
