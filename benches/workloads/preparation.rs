//! Scalers and encoders.

use std::time::Instant;

use ndarray::{Array2, s};
use perennial::core::{
    Classes, Classifier, Estimator, FitTransform, Matrix, NoTarget, Result, Rows, Train, Transformer, Values,
};
use perennial::data::{Column, Table, read_parquet};
use perennial::evaluation::metric::ranking::roc_auc;
use perennial::features::PolynomialFeatures;
use perennial::models::linear::{BayesianRidge, LogisticRegression};
use perennial::preprocessing::{
    Bins, Columns, CountEncoder, EditedNearestNeighbours, HashingEncoder, IterativeImputer, KBinsDiscretizer,
    KnnImputer, MinMaxScaler, OneHotEncoder, OrdinalEncoder, OutputDistribution, PowerTransformer,
    QuantileTransformer, Resampler, RobustScaler, SimpleImputer, Smote, StandardScaler, TargetEncoder,
    Unknown, numeric,
};

use crate::measure::{Bench, Record};
use crate::npy;

/// Rows that go through a pipeline one by one.
const ROWS_ALONE: usize = 5000;

pub(crate) fn scale_standard(bench: &Bench) -> Result<Record> {
    prepare(bench, &StandardScaler::new(), usize::MAX, "fit_transform")
}

pub(crate) fn scale_minmax(bench: &Bench) -> Result<Record> {
    prepare(bench, &MinMaxScaler::new(), usize::MAX, "fit_transform")
}

pub(crate) fn scale_robust(bench: &Bench) -> Result<Record> {
    prepare(bench, &RobustScaler::new(), usize::MAX, "fit_transform")
}

pub(crate) fn scale_quantile(bench: &Bench) -> Result<Record> {
    let step = QuantileTransformer::new().output_distribution(OutputDistribution::Normal).seed(0);
    prepare(bench, &step, usize::MAX, "1000 quantiles, 10k subsample, normal out")
}

pub(crate) fn power_yeojohnson(bench: &Bench) -> Result<Record> {
    prepare(bench, &PowerTransformer::new(), 200_000, "yeo-johnson + standardise")
}

pub(crate) fn kbins_quantile(bench: &Bench) -> Result<Record> {
    let step = KBinsDiscretizer::new().n_bins(32).bins(Bins::Quantile).ordered(true);
    prepare(bench, &step, usize::MAX, "32 quantile bins, ordinal, all rows")
}

pub(crate) fn poly2(bench: &Bench) -> Result<Record> {
    prepare(bench, &PolynomialFeatures::new(), 200_000, "degree 2 -> 230 cols (no column of ones)")
}

/// `fit_transform` of a step on some rows of `reg_1m`.
fn prepare<E>(bench: &Bench, step: &E, rows: usize, params: &str) -> Result<Record>
where
    E: FitTransform<Input = Matrix, Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    let x = npy::array(bench, "reg_1m_Xtr")?;
    let x: Matrix = x.slice(s![..rows.min(x.nrows()), ..]).to_owned().into();
    let about = format!("reg_1m ({}x{})", x.n_rows(), x.n_cols());
    let fitted = bench.fit(params, about, || fit_transform(step, &x))?;
    // Every thousandth row; equal sums mean equal output.
    let rows = fitted.model.dense()?.rows().into_iter().step_by(1000);
    let checksum = rows.map(|row| row.iter().map(|value| value.abs()).sum::<f64>()).sum();
    Ok(fitted.record.quality("checksum", checksum))
}

pub(crate) fn onehot(bench: &Bench) -> Result<Record> {
    encode(bench, &["c_low", "c_mid"], "sparse out", &OneHotEncoder::new().sparse(true))
}

pub(crate) fn ordinal(bench: &Bench) -> Result<Record> {
    encode(bench, &["c_low", "c_mid", "c_high"], "3 columns", &OrdinalEncoder::new())
}

