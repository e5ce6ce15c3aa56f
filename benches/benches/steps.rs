//! Steps of a pipeline: reading, scaling, encoding, fitting.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use ndarray::Array2;
use perennial::data::{Column, CsvOptions, CsvReader, Table, to_csv};
use perennial::evaluation::metric::ranking;
use perennial::models::{DecisionTreeRegressor, LogisticRegression};
use perennial::numeric::random::Random;
use perennial::prelude::*;
use perennial::preprocessing::{OneHotEncoder, StandardScaler};

fn main() -> Result<()> {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    preparation(&mut criterion)?;
    models(&mut criterion)?;
    metrics(&mut criterion);
    criterion.final_summary();
    Ok(())
}

fn normal(n_rows: usize, n_cols: usize) -> Array2<f64> {
    let mut random = Random::new(1);
    Array2::from_shape_simple_fn((n_rows, n_cols), || random.normal())
}

fn preparation(criterion: &mut Criterion) -> Result<()> {
    let x = Matrix::from(normal(100_000, 20));
    criterion.bench_function("standard scaler 100k x 20", |bench| {
        bench.iter(|| StandardScaler::new().fit(black_box(&x), &NoTarget)?.transform(&x));
    });

    let n_rows = 100_000;
    let mut random = Random::new(2);
    let cities: Vec<String> = (0..n_rows).map(|_| format!("city {}", random.below(50))).collect();
    let table = Table::new([
        ("city", Column::text(cities.iter().map(String::as_str))),
        ("rooms", Column::integer((0..n_rows).map(|_| random.below(8) as i64))),
        ("rent", Column::real((0..n_rows).map(|_| (random.normal() * 1e4).round() / 100.0))),
        ("area", Column::real((0..n_rows).map(|_| random.uniform()))),
    ])?;
    let city = table.select(&["city"])?;
    criterion.bench_function("one-hot 100k texts of 50", |bench| {
        let encoder = OneHotEncoder::new().sparse(true);
        bench.iter(|| encoder.fit(black_box(&city), &NoTarget)?.transform(&city));
    });
    let text = to_csv(&table, CsvOptions::new())?;
    criterion.bench_function("csv 100k rows of 4", |bench| {
        bench.iter(|| CsvReader::new().read_bytes(black_box(text.as_bytes())));
    });
    Ok(())
}

fn models(criterion: &mut Criterion) -> Result<()> {
    let cells = normal(10_000, 20);
    let signal = |row: usize| cells[[row, 0]] + (2.0 * cells[[row, 1]]).sin() + 0.5 * cells[[row, 2]];
    let y: Values = (0..cells.nrows()).map(signal).collect();
    let classes = Classes::from_labels((0..cells.nrows()).map(|row| signal(row) > 0.0));
    let x = Matrix::from(cells);
    criterion.bench_function("regression tree 10k x 20", |bench| {
        bench.iter(|| DecisionTreeRegressor::new().fit(black_box(&x), &y));
    });
    criterion.bench_function("logistic regression 10k x 20", |bench| {
        bench.iter(|| LogisticRegression::new().fit(black_box(&x), &classes));
    });
    Ok(())
}

fn metrics(criterion: &mut Criterion) {
    let mut random = Random::new(3);
    let positive: Vec<bool> = (0..1_000_000).map(|_| random.below(3) == 0).collect();
    let scores: Vec<f64> = positive.iter().map(|&positive| random.normal() + f64::from(positive)).collect();
    criterion.bench_function("roc_auc 1M", |bench| {
        bench.iter(|| ranking::roc_auc(black_box(&scores), &positive, None));
    });
}
