//! Fairness by reduction to weighted classification.

use std::collections::BTreeMap;

use ndarray::Array2;
use perennial_core::{
    CancelToken, Capabilities, Classes, Classifier, Context, ErrorKind, Estimator, Matrix, Predictor, Result,
    Rows, Train,
};
use perennial_evaluation::fairness::{
    ExponentiatedGradient, FairnessReport, ParityConstraint, SensitiveFeatures,
};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use crate::conformal::close;
use crate::fairness::quick;
use crate::toys::{Centroids, yes_no};

/// The best class of each value of the first column by weight: no classifier of these cells is better.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Cells;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct CellsModel {
    best: BTreeMap<u64, u32>,
    names: Vec<String>,
}

fn cell(x: &Matrix, row: usize) -> Result<u64> {
    Ok(x.dense()?[[row, 0]] as u64)
}

impl Estimator for Cells {
    type Input = Matrix;
    type Target = Classes;
    type Model = CellsModel;

    fn capabilities(&self) -> Capabilities {
        Capabilities::new().weights()
    }

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<CellsModel> {
        let mut sums: BTreeMap<u64, f64> = BTreeMap::new();
        for (row, code) in train.y.codes().iter().enumerate() {
            let sign = if *code == 1 { 1.0 } else { -1.0 };
            *sums.entry(cell(train.x, row)?).or_default() += sign * train.weight(row);
        }
        let best = sums.into_iter().map(|(cell, sum)| (cell, u32::from(sum > 0.0))).collect();
        Ok(CellsModel { best, names: train.y.names().to_vec() })
    }
}

impl Predictor for CellsModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        let code = |row: usize| Ok(self.best.get(&cell(x, row)?).copied().unwrap_or(0));
        Classes::new((0..x.n_rows()).map(code).collect::<Result<_>>()?, self.names.clone())
    }
}

/// Six cells, three of each group; how many rows and how many of them are positive.
const CELLS: [(usize, usize); 6] = [(40, 8), (30, 18), (30, 27), (40, 2), (40, 18), (20, 14)];

fn cells() -> (Matrix, Classes, Vec<String>) {
    let (mut x, mut y, mut groups) = (Vec::new(), Vec::new(), Vec::new());
    for (cell, (n, positives)) in CELLS.into_iter().enumerate() {
        for row in 0..n {
            x.push(cell as f64);
            y.push(row < positives);
            groups.push(if cell < 3 { "a" } else { "b" }.to_owned());
        }
    }
    (Matrix::from(Array2::from_shape_vec((200, 1), x).unwrap()), yes_no(y), groups)
}

/// The least error of any mixture whose selection rates are at most `apart` from one another, by trying.
fn least_error(apart: f64) -> f64 {
    // In each group the cells with the largest share of positives are called first.
    let errors = |cells: &[(usize, usize)]| -> Vec<f64> {
        let mut order = cells.to_vec();
        order.sort_by(|a, b| (b.1 as f64 / b.0 as f64).total_cmp(&(a.1 as f64 / a.0 as f64)));
        let of = |rate: f64| {
            let (mut left, mut error) = (rate * 100.0, 0.0);
            for (n, positives) in &order {
                let (n, positives) = (*n as f64, *positives as f64);
                let called = left.min(n);
                left -= called;
                error += called / n * (n - positives) + (1.0 - called / n) * positives;
            }
            error / 200.0
        };
        (0..=1000).map(|rate| of(f64::from(rate) / 1000.0)).collect()
    };
    let (a, b) = (errors(&CELLS[..3]), errors(&CELLS[3..]));
    let width = (apart * 1000.0).round() as usize;
    let pairs = (0..=1000)
        .flat_map(|i: usize| (i.saturating_sub(width)..=(i + width).min(1000)).map(move |j| (i, j)));
    pairs.map(|(i, j)| a[i] + b[j]).fold(f64::INFINITY, f64::min)
}

