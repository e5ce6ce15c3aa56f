//! The losses of boosting against finite differences and what must hold of every loss.

use perennial_models::boosting::{
    AcceleratedFailureTime, ClassificationLoss, Cox, Labels, Objective, Quantiles, RankingLoss,
    RegressionLoss, TimeDistribution,
};
use perennial_numeric::random::Random;

pub(crate) fn derivatives(
    objective: &impl Objective,
    labels: &Labels<'_>,
    scores: &[f64],
) -> (Vec<f64>, Vec<f64>) {
    let (mut gradients, mut hessians) = (vec![f64::NAN; scores.len()], vec![f64::NAN; scores.len()]);
    objective.derivatives(labels, scores, &mut gradients, &mut hessians);
    (gradients, hessians)
}

pub(crate) fn close(found: f64, truth: f64, tolerance: f64, what: &str) {
    assert!((found - truth).abs() <= tolerance * (1.0 + truth.abs()), "{what}: {found} is not {truth}");
}

/// Each loss with targets it is defined for.
fn with_each_loss(n: usize, seed: u64, test: impl Fn(&dyn Case)) {
    let mut random = Random::new(seed);
    let weights: Vec<f64> = (0..n).map(|_| random.uniform_in(0.2, 3.0)).collect();
    let any: Vec<f64> = (0..n).map(|_| random.normal() * 2.0).collect();
    let counts: Vec<f64> = (0..n).map(|_| random.below(5) as f64).collect();
    let amounts: Vec<f64> = (0..n).map(|_| random.uniform_in(0.1, 9.0)).collect();
    let shares: Vec<f64> = (0..n).map(|_| random.uniform()).collect();
    let bits: Vec<f64> =
        (0..n).map(|row| if row < 2 { row as f64 } else { random.below(2) as f64 }).collect();
    let classes: Vec<f64> =
        (0..n).map(|row| if row < 4 { row as f64 } else { random.below(4) as f64 }).collect();
    let times: Vec<f64> = (0..n)
        .map(|_| (random.below(12) + 1) as f64 * if random.below(3) == 0 { -1.0 } else { 1.0 })
        .collect();
    let labels = |y| Labels::new(y, Some(&weights), None);
    use RegressionLoss as R;
    for (loss, y) in [
        (R::SquaredError, &any),
        (R::AbsoluteError, &any),
        (R::Huber { delta: 0.7 }, &any),
        (R::Quantile { level: 0.3 }, &any),
        (R::Poisson, &counts),
        (R::Gamma, &amounts),
        (R::Tweedie { power: 1.3 }, &counts),
        (R::Tweedie { power: 1.9 }, &counts),
        (R::CrossEntropy, &shares),
        (R::AbsolutePercentageError, &amounts),
        (R::Fair { c: 0.8 }, &any),
    ] {
        test(&(loss, labels(y)));
    }
    for (loss, y) in [
        (ClassificationLoss::Logistic, &bits),
        (ClassificationLoss::Softmax { n_classes: 4 }, &classes),
        (ClassificationLoss::OneVsAll { n_classes: 4 }, &classes),
        (ClassificationLoss::Focal { gamma: 2.0, alpha: 0.25 }, &bits),
        (ClassificationLoss::Focal { gamma: 0.5, alpha: 0.6 }, &bits),
        (ClassificationLoss::Ldam { margins: [0.3, 0.9] }, &bits),
    ] {
        test(&(loss, labels(y)));
    }
    test(&(Cox, labels(&times)));
    for (distribution, scale) in [
        (TimeDistribution::LogNormal, 0.7),
        (TimeDistribution::LogLogistic, 0.6),
        (TimeDistribution::Weibull, 1.2),
    ] {
        test(&(AcceleratedFailureTime { distribution, scale }, labels(&times)));
    }
    test(&(Quantiles::new([0.1, 0.4, 0.9]), labels(&any)));
}

/// An objective with labels, whatever its type.
trait Case: Sync {
    fn name(&self) -> String;
    fn n_scores(&self) -> usize;
    fn labels(&self) -> &Labels<'_>;
    fn base(&self) -> Vec<f64>;
    fn loss(&self, scores: &[f64]) -> f64;
    fn derivatives(&self, scores: &[f64]) -> (Vec<f64>, Vec<f64>);
    fn leaf_score(&self, scores: &[f64], rows: &[u32], output: usize) -> Option<f64>;
    fn answer(&self, scores: &mut [f64]);
}

