//! What scikit-learn says of fitted steps beside what they make, and hashes and new rows of the shared fixtures.

use std::sync::{Arc, Mutex};

use ndarray::{Array2, ArrayRef2};
use perennial_core::{Classes, Estimator, Matrix, NoTarget, Predictor, Result, Rows, Train, Transformer};
use perennial_data::murmur3;
use perennial_models::DummyClassifier;
use perennial_preprocessing::{
    OneHotEncoder, OrdinalEncoder, Resampler, RobustScaler, SimpleImputer, Smote, StandardScaler, Unknown,
};
use serde_json::Value;

use crate::reference::{array, case, cases, number, table};

fn all_close(got: &[f64], expected: &Value, what: &str) {
    let expected: Vec<f64> = expected.as_array().unwrap().iter().map(number).collect();
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{what}: {got} is not {expected}");
    }
}

#[test]
fn centres_and_divisors() {
    let Some(cases) = cases() else { return };
    let x = |id: &str| Matrix::from(array(&case(&cases, id)["X"]));
    let expected = |id: &str, what: &str| case(&cases, id)["expected"][what].clone();
    let standard = StandardScaler::new().fit(&x("standard"), &NoTarget).unwrap();
    all_close(standard.centres(), &expected("standard", "mean_"), "mean_");
    all_close(standard.divisors(), &expected("standard", "scale_"), "scale_");
    let robust = RobustScaler::new().fit(&x("robust"), &NoTarget).unwrap();
    all_close(robust.centres(), &expected("robust", "center_"), "center_");
    all_close(robust.divisors(), &expected("robust", "scale_"), "scale_");
    let gaps = StandardScaler::new().fit(&x("standard_nan"), &NoTarget).unwrap();
    all_close(gaps.centres(), &expected("standard_nan", "mean_"), "mean_ with gaps");
    // A variance of 0 is divided by as 1.
    let variances = expected("standard_nan", "var_");
    for (divisor, variance) in gaps.divisors().iter().zip(variances.as_array().unwrap()) {
        let expected = if number(variance) == 0.0 { 1.0 } else { number(variance).sqrt() };
        assert!((divisor - expected).abs() <= 1e-12 * expected.max(1.0), "{divisor} is not {expected}");
    }
    // How many rows were seen is how many are not missing.
    let filled = SimpleImputer::mean().fit(&x("standard_nan"), &NoTarget).unwrap();
    let mut seen = [30_i64; 4];
    for change in filled.changes() {
        let name = change.column.unwrap();
        let at = x("standard_nan").features().names().position(|known| known == name).unwrap();
        seen[at] -= change.count as i64;
    }
    assert_eq!(serde_json::json!(seen), expected("standard_nan", "n_samples_seen_"));
}

