//! Conformal sets of classes over folds.

use ndarray::Array2;
use perennial_core::{Classes, Classifier, Estimator, Matrix, Rows, Train};
use perennial_evaluation::conformal::{
    ClassificationScore, CrossConformalClassifier, CrossMethod, SetCoverage, SetPredictor,
};
use perennial_evaluation::split::{Bootstrap, FixedSplits};
use perennial_evaluation::{CrossFit, CrossValidation, Metric, Split, cross_validate};
use perennial_numeric::random::Random;
use perennial_testing::check;

use crate::conformal::repeated;
use crate::toys::{Centroids, few, names};

check!(
    cross_conformal_classifier,
    classifier,
    CrossConformalClassifier::new(Centroids::new()).level(0.7),
    few()
);
check!(
    cross_conformal_classifier_minmax,
    classifier,
    CrossConformalClassifier::new(Centroids::new())
        .score(ClassificationScore::Aps { randomized: false })
        .method(CrossMethod::Minmax)
        .splitter(Bootstrap::new(8))
        .level(0.6),
    few()
);

const APS: ClassificationScore = ClassificationScore::Aps { randomized: true };

/// Three clouds, one and a half deviations apart.
fn clouds(random: &mut Random, n: usize) -> (Matrix, Classes) {
    let codes: Vec<u32> = (0..n).map(|_| random.below(3) as u32).collect();
    let centres = [[0.0, 0.0], [1.5, 0.0], [0.0, 1.5]];
    let x =
        Array2::from_shape_fn((n, 2), |(row, column)| centres[codes[row] as usize][column] + random.normal());
    (x.into(), Classes::new(codes, names(&["a", "b", "c"])).unwrap())
}

/// The score of each class from the shares of a row.
type ScoreOf<'a> = &'a dyn Fn(&[f64]) -> Vec<f64>;

