//! Encoders that look at the target keep each training row from its own.

use perennial_core::{
    Classes, Estimator, FitTransform, Matrix, Rows, Train, Transformer, Values, from_bytes, to_bytes,
};
use perennial_data::{Column, Table};
use perennial_numeric::random::Random;
use perennial_preprocessing::{
    Columns, CountTargetEncoder, QuantileEncoder, Smoothing, StandardScaler, TargetEncoder, Unknown,
    WoeEncoder, numeric,
};
use serde::de::DeserializeOwned;

const N: usize = 400;

fn cities(seed: u64) -> Table {
    let mut random = Random::new(seed);
    let names: Vec<Option<String>> =
        (0..N).map(|_| Some(random.below(60)).filter(|c| *c > 2).map(|c| format!("c{c}"))).collect();
    Table::new([("city", Column::text(names.iter().map(|name| name.as_deref())))]).unwrap()
}

fn numbers(seed: u64) -> Vec<f64> {
    let mut random = Random::new(seed);
    (0..N).map(|_| random.normal()).collect()
}

fn column(x: &Matrix) -> Vec<f64> {
    x.dense().unwrap().column(0).to_vec()
}

/// Changing the target of one row must leave the code of that row as it is.
#[test]
fn a_row_never_sees_its_own_target() {
    let (table, y) = (cities(1), numbers(2));
    let encoder = TargetEncoder::of_values().seed(5);
    for encoder in [encoder.clone(), encoder.clone().leave_one_out(), encoder.ordered()] {
        let codes = |y: &[f64]| {
            let y = Values::from(y.to_vec());
            column(&encoder.fit_transform_on(&Train::new(&table, &y)).unwrap().1)
        };
        let before = codes(&y);
        for row in [0, 17, 399] {
            let mut other = y.clone();
            other[row] += 10.0;
            let after = codes(&other);
            // All is summed around the mean of the target, which moved by 10 / N.
            assert!(
                (before[row] - after[row]).abs() < 1e-12,
                "row {row}: {} and {}",
                before[row],
                after[row]
            );
            let moved = (0..N).filter(|&other| (before[other] - after[other]).abs() > 1e-9).count();
            assert!(moved > 10, "row {row} moved {moved} others");
        }
    }
}

/// Of noise, codes that saw their own target correlate with it; cross-fitted ones do not.
#[test]
fn noise_does_not_look_like_signal() {
    const REPEATS: u64 = 40;
    let encoder = TargetEncoder::of_values().smoothing(Smoothing::Rows(0.0));
    let (mut seen, mut unseen) = (0.0, 0.0);
    for seed in 0..REPEATS {
        let (table, y) = (cities(2 * seed), numbers(2 * seed + 1));
        let target = Values::from(y.clone());
        let (model, own) = encoder.clone().seed(seed).fit_transform_on(&Train::new(&table, &target)).unwrap();
        seen += correlation(&column(&model.transform(&table).unwrap()), &y) / REPEATS as f64;
        unseen += correlation(&column(&own), &y) / REPEATS as f64;
    }
    // The mean of 40 correlations of 400 rows of noise deviates by 0.05 / sqrt(40) from 0.
    assert!(seen > 0.3 && unseen < 0.025, "{seen} and {unseen}");
}

fn correlation(a: &[f64], b: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let product = |x: &[f64], mean_x: f64, y: &[f64], mean_y: f64| {
        x.iter().zip(y).map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>()
    };
    product(a, mean_a, b, mean_b) / (product(a, mean_a, a, mean_a) * product(b, mean_b, b, mean_b)).sqrt()
}

#[test]
fn leave_one_out_by_hand() {
    let table =
        Table::new([("c", Column::text([Some("a"), Some("a"), Some("a"), Some("b"), None]))]).unwrap();
    let y = Values::from(vec![1.0, 2.0, 6.0, 10.0, 21.0]);
    let encoder = TargetEncoder::of_values().leave_one_out().smoothing(Smoothing::Rows(1.0));
    let (model, own) = encoder.fit_transform_on(&Train::new(&table, &y)).unwrap();
    // Of the first row: others 2 and 6, mean of all others 9.75, one row of which is added.
    let expected = [(8.0 + 9.75) / 3.0, (7.0 + 9.5) / 3.0, (3.0 + 8.5) / 3.0, 7.5, 4.75];
    for (got, expected) in column(&own).iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
    }
    let all = column(&model.transform(&table).unwrap());
    let expected = [17.0 / 4.0, 17.0 / 4.0, 17.0 / 4.0, 9.0, 14.5];
    for (got, expected) in all.iter().zip(expected) {
        assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
    }
}