impl<O: Objective> Case for (O, Labels<'_>) {
    fn name(&self) -> String {
        format!("{:?}", self.0)
    }
    fn n_scores(&self) -> usize {
        self.0.n_scores()
    }
    fn labels(&self) -> &Labels<'_> {
        &self.1
    }
    fn base(&self) -> Vec<f64> {
        self.0.check(&self.1).unwrap();
        self.0.base_scores(&self.1).unwrap()
    }
    fn loss(&self, scores: &[f64]) -> f64 {
        self.0.loss(&self.1, scores)
    }
    fn derivatives(&self, scores: &[f64]) -> (Vec<f64>, Vec<f64>) {
        derivatives(&self.0, &self.1, scores)
    }
    fn leaf_score(&self, scores: &[f64], rows: &[u32], output: usize) -> Option<f64> {
        self.0.leaf_score(&self.1, scores, rows, output)
    }
    fn answer(&self, scores: &mut [f64]) {
        self.0.answer(scores);
    }
}

/// The scores of all rows when each row has `scores`.
fn constant(scores: &[f64], n: usize) -> Vec<f64> {
    scores.iter().flat_map(|&score| vec![score; n]).collect()
}

#[test]
fn gradients_are_the_slopes_of_the_loss() {
    let n = 40;
    with_each_loss(n, 1, |case| {
        let mut random = Random::new(11);
        let scores: Vec<f64> = (0..n * case.n_scores()).map(|_| random.normal() * 1.5).collect();
        let (gradients, hessians) = case.derivatives(&scores);
        let total = case.labels().total_weight();
        for place in 0..scores.len() {
            let moved = |step: f64| {
                let mut scores = scores.clone();
                scores[place] += step;
                scores
            };
            let step = 1e-5;
            let slope = total * (case.loss(&moved(step)) - case.loss(&moved(-step))) / (2.0 * step);
            close(gradients[place], slope, 1e-6, &format!("{} gradient {place}", case.name()));
            assert!(hessians[place] > 0.0, "{} hessian {place}", case.name());
        }
    });
}

#[test]
fn second_derivatives_are_the_slopes_of_the_gradients() {
    let n = 40;
    with_each_loss(n, 2, |case| {
        let name = case.name();
        let exact = ["SquaredError", "CrossEntropy", "Logistic", "Cox", "Softmax { n_classes: 4 }"];
        let bounded = name.starts_with("Focal") || name.contains("Weibull") || name.contains("LogLogistic");
        if !exact.contains(&name.as_str()) && !bounded && !name.starts_with("Ldam") && !name.contains("Time")
        {
            return;
        }
        let mut random = Random::new(12);
        let scores: Vec<f64> = (0..n * case.n_scores()).map(|_| random.normal() * 1.5).collect();
        let (_, hessians) = case.derivatives(&scores);
        let mut compared = 0;
        for place in 0..scores.len() {
            let gradient = |step: f64| {
                let mut scores = scores.clone();
                scores[place] += step;
                case.derivatives(&scores).0[place]
            };
            let curve = (gradient(1e-5) - gradient(-1e-5)) / 2e-5;
            if bounded && hessians[place] > curve + 1e-6 {
                // Where the focal loss is not convex enough, the upper bound is that of the logistic loss; Weibull's is no less than
                // that of an event where it is expected; far out that of log-logistic times is a bound.
                continue;
            }
            compared += 1;
            close(hessians[place], curve, 1e-6, &format!("{name} hessian {place}"));
        }
        assert!(compared > n / 5, "{name}: {compared}");
    });
}

#[test]
fn base_scores_are_the_best_constants() {
    for n in [5, 40, 41] {
        with_each_loss(n, 3, |case| {
            let base = case.base();
            assert_eq!(base.len(), case.n_scores());
            let best = case.loss(&constant(&base, n));
            for output in 0..base.len() {
                for step in [-1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0] {
                    let mut scores = base.clone();
                    scores[output] += step;
                    let loss = case.loss(&constant(&scores, n));
                    assert!(
                        best <= loss + 1e-14,
                        "{}: {best} at {base:?}, {loss} at {scores:?}",
                        case.name()
                    );
                }
            }
        });
    }
}

