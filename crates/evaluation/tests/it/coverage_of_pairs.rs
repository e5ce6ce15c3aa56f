//! Do intervals of comparisons, of merged counts, of shuffles, bins, windows and shares hold the truth as often as they say?

use ndarray::Array2;
use perennial_core::{Classes, Matrix, Predictor, Probabilities, Result, Values};
use perennial_evaluation::calibration::Reliability;
use perennial_evaluation::fairness::{FairnessOptions, MetricFrame, SensitiveFeatures};
use perennial_evaluation::metric::ranking::{LabelMetric, RankSums};
use perennial_evaluation::metric::{
    Accuracy, BalancedAccuracy, F1, MatthewsCorrelation, MeanAbsoluteError, MeanSquaredError, OfConfusion,
    ScoreSums, confusion_matrix,
};
use perennial_evaluation::split::ShuffleSplit;
use perennial_evaluation::{
    ComparisonOptions, CrossValidation, IntervalOptions, PermutationImportance, Replay, compare,
    compare_folds, compare_roc_auc, cross_validate,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use perennial_statistics::interval::{mean_interval, pooled_interval, wilson};
use perennial_statistics::special::normal_tails;

use crate::coverage::{coverage, covers, first, told};
use crate::coverage_of_decisions::{noisy, ranked};
use crate::coverage_of_scores::less;
use crate::models::{Nearest, Slope};

fn options() -> IntervalOptions<'static> {
    IntervalOptions::new().replicates(600)
}

/// The mean F1 of two classes of which 0.4 of the rows have the second, told right with this chance.
fn f1(right: f64) -> f64 {
    let of = |share: f64| 2.0 * share * right / (share + share * right + (1.0 - share) * (1.0 - right));
    0.5 * (of(0.4) + of(0.6))
}

#[test]
fn differences_of_areas() {
    // Both see the class; the second with half as much noise again.
    let areas = [0.5_f64, 1.0 / 3.0].map(|variance| normal_tails(variance.sqrt()).lower);
    covers("DeLong, of two areas", areas[1] - areas[0], |random| {
        let positive: Vec<bool> = (0..300).map(|_| random.uniform() < 0.4).collect();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for &positive in &positive {
            let common = f64::from(u8::from(positive)) + 0.5_f64.sqrt() * random.normal();
            first.push(common + 0.5_f64.sqrt() * random.normal());
            second.push(common + random.normal());
        }
        compare_roc_auc(&positive, &first, &second, &ComparisonOptions::new()).unwrap().gain
    });
}

#[test]
fn gains_of_groups() {
    // Four rows of a group are the same.
    let groups: Vec<u32> = (0..800).map(|row| row / 4).collect();
    covers("gain in F1, by groups", f1(0.8) - f1(0.7), |random| {
        let names = ["no", "yes"].map(String::from).to_vec();
        let mut codes: [Vec<u32>; 3] = Default::default();
        for _ in 0..200 {
            let truth = u32::from(random.uniform() < 0.4);
            let mut tell = |right: f64| if random.uniform() < right { truth } else { 1 - truth };
            let own = [truth, tell(0.7), tell(0.8)];
            codes.iter_mut().zip(own).for_each(|(codes, own)| codes.extend([own; 4]));
        }
        let [truth, first, second] = codes.map(|codes| Classes::new(codes, names.clone()).unwrap());
        let options = ComparisonOptions::new().interval(options().groups(&groups));
        compare(&F1::default(), &truth, &first, &second, &options).unwrap().gain
    });
}