/// scikit-learn 1.9.1: `TargetEncoder(smooth="auto", target_type="continuous").fit(X, y).encodings_`.
#[test]
fn automatic_smoothing_is_that_of_scikit_learn() {
    let table = Table::new([("c", Column::text(["a", "a", "a", "b", "b", "c"]))]).unwrap();
    let y = Values::from(vec![1.0, 2.0, 6.0, 10.0, 20.0, 5.0]);
    let model = TargetEncoder::of_values().fit(&table, &y).unwrap();
    for (name, expected) in [("a", AUTO[0]), ("b", AUTO[1]), ("c", AUTO[2])] {
        let got = model.code("c", name).unwrap().unwrap()[0];
        assert!((got - expected).abs() < 1e-12, "{name}: {got} is not {expected}");
    }
}

const AUTO: [f64; 3] = [3.1600703605980653, 13.193717277486911, 5.0];

#[test]
fn classes_give_shares_and_groups_stay_whole() {
    let (table, mut random) = (cities(7), Random::new(8));
    let two = Classes::from_labels((0..N).map(|_| ["no", "yes"][random.below(2)]));
    let three = Classes::from_labels((0..N).map(|_| ["x", "y", "z"][random.below(3)]));
    let (_, x) = TargetEncoder::of_classes().fit_transform_on(&Train::new(&table, &two)).unwrap();
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["city"]);
    let encoder = TargetEncoder::of_classes().smoothing(Smoothing::Rows(2.0));
    let (model, x) = encoder.fit_transform_on(&Train::new(&table, &three)).unwrap();
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["city of x", "city of y", "city of z"]);
    for row in model.transform(&table).unwrap().dense().unwrap().rows() {
        assert!((row.sum() - 1.0).abs() < 1e-12 && row.iter().all(|share| (-1e-12..=1.0).contains(share)));
    }
    // With groups, the targets of a whole group leave the codes of its rows as they are.
    let groups: Vec<u32> = (0..N as u32).map(|row| row / 8).collect();
    let codes = |y: &[f64]| {
        let y = Values::from(y.to_vec());
        let train = Train::new(&table, &y).groups(&groups);
        column(&TargetEncoder::of_values().seed(3).fit_transform_on(&train).unwrap().1)
    };
    let y = numbers(9);
    let mut other = y.clone();
    other[80..88].iter_mut().for_each(|y| *y += 5.0);
    let (before, after) = (codes(&y), codes(&other));
    (80..88).for_each(|row| assert!((before[row] - after[row]).abs() < 1e-12));
    let y = Values::from(y);
    let train = Train::new(&table, &y).groups(&groups);
    let error = TargetEncoder::of_values().leave_one_out().fit_transform_on(&train).unwrap_err();
    assert!(error.to_string().contains("groups"), "{error}");
}

#[test]
fn evidence_is_a_log_ratio() {
    let table = Table::new([("c", Column::text(["a", "a", "a", "b", "b", "b"]))]).unwrap();
    let y = Classes::from_labels(["1", "1", "0", "0", "0", "1"]);
    let model = WoeEncoder::new().fit(&table, &y).unwrap();
    // Two of three rows of `a` are of the second class: (2 + 1) / (3 + 2) over (1 + 1) / (3 + 2).
    let got = model.code("c", "a").unwrap().unwrap()[0];
    assert!((got - f64::ln(3.0 / 2.0)).abs() < 1e-12, "{got}");
    let unseen = Table::new([("c", Column::text(["new"]))]).unwrap();
    assert_eq!(model.transform(&unseen).unwrap().dense().unwrap()[[0, 0]], 0.0);
    assert!(WoeEncoder::new().fit(&table, &Classes::from_labels(["1"; 6])).is_err());
}

#[test]
fn the_same_bits_at_any_number_of_threads_and_after_saving() {
    let (table, y) = (cities(11), Values::from(numbers(12)));
    let table = table.with_column("n", Column::real(numbers(13))).unwrap();
    let columns =
        Columns::new().on(["city"], TargetEncoder::of_values().seed(2)).on(numeric(), StandardScaler::new());
    let run = || {
        let (model, own) = columns.fit_transform_on(&Train::new(&table, &y)).unwrap();
        let bytes = to_bytes(&model).unwrap();
        (own, bytes)
    };
    let first = run();
    for threads in [1, 2, 3, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let again = pool.install(run);
        assert!(first.0 == again.0 && first.1 == again.1, "{threads} threads");
    }
    let model = columns.fit(&table, &y).unwrap();
    let saved = to_bytes(&model).unwrap();
    fn load<M: DeserializeOwned>(_: &M, bytes: &[u8]) -> M {
        from_bytes(bytes).unwrap()
    }
    assert_eq!(load(&model, &saved).transform(&table).unwrap(), model.transform(&table).unwrap());
    // One row is the batch.
    let all = model.transform(&table).unwrap();
    for row in [0, 7, 399] {
        let one = model.transform(&table.slice(row..row + 1).unwrap()).unwrap();
        assert_eq!(one.dense().unwrap().row(0), all.dense().unwrap().row(row));
    }
}