#[test]
fn leaf_scores_are_the_best_steps() {
    let n = 40;
    with_each_loss(n, 4, |case| {
        let mut random = Random::new(14);
        let scores: Vec<f64> = (0..n * case.n_scores()).map(|_| random.normal()).collect();
        let rows: Vec<u32> = random.sample(n, 17).into_iter().map(|row| row as u32).collect();
        for output in 0..case.n_scores() {
            let Some(best) = case.leaf_score(&scores, &rows, output) else { continue };
            let loss = |step: f64| {
                let mut scores = scores.clone();
                rows.iter().for_each(|&row| scores[output * n + row as usize] += step);
                case.loss(&scores)
            };
            for step in [-1.0, -0.1, -1e-3, 1e-3, 0.1, 1.0] {
                assert!(loss(best) <= loss(best + step) + 1e-14, "{} output {output}", case.name());
            }
        }
    });
}

/// However far the score is from the target.
#[test]
fn steps_on_logarithms_are_bounded() {
    for (loss, y) in [
        (RegressionLoss::Poisson, [0.0, 1.0, 4.0, 2.0]),
        (RegressionLoss::Gamma, [0.3, 1.0, 4.0, 2.0]),
        (RegressionLoss::Tweedie { power: 1.6 }, [0.0, 1.0, 4.0, 2.0]),
    ] {
        let labels = Labels::new(&y, None, None);
        for score in [-200.0, -3.0, -0.5, 0.01, 0.5, 3.0, 200.0] {
            let (gradients, hessians) = derivatives(&loss, &labels, &[score; 4]);
            let gradient = |step: f64| derivatives(&loss, &labels, &[score + step; 4]).0;
            let (above, below) = (gradient(1e-5), gradient(-1e-5));
            for row in 0..4 {
                let curve = (above[row] - below[row]) / 2e-5;
                assert!(gradients[row].abs() <= hessians[row], "{loss:?} at {score}");
                assert!(hessians[row] >= curve * (1.0 - 1e-6) - 1e-9, "{loss:?} at {score}: {curve}");
            }
        }
    }
}

#[test]
fn extreme_scores_give_finite_numbers() {
    for size in [1000.0, 1e6, 1e300] {
        let n = 40;
        with_each_loss(n, 5, |case| {
            let mut random = Random::new(15);
            let scores: Vec<f64> =
                (0..n * case.n_scores()).map(|_| if random.below(2) == 0 { size } else { -size }).collect();
            let (gradients, hessians) = case.derivatives(&scores);
            assert!(gradients.iter().all(|value| value.is_finite()), "{} {gradients:?}", case.name());
            let fine = |&value: &f64| value.is_finite() && value >= 0.0;
            assert!(hessians.iter().all(fine), "{} {hessians:?}", case.name());
            for row in 0..n {
                let mut answer: Vec<f64> =
                    (0..case.n_scores()).map(|output| scores[output * n + row]).collect();
                case.answer(&mut answer);
                assert!(answer.iter().all(|value| value.is_finite()), "{} {answer:?}", case.name());
            }
            if size < 1e7 {
                assert!(case.loss(&scores).is_finite(), "{}", case.name());
            }
        });
    }
}

#[test]
fn derivatives_have_the_same_bits_at_any_number_of_threads() {
    with_each_loss(10_000, 6, |case| {
        let mut random = Random::new(16);
        let scores: Vec<f64> = (0..10_000 * case.n_scores()).map(|_| random.normal()).collect();
        let on = |n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| (case.derivatives(&scores), case.loss(&scores)))
        };
        let truth = on(1);
        assert!(on(2) == truth && on(3) == truth, "{}", case.name());
    });
}

#[test]
fn degenerate_targets_have_finite_base_scores() {
    let zeros = [0.0; 3];
    let labels = Labels::new(&zeros, None, None);
    for loss in
        [RegressionLoss::Poisson, RegressionLoss::Tweedie { power: 1.5 }, RegressionLoss::CrossEntropy]
    {
        loss.check(&labels).unwrap();
        let mut base = loss.base_scores(&labels).unwrap();
        loss.answer(&mut base);
        close(base[0], 1e-15, 1e-20, &format!("{loss:?}"));
    }
    let ones = [1.0; 3];
    let labels = Labels::new(&ones, None, None);
    for loss in [
        ClassificationLoss::Logistic,
        ClassificationLoss::Focal { gamma: 2.0, alpha: 0.5 },
        ClassificationLoss::Ldam { margins: [0.2, 0.4] },
    ] {
        let mut base = loss.base_scores(&labels).unwrap();
        loss.answer(&mut base);
        close(base[0], 1.0, 1e-14, &format!("{loss:?}"));
    }
    let mut base = ClassificationLoss::Softmax { n_classes: 3 }.base_scores(&labels).unwrap();
    ClassificationLoss::Softmax { n_classes: 3 }.answer(&mut base);
    close(base[1], 1.0, 1e-14, "softmax");
}

