//! What one row costs, and what explaining rows costs, with 200 boosted trees.

use std::time::Instant;

use ndarray::{Axis, s};
use perennial::core::{Classes, Estimator, Features, Result, Rows};
use perennial::models::interchange::{Link, TreeModel};
use perennial::models::shap::{Cover, TreeShap};
use perennial::models::{Ensemble, GradientBoostingClassifier};

use crate::measure::{Bench, Record};
use crate::npy::Split;

/// Rows that are asked for one at a time.
const CALLS: usize = 3000;
/// Rows that are explained.
const EXPLAINED: usize = 2000;

/// The booster that all these workloads ask, from the first 50,000 rows.
fn trained(data: &Split<Classes>) -> Result<(Features, Ensemble)> {
    let first: Vec<usize> = (0..50_000).collect();
    let (x, y) = (data.x.take(&first)?, data.y.take(&first)?);
    let model = GradientBoostingClassifier::new().n_trees(200).fit(&x, &y)?;
    Ok((model.booster().features().clone(), model.booster().ensemble().clone()))
}

pub(crate) fn latency_row_gbdt200(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let (features, ensemble) = trained(&data)?;
    let model = TreeModel::new(features, ensemble, Link::Logistic { slope: 1.0 })?;
    let rows: Vec<Vec<f64>> =
        data.test_x.dense()?.axis_iter(Axis(0)).take(CALLS).map(|row| row.to_vec()).collect();
    let calls = || {
        let mut answer = [0.0];
        let call = |row: &Vec<f64>| {
            let start = Instant::now();
            model.predict_row(std::hint::black_box(row), &mut answer);
            std::hint::black_box(&answer);
            start.elapsed().as_nanos() as f64 / 1e3
        };
        let mut times: Vec<f64> = rows.iter().map(call).collect();
        times.sort_by(f64::total_cmp);
        Ok(times)
    };
    let about = "clf_200k 50 features, trained on 50000";
    let fitted = bench.fit("200 trees, 31 leaves; 3000 calls", about, calls)?;
    let at = |share: f64| fitted.model[(share * (CALLS - 1) as f64) as usize];
    let (p10, p50, p99) = (at(0.1), at(0.5), at(0.99));
    Ok(fitted.record.quality("p50_us", p50).quality("p99_us", p99).quality("p10_us", p10))
}

pub(crate) fn shap_gbdt200(bench: &Bench) -> Result<Record> {
    let data: Split<Classes> = Split::load(bench, "clf_200k")?;
    let (_, ensemble) = trained(&data)?;
    let x = data.test_x.dense()?.slice(s![..EXPLAINED, ..]).to_owned();
    let explain = || TreeShap::of_ensemble(&ensemble, Cover::Rows)?.contributions(&x);
    let about = "clf_200k test first 2000";
    let fitted = bench.fit("TreeSHAP path-dependent, 2000 rows, 200x31 leaves", about, explain)?;
    let sums = fitted.model.values()[0].sum_axis(Axis(1)) + fitted.model.base()[0];
    let errors = sums.iter().zip(ensemble.scores(&x)?).map(|(sum, score)| (sum - score).abs());
    let error = errors.fold(0.0, f64::max);
    Ok(fitted.record.quality("add_err", error))
}
