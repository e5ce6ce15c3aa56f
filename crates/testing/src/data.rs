//! The data that estimators are checked on.

use ndarray::{Array2, ArrayView1, Axis};
use perennial_core::{Classes, Matrix, Result, Rows, Values};
use perennial_numeric::random::Random;

/// Rows with a target of each kind.
#[derive(Debug, Clone)]
pub struct Example {
    /// `n_rows` x `n_cols`.
    pub x: Matrix,
    /// One value per row.
    pub values: Values,
    /// One class per row.
    pub classes: Classes,
}

impl Example {
    /// Rows whose class is whether the value is above the median.
    pub fn new(x: Array2<f64>, values: Vec<f64>) -> Self {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let classes =
            Classes::from_labels(values.iter().map(|value| if *value < median { "low" } else { "high" }));
        Example { x: x.into(), values: values.into(), classes }
    }

    /// The given rows.
    ///
    /// # Errors
    /// When a row does not exist.
    pub fn take(&self, rows: &[usize]) -> Result<Example> {
        Ok(Example {
            x: self.x.take(rows)?,
            values: self.values.take(rows)?,
            classes: self.classes.take(rows)?,
        })
    }

    /// The same targets beside other numbers.
    #[must_use]
    pub fn with_x(&self, x: impl Into<Matrix>) -> Example {
        Example { x: x.into(), values: self.values.clone(), classes: self.classes.clone() }
    }

    /// The same rows with all numbers made positive.
    #[must_use]
    pub fn made_positive(&self) -> Example {
        self.map(f64::abs)
    }

    pub(crate) fn array(&self) -> Array2<f64> {
        self.x.dense().map(|x| x.to_owned()).unwrap_or_default()
    }

    pub(crate) fn map(&self, f: impl Fn(f64) -> f64) -> Example {
        self.with_x(self.array().mapv(f))
    }

    pub(crate) fn n_rows(&self) -> usize {
        self.x.n_rows()
    }
}

/// A linear problem with little noise: R2 near 0.97, and classes by the median that are nearly separable.
pub fn regression(n_rows: usize, n_cols: usize, seed: u64) -> Example {
    let mut random = Random::new(seed);
    let x = Array2::from_shape_simple_fn((n_rows, n_cols), || random.normal());
    let slope = |column: usize| 3.0 / (1.0 + column as f64);
    let value =
        |row: ArrayView1<'_, f64>| row.iter().enumerate().map(|(c, cell)| slope(c) * cell).sum::<f64>();
    let values = x.axis_iter(Axis(0)).map(|row| value(row) + 0.5 * random.normal() + 10.0).collect();
    Example::new(x, values)
}

/// `n_classes` clouds of normal points in two columns, 300 rows, far enough apart to be told apart.
pub fn blobs(n_classes: usize, seed: u64) -> Example {
    let mut random = Random::new(seed);
    let n_rows = 300;
    let mut x = Array2::zeros((n_rows, 2));
    let mut codes = Vec::with_capacity(n_rows);
    for (row, mut cells) in x.axis_iter_mut(Axis(0)).enumerate() {
        let class = row % n_classes;
        let angle = class as f64 * std::f64::consts::TAU / n_classes as f64;
        cells[0] = 4.0 * angle.cos() + random.normal();
        cells[1] = 4.0 * angle.sin() + random.normal();
        codes.push(class);
    }
    let values = codes.iter().map(|&class| class as f64).collect();
    let classes =
        Classes::from_labels(codes.iter().map(|class| ["blue", "green", "red", "white"][class % 4]));
    Example { x: x.into(), values, classes }
}

/// Hostile but well-typed inputs, by name.
pub fn adversaries() -> Vec<(&'static str, Example)> {
    let base = regression(24, 3, 5);
    let x = base.array();
    let cell = |value: f64, row: usize| {
        let mut x = x.clone();
        x[[row, 1]] = value;
        base.with_x(x)
    };
    let column = |f: &dyn Fn(usize, f64) -> f64| {
        let mut x = x.clone();
        x.column_mut(1).iter_mut().enumerate().for_each(|(row, value)| *value = f(row, *value));
        base.with_x(x)
    };
    let rows = |rows: &[usize]| base.take(rows).unwrap_or_else(|_| base.clone());
    let shaped = |n_rows: usize, n_cols: usize| regression(n_rows, n_cols, 9);
    let pair = |f: &dyn Fn(f64, f64) -> f64| {
        let mut x = x.clone();
        for mut row in x.rows_mut() {
            row[2] = f(row[0], row[1]);
        }
        base.with_x(x)
    };
    let target = |f: &dyn Fn(usize, f64) -> f64| {
        let values = base.values.as_slice().iter().enumerate().map(|(row, &value)| f(row, value)).collect();
        Example { values, ..base.clone() }
    };
    let one_class = Example { classes: Classes::from_labels(vec!["only"; 24]), ..base.clone() };
    let unseen =
        Classes::new(base.classes.codes().to_vec(), vec!["high".into(), "low".into(), "never".to_owned()]);
    vec![
        ("nan_cell", cell(f64::NAN, 3)),
        ("pos_inf", cell(f64::INFINITY, 3)),
        ("neg_inf", cell(f64::NEG_INFINITY, 3)),
        ("all_nan_column", column(&|_, _| f64::NAN)),
        ("constant_column", column(&|_, _| 7.0)),
        ("zero_variance_all", base.map(|_| 2.5)),
        ("all_zero", base.map(|_| 0.0)),
        ("duplicate_rows", rows(&[4; 24])),
        ("duplicate_columns", pair(&|a, _| a)),
        ("collinear", pair(&|a, b| a + b)),
        ("denormals", base.map(|value| value * 1e-310)),
        ("tiny", base.map(|value| value * 1e-300)),
        ("huge", base.map(|value| value * 1e300)),
        ("max", column(&|row, _| if row % 2 == 0 { f64::MAX } else { f64::MIN })),
        ("offset_1e8", base.map(|value| value + 1e8)),
        ("offset_1e16", base.map(|value| value + 1e16)),
        ("mixed_scales", column(&|_, value| value * 1e150)),
        ("minus_zero", base.map(|value| if value < 0.0 { -0.0 } else { 0.0 })),
        ("one_outlier", cell(1e200, 5)),
        ("two_values", base.map(f64::signum)),
        ("integers_2_53", base.map(|value| (value * 1e15).round())),
        ("one_row", rows(&[0])),
        ("two_rows", rows(&[0, 1])),
        ("three_rows", rows(&[0, 1, 2])),
        ("one_column", shaped(20, 1)),
        ("more_columns_than_rows", shaped(5, 12)),
        ("one_row_many_columns", shaped(1, 9)),
        ("one_class", one_class),
        (
            "unseen_class",
            Example { classes: unseen.unwrap_or_else(|_| base.classes.clone()), ..base.clone() },
        ),
        ("constant_target", target(&|_, _| 3.0)),
        ("huge_target", target(&|_, value| value * 1e300)),
        ("one_big_target", target(&|row, value| if row == 0 { 1e308 } else { value })),
    ]
}
