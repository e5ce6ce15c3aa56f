//! Repairs as estimators: they fit, compose, take weights, and pass the kit.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Predictor, Result, Rows, Train};
use perennial_evaluation::fairness::{
    ExponentiatedGradient, FairnessReport, GroupColumn, GroupThresholds, GroupedGradient, GroupsOf,
    ParityConstraint, ParityObjective, Reweighed, SensitiveFeatures, ThresholdOptimizer, reweighing,
};
use perennial_evaluation::metric::Accuracy;
use perennial_evaluation::split::{FixedSplits, StratifiedKFold};
use perennial_evaluation::{CrossValidation, Metric, Split, cross_predict};
use perennial_numeric::random::Random;
use perennial_testing::check;
use serde::{Deserialize, Serialize};

use crate::fairness::quick;
use crate::toys::{Centroids, few};

/// Half of the rows, by the bits of their values, in whatever order the columns stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Halves;

impl GroupsOf<Matrix> for Halves {
    fn groups_of(&self, x: &Matrix) -> Result<Vec<String>> {
        let bits = |row: ndarray::ArrayView1<'_, f64>| {
            row.iter().fold(0, |bits, cell| bits ^ (cell + 0.0).to_bits())
        };
        let half = |bits: u64| (bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63).to_string();
        Ok(x.dense()?.rows().into_iter().map(|row| half(bits(row))).collect())
    }
}

const FOLDS: &str = "copies of a row may be in different folds";
const THREE: &str = "three classes, of which none is named as positive";

check!(reweighed, classifier, Reweighed::new(Centroids::new(), Halves), few());
check!(
    threshold_optimizer,
    decider,
    ThresholdOptimizer::new(Centroids::new(), Halves),
    few().poor_score().expect_fail("W01", FOLDS).expect_fail("C08", THREE)
);
check!(
    grouped_gradient,
    decider,
    GroupedGradient::new(ExponentiatedGradient::new(Centroids::new()).eps(0.05).max_iter(5), Halves),
    few().poor_score().expect_fail("C08", THREE)
);

/// Two groups, the second of which has the class more seldom, and a column that says so.
fn unequal(n: usize, seed: u64) -> (Matrix, Classes, Vec<String>) {
    let mut random = Random::new(seed);
    let (mut cells, mut codes) = (Vec::new(), Vec::new());
    for _ in 0..n {
        let second = random.uniform() < 0.4;
        let skill = random.normal();
        cells.extend([
            skill + 0.6 * random.normal() - if second { 0.8 } else { 0.0 },
            f64::from(u8::from(second)),
        ]);
        codes.push(u32::from(skill + 0.5 * random.normal() > if second { 0.3 } else { -0.3 }));
    }
    let x =
        Matrix::from(Array2::from_shape_vec((n, 2), cells).unwrap()).with_names(["score", "group"]).unwrap();
    let groups = GroupColumn::new("group").groups_of(&x).unwrap();
    (x, Classes::new(codes, ["no", "yes"].map(String::from).to_vec()).unwrap(), groups)
}

fn gap(truth: &Classes, given: &Classes, groups: &[String]) -> f64 {
    let sensitive = SensitiveFeatures::new().by("group", groups);
    let report = FairnessReport::measure(truth, given, Some("yes"), &sensitive, &quick()).unwrap();
    report.demographic_parity.difference.estimate
}