/// category_encoders 2: `QuantileEncoder(quantile=q, m=1.5).fit(X, y)`, on the categories a, b, c and an unknown one.
#[test]
fn quantiles_are_those_of_category_encoders() {
    const EXPECTED: [[f64; 3]; 4] = [
        [0.056818181818181816, 1.7727272727272727, 3.5],
        [1.4583333333333333, 2.8333333333333335, 5.5],
        [3.325, 4.3, 6.1],
        [0.875, 2.5, 5.5],
    ];
    let table = |names: &[&str]| Table::new([("c", Column::text(names.iter().copied()))]).unwrap();
    let y = Values::from(vec![1.0, 5.0, 2.0, 8.0, 3.0, 7.0, -4.0, 0.5]);
    let rows = table(&["a", "a", "a", "b", "b", "c", "a", "b"]);
    let model = QuantileEncoder::summary().m(1.5).fit(&rows, &y).unwrap();
    let x = model.transform(&table(&["a", "b", "c", "new"])).unwrap();
    let names: Vec<&str> = x.features().names().collect();
    assert_eq!(names, ["c of quantile 0.25", "c of quantile 0.5", "c of quantile 0.75"]);
    for (got, expected) in x.dense().unwrap().iter().zip(EXPECTED.as_flattened()) {
        assert!((got - expected).abs() < 1e-12, "{got} is not {expected}");
    }
    let weighted = Train::new(&rows, &y).weights(&[2.0; 8]).fit(&QuantileEncoder::new().m(3.0)).unwrap();
    let copies = rows.take(&[0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]).unwrap();
    let y_copies = Values::from([y.as_slice(), y.as_slice()].concat());
    let copied = QuantileEncoder::new().m(3.0).fit(&copies, &y_copies).unwrap();
    for name in ["a", "b", "c"] {
        let (got, expected) = (weighted.code("c", name).unwrap(), copied.code("c", name).unwrap());
        assert!((got.unwrap()[0] - expected.unwrap()[0]).abs() < 1e-12, "weights count as copies");
    }
}

/// A quantile moves with the others' targets by steps, never with its own.
#[test]
fn a_quantile_never_sees_its_own_target_or_that_of_its_group() {
    let (table, y) = (cities(1), numbers(2));
    let groups: Vec<u32> = (0..N as u32).map(|row| row / 8).collect();
    let codes = |y: &[f64]| {
        let y = Values::from(y.to_vec());
        let train = Train::new(&table, &y).groups(&groups);
        column(&QuantileEncoder::new().seed(5).fit_transform_on(&train).unwrap().1)
    };
    let mut other = y.clone();
    other[80..88].iter_mut().for_each(|y| *y += 50.0);
    let (before, after) = (codes(&y), codes(&other));
    assert_eq!(before[80..88], after[80..88]);
    assert!((0..N).filter(|&row| before[row] != after[row]).count() > 10);
}

#[test]
fn hostile_quantiles_and_targets_are_refused_or_survived() {
    let table = cities(3);
    let y = Values::from(numbers(4));
    for quantiles in [vec![], vec![0.5, 0.5], vec![0.9, 0.1], vec![f64::NAN], vec![-0.1], vec![1.5]] {
        let error = QuantileEncoder::new().quantiles(quantiles.clone()).fit(&table, &y).unwrap_err();
        assert!(error.to_string().contains("quantiles"), "{quantiles:?}: {error}");
    }
    let huge = Values::from((0..N).map(|row| if row % 2 == 0 { 1e308 } else { -1e308 }).collect::<Vec<_>>());
    let model = QuantileEncoder::summary().fit(&table, &huge).unwrap();
    assert!(model.transform(&table).unwrap().dense().unwrap().iter().all(|code| code.is_finite()));
    let one = table.take(&[0]).unwrap();
    let (_, x) =
        QuantileEncoder::new().fit_transform_on(&Train::new(&one, &Values::from(vec![3.0]))).unwrap();
    assert!(column(&x)[0].is_finite());
}

