//! Conformal sets of classes.

use ndarray::{Array2, array};
use perennial_core::{Classes, Classifier, Matrix, Predictor, Probabilities, Result, Rows};
use perennial_evaluation::conformal::{
    ClassSets, ClassificationScore, MeanSetSize, SetCoverage, SetPredictor, SizeStratifiedCoverage,
    SplitConformalClassifier, conformalize_classifier,
};
use perennial_evaluation::{Holdout, Metric, SliceOptions, Slices, Stack, score_slices};
use perennial_numeric::random::Random;
use perennial_testing::check;

use crate::conformal::{close, repeated};
use crate::toys::{Centroids, few, names};

const PARTS: &str = "copies of a row may be learned from and held out";

check!(
    split_conformal_classifier,
    classifier,
    SplitConformalClassifier::new(Centroids::new()),
    few().expect_fail("W01", PARTS)
);
check!(
    split_conformal_classifier_raps,
    classifier,
    SplitConformalClassifier::new(Centroids::new())
        .score(ClassificationScore::Raps { lambda: 0.1, k_reg: 1 })
        .by_class(true)
        .level(0.7)
        .splitter(Holdout::new(0.5)),
    few().expect_fail("W01", PARTS)
);

/// Answers with the row itself as probabilities.
#[derive(Debug, Clone)]
pub(crate) struct Said(pub(crate) Vec<String>);

impl Predictor for Said {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for Said {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        Probabilities::new(x.dense()?.to_owned(), self.0.clone())
    }
}

fn said(rows: Array2<f64>, codes: Vec<u32>) -> (Matrix, Classes) {
    (rows.into(), Classes::new(codes, names(&["a", "b", "c"])).unwrap())
}

#[test]
fn sets_by_hand() {
    let (x, y) =
        said(array![[0.7, 0.2, 0.1], [0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.3, 0.5]], vec![0, 1, 1, 0]);
    let asked = Matrix::from(array![[0.6, 0.3, 0.1], [0.35, 0.33, 0.32]]);
    let sets = |score, level| {
        let model =
            conformalize_classifier(Said(names(&["a", "b", "c"])), score, level, false, &x, &y).unwrap();
        let sets = model.predict_set(&asked).unwrap();
        (0..2).map(|row| sets.of_row(row).collect::<Vec<_>>().concat()).collect::<Vec<_>>()
    };
    // LAC scores 0.3, 0.7, 0.4, 0.8: at level 0.6 the third of four, so classes of probability 0.3 and more.
    assert_eq!(sets(ClassificationScore::Lac, 0.6), ["ab", "abc"]);
    // APS scores 0.7, 0.8, 0.6, 1.0: the second, 0.7, at level 0.4.
    assert_eq!(sets(ClassificationScore::Aps { randomized: false }, 0.4), ["a", "ab"]);
    // RAPS adds 0.1 for each class beyond the first: 0.7, 0.9, 0.6, 1.2; the third at level 0.6.
    assert_eq!(sets(ClassificationScore::Raps { lambda: 0.1, k_reg: 1 }, 0.6), ["a", "ab"]);
    // Places 1, 2, 1, 3.
    assert_eq!(sets(ClassificationScore::TopK, 0.6), ["ab", "ab"]);
    let by_class = |level| {
        conformalize_classifier(Said(names(&["a", "b", "c"])), ClassificationScore::Lac, level, true, &x, &y)
    };
    let thresholds = by_class(0.6).unwrap().thresholds().unwrap();
    // Of two rows each the second; there is no row of the third class.
    assert_eq!(thresholds, [0.8, 0.7, f64::NEG_INFINITY]);
    assert!(by_class(0.8).unwrap_err().to_string().contains("class `a`"));

    let sets =
        ClassSets::new(0.9, array![[true, true], [true, false], [false, true]], names(&["a", "b"])).unwrap();
    let truth = Classes::from_labels(["a", "b", "b"]);
    close(SetCoverage.score(&truth, &sets).unwrap(), 2.0 / 3.0, 1e-15);
    close(MeanSetSize.score(&truth, &sets).unwrap(), 4.0 / 3.0, 1e-15);
    // Of the sets of one class, one of two is right.
    close(SizeStratifiedCoverage.score(&truth, &sets).unwrap(), 0.5, 1e-15);
    assert_eq!(ClassSets::stack(&[sets.clone(), sets.clone()]).unwrap().take(&[3, 4, 5]).unwrap(), sets);
}

/// Three classes whose probabilities are known.
pub(crate) fn three_classes(random: &mut Random, n: usize) -> (Matrix, Classes) {
    let mut rows = Array2::zeros((n, 3));
    let mut codes = Vec::with_capacity(n);
    for mut row in rows.rows_mut() {
        let scores: Vec<f64> = (0..3).map(|_| (2.0 * random.normal()).exp()).collect();
        let sum: f64 = scores.iter().sum();
        row.iter_mut().zip(&scores).for_each(|(share, score)| *share = score / sum);
        let shares = row.to_vec();
        codes.push(random.weighted_index(&shares).unwrap() as u32);
    }
    said(rows, codes)
}

#[test]
fn sets_hold_as_often_as_they_say() {
    let scores = [
        (ClassificationScore::Lac, true),
        (ClassificationScore::Aps { randomized: true }, true),
        (ClassificationScore::Aps { randomized: false }, false),
        (ClassificationScore::Raps { lambda: 0.05, k_reg: 1 }, false),
        (ClassificationScore::TopK, false),
    ];
    for (score, exact) in scores {
        let (mean, error) = repeated(800, |mut random| {
            let (x, y) = three_classes(&mut random, 39);
            let model =
                conformalize_classifier(Said(names(&["a", "b", "c"])), score, 0.8, false, &x, &y).unwrap();
            let (x, y) = three_classes(&mut random, 40);
            SetCoverage.score(&y, &model.predict_set(&x).unwrap()).unwrap()
        });
        // Scores without ties hold no more than they must.
        let most = if exact { 0.8 + 1.0 / 40.0 } else { 1.0 };
        assert!(mean > 0.8 - 3.5 * error && mean < most + 3.5 * error, "{score:?}: {mean} +- {error}");
    }
    let mut random = Random::new(4);
    let (x, y) = three_classes(&mut random, 4000);
    let model = conformalize_classifier(
        Said(names(&["a", "b", "c"])),
        ClassificationScore::Lac,
        0.9,
        true,
        &x.take(&(0..2000).collect::<Vec<_>>()).unwrap(),
        &y.take(&(0..2000).collect::<Vec<_>>()).unwrap(),
    )
    .unwrap();
    let rest: Vec<usize> = (2000..4000).collect();
    let (x, y) = (x.take(&rest).unwrap(), y.take(&rest).unwrap());
    let slices = Slices::new().by_class("class", &y);
    let report =
        score_slices(&SetCoverage, &y, &model.predict_set(&x).unwrap(), &slices, &SliceOptions::new());
    report.unwrap().slices.iter().for_each(|slice| close(slice.interval.estimate, 0.9, 0.04));
}

#[test]
fn settings_are_saved() {
    let settings =
        SplitConformalClassifier::new(Centroids::new()).score(ClassificationScore::Aps { randomized: true });
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(settings, serde_json::from_str(&text).unwrap());
}