#[test]
fn gains_over_splits() {
    let gain = |random: &mut Random, learns_by_heart: bool| {
        let (x, y) = noisy(100, random);
        let splits = ShuffleSplit::new(20, 0.2).seed(random.below(1 << 30) as u64);
        let options = CrossValidation::new();
        let of = |slope: &Slope| cross_validate(slope, &x, &y, &splits, &MeanSquaredError, &options).unwrap();
        let slope = of(&Slope { alpha: 0.0 });
        let nearest = || cross_validate(&Nearest, &x, &y, &splits, &MeanSquaredError, &options).unwrap();
        let options = ComparisonOptions::new();
        match learns_by_heart {
            true => compare_folds(&nearest(), &slope, &options),
            false => compare_folds(&slope, &of(&Slope { alpha: 1e12 }), &options),
        }
        .unwrap()
        .gain
    };
    // Of a target that is noise a slope of 80 rows errs by 1 + 1 / 78, no slope by 1, and a nearest neighbour by 2.
    let (kind, truth) = ("corrected t, of two models on 20 random splits", 1.0 / 78.0);
    let lines = coverage(first(2000), kind, truth, |random| gain(random, false));
    assert!((0.965..=0.998).contains(&lines), "{lines}");
    let (kind, truth) = ("the same of a nearest neighbour", 1.0 - 1.0 / 78.0);
    let nearest = coverage(2000, kind, truth, |random| gain(random, true));
    assert!((0.905..0.949).contains(&nearest), "{nearest}");
}

#[test]
fn merged_confusions() {
    covers("merged F1", f1(0.8), |random| {
        let (truth, answer) = told(200, random);
        F1::default().interval_of_confusion(&confusion_matrix(&truth, &answer, None).unwrap(), 0.95).unwrap()
    });
    covers("merged balanced accuracy", 0.8, |random| {
        let (truth, answer) = told(200, random);
        let confusion = confusion_matrix(&truth, &answer, None).unwrap();
        BalancedAccuracy.interval_of_confusion(&confusion, 0.95).unwrap()
    });
    // Of the cells 0.48, 0.12, 0.08 and 0.32.
    let matthews = (0.48 * 0.32 - 0.12 * 0.08) / (0.6_f64 * 0.4 * 0.56 * 0.44).sqrt();
    covers("merged Matthews correlation", matthews, |random| {
        let (truth, answer) = told(200, random);
        let confusion = confusion_matrix(&truth, &answer, None).unwrap();
        MatthewsCorrelation.interval_of_confusion(&confusion, 0.95).unwrap()
    });
}

#[test]
fn merged_means() {
    let size = (2.0 / std::f64::consts::PI).sqrt();
    covers("merged mean", size, |random| {
        let mut sums = ScoreSums::new(MeanAbsoluteError);
        for _ in 0..5 {
            let answer: Values = (0..60).map(|_| random.normal()).collect();
            sums.add(&std::iter::repeat_n(0.0, 60).collect(), &answer, None).unwrap();
        }
        sums.interval(0.95).unwrap()
    });
}

#[test]
fn merged_areas() {
    covers("merged area", normal_tails(std::f64::consts::FRAC_1_SQRT_2).lower, |random| {
        let (scores, positive) = ranked(300, random);
        let mut sums = RankSums::new();
        sums.add(&scores[..100], &positive[..100], None).unwrap();
        sums.add(&scores[100..], &positive[100..], None).unwrap();
        sums.roc_auc_interval(0.95).unwrap()
    });
}

/// Answers with the first column.
struct First;

impl Predictor for First {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).to_vec().into())
    }
}

#[test]
fn importances_of_these_rows() {
    covers("importance over shuffles", 0.0, |random| {
        let x = Array2::from_shape_fn((60, 1), |_| random.normal());
        let y: Vec<f64> = x.column(0).iter().map(|x| x + 0.5 * random.normal()).collect();
        // All shuffles: each answer beside each target.
        let error = |a: f64, b: f64| (a - b).powi(2);
        let own = reduce::sum_by(60, |row| error(x[[row, 0]], y[row])) / 60.0;
        let any = reduce::sum_by(3600, |pair| error(x[[pair / 60, 0]], y[pair % 60])) / 3600.0;
        let ctx = perennial_core::Context::new().with_seed(random.below(1 << 30) as u64);
        let importance = PermutationImportance::new().context(ctx);
        let found = importance.measure(&First, &x.into(), &y.into(), &MeanSquaredError).unwrap();
        less(found[0].interval, any - own)
    });
}