pub(crate) fn onehot_highcard(bench: &Bench) -> Result<Record> {
    let encoder = OneHotEncoder::new().sparse(true).min_frequency(20.0);
    encode(bench, &["c_high"], "min_frequency 20, sparse out", &encoder)
}

fn encode<E>(bench: &Bench, columns: &[&str], params: &str, encoder: &E) -> Result<Record>
where
    E: FitTransform<Input = Table, Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    let table = texts(&read_parquet(bench.path("mixed_1m.parquet"))?.select(columns)?, columns)?;
    let about = format!("mixed_1m (1e6 x {}) texts", columns.join("+"));
    let fitted = bench.fit(params, about, || fit_transform(encoder, &table))?;
    Ok(fitted.record.quality("cols", fitted.model.n_cols() as f64))
}

pub(crate) fn target_enc(bench: &Bench) -> Result<Record> {
    let columns = ["c_low", "c_mid", "c_high"];
    let table = read_parquet(bench.path("mixed_1m.parquet"))?;
    let y = Values::from(table.column("target")?.as_real()?.into_owned());
    let table = texts(&table.select(&columns)?, &columns)?;
    let encoder = TargetEncoder::of_values().cross_fit(5);
    let about = "mixed_1m (1e6 x c_low+c_mid+c_high) texts";
    let fitted = bench.fit("cross-fitted 5 folds", about, || {
        let train = Train::new(&table, &y);
        train.check(&encoder.capabilities())?;
        Ok(encoder.fit_transform_on(&train)?.1)
    })?;
    Ok(fitted.record.quality("cols", fitted.model.n_cols() as f64))
}

/// A million rows, each with a word of its own.
fn distinct() -> Result<Table> {
    let word = |row: u64| format!("{:012x}", row.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16);
    let words: Vec<String> = (0..1_000_000).map(word).collect();
    Table::new([("key", Column::text(words.iter().map(String::as_str)))])
}

const DISTINCT: &str = "1e6 different words";

fn encode_distinct<E>(bench: &Bench, params: &str, encoder: &E) -> Result<Record>
where
    E: FitTransform<Input = Table, Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    let table = distinct()?;
    let fitted = bench.fit(params, DISTINCT, || fit_transform(encoder, &table))?;
    Ok(fitted.record.quality("cols", fitted.model.n_cols() as f64))
}

/// No word is frequent, so that all share one column; a column for each is refused.
pub(crate) fn onehot_distinct(bench: &Bench) -> Result<Record> {
    encode_distinct(bench, "min_frequency 2", &OneHotEncoder::new().min_frequency(2.0))
}

pub(crate) fn ordinal_distinct(bench: &Bench) -> Result<Record> {
    encode_distinct(bench, "1 column", &OrdinalEncoder::new())
}

pub(crate) fn count_distinct(bench: &Bench) -> Result<Record> {
    encode_distinct(bench, "1 column", &CountEncoder::new())
}

pub(crate) fn hashing_distinct(bench: &Bench) -> Result<Record> {
    encode_distinct(bench, "16 columns", &HashingEncoder::new())
}

pub(crate) fn target_distinct(bench: &Bench) -> Result<Record> {
    let table = distinct()?;
    let y: Values = (0..table.n_rows()).map(|row| (row % 10) as f64).collect();
    let encoder = TargetEncoder::of_values().cross_fit(5);
    let fitted = bench.fit("cross-fitted 5 folds", DISTINCT, || {
        let train = Train::new(&table, &y);
        train.check(&encoder.capabilities())?;
        Ok(encoder.fit_transform_on(&train)?.1)
    })?;
    Ok(fitted.record.quality("cols", fitted.model.n_cols() as f64))
}

/// As for the peers: texts, with a word in place of what is missing.
fn texts(table: &Table, columns: &[&str]) -> Result<Table> {
    let column = |(name, column): (&str, &Column)| {
        if !columns.contains(&name) {
            return Ok((name.to_owned(), column.clone()));
        }
        let cells: Vec<&str> = column.as_text()?.map(|cell| cell.unwrap_or("NA")).collect();
        Ok((name.to_owned(), Column::text(cells)))
    };
    Table::new(table.columns().map(column).collect::<Result<Vec<_>>>()?)
}