#[test]
fn names_and_categories_of_encoders() {
    let Some(cases) = cases() else { return };
    let ignore = OneHotEncoder::new().unknown(Unknown::Ignore);
    for (id, encoder) in [
        ("onehot_ignore", ignore.clone()),
        ("onehot_dropfirst", ignore.clone().drop_first(true)),
        ("onehot_infrequent", ignore.min_frequency(2.0)),
    ] {
        let case = case(&cases, id);
        let made =
            encoder.fit(&table(&case["X"]), &NoTarget).unwrap().transform(&table(&case["Xtest"])).unwrap();
        // `x0_a` there is `c0=a` here, and what is infrequent is `(rare)` or the like.
        let names: Vec<String> = made.features().names().map(str::to_owned).collect();
        let expected: Vec<&str> =
            case["expected"]["names"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(names.len(), expected.len(), "{id}: {names:?}");
        for (name, expected) in names.iter().zip(expected) {
            let (column, category) = expected.strip_prefix('x').unwrap().split_once('_').unwrap();
            let (own_column, own_category) = name.strip_prefix('c').unwrap().split_once('=').unwrap();
            assert_eq!(own_column, column, "{id}");
            if category == "infrequent_sklearn" {
                let known = case["expected"]["categories"][column.parse::<usize>().unwrap()].clone();
                assert!(
                    known.as_array().unwrap().iter().all(|known| known != own_category),
                    "{own_category}"
                );
            } else {
                assert_eq!(own_category, category, "{id}");
            }
        }
    }
    // Codes count the categories in their order.
    let case = case(&cases, "ordinal_unknown");
    let model = OrdinalEncoder::new().unknown(Unknown::Ignore).fit(&table(&case["X"]), &NoTarget).unwrap();
    for (column, categories) in case["expected"]["categories"].as_array().unwrap().iter().enumerate() {
        for (code, category) in categories.as_array().unwrap().iter().enumerate() {
            let mut row = vec![serde_json::json!("a"), serde_json::json!("x")];
            row[column] = category.clone();
            let coded = model.transform(&table(&serde_json::json!([row]))).unwrap();
            assert_eq!(coded.dense().unwrap()[[0, column]], code as f64, "{category}");
        }
    }
}

#[test]
fn hashes_of_all_words_and_seeds() {
    let Some(cases) = cases() else { return };
    let case = case(&cases, "murmur3");
    for (seed, hashes) in case["expected"].as_object().unwrap() {
        let words = case["words"].as_array().unwrap().iter().zip(hashes.as_array().unwrap());
        for (word, hash) in words {
            let got = murmur3(word.as_str().unwrap().as_bytes(), seed.parse().unwrap());
            assert_eq!(serde_json::json!(got), *hash, "{word} with the seed {seed}");
        }
    }
}

/// Whether a row lies between a row of these and one of its `k` nearest.
fn lies_between(x: &ArrayRef2<f64>, members: &[usize], k: usize, new: &[f64]) -> bool {
    let gap =
        |a: usize, b: usize| -> f64 { x.row(a).iter().zip(x.row(b)).map(|(a, b)| (a - b).powi(2)).sum() };
    members.iter().any(|&a| {
        let mut others: Vec<usize> = members.iter().copied().filter(|&b| b != a).collect();
        others.sort_by(|&b, &c| gap(a, b).total_cmp(&gap(a, c)));
        others.iter().take(k).any(|&b| {
            let (from, step): (Vec<f64>, Vec<f64>) =
                x.row(a).iter().zip(x.row(b)).map(|(a, b)| (*a, b - a)).unzip();
            let along: f64 = step.iter().map(|step| step * step).sum();
            let share =
                new.iter().zip(&from).zip(&step).map(|((s, a), step)| (s - a) * step).sum::<f64>() / along;
            let near = |((s, a), step): ((&f64, &f64), &f64)| {
                (s - a - share * step).abs() <= 1e-12 * (1.0 + s.abs())
            };
            (-1e-12..=1.0 + 1e-12).contains(&share) && new.iter().zip(&from).zip(&step).all(near)
        })
    })
}

#[test]
fn new_rows_keep_what_the_fixture_says_of_them() {
    let Some(cases) = cases() else { return };
    let case = case(&cases, "smote_invariants");
    let cells: Array2<f64> = array(&case["X"]);
    let labels: Vec<u32> =
        case["y"].as_array().unwrap().iter().map(|code| code.as_u64().unwrap() as u32).collect();
    let x = Matrix::from(cells.clone());
    let y = Classes::new(labels.clone(), ["0".to_owned(), "1".to_owned()]).unwrap();
    let k = case["k"].as_u64().unwrap() as usize;
    let members: Vec<usize> = (0..labels.len()).filter(|&row| labels[row] == 1).collect();
    let smote = Smote::new().k_neighbors(k);
    for seed in 0..20 {
        let more = smote.clone().seed(seed).resample(&Train::new(&x, &y)).unwrap();
        let rows = more.x.dense().unwrap();
        assert_eq!(more.y.counts(), [15, 15]);
        assert_eq!(rows.slice(ndarray::s![..20, ..]), cells);
        assert_eq!(&more.y.codes()[..20], labels);
        for row in 20..30 {
            assert_eq!(more.y.codes()[row], 1);
            assert!(lies_between(&cells, &members, k, &rows.row(row).to_vec()), "seed {seed}, row {row}");
        }
        let again = smote.clone().seed(seed).resample(&Train::new(&x, &y)).unwrap();
        assert_eq!(again.x, more.x);
        for threads in [1, 2, 3, 7] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let same = pool.install(|| smote.clone().seed(seed).resample(&Train::new(&x, &y))).unwrap();
            assert_eq!(same.x, more.x);
        }
    }
    // Fewer rows than neighbours: as many neighbours as there are.
    let few: Vec<usize> = (0..17).collect();
    let (fewer_x, fewer_y) = (x.take(&few).unwrap(), y.take(&few).unwrap());
    let more = smote.clone().seed(1).resample(&Train::new(&fewer_x, &fewer_y)).unwrap();
    assert_eq!(more.y.counts(), [15, 15]);
    for row in 17..30 {
        assert!(lies_between(&cells, &[15, 16], 1, &more.x.dense().unwrap().row(row).to_vec()));
    }
    let mut gap = cells;
    gap[[3, 1]] = f64::NAN;
    assert!(Train::new(&Matrix::from(gap), &y).check(&smote.capabilities()).is_err());
}

/// What a step of a pipeline was given to learn from.
type Seen = Arc<Mutex<Vec<(Matrix, Classes)>>>;

/// Learns next to nothing, and keeps what it was given.
struct Spy(Seen);

impl Estimator for Spy {
    type Input = Matrix;
    type Target = Classes;
    type Model = <DummyClassifier as Estimator>::Model;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<Self::Model> {
        self.0.lock().unwrap().push((train.x.clone(), train.y.clone()));
        DummyClassifier::new().fit(train.x, train.y)
    }
}

/// Of the rows of a fold that is left out nothing is learned: the rows of each fold lie on a line of their own, far from the others, and so do
/// the new ones between them.
#[test]
fn no_new_row_comes_from_the_rows_that_are_left_out() -> Result<()> {
    let n = 60;
    let line = |fold: usize| fold as f64 * 100.0;
    let x = Matrix::from(Array2::from_shape_fn((n, 2), |(row, column)| match column {
        0 => line(row % 3),
        _ => row as f64,
    }));
    let codes = (0..n).map(|row| u32::from(row / 3 % 4 == 0)).collect();
    let y = Classes::new(codes, ["often".to_owned(), "rarely".to_owned()])?;
    for fold in 0..3 {
        let (left_out, rows): (Vec<usize>, Vec<usize>) = (0..n).partition(|row| row % 3 == fold);
        let seen = Seen::default();
        let pipeline = Smote::new().k_neighbors(3).seed(1).before(Spy(seen.clone()));
        let model = pipeline.fit(&x.take(&rows)?, &y.take(&rows)?)?;
        // Answers are those of the rows as they are, and none is added.
        assert_eq!(model.predict(&x.take(&left_out)?)?.n_rows(), left_out.len());
        let seen = seen.lock().unwrap();
        let (seen_x, seen_y) = &seen[0];
        assert_eq!((seen.len(), seen_y.counts()), (1, vec![30, 30]));
        for row in seen_x.dense()?.rows() {
            let of = (0..3).filter(|other| (row[0] - line(*other)).abs() < 1e-9).collect::<Vec<_>>();
            assert!(of.len() == 1 && of[0] != fold, "{row} is not of a fold that was learned from");
        }
    }
    Ok(())
}
