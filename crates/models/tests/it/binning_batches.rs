//! Bins of rows that come in batches, against those of all rows at once.

use std::cell::Cell;
use std::process::Command;

use ndarray::Array2;
use perennial_core::{
    CancelToken, Context, Csr, ErrorKind, Estimator, Feature, Features, FitTransform, Matrix, NoTarget,
    Result, Rows, Train, Values,
};
use perennial_models::binned::{Binned, LearnsFromBins};
use perennial_models::{Binner, GradientBoostingRegressor};
use perennial_numeric::random::Random;

use crate::boosting::data;

/// Rows with a column of each sort: many values, few, categories with rare ones, nothing but gaps, one value, steps.
fn mixed(n_rows: usize) -> Matrix {
    let mut random = Random::new(31);
    let mut x = Array2::zeros((n_rows, 6));
    for (row, mut cells) in x.rows_mut().into_iter().enumerate() {
        cells[0] = if row % 13 == 0 { f64::NAN } else { random.normal() };
        cells[1] = (row % 7) as f64 - 3.0;
        cells[2] = (random.uniform().powi(3) * 400.0).floor();
        cells[3] = f64::NAN;
        cells[4] = -0.0;
        cells[5] = (random.normal() * 300.0).round() / 10.0;
    }
    let mut features: Vec<Feature> = (0..6).map(|column| Feature::numeric(format!("x{column}"))).collect();
    features[2] = Feature::categorical("x2", 400);
    Matrix::from(x).with_features(Features::try_from(features).unwrap()).unwrap()
}

/// The rows in batches of so many.
fn batches(x: &Matrix, size: usize) -> impl Iterator<Item = Result<Matrix>> + use<'_> {
    let n_rows = x.n_rows();
    (0..n_rows)
        .step_by(size)
        .map(move |first| x.take(&(first..(first + size).min(n_rows)).collect::<Vec<usize>>()))
}

fn at_once(binner: &Binner, x: &Matrix, weights: Option<&[f64]>) -> Binned {
    let mut train = Train::new(x, &NoTarget);
    train.weights = weights;
    binner.fit_transform_on(&train).unwrap().1
}

#[test]
fn batches_have_the_bins_of_all_rows() {
    let x = mixed(1200);
    let weights: Vec<f64> = (0..1200).map(|row| f64::from(row % 5) * 0.3).collect();
    for binner in [Binner::new(), Binner::new().max_bins(9)] {
        for weights in [None, Some(&weights[..])] {
            let whole = at_once(&binner, &x, weights);
            for size in [1, 7, 500, 1200, 5000] {
                let of = binner.bin_batches_in(&Context::new(), weights, || Ok(batches(&x, size))).unwrap();
                assert!(of == whole, "batches of {size}");
                assert!(whole.binning().transform_batches(|| Ok(batches(&x, size))).unwrap() == whole);
            }
        }
    }
    // A batch without rows changes nothing.
    let none = x.take(&[]).unwrap();
    let with_none = || Ok([Ok(none.clone()), Ok(x.clone()), Ok(none.clone())]);
    assert!(Binner::new().bin_batches(with_none).unwrap() == at_once(&Binner::new(), &x, None));
}