#[test]
fn repairs_hold_on_rows_that_were_not_seen() {
    let (x, y, groups) = unequal(3000, 5);
    let folds = StratifiedKFold::new(4).seed(1);
    let by = || GroupColumn::new("group");
    let ask = |given: Classes| (gap(&y, &given, &groups), Accuracy.score(&y, &given).unwrap());
    let options = CrossValidation::new();
    let plain = ask(cross_predict(&Centroids::new(), &x, &y, &folds, &options).unwrap());
    let settings = ThresholdOptimizer::new(Centroids::new(), by());
    let thresholds = ask(cross_predict(&settings, &x, &y, &folds, &options).unwrap());
    let settings = Reweighed::new(Centroids::new(), by());
    let weights = ask(cross_predict(&settings, &x, &y, &folds, &options).unwrap());
    assert!(plain.0 > 0.3, "{plain:?}");
    assert!(thresholds.0 < 0.05 && thresholds.1 > plain.1 - 0.12, "{thresholds:?} {plain:?}");
    assert!(weights.0 < 0.75 * plain.0, "{weights:?} {plain:?}");
    // The mixture calls rows at random by its probabilities.
    let settings = GroupedGradient::new(ExponentiatedGradient::new(Centroids::new()).eps(0.02), by());
    let model = settings.fit(&x, &y).unwrap();
    let shares = model.predict_proba(&x).unwrap().of("yes").unwrap();
    let mean = |group: &str| {
        let rows: Vec<usize> = (0..3000).filter(|&row| groups[row] == group).collect();
        rows.iter().map(|&row| shares.as_slice()[row]).sum::<f64>() / rows.len() as f64
    };
    assert!((mean("group=0") - mean("group=1")).abs() < 0.045, "{} {}", mean("group=0"), mean("group=1"));
}

#[test]
fn each_does_what_its_function_does() {
    let (x, y, groups) = unequal(500, 9);
    let by = GroupColumn::new("group");
    let own: Vec<f64> = (0..500).map(|row| f64::from(row % 3)).collect();
    let weights = reweighing(&y, &groups, Some(&own)).unwrap();
    let expected = Train::new(&x, &y).weights(&weights).fit(&Centroids::new()).unwrap();
    let settings = Reweighed::new(Centroids::new(), by.clone());
    assert_eq!(Train::new(&x, &y).weights(&own).fit(&settings).unwrap(), expected);

    // Thresholds of a part that is held out, by a model of the other part.
    let (train, test): (Vec<usize>, Vec<usize>) = ((0..300).collect(), (300..500).collect());
    let inner = Centroids::new().fit(&x.take(&train).unwrap(), &y.take(&train).unwrap()).unwrap();
    let said = inner.predict_proba(&x.take(&test).unwrap()).unwrap().of("yes").unwrap();
    let positive: Vec<bool> = test.iter().map(|&row| y.codes()[row] == 1).collect();
    let (constraint, objective) = (ParityConstraint::EqualizedOdds, ParityObjective::BalancedAccuracy);
    let held = groups.take(&test).unwrap();
    let expected =
        GroupThresholds::fit(constraint, objective, said.as_slice(), &positive, &held, None).unwrap();
    let settings = ThresholdOptimizer::new(Centroids::new(), by.clone())
        .constraint(constraint)
        .objective(objective)
        .splitter(FixedSplits::new([Split { train, test }]));
    let model = settings.fit(&x, &y).unwrap();
    assert_eq!(model.thresholds(), &expected);
    // Probabilities are those of being called, and answers fall by them.
    let chances = model.predict_proba(&x).unwrap().of("yes").unwrap();
    let given = model.predict(&x).unwrap();
    for (row, chance) in chances.as_slice().iter().enumerate() {
        assert!(*chance > 0.0 || given.codes()[row] == 0);
        assert!(*chance < 1.0 || given.codes()[row] == 1);
    }
    let called = given.codes().iter().filter(|code| **code == 1).count() as f64;
    assert!((called - chances.as_slice().iter().sum::<f64>()).abs() < 25.0);
    let single = model.predict(&x.take(&[17]).unwrap()).unwrap();
    assert_eq!(single.codes()[0], given.codes()[17]);

    assert!(GroupColumn::new("none").groups_of(&x).unwrap_err().to_string().contains("`none`"));
    // A group that was never seen has no thresholds.
    let other = Matrix::from(Array2::from_elem((1, 2), 7.0)).with_names(["score", "group"]).unwrap();
    assert!(model.predict(&other).unwrap_err().to_string().contains("group=7"));
}
