//! Do intervals of 95 % hold the truth in 95 % of repetitions? A thousand seeded ones for each kind, and two thousand where those do not
//! tell, or where `COVERAGE_FULL` is set.

use std::ops::Range;

use ndarray::Array2;
use perennial_core::{Classes, Probabilities, Values};
use perennial_evaluation::metric::clusters::{
    calinski_harabasz_interval, davies_bouldin_interval, silhouette_interval,
};
use perennial_evaluation::metric::ranking::{QueryMetric, score_queries};
use perennial_evaluation::metric::{
    Accuracy, AdjustedRand, F1, LogLoss, MeanAbsoluteError, MutualInformation, NegativeLikelihoodRatio,
    PositiveLikelihoodRatio, RocAuc, RootMeanSquaredError, VMeasure,
};
use perennial_evaluation::{ComparisonOptions, IntervalOptions, Metric, compare};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::Interval;
use perennial_statistics::special::normal_tails;

pub(crate) const REPETITIONS: usize = 2000;

/// How many are run first: the same ones.
const FIRST: usize = 1000;

/// How many of these repetitions are run first: all of them for the figures of the guide.
pub(crate) fn first(repetitions: usize) -> usize {
    if std::env::var_os("COVERAGE_FULL").is_some() { repetitions } else { FIRST.min(repetitions) }
}

/// Whether a share of the first repetitions is so near that more of them would tell nothing else.
pub(crate) fn is_clear(share: f64) -> bool {
    (0.940..=0.960).contains(&share)
}