#[test]
fn weighted_bins() {
    covers("weighted bin", 0.4, |random| {
        let names = ["no", "yes"].map(String::from).to_vec();
        let codes = (0..400).map(|_| u32::from(random.uniform() < 0.4)).collect();
        let truth = Classes::new(codes, names.clone()).unwrap();
        let said = Probabilities::new(Array2::from_elem((400, 2), 0.5), names).unwrap();
        let weights: Vec<f64> = (0..400).map(|_| 0.5 + random.uniform()).collect();
        Reliability::new().measure(&truth, &said, Some(&weights)).unwrap().bins[0].observed
    });
}

#[test]
fn shares_of_groups() {
    let options = FairnessOptions::new().replicates(20);
    let sensitive = SensitiveFeatures::new()
        .by("half", &(0..400).map(|row| ["a", "b"][row % 2].to_owned()).collect::<Vec<String>>());
    covers("accuracy of a group", 0.8, |random| {
        let (truth, answer) = told(400, random);
        let frame = MetricFrame::measure(&Accuracy, &truth, &answer, &sensitive, &options).unwrap();
        frame.by_group.slices.iter().find(|slice| slice.name.contains('a')).unwrap().interval
    });
}

#[test]
fn shares_and_means() {
    covers("Wilson", 0.3, |random| {
        wilson((0..120).filter(|_| random.uniform() < 0.3).count() as u64, 120, 0.95).unwrap()
    });
    covers("Student, of 30 numbers", 0.0, |random| {
        mean_interval(&(0..30).map(|_| random.normal()).collect::<Vec<f64>>(), 0.95).unwrap()
    });
    // The mean of 60 numbers of which 20 are missing, with ten draws of them as Rubin (1987) says.
    covers("pooled over imputations", 0.0, |random| {
        let known: Vec<f64> = (0..40).map(|_| random.normal()).collect();
        let (mean, variance) = reduce::mean_variance(&known, 1);
        let (mut estimates, mut variances) = (Vec::new(), Vec::new());
        for _ in 0..10 {
            let squares: f64 = (0..39).map(|_| random.normal().powi(2)).sum();
            let deviation = (variance * 39.0 / squares).sqrt();
            let centre = mean + deviation * random.normal() / 40.0_f64.sqrt();
            let mut all = known.clone();
            all.extend((0..20).map(|_| centre + deviation * random.normal()));
            let (mean, variance) = reduce::mean_variance(&all, 1);
            estimates.push(mean);
            variances.push(variance / 60.0);
        }
        pooled_interval(&estimates, &variances, 59.0, 0.95).unwrap()
    });
}

#[test]
fn labels_in_order() {
    // Rows have the first of four labels; a pair is in the wrong order with a chance of a half.
    let has = Array2::from_shape_fn((120, 4), |(_, label)| label == 0);
    covers("loss of the order of labels", 0.5, |random| {
        let scores = Array2::from_shape_fn((120, 4), |_| random.uniform());
        LabelMetric::Loss.interval(&has, &scores, &options()).unwrap()
    });
}

#[test]
fn windows_of_a_replay() {
    let size = (2.0 / std::f64::consts::PI).sqrt();
    let asked: Vec<i64> = (0..120).collect();
    let known: Vec<Option<i64>> = asked.iter().map(|time| Some(time + 10)).collect();
    let truth: Values = std::iter::repeat_n(0.0, 120).collect();
    covers("window of a replay", size, |random| {
        let errors: Vec<f64> = (0..120).map(|_| random.normal()).collect();
        let replay = Replay::new(&asked, &known).window(120);
        let replayed = replay
            .run(&MeanAbsoluteError, &truth, |rows, _| Ok(rows.iter().map(|&row| errors[row]).collect()))
            .unwrap();
        replayed.windows[0].score.unwrap()
    });
}