#[test]
fn sparse_batches_have_the_bins_of_all_rows() {
    let mut random = Random::new(32);
    let (mut starts, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
    for _ in 0..300 {
        for column in (0..20_u32).filter(|_| random.uniform() < 0.1).collect::<Vec<u32>>() {
            columns.push(column);
            values.push(random.normal());
        }
        starts.push(columns.len());
    }
    let x = Matrix::from(Csr::new(20, starts, columns, values).unwrap());
    let of = Binner::new().bin_batches(|| Ok(batches(&x, 70))).unwrap();
    assert!(of == at_once(&Binner::new(), &x, None));
}

#[test]
fn columns_are_learned_some_at_a_time() {
    let mut random = Random::new(33);
    let x = Matrix::from(Array2::from_shape_fn((120_000, 20), |_| random.normal()));
    let n_opened = Cell::new(0);
    let of = Binner::new().bin_batches(|| {
        n_opened.set(n_opened.get() + 1);
        Ok(batches(&x, 50_000))
    });
    assert!(of.unwrap() == at_once(&Binner::new(), &x, None));
    // 17 columns of 120 000 values are 16 MB: two times, beside counting and filling.
    assert_eq!(n_opened.get(), 4);
}

#[test]
fn very_many_rows_have_the_same_sketch() {
    let n_rows = 4_000_100;
    let mut random = Random::new(34);
    let rare = |row: usize| if row == 3_777_777 { 1.0 } else { 0.0 };
    let x = Array2::from_shape_fn(
        (n_rows, 2),
        |(row, column)| {
            if column == 0 { random.uniform() } else { rare(row) }
        },
    );
    let x = Matrix::from(x);
    let binner = Binner::new().seed(5);
    let whole = at_once(&binner, &x, None);
    assert!(binner.bin_batches(|| Ok(batches(&x, 900_000))).unwrap() == whole);
    assert_eq!(whole.column(1)[3_777_777], 1);
    let other = Binner::new().seed(6).bin_batches(|| Ok(batches(&x, 900_000))).unwrap();
    assert!(other.binning() != whole.binning());
}

#[test]
fn a_booster_of_batches_is_that_of_the_matrix() {
    let (x, y) = data(700, 4, 35);
    let (watched_x, watched_y) = data(200, 4, 36);
    let settings = GradientBoostingRegressor::new().n_trees(30).max_leaves(6);
    let whole = Train::new(&x, &y).validation(&watched_x, &watched_y).fit(&settings).unwrap();
    let binned = Binner::new().bin_batches(|| Ok(batches(&x, 90))).unwrap();
    let watched = binned.binning().transform_batches(|| Ok(batches(&watched_x, 90))).unwrap();
    let on_bins = settings.on_bins();
    let model = Train::new(&binned, &y).validation(&watched, &watched_y).fit(&on_bins).unwrap();
    assert_eq!(model.into_inner(), whole);
}

#[test]
fn batches_that_do_not_fit_are_refused() {
    let x = mixed(100);
    let refused = |result: Result<Binned>, what: &str| {
        let error = result.expect_err("this is refused");
        assert!(error.to_string().contains(what), "{error}");
    };
    let binner = Binner::new();
    let head = x.take(&(0..60).collect::<Vec<usize>>()).unwrap();
    for [first, next] in [[&x, &head], [&head, &x]] {
        let n_opened = Cell::new(0);
        let open = || Ok([Ok(if n_opened.replace(1) == 0 { first.clone() } else { next.clone() })]);
        refused(binner.bin_batches(open), "the same each time");
    }
    let other = Matrix::from(Array2::zeros((3, 6)));
    refused(binner.bin_batches(|| Ok([Ok(x.clone()), Ok(other.clone())])), "other kinds");
    let fewer = x.select(&[0, 1]).unwrap();
    refused(binner.bin_batches(|| Ok([Ok(x.clone()), Ok(fewer.clone())])), "row 100 on");
    let infinite = Matrix::from(Array2::from_elem((3, 1), f64::INFINITY));
    refused(binner.bin_batches(|| Ok([Ok(infinite.clone())])), "row 0 on");
    refused(binner.bin_batches(|| Ok([Ok(x.take(&[]).unwrap())])), "no rows");
    refused(binner.bin_batches(|| Ok(Vec::new())), "no rows");
    refused(binner.bin_batches(|| Ok([Ok(Matrix::from(Array2::zeros((3, 0))))])), "no columns");
    let with = |weights: &[f64]| binner.bin_batches_in(&Context::new(), Some(weights), || Ok(batches(&x, 9)));
    refused(with(&[1.0; 99]), "weights");
    refused(with(&[-1.0; 100]), "weights");
    refused(Binner::new().max_bins(1).bin_batches(|| Ok(batches(&x, 9))), "max_bins");
    let of = |x: &Matrix| Binner::new().fit(x, &NoTarget).unwrap();
    refused(
        of(&x).transform_batches(|| Ok([Ok(other.clone())])),
        "than those that the bins are learned from",
    );

    let token = CancelToken::new();
    token.cancel();
    let ctx = Context::new().with_cancel(token);
    let error = binner.bin_batches_in(&ctx, None, || Ok(batches(&x, 9))).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
    // A category that is none is told by its row among all.
    let mut cells = x.to_dense().unwrap().dense().unwrap().to_owned();
    cells[[77, 2]] = 0.5;
    let wrong = Matrix::from(cells).with_features(x.features().clone()).unwrap();
    refused(binner.bin_batches(|| Ok(batches(&wrong, 10))), "row 77 is 0.5");
}

const CHILD: &str = "PERENNIAL_MODELS_TEST_BATCHES";

/// Bytes of a line of `/proc/self/status`.
fn status(name: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().ok().map(|kib| kib << 10)
}

const N_ROWS: usize = 1_000_000;
const N_COLS: usize = 16;

/// 128 MB as a matrix, 16 MB in bins.
#[test]
fn in_a_process_of_its_own() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let value = |row: usize, column: usize| (row as u64 * (2 * column as u64 + 7919) % 1_000_003) as f64;
    let batch = |first: usize| {
        Ok(Matrix::from(Array2::from_shape_fn((20_000, N_COLS), |(row, column)| value(first + row, column))))
    };
    let before = status("VmRSS").unwrap();
    let binned = Binner::new().bin_batches(|| Ok((0..N_ROWS).step_by(20_000).map(batch))).unwrap();
    println!("\ngrew by {}", status("VmHWM").unwrap().saturating_sub(before));
    let y: Values = (0..N_ROWS).map(|row| value(row, 3)).collect();
    let settings = GradientBoostingRegressor::new().n_trees(1).max_leaves(4);
    // The bins are there already; so is the limit that a fit keeps to.
    assert!(settings.clone().memory_limit(16 << 20).on_bins().fit(&binned, &y).is_err());
    let model = settings.memory_limit(110 << 20).on_bins().fit(&binned, &y).unwrap();
    println!("\nthen by {}", status("VmHWM").unwrap().saturating_sub(before));
    assert_eq!(model.into_inner().booster().n_rounds(), 1);
}

#[test]
fn batches_take_a_byte_for_each_cell() {
    if status("VmHWM").is_none() {
        return;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "binning_batches::in_a_process_of_its_own", "--nocapture"])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let of = |what: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(what)).unwrap();
        line.trim().parse::<usize>().unwrap()
    };
    // Two columns of values, what ordering one takes, a batch of 2.5 MB and what it becomes; then the bins.
    let cells = N_ROWS * N_COLS;
    assert!(of("grew by") < cells + 40 * N_ROWS + (10 << 20), "{text}");
    assert!(of("then by") < 8 * cells, "{text}");
}