/// Some rows of `reg_1m` with columns that tell of each other, the same with one cell in ten missing, and which.
fn holes(bench: &Bench, rows: usize) -> Result<(Matrix, Array2<f64>, Vec<bool>)> {
    let mut x = npy::array(bench, "reg_1m_Xtr")?.slice(s![..rows, ..20]).to_owned();
    let y = npy::numbers(bench, "reg_1m_ytr")?.1;
    for row in 0..rows {
        x[[row, 5]] = y[row] / 10.0;
        x[[row, 6]] = x[[row, 3]] + 0.2 * x[[row, 7]];
    }
    // As many cells as the peers leave out, but not the same ones: theirs are drawn by numpy.
    let mut state = 7_u64;
    let mut draw = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1_u32 << 31) < 0.1
    };
    let gone: Vec<bool> = (0..x.len()).map(|_| draw()).collect();
    let mut with_holes = x.clone();
    with_holes.iter_mut().zip(&gone).filter(|(_, gone)| **gone).for_each(|(cell, _)| *cell = f64::NAN);
    Ok((with_holes.into(), x, gone))
}

fn impute<E>(bench: &Bench, rows: usize, step: &E, params: &str) -> Result<Record>
where
    E: FitTransform<Input = Matrix, Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    let (x, truth, gone) = holes(bench, rows)?;
    let about = format!("reg_1m + 10% holes, first {rows}x20");
    let fitted = bench.fit(params, about, || fit_transform(step, &x))?;
    let squares = fitted.model.dense()?.iter().zip(&truth).zip(&gone).filter(|(_, gone)| **gone);
    let (n, sum) = squares
        .fold((0.0, 0.0), |(n, sum), ((got, true_cell), _)| (n + 1.0, sum + (got - true_cell).powi(2)));
    Ok(fitted.record.quality("RMSE", f64::sqrt(sum / n)))
}

pub(crate) fn impute_simple_median(bench: &Bench) -> Result<Record> {
    impute(bench, 800_000, &SimpleImputer::median(), "median")
}

pub(crate) fn impute_knn(bench: &Bench) -> Result<Record> {
    impute(bench, 10_000, &KnnImputer::new(), "k=5")
}

pub(crate) fn impute_iterative(bench: &Bench) -> Result<Record> {
    let step = IterativeImputer::new(BayesianRidge::new()).tolerance(0.0);
    impute(bench, 50_000, &step, "BayesianRidge, 10 rounds")
}

pub(crate) fn smote(bench: &Bench) -> Result<Record> {
    resample(bench, &Smote::new().seed(0), "k=5, to 1:1")
}

pub(crate) fn undersample_enn(bench: &Bench) -> Result<Record> {
    resample(bench, &EditedNearestNeighbours::new(), "ENN k=3")
}

fn resample<R: Resampler<Input = Matrix, Target = Classes>>(
    bench: &Bench,
    step: &R,
    params: &str,
) -> Result<Record> {
    let x: Matrix = npy::array(bench, "anom_100k_X")?.into();
    let y = npy::numbers(bench, "anom_100k_y")?.1;
    let y = Classes::from_labels(y.iter().map(|code| *code as u32));
    let fitted = bench.fit(params, "anom_100k (2% minority)", || {
        let train = Train::new(&x, &y);
        train.check(&step.capabilities())?;
        step.resample(&train)
    })?;
    Ok(fitted.record.quality("rows", fitted.model.x.n_rows() as f64))
}