/// category_encoders 2.11.2: `JamesSteinEncoder(cols=["c"], model="independent")`.
#[test]
fn shrinking_by_variances_is_that_of_category_encoders() {
    let table =
        Table::new([("c", Column::text("aaaabbbccdddddee".split("").filter(|cell| !cell.is_empty())))])
            .unwrap();
    let y = vec![1.0, 2.0, 3.0, 4.0, 10.0, 12.0, 11.0, 5.0, 9.0, 0.0, 1.0, 0.0, 2.0, 1.0, 7.0, 7.5];
    let model = TargetEncoder::of_values().smoothing(Smoothing::JamesStein).fit(&table, &y.into()).unwrap();
    let truth =
        [2.5987043318689875, 10.82615464452517, 6.635955616506671, 0.8772031662269129, 7.240797127794947];
    for (name, truth) in ["a", "b", "c", "d", "e"].into_iter().zip(truth) {
        let code = model.code("c", name).unwrap().unwrap()[0];
        assert!((code - truth).abs() < 1e-12, "{name}: {code} and not {truth}");
    }
}

/// Of two classes the values of the example in the documentation of `CountTargetEncoder` of category_encoders, to all digits by its formula; of three by the
/// same formula with `min_samples_leaf=4, smoothing=2`.
#[test]
fn counts_of_classes_are_evidence() {
    let table = Table::new([("city", Column::text(["c", "c", "d", "d", "d"]))]).unwrap();
    let y = Classes::from_labels(["1", "0", "1", "1", "0"]);
    let model = CountTargetEncoder::new().fit(&table, &y).unwrap();
    let code = |city: &str| model.code("city", city).unwrap().unwrap();
    assert!((code("c")[0] - -0.05877424083847915).abs() < 1e-15, "{:?}", code("c"));
    assert!((code("d")[0] - 0.043098582644939654).abs() < 1e-15, "{:?}", code("d"));

    let table = Table::new([("k", Column::text(["x", "x", "x", "y", "y", "y", "y", "y"]))]).unwrap();
    let y = Classes::from_labels(["a", "a", "b", "a", "b", "c", "c", "c"]);
    let encoder = CountTargetEncoder::new().min_samples(4.0).smoothing(2.0);
    let model = encoder.fit(&table, &y).unwrap();
    let expected = [
        ("x", [0.25746207016854467, 0.11853554320654953, -0.47407698418010663]),
        ("y", [-0.3431680332366752, -0.13295083688290518, 0.317344460629898]),
    ];
    for (level, expected) in expected {
        let found = model.code("k", level).unwrap().unwrap();
        assert!(
            found.iter().zip(expected).all(|(found, wanted)| (found - wanted).abs() < 1e-14),
            "{found:?}"
        );
    }
    let new = Table::new([("k", Column::text(["new"]))]).unwrap();
    let x = model.transform(&new).unwrap();
    assert_eq!(x.dense().unwrap(), ndarray::array![[0.0, 0.0, 0.0]]);
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["k of a", "k of b", "k of c"]);
    assert!(encoder.clone().unknown(Unknown::Error).fit(&table, &y).unwrap().transform(&new).is_err());
    for wrong in [encoder.clone().smoothing(0.0), encoder.clone().min_samples(f64::NAN), encoder.folds(1)] {
        assert!(wrong.fit(&table, &y).is_err());
    }
}

/// A large category without a row of a class says much, and nothing infinite; a class without rows says nothing.
#[test]
fn counts_of_classes_are_finite() {
    let n = 30_000;
    let cells = (0..n).map(|row| if row % 3 == 0 { "pure" } else { "mixed" });
    let table = Table::new([("k", Column::text(cells))]).unwrap();
    let y = Classes::from_labels((0..n).map(|row| if row % 3 == 1 { "no" } else { "yes" }));
    let model = CountTargetEncoder::new().fit(&table, &y).unwrap();
    let pure = model.code("k", "pure").unwrap().unwrap()[0];
    // The odds of one row of the other class, with its share among all, in ten thousand and one.
    assert!((pure - (1.5_f64.ln() + 10_001_f64.ln())).abs() < 1e-3 && pure.is_finite(), "{pure}");
    let y = Classes::new(vec![0; n], vec!["a".into(), "b".into()]).unwrap();
    let model = CountTargetEncoder::new().fit(&table, &y).unwrap();
    assert_eq!(model.code("k", "pure").unwrap(), Some(vec![0.0]));
    let y = Classes::from_labels(vec!["only"; n]);
    let model = CountTargetEncoder::new().fit(&table, &y).unwrap();
    assert_eq!(model.code("k", "pure").unwrap(), Some(vec![0.0]));
    // No other fold has the class of the one row, so that they say nothing of it.
    let table = table.head(300);
    for one in [0, 7, 8, 150, 299] {
        let y = Classes::from_labels((0..300).map(|row| if row == one { "b" } else { "a" }));
        let (_, x) = CountTargetEncoder::new().fit_transform_on(&Train::new(&table, &y)).unwrap();
        assert_eq!(column(&x)[one], 0.0);
    }
}
