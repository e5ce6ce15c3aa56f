//! Scalers and encoders.

use perennial::core::{FitTransform, Matrix, NoTarget, Result, Train};
use perennial::data::{Column, Table, read_parquet};
use perennial::preprocessing::{MinMaxScaler, OneHotEncoder, OrdinalEncoder, StandardScaler};

use crate::measure::{Bench, Record};
use crate::npy;

pub(crate) fn scale_standard(bench: &Bench) -> Result<Record> {
    scale(bench, &StandardScaler::new())
}

pub(crate) fn scale_minmax(bench: &Bench) -> Result<Record> {
    scale(bench, &MinMaxScaler::new())
}

fn scale<E: FitTransform<Input = Matrix, Target = NoTarget>>(bench: &Bench, scaler: &E) -> Result<Record>
where
    E::Model: perennial::core::Transformer<Output = Matrix>,
{
    let x: Matrix = npy::array(bench, "reg_1m_Xtr")?.into();
    let about = format!("reg_1m ({}x{})", perennial::core::Rows::n_rows(&x), x.n_cols());
    let fitted = bench.fit("fit_transform", about, || fit_transform(scaler, &x))?;
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

fn encode<E: FitTransform<Input = Table, Target = NoTarget>>(
    bench: &Bench,
    columns: &[&str],
    params: &str,
    encoder: &E,
) -> Result<Record>
where
    E::Model: perennial::core::Transformer<Output = Matrix>,
{
    // As for the peers: texts, with a word in place of what is missing.
    let table = read_parquet(bench.path("mixed_1m.parquet"))?.select(columns)?;
    let filled = table.columns().map(|(name, column)| {
        let cells: Vec<&str> = column.as_text()?.map(|cell| cell.unwrap_or("NA")).collect();
        Ok((name, Column::text(cells)))
    });
    let table = Table::new(filled.collect::<Result<Vec<_>>>()?)?;
    let about = format!("mixed_1m (1e6 x {}) texts", columns.join("+"));
    let fitted = bench.fit(params, about, || fit_transform(encoder, &table))?;
    Ok(fitted.record.quality("cols", fitted.model.n_cols() as f64))
}

/// Checks the rows as `fit` does, learns from them and transforms them.
fn fit_transform<E>(step: &E, x: &E::Input) -> Result<Matrix>
where
    E: FitTransform<Target = NoTarget>,
    E::Model: perennial::core::Transformer<Input = E::Input, Output = Matrix>,
{
    let train = Train::new(x, &NoTarget);
    train.check(&step.capabilities())?;
    Ok(step.fit_transform_on(&train)?.1)
}