/// Where the repetitions begin; another one shows that nothing hangs on it.
pub(crate) fn seed() -> u64 {
    std::env::var("COVERAGE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(95)
}

/// The share of the repetitions whose interval holds the truth; printed, so that what the documents say can be checked.
pub(crate) fn coverage(
    repetitions: usize,
    kind: &str,
    truth: f64,
    interval: impl Fn(&mut Random) -> Interval + Sync,
) -> f64 {
    share_of(held(0..repetitions, kind, truth, &interval), repetitions, kind)
}

/// How many of these repetitions hold the truth.
fn held(
    repetitions: Range<usize>,
    kind: &str,
    truth: f64,
    interval: &(impl Fn(&mut Random) -> Interval + Sync),
) -> usize {
    let random = Random::new(seed()).stream(kind);
    let held = reduce::map_each(repetitions.len(), |place| {
        interval(&mut random.fork((repetitions.start + place) as u64)).contains(truth)
    });
    held.into_iter().filter(|held| *held).count()
}

fn share_of(held: usize, repetitions: usize, kind: &str) -> f64 {
    let share = held as f64 / repetitions as f64;
    println!("{kind}: {:.2} % of {repetitions}", 100.0 * share);
    share
}

#[track_caller]
pub(crate) fn covers(kind: &str, truth: f64, interval: impl Fn(&mut Random) -> Interval + Sync) {
    let first = first(REPETITIONS);
    let of_first = held(0..first, kind, truth, &interval);
    let mut share = share_of(of_first, first, kind);
    if first < REPETITIONS && !is_clear(share) {
        let of_rest = held(first..REPETITIONS, kind, truth, &interval);
        share = share_of(of_first + of_rest, REPETITIONS, kind);
    }
    assert!((0.935..=0.965).contains(&share), "{kind}: {share}");
}

/// Truth with a share of 0.4, told right with a chance of 0.8.
pub(crate) fn told(n: usize, random: &mut Random) -> (Classes, Classes) {
    let truth: Vec<u32> = (0..n).map(|_| u32::from(random.uniform() < 0.4)).collect();
    let told = truth.iter().map(|&class| if random.uniform() < 0.8 { class } else { 1 - class }).collect();
    let names = ["no", "yes"].map(String::from).to_vec();
    (Classes::new(truth, names.clone()).unwrap(), Classes::new(told, names).unwrap())
}

/// Classes whose scores are normal and one deviation apart, as probabilities.
pub(crate) fn scored(n: usize, random: &mut Random) -> (Classes, Probabilities) {
    let names = ["no", "yes"].map(String::from).to_vec();
    let truth: Vec<u32> = (0..n).map(|_| u32::from(random.uniform() < 0.4)).collect();
    let shares: Vec<f64> =
        truth.iter().map(|&class| 1.0 / (1.0 + (0.5 - f64::from(class) - random.normal()).exp())).collect();
    let values = Array2::from_shape_fn(
        (n, 2),
        |(row, class)| if class == 1 { shares[row] } else { 1.0 - shares[row] },
    );
    (Classes::new(truth, names.clone()).unwrap(), Probabilities::new(values, names).unwrap())
}

#[test]
fn exact_intervals_of_accuracy() {
    // Exact intervals hold the truth in at least 95 %, and more where few counts are possible.
    covers("exact", 0.8, |random| {
        let (truth, answer) = told(500, random);
        Accuracy.interval(&truth, &answer, &IntervalOptions::new()).unwrap()
    });
}

#[test]
fn areas_under_the_curve() {
    let auc = normal_tails(std::f64::consts::FRAC_1_SQRT_2).lower;
    covers("DeLong", auc, |random| {
        let (truth, answer) = scored(300, random);
        RocAuc::new().interval(&truth, &answer, &IntervalOptions::new()).unwrap()
    });
    covers("bootstrap of an area", auc, |random| {
        let (truth, answer) = scored(200, random);
        let options = IntervalOptions::new().bootstrap().replicates(600);
        RocAuc::new().interval(&truth, &answer, &options).unwrap()
    });
}

#[test]
fn bootstraps_of_rows_and_groups() {
    // The mean size of a normal number.
    let size = (2.0 / std::f64::consts::PI).sqrt();
    let zeros = |n: usize| -> Values { std::iter::repeat_n(0.0, n).collect() };
    covers("bootstrap of a mean", size, |random| {
        let answer: Values = (0..150).map(|_| random.normal()).collect();
        MeanAbsoluteError.interval(&zeros(150), &answer, &IntervalOptions::new().replicates(600)).unwrap()
    });
    covers("bootstrap of a root mean square", 1.0, |random| {
        let answer: Values = (0..150).map(|_| random.normal()).collect();
        RootMeanSquaredError.interval(&zeros(150), &answer, &IntervalOptions::new().replicates(600)).unwrap()
    });
    covers("bootstrap of F1", 0.5 * (0.64 / 0.84 + 0.96 / 1.16), |random| {
        let (truth, answer) = told(200, random);
        F1::default().interval(&truth, &answer, &IntervalOptions::new().replicates(600)).unwrap()
    });
    let groups: Vec<u32> = (0..480).map(|row| row / 4).collect();
    covers("bootstrap of groups", size, |random| {
        let answer: Values = (0..120).flat_map(|_| [random.normal(); 4]).collect();
        let options = IntervalOptions::new().replicates(600).groups(&groups);
        MeanAbsoluteError.interval(&zeros(480), &answer, &options).unwrap()
    });
}

#[test]
fn students_interval_of_many_rows() {
    let size = (2.0 / std::f64::consts::PI).sqrt();
    let truth: Values = std::iter::repeat_n(0.0, 20_000).collect();
    covers("Student", size, |random| {
        let answer: Values = (0..20_000).map(|_| random.normal()).collect();
        MeanAbsoluteError.interval(&truth, &answer, &IntervalOptions::new()).unwrap()
    });
}

#[test]
fn bootstraps_of_blocks() {
    let truth: Values = std::iter::repeat_n(0.0, 1000).collect();
    // |x| of a normal series with deviation 1 and a correlation of 0.5 from row to row.
    covers("bootstrap of blocks", (2.0 / std::f64::consts::PI).sqrt(), |random| {
        let mut last = random.normal();
        let answer: Values = (0..1000)
            .map(|_| {
                last = 0.5 * last + 0.75_f64.sqrt() * random.normal();
                last
            })
            .collect();
        MeanAbsoluteError
            .interval(&truth, &answer, &IntervalOptions::new().replicates(400).blocks(20))
            .unwrap()
    });
}

#[test]
fn gains_of_one_model_over_another() {
    // Errors of two models with a common part; the mean gain in absolute error is known.
    let size = (2.0 / std::f64::consts::PI).sqrt();
    let truth: Values = std::iter::repeat_n(0.0, 200).collect();
    covers("paired gain", size * (2.0_f64.sqrt() - 1.25_f64.sqrt()), |random| {
        let common: Vec<f64> = (0..200).map(|_| random.normal()).collect();
        let mut with =
            |scale: f64| -> Values { common.iter().map(|c| c + scale * random.normal()).collect() };
        let (first, second) = (with(1.0), with(0.5));
        let options = ComparisonOptions::new().interval(IntervalOptions::new().replicates(600));
        compare(&MeanAbsoluteError, &truth, &first, &second, &options).unwrap().gain
    });
}

#[test]
fn log_losses_of_probabilities() {
    // Rows told with a share of 0.8 that are right with a chance of 0.8.
    let loss = -(0.8 * 0.8_f64.ln() + 0.2 * 0.2_f64.ln());
    covers("bootstrap of a log loss", loss, |random| {
        let (truth, told) = told(200, random);
        let values =
            Array2::from_shape_fn(
                (200, 2),
                |(row, class)| {
                    if told.codes()[row] as usize == class { 0.8 } else { 0.2 }
                },
            );
        let said = Probabilities::new(values, truth.shared_names()).unwrap();
        LogLoss.interval(&truth, &said, &IntervalOptions::new().replicates(600)).unwrap()
    });
}

/// Two groupings into so many groups: the second is the first with a chance of `kept`, else any group.
fn grouped(n: usize, groups: u32, kept: f64, random: &mut Random) -> (Classes, Classes) {
    let first: Vec<u32> = (0..n).map(|_| random.below(groups as usize) as u32).collect();
    let second: Vec<u32> = first
        .iter()
        .map(|&group| if random.uniform() < kept { group } else { random.below(groups as usize) as u32 })
        .collect();
    (Classes::from_labels(first), Classes::from_labels(second))
}

/// Of many rows: each cell off the diagonal holds a share of (1 - kept) / g^2, each on it kept / g more.
fn information(g: f64, kept: f64) -> f64 {
    let (off, on) = ((1.0 - kept) / (g * g), (1.0 - kept) / (g * g) + kept / g);
    g * (g - 1.0) * off * (off * g * g).ln() + g * on * (on * g * g).ln()
}

#[test]
fn jackknives_of_groupings() {
    let options = IntervalOptions::new();
    // Both groupings have equal groups, so the index is that of the pairs: kept squared.
    covers("jackknife of an adjusted Rand index", 0.49, |random| {
        let (truth, given) = grouped(150, 3, 0.7, random);
        AdjustedRand.interval(&truth, &given, &options).unwrap()
    });
    covers("jackknife of a mutual information", information(3.0, 0.7), |random| {
        let (truth, given) = grouped(200, 3, 0.7, random);
        MutualInformation.interval(&truth, &given, &options).unwrap()
    });
}

#[test]
fn jackknives_of_many_groups() {
    let options = IntervalOptions::new();
    let v_measure = information(8.0, 0.5) / 8.0_f64.ln();
    covers("jackknife of a V measure of 8 groups", v_measure, |random| {
        let (truth, given) = grouped(300, 8, 0.5, random);
        VMeasure::new().interval(&truth, &given, &options).unwrap()
    });
    // A bootstrap of rows would hold it in 35 %.
    let (truth, given) = grouped(300, 8, 0.5, &mut Random::new(1));
    let refused = VMeasure::new().interval(&truth, &given, &IntervalOptions::new().bootstrap()).unwrap_err();
    assert!(refused.to_string().contains("leave out `bootstrap()`"), "{refused}");
}

/// Three round clouds with shares of 0.5, 0.3 and 0.2, and their numbers.
fn clouds(n: usize, random: &mut Random) -> (Array2<f64>, Vec<u32>) {
    let (mut x, mut labels) = (Array2::zeros((n, 2)), Vec::new());
    for mut row in x.rows_mut() {
        let share = random.uniform();
        let (label, centre) = match share {
            _ if share < 0.5 => (0, [0.0, 0.0]),
            _ if share < 0.8 => (1, [3.0, 0.0]),
            _ => (2, [0.0, 4.0]),
        };
        row[0] = centre[0] + random.normal();
        row[1] = centre[1] + random.normal();
        labels.push(label);
    }
    (x, labels)
}

#[test]
fn jackknives_of_clusters() {
    // numpy and scipy: the mean of 150 sets of 3,000 rows (known to 0.0006), and one of 20 million.
    let options = IntervalOptions::new();
    covers("jackknife of a silhouette", 0.444, |random| {
        let (x, labels) = clouds(100, random);
        silhouette_interval(&x, &labels, &options).unwrap()
    });
    covers("jackknife of a variance ratio", 2.2262 * 97.0 / 2.0, |random| {
        let (x, labels) = clouds(100, random);
        calinski_harabasz_interval(&x, &labels, &options).unwrap()
    });
    covers("jackknife of a Davies-Bouldin index", 0.7659, |random| {
        let (x, labels) = clouds(100, random);
        davies_bouldin_interval(&x, &labels, &options).unwrap()
    });
}

#[test]
fn ranks_within_queries() {
    // One of four rows is relevant, and scores tell nothing: the reciprocal rank is 1, 1/2, 1/3 or 1/4, each as likely.
    let queries: Vec<u32> = (0..320).map(|row| row / 4).collect();
    let relevance: Vec<f64> = (0..320).map(|row| f64::from(u8::from(row % 4 == 0))).collect();
    covers("bootstrap of queries", 25.0 / 48.0, |random| {
        let scores: Vec<f64> = (0..320).map(|_| random.uniform()).collect();
        let ranks = score_queries(QueryMetric::ReciprocalRank, None, &relevance, &scores, &queries).unwrap();
        ranks.interval(&IntervalOptions::new().replicates(600)).unwrap()
    });
}

#[test]
fn ratios_of_likelihoods() {
    let options = IntervalOptions::new();
    covers("logarithm of a positive likelihood ratio", 4.0, |random| {
        let (truth, answer) = told(300, random);
        PositiveLikelihoodRatio::of("yes").interval(&truth, &answer, &options).unwrap()
    });
    covers("logarithm of a negative likelihood ratio", 0.25, |random| {
        let (truth, answer) = told(300, random);
        NegativeLikelihoodRatio::of("yes").interval(&truth, &answer, &options).unwrap()
    });
    // A good classifier, of whose rows a bootstrap now and then draws no false positive.
    let told_well = |random: &mut Random| {
        let truth: Vec<u32> = (0..600).map(|row| u32::from(row % 3 == 0)).collect();
        let told = truth.iter().map(|&class| match class {
            1 => u32::from(random.uniform() < 0.9),
            _ => u32::from(random.uniform() < 0.03),
        });
        let told: Vec<u32> = told.collect();
        let names = ["no", "yes"].map(String::from).to_vec();
        (Classes::new(truth, names.clone()).unwrap(), Classes::new(told, names).unwrap())
    };
    covers("the same of a good classifier", 30.0, |random| {
        let (truth, answer) = told_well(random);
        PositiveLikelihoodRatio::of("yes").interval(&truth, &answer, &options).unwrap()
    });
}