/// The sets by their definition: each row that was held out is asked of the model of the others.
#[test]
fn sets_are_their_definition() {
    let mut random = Random::new(9);
    let ((x, y), (asked, _)) = (clouds(&mut random, 60), clouds(&mut random, 25));
    let weights: Vec<f64> = (0..60).map(|row| f64::from(1 + row % 3)).collect();
    let splits: Vec<Split> = (0..4)
        .map(|fold| {
            let (test, train) = (0..60).partition(|row| row % 4 == fold);
            Split { train, test }
        })
        .collect();
    let lac = |shares: &[f64]| -> Vec<f64> { shares.iter().map(|share| 1.0 - share).collect() };
    // From the largest down, as sums are rounded.
    let aps = |shares: &[f64]| -> Vec<f64> {
        let mut falling = shares.to_vec();
        falling.sort_by(|a, b| b.total_cmp(a));
        shares.iter().map(|own| falling.iter().filter(|share| *share >= own).sum()).collect()
    };
    let of = |model: &dyn Fn(&Matrix) -> Array2<f64>, score: &dyn Fn(&[f64]) -> Vec<f64>, x: &Matrix| {
        model(x).rows().into_iter().map(|row| score(&row.to_vec())).collect::<Vec<_>>()
    };
    let scores: [(ClassificationScore, ScoreOf<'_>); 2] =
        [(ClassificationScore::Lac, &lac), (ClassificationScore::Aps { randomized: false }, &aps)];
    for (weighted, (kind, score)) in scores.into_iter().flat_map(|pair| [(false, pair), (true, pair)]) {
        let weight = |row: usize| if weighted { weights[row] } else { 1.0 };
        let total: f64 = (0..60).map(weight).sum();
        let fit = |rows: &[usize]| {
            let (x, y) = (x.take(rows).unwrap(), y.take(rows).unwrap());
            let own = weights.take(rows).unwrap();
            let train = Train::new(&x, &y);
            if weighted { train.weights(&own) } else { train }.fit(&Centroids::new()).unwrap()
        };
        // Of each fold the scores of what it held out, by row, and of what is asked.
        let (mut held, mut answers) = (vec![0.0; 60], Vec::new());
        for split in &splits {
            let model = fit(&split.train);
            let said = |x: &Matrix| model.predict_proba(x).unwrap().values().to_owned();
            for (scores, &row) in of(&said, score, &x.take(&split.test).unwrap()).iter().zip(&split.test) {
                held[row] = scores[y.codes()[row] as usize];
            }
            answers.push(of(&said, score, &asked));
        }
        let whole = fit(&(0..60).collect::<Vec<_>>());
        let whole = of(&|x: &Matrix| whole.predict_proba(x).unwrap().values().to_owned(), score, &asked);
        for method in [CrossMethod::Base, CrossMethod::Plus, CrossMethod::Minmax] {
            let settings = CrossConformalClassifier::new(Centroids::new())
                .score(kind)
                .method(method)
                .level(0.8)
                .splitter(FixedSplits::new(splits.clone()));
            let train = Train::new(&x, &y);
            let model = if weighted { train.weights(&weights) } else { train }.fit(&settings).unwrap();
            let sets = model.predict_set(&asked).unwrap();
            for (row, class) in (0..25).flat_map(|row| (0..3).map(move |class| (row, class))) {
                let mine = |held_out: usize| match method {
                    CrossMethod::Base => whole[row][class],
                    CrossMethod::Plus => answers[held_out % 4][row][class],
                    CrossMethod::Minmax => {
                        answers.iter().map(|scores| scores[row][class]).fold(f64::INFINITY, f64::min)
                    }
                };
                let less: f64 = (0..60).filter(|&other| held[other] < mine(other)).map(weight).sum();
                let inside = less < (total + 1.0) * 0.8 - 1e-9;
                assert_eq!(sets.members()[[row, class]], inside, "{kind:?} {method:?} {row} {class}");
            }
            assert_eq!(model.scores().map(|(_, scores)| scores.len()).sum::<usize>(), 60);
        }
    }
}

#[test]
fn sets_over_folds_hold_as_often_as_they_say() {
    for (score, method, folds, range) in [
        (ClassificationScore::Lac, CrossMethod::Plus, 5, (0.8, 0.86)),
        (ClassificationScore::Lac, CrossMethod::Plus, 40, (0.8, 0.86)),
        (APS, CrossMethod::Plus, 5, (0.8, 0.86)),
        (APS, CrossMethod::Minmax, 5, (0.8, 0.95)),
    ] {
        let (mean, error) = repeated(300, |mut random| {
            let (x, y) = clouds(&mut random, 40);
            let settings = CrossConformalClassifier::new(Centroids::new())
                .score(score)
                .method(method)
                .level(0.8)
                .splitter(CrossFit::new(folds).seed(1));
            let model = settings.fit(&x, &y).unwrap();
            let (x, y) = clouds(&mut random, 60);
            SetCoverage.score(&y, &model.predict_set(&x).unwrap()).unwrap()
        });
        println!("{score:?} {method:?} {folds}: {mean:.4} +- {error:.4}");
        assert!(
            mean > range.0 - 3.5 * error && mean < range.1 + 3.5 * error,
            "{score:?} {method:?}: {mean} +- {error}"
        );
    }
}

#[test]
fn sets_are_judged_over_folds_and_refused_of_too_few() {
    let (x, y) = clouds(&mut Random::new(2), 120);
    let settings = CrossConformalClassifier::new(Centroids::new()).score(APS);
    let scored =
        cross_validate(&settings, &x, &y, &CrossFit::new(3).seed(1), &SetCoverage, &CrossValidation::new());
    assert!((scored.unwrap().mean() - 0.9).abs() < 0.08);
    let few: Vec<usize> = (0..20).collect();
    let (x, y) = (x.take(&few).unwrap(), y.take(&few).unwrap());
    let refused = settings.clone().level(0.99).fit(&x, &y).unwrap_err();
    assert!(refused.to_string().contains("at least 99"), "{refused}");
    assert!(settings.clone().level(1.0).fit(&x, &y).is_err());
    let text = serde_json::to_string(&settings).unwrap();
    assert_eq!(settings, serde_json::from_str(&text).unwrap());
}

/// Rows that are too many to be asked of all models at once have the sets that they have on their own.
#[test]
fn sets_of_many_rows_are_those_of_their_parts() {
    let mut random = Random::new(4);
    let ((x, y), (asked, _)) = (clouds(&mut random, 100), clouds(&mut random, 8000));
    for method in [CrossMethod::Plus, CrossMethod::Minmax] {
        let settings = CrossConformalClassifier::new(Centroids::new()).method(method);
        let model = settings.splitter(CrossFit::new(50).seed(3)).fit(&x, &y).unwrap();
        let sets = model.predict_set(&asked).unwrap();
        assert_eq!(sets.n_rows(), 8000);
        for first in [0, 6950, 7900] {
            let rows: Vec<usize> = (first..first + 100).collect();
            let own = model.predict_set(&asked.take(&rows).unwrap()).unwrap();
            assert_eq!(own, sets.take(&rows).unwrap());
        }
    }
}