#[test]
fn reductions_reach_the_least_error_that_the_bound_allows() {
    let (x, y, groups) = cells();
    for eps in [0.1, 0.05, 0.02] {
        let model = ExponentiatedGradient::new(Cells).eps(eps).nu(1e-6).fit(&x, &y, &groups).unwrap();
        assert!(model.gap() < 1e-6, "eps {eps}: the game ends {} from the best", model.gap());
        // Both groups have 100 rows, so each is half as far from all as from the other. The price of a broken bound is
        // 1 / eps: a bound is broken by no more than (1 + 2 gap) eps.
        assert!(model.training_violation() <= eps + (1.0 + 2.0 * model.gap()) * eps);
        let least = least_error(2.0 * eps);
        assert!(
            model.training_error() <= least + 2.0 * model.gap() + 1e-9,
            "{} {least}",
            model.training_error()
        );
        assert!(model.training_error() >= least_error(2.0 * model.training_violation() + 1e-3) - 1e-3);
        let said = model.predict_proba(&x).unwrap().of("yes").unwrap();
        let rate = |name: &str| {
            let rows: Vec<usize> = (0..200).filter(|&row| groups[row] == name).collect();
            rows.iter().map(|&row| said.as_slice()[row]).sum::<f64>() / 100.0
        };
        close((rate("a") - rate("b")).abs() / 2.0, model.training_violation(), 1e-9);
        assert!(model.n_members() > 1);
    }
    // Without a bound that binds it is the classifier itself.
    let free = ExponentiatedGradient::new(Cells).eps(1.0).fit(&x, &y, &groups).unwrap();
    close(free.training_error(), least_error(1.0), 1e-3);
    assert_eq!(free.n_members(), 1);
}

#[test]
fn reductions_make_odds_alike_with_an_ordinary_classifier() {
    let mut random = Random::new(6);
    let n = 1500;
    let groups: Vec<String> = (0..n).map(|row| if row % 3 == 0 { "b" } else { "a" }.to_owned()).collect();
    let truth: Vec<bool> = (0..n).map(|_| random.uniform() < 0.5).collect();
    let x = Array2::from_shape_fn((n, 2), |(row, column)| {
        let b = f64::from(u8::from(row % 3 == 0));
        let side = f64::from(u8::from(truth[row]));
        if column == 0 { 1.5 * side - 1.0 * b + random.normal() } else { b }
    });
    let (x, y) = (Matrix::from(x), yes_no(truth));
    let sensitive = SensitiveFeatures::new().by("group", &groups);
    let judge = |given: &Classes| {
        FairnessReport::measure(&y, given, None, &sensitive, &quick())
            .unwrap()
            .equalized_odds
            .unwrap()
            .difference
            .estimate
    };
    let plain = {
        let table = x.select(&[0]).unwrap();
        judge(&Centroids::new().fit(&table, &y).unwrap().predict(&table).unwrap())
    };
    let settings =
        ExponentiatedGradient::new(Centroids::new()).constraint(ParityConstraint::EqualizedOdds).eps(0.02);
    let model = settings.fit(&x, &y, &groups).unwrap();
    assert!(model.training_violation() < 0.06, "{}", model.training_violation());
    assert!(judge(&model.predict(&x).unwrap()) < 0.6 * plain, "{plain}");
    assert!(model.training_error() < 0.32);

    // The same bits again, saved too, and cancelled.
    let again = settings.fit(&x, &y, &groups).unwrap();
    assert_eq!(again, model);
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(settings, serde_json::from_str(&text).unwrap());
    let token = CancelToken::new();
    token.cancel();
    let train = Train::new(&x, &y).context(Context::new().with_cancel(token));
    let error = settings.fit_on(&train, &groups).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }), "{error}");
}

#[test]
fn reductions_refuse_what_they_cannot_do() {
    let (x, y, groups) = cells();
    let settings = ExponentiatedGradient::new(Cells);
    assert!(settings.clone().eps(0.0).fit(&x, &y, &groups).is_err());
    assert!(settings.clone().max_iter(0).fit(&x, &y, &groups).is_err());
    assert!(settings.clone().eta(f64::NAN).fit(&x, &y, &groups).is_err());
    assert!(settings.fit(&x, &y, &groups[..9]).is_err());
    let one = yes_no(vec![true; 200]);
    assert!(matches!(settings.fit(&x, &one, &groups).unwrap_err().kind(), ErrorKind::SingleClass { .. }));
    let only_a: Vec<bool> = (0..200).map(|row| y.codes()[row] == 1 && groups[row] == "a").collect();
    let odds = settings.clone().constraint(ParityConstraint::EqualOpportunity);
    assert!(odds.fit(&x, &yes_no(only_a), &groups).unwrap_err().to_string().contains("group `b`"));
    let error = ExponentiatedGradient::new(crate::models::Sigmoid).fit(&x, &y, &groups).unwrap_err();
    assert!(error.to_string().contains("takes no weights"), "{error}");
    // Weights of 0 are rows that are not there.
    let weights: Vec<f64> = (0..200).map(|row| f64::from(u8::from(row % 2 == 0))).collect();
    let even: Vec<usize> = (0..200).step_by(2).collect();
    let weighted = settings.fit_on(&Train::new(&x, &y).weights(&weights), &groups).unwrap();
    let kept =
        settings.fit(&x.take(&even).unwrap(), &y.take(&even).unwrap(), &groups.take(&even).unwrap()).unwrap();
    close(weighted.training_error(), kept.training_error(), 1e-9);
}
