//! The metrics that boosting watches, against scikit-learn 1.9.1 and direct counts.

use perennial_models::boosting::{
    AcceleratedFailureTime, BoostingMetric, ClassificationLoss, Cox, Labels, Objective, Quantiles,
    RankingLoss, RegressionLoss, Watch, Watched,
};
use perennial_numeric::random::Random;

const SCORES: [f64; 10] = [-1.0, 0.5, 0.5, 0.5, 2.0, -0.3, 0.1, -0.3, 0.9, 1.4];
const WEIGHTS: [f64; 10] = [1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 0.7, 1.1, 2.0, 0.4];
const CLASSES: [f64; 10] = [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0];

fn value(metric: Watch, objective: &impl Objective, labels: &Labels<'_>, scores: &[f64]) -> f64 {
    metric.value(&Watched::new(objective, labels, scores)).unwrap()
}

fn refusal(metric: Watch, objective: &impl Objective, labels: &Labels<'_>, scores: &[f64]) -> String {
    metric.value(&Watched::new(objective, labels, scores)).unwrap_err().to_string()
}

fn close(found: f64, truth: f64) {
    assert!((found - truth).abs() <= 1e-14 * (1.0 + truth.abs()), "{found} is not {truth}");
}

#[test]
fn metrics_of_two_classes_are_those_of_scikit_learn() {
    let logistic = ClassificationLoss::Logistic;
    let plain = Labels::new(&CLASSES, None, None);
    let weighted = Labels::new(&CLASSES, Some(&WEIGHTS), None);
    close(value(Watch::LogLoss, &logistic, &weighted, &SCORES), 0.5857490987515335);
    close(value(Watch::Loss, &logistic, &weighted, &SCORES), 0.5857490987515335);
    close(value(Watch::RocAuc, &logistic, &plain, &SCORES), 0.74);
    close(value(Watch::RocAuc, &logistic, &weighted, &SCORES), 0.7275689223057644);
    close(value(Watch::AveragePrecision, &logistic, &plain, &SCORES), 0.7777777777777777);
    close(value(Watch::AveragePrecision, &logistic, &weighted, &SCORES), 0.8164890041294536);
    close(value(Watch::ErrorRate, &logistic, &weighted, &SCORES), 0.3779527559055118);
    // Two scores say the same as their difference.
    let two: Vec<f64> = [0.0; 10].into_iter().chain(SCORES).collect();
    let softmax = ClassificationLoss::Softmax { n_classes: 2 };
    close(value(Watch::RocAuc, &softmax, &weighted, &two), 0.7275689223057644);
    close(value(Watch::LogLoss, &softmax, &weighted, &two), 0.5857490987515335);
}

#[test]
fn metrics_of_several_classes_are_those_of_scikit_learn() {
    let labels = Labels::new(&[0.0, 2.0, 1.0, 2.0, 0.0, 1.0], None, None);
    let scores =
        [[0.3, 0.0, 2.0, 0.1, -1.0, 0.5], [-0.2, 0.0, 1.0, 0.1, 2.0, 0.4], [1.0, 0.5, -1.0, 0.1, 0.0, 0.3]];
    let softmax = ClassificationLoss::Softmax { n_classes: 3 };
    close(value(Watch::LogLoss, &softmax, &labels, scores.as_flattened()), 1.4667237406068245);
    close(value(Watch::ErrorRate, &softmax, &labels, scores.as_flattened()), 5.0 / 6.0);
}

#[test]
fn metrics_of_numbers_are_those_of_scikit_learn() {
    let y = [0.3, -1.0, 2.0, 5.0, 0.0, 1.0, 1.0, 2.0, -3.0, 4.0];
    let labels = Labels::new(&y, Some(&WEIGHTS), None);
    close(
        value(Watch::RootMeanSquaredError, &RegressionLoss::SquaredError, &labels, &SCORES),
        2.5217947614541587,
    );
    close(
        value(Watch::MeanAbsoluteError, &RegressionLoss::SquaredError, &labels, &SCORES),
        2.271653543307086,
    );
    // Answers are compared, not scores.
    let labels = Labels::new(&[2.0, 2.0], None, None);
    close(value(Watch::MeanAbsoluteError, &RegressionLoss::Poisson, &labels, &[2f64.ln(), 3f64.ln()]), 0.5);
}