pub(crate) fn pipeline_mixed(bench: &Bench) -> Result<Record> {
    let mut columns: Vec<String> = (0..8).map(|j| format!("f{j}")).collect();
    columns.extend(["i_count", "i_age", "c_low", "c_mid"].map(str::to_owned));
    let table = read_parquet(bench.path("mixed_1m.parquet"))?;
    let target: Vec<u32> = table.column("target")?.as_real()?.iter().map(|&y| y as u32).collect();
    let y = Classes::new(target, ["0".to_owned(), "1".to_owned()])?;
    let table = texts(&table.select(&columns)?, &["c_low", "c_mid"])?;
    let (n, n_train) = (table.n_rows(), 800_000);
    let (train, test) = (table.slice(0..n_train)?, table.slice(n_train..n)?);
    let rows: Vec<usize> = (0..n).collect();
    let (y, test_y) = (y.take(&rows[..n_train])?, y.take(&rows[n_train..])?);
    let pipeline = Columns::new()
        .on(numeric(), SimpleImputer::median().then(StandardScaler::new()))
        .on(["c_low", "c_mid"], OneHotEncoder::new().unknown(Unknown::Ignore).sparse(true))
        .then(LogisticRegression::new().max_iter(200));
    let about = "mixed_1m (800000 rows, 12 cols)";
    let mut fitted = bench.fit("median+scale / one-hot, logistic", about, || pipeline.fit(&train, &y))?;
    let shares = fitted.predict(|model| model.predict_proba(&test))?.of("1")?;
    let positive: Vec<bool> = test_y.codes().iter().map(|&code| code == 1).collect();
    let auc = roc_auc(shares.as_slice(), &positive, None)?;
    Ok(fitted.record.quality("AUC", auc))
}

/// Without a model: what `benches/peers/preparation.py` measures of scikit-learn. And single rows through it.
pub(crate) fn pipeline_matrix(bench: &Bench) -> Result<Record> {
    let mut columns: Vec<String> = (0..8).map(|j| format!("f{j}")).collect();
    columns.extend(["i_count", "i_age", "c_low", "c_mid", "c_high"].map(str::to_owned));
    let table = read_parquet(bench.path("mixed_1m.parquet"))?;
    let y = Values::from(table.column("target")?.as_real()?[..800_000].to_vec());
    let table = texts(&table.select(&columns)?, &["c_low", "c_mid", "c_high"])?.slice(0..800_000)?;
    let pipeline = Columns::new()
        .on(numeric(), SimpleImputer::median().then(StandardScaler::new()))
        .on(["c_low", "c_mid"], OneHotEncoder::new().unknown(Unknown::Ignore).sparse(true))
        .on(["c_high"], TargetEncoder::of_values().cross_fit(5));
    let about = "mixed_1m (800000 rows, 13 cols)";
    let fitted = bench.fit("median+scale / one-hot / target", about, || {
        let train = Train::new(&table, &y);
        train.check(&pipeline.capabilities())?;
        pipeline.fit_transform_on(&train)
    })?;
    let (model, matrix) = &fitted.model;
    let call = |row: usize| {
        let row = table.slice(row..row + 1)?;
        let start = Instant::now();
        std::hint::black_box(model.transform(std::hint::black_box(&row))?);
        Ok(start.elapsed().as_nanos() as f64 / 1e3)
    };
    let mut times = (0..ROWS_ALONE).map(call).collect::<Result<Vec<f64>>>()?;
    times.sort_by(f64::total_cmp);
    let (p50, p99) = (times[ROWS_ALONE / 2], times[ROWS_ALONE * 99 / 100]);
    let stored = matrix.n_nonzero() as f64;
    Ok(fitted.record.quality("stored", stored).quality("row_p50_us", p50).quality("row_p99_us", p99))
}

/// Checks the rows as `fit` does, learns from them and transforms them.
fn fit_transform<E>(step: &E, x: &E::Input) -> Result<Matrix>
where
    E: FitTransform<Target = NoTarget, Model: Transformer<Output = Matrix>>,
{
    let train = Train::new(x, &NoTarget);
    train.check(&step.capabilities())?;
    Ok(step.fit_transform_on(&train)?.1)
}