fn refusal(objective: &impl Objective, y: &[f64]) -> String {
    objective.check(&Labels::new(y, None, None)).unwrap_err().to_string()
}

#[test]
fn targets_out_of_range_are_named() {
    let poisson = refusal(&RegressionLoss::Poisson, &[1.0, 0.0, -2.0]);
    assert_eq!(
        poisson,
        "the target is -2.0 at row 2; the Poisson loss needs counts or rates >= 0: correct the target or choose another loss"
    );
    assert!(refusal(&RegressionLoss::Gamma, &[1.0, 0.0]).contains("0.0 at row 1"));
    assert!(refusal(&RegressionLoss::CrossEntropy, &[1.0, 1.5]).contains("1.5 at row 1"));
    assert!(refusal(&RegressionLoss::Tweedie { power: 2.0 }, &[1.0]).contains("`power` is 2"));
    assert!(refusal(&RegressionLoss::Quantile { level: 1.0 }, &[1.0]).contains("`level` is 1"));
    assert!(refusal(&RegressionLoss::Fair { c: 0.0 }, &[1.0]).contains("`c` is 0"));
    assert!(refusal(&RegressionLoss::AbsolutePercentageError, &[1.0, 0.0]).contains("0.0 at row 1"));
    assert!(refusal(&RegressionLoss::Huber { delta: 0.0 }, &[1.0]).contains("`delta` is 0"));
    assert!(refusal(&Quantiles::new([0.5, 0.5]), &[1.0]).contains("rising order"));
    assert!(refusal(&Quantiles::new([]), &[1.0]).contains("rising order"));
    assert!(refusal(&ClassificationLoss::Logistic, &[1.0, 2.0]).contains("2.0 at row 1"));
    assert!(refusal(&ClassificationLoss::Softmax { n_classes: 1 }, &[0.0]).contains("`n_classes` is 1"));
    assert!(refusal(&ClassificationLoss::Focal { gamma: -1.0, alpha: 0.5 }, &[0.0]).contains("`gamma`"));
    assert!(refusal(&ClassificationLoss::Ldam { margins: [0.1, -1.0] }, &[0.0]).contains("`max_margin`"));
    assert!(refusal(&Cox, &[-1.0, -2.0]).contains("no row has an event"));
    let times = AcceleratedFailureTime::default();
    assert!(refusal(&times, &[-1.0, -2.0]).contains("no row has an event"));
    assert!(refusal(&times, &[1.0, -0.0]).contains("-0.0 at row 1"));
    for scale in [0.0, -1.0, f64::NAN, 1e9] {
        assert!(refusal(&AcceleratedFailureTime { scale, ..times }, &[1.0]).contains("`scale`"));
    }
    assert!(refusal(&RankingLoss::default(), &[1.0, 0.0]).contains("query"));
    let graded = Labels::new(&[1.0, 0.5], None, Some(&[0, 0]));
    assert!(RankingLoss::Pairwise.check(&graded).unwrap_err().to_string().contains("0.5 at row 1"));
    let graded = Labels::new(&[1.0, 0.0], None, Some(&[0, 0]));
    assert!(
        RankingLoss::Lambda { truncation: 0 }
            .check(&graded)
            .unwrap_err()
            .to_string()
            .contains("`truncation`")
    );
}

#[test]
fn answers_do_not_cross() {
    let mut scores = [3.0, 1.0, 2.0];
    Quantiles::default().answer(&mut scores);
    assert_eq!(scores, [1.0, 2.0, 3.0]);
}

#[test]
fn losses_are_saved_by_name() {
    let text = serde_json::to_string(&RegressionLoss::Huber { delta: 1.5 }).unwrap();
    assert_eq!(text, r#"{"Huber":{"delta":1.5}}"#);
    assert_eq!(serde_json::from_str::<RegressionLoss>(&text).unwrap(), RegressionLoss::Huber { delta: 1.5 });
    assert_eq!(serde_json::from_str::<RankingLoss>(r#""Pairwise""#).unwrap(), RankingLoss::Pairwise);
}