#[test]
fn ndcg_is_that_of_scikit_learn() {
    let y = [2.0, 0.0, 1.0, 3.0, 0.0, 1.0, 0.0, 2.0, 0.0, 0.0];
    let scores = [0.1, 0.9, 0.4, -0.3, 0.4, 0.7, -0.1, 0.7, 1.3, 0.7];
    let groups: Vec<u32> = (0..10).map(|row| 7 - row / 5).collect();
    let labels = Labels::new(&y, None, Some(&groups));
    for (at, truth) in [(1, 0.0), (3, 0.23774842216638903), (10, 0.5297532146744395)] {
        close(value(Watch::Ndcg { at }, &RankingLoss::default(), &labels, &scores), truth);
    }
    let weights: Vec<f64> = (0..10).map(|row| f64::from(u8::from(row < 5))).collect();
    let first = Labels::new(&y[..5], None, Some(&groups[..5]));
    let of_first = value(Watch::Ndcg { at: 4 }, &RankingLoss::default(), &first, &scores[..5]);
    let labels = Labels::new(&y, Some(&weights), Some(&groups));
    close(value(Watch::Ndcg { at: 4 }, &RankingLoss::default(), &labels, &scores), of_first);
    let nothing = Labels::new(&[0.0, 0.0], None, Some(&[1, 1]));
    close(value(Watch::Ndcg { at: 4 }, &RankingLoss::default(), &nothing, &[0.0, 1.0]), 1.0);
}

#[test]
fn concordance_counts_pairs() {
    let mut random = Random::new(5);
    for n in [3, 10, 80] {
        let mut y: Vec<f64> = (0..n)
            .map(|_| (random.below(12) + 1) as f64 * if random.below(2) == 0 { -1.0 } else { 1.0 })
            .collect();
        (y[0], y[1]) = (1.0, 13.0);
        let scores: Vec<f64> = (0..n).map(|_| random.below(6) as f64 - 2.5).collect();
        let weights: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
        let (mut right, mut pairs) = (0.0, 0.0);
        for event in 0..n {
            for other in 0..n {
                let lasts_longer = y[other].abs() > y[event] || y[other] == -y[event];
                if y[event] > 0.0 && lasts_longer {
                    let pair = weights[event] * weights[other];
                    pairs += pair;
                    right += pair
                        * match scores[event].total_cmp(&scores[other]) {
                            std::cmp::Ordering::Greater => 1.0,
                            std::cmp::Ordering::Equal => 0.5,
                            std::cmp::Ordering::Less => 0.0,
                        };
                }
            }
        }
        let labels = Labels::new(&y, Some(&weights), None);
        close(value(Watch::Concordance, &Cox, &labels, &scores), right / pairs);
    }
}

#[test]
fn metrics_that_do_not_fit_say_so() {
    let labels = Labels::new(&CLASSES, None, None);
    let three = [0.0; 30];
    let several = refusal(Watch::RootMeanSquaredError, &Quantiles::default(), &labels, &three);
    assert!(several.contains("`RootMeanSquaredError`") && several.contains("gives 3"), "{several}");
    let softmax = ClassificationLoss::Softmax { n_classes: 3 };
    assert!(refusal(Watch::RocAuc, &softmax, &labels, &three).contains("two classes"));
    let ones = Labels::new(&[1.0, 1.0], None, None);
    assert!(
        refusal(Watch::RocAuc, &ClassificationLoss::Logistic, &ones, &[0.0, 1.0])
            .contains("all of one class")
    );
    let numbers = Labels::new(&[1.5, 1.0], None, None);
    assert!(refusal(Watch::LogLoss, &RegressionLoss::SquaredError, &numbers, &[0.0, 1.0]).contains("1.5"));
    assert!(refusal(Watch::Ndcg { at: 3 }, &RankingLoss::default(), &ones, &[0.0, 1.0]).contains("query"));
    let censored = Labels::new(&[-1.0, -2.0], None, None);
    assert!(refusal(Watch::Concordance, &Cox, &censored, &[0.0, 1.0]).contains("`Concordance`"));
    // When an event happened that is only known to be over is not known.
    let latest = [2.0, f64::NAN, f64::NAN];
    let (times, scores) = (AcceleratedFailureTime::default(), [0.0, 1.0, 2.0]);
    let over = Labels::new(&[0.0, 3.0, -5.0], None, None).with_latest(&latest);
    assert!(refusal(Watch::Concordance, &times, &over, &scores).contains("unknown time"));
    let between = Labels::new(&[-1.0, 3.0, -5.0], None, None).with_latest(&latest);
    close(value(Watch::Concordance, &times, &between, &scores), 0.0);
}

#[test]
fn metrics_know_their_direction_and_are_saved_by_name() {
    assert!(Watch::RocAuc.higher_is_better() && !Watch::Loss.higher_is_better());
    assert_eq!(Watch::Ndcg { at: 5 }.name(), "ndcg_at_5");
    let text = serde_json::to_string(&[Watch::Loss, Watch::Ndcg { at: 5 }]).unwrap();
    assert_eq!(text, r#"["Loss",{"Ndcg":{"at":5}}]"#);
    assert_eq!(serde_json::from_str::<[Watch; 2]>(&text).unwrap(), [Watch::Loss, Watch::Ndcg { at: 5 }]);
}
