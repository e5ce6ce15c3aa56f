//! The list of models: whether it is complete, and whether what it says is so.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Clustered, Csr, Estimator, Feature, Features, Matrix, NoTarget,
    Outputs, Persist, Predictor, Result, Train, Values,
};
use perennial_models::registry::{Ability, DataFacts, Entry, Task, Wishes, models, suggest};
use serde_json::{Value, json};

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found
}

/// The names in the `pub use` of a file.
fn exported(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for part in text.split("pub use ").skip(1) {
        let list = part.split(';').next().unwrap_or_default();
        let words = list.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
        names.extend(words.filter(|word| word.starts_with(char::is_uppercase)).map(str::to_owned));
    }
    names
}

#[test]
fn every_estimator_is_on_the_list() {
    // Exported, and no model: a step before models, another form of models, what models share.
    let others = [
        "AdaBoostLoss",
        "BaggingOutOfBag",
        "Binner",
        "ClassWeight",
        "ClassifierModels",
        "Ensemble",
        "FeatureAgglomeration",
        "Folds",
        "Prefit",
        "Members",
        "NaiveForecast",
        "RegressorModels",
        "TargetFunctions",
        "TargetMap",
        "TargetStep",
        "TargetTransform",
    ];
    let listed: BTreeSet<String> = models().names().into_iter().map(str::to_owned).collect();
    assert_eq!(listed.len(), models().len(), "a name stands twice on the list");
    let sources = sources();
    let mut expected = BTreeSet::new();
    for (path, text) in &sources {
        if ["src/lib.rs", "compose/mod.rs", "src/baseline.rs"].iter().any(|end| path.ends_with(end)) {
            expected.extend(exported(text).into_iter().filter(|name| !name.ends_with("Model")));
        }
        for line in text.lines().filter(|line| line.starts_with("impl") && line.contains("Estimator for ")) {
            let name = line.split("Estimator for ").nth(1).unwrap();
            expected.extend(name.split(['<', ' ']).next().map(str::to_owned));
        }
    }
    for other in others.iter().chain(&["OnBins"]) {
        assert!(expected.remove(*other), "{other} is gone; take it off the exceptions");
    }
    assert_eq!(expected.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "not on the list");
    assert_eq!(listed.difference(&expected).collect::<Vec<_>>(), Vec::<&String>::new(), "not exported");
}

/// Counts without gaps, which every model can take.
fn cells(row: usize, column: usize) -> f64 {
    [(row % 7) as f64, ((row * 3) % 11) as f64, ((row * 5) % 4) as f64][column]
}

pub(crate) struct Data {
    pub(crate) x: Matrix,
    pub(crate) values: Values,
    pub(crate) classes: Classes,
    pub(crate) outputs: Outputs,
}

fn data(entry: &Entry) -> Data {
    let n_cols = if entry.name() == "IsotonicRegression" { 1 } else { 3 };
    let values: Vec<f64> = (0..60).map(|row| 1.0 + cells(row, 0) + 0.1 * cells(row, 1)).collect();
    let class =
        |row: usize| if row.is_multiple_of(9) { "?" } else { ["low", "high"][usize::from(row % 7 > 3)] };
    Data {
        x: Matrix::from(Array2::from_shape_fn((60, n_cols), |(row, column)| cells(row, column))),
        outputs: Array2::from_shape_fn((60, 2), |(row, output)| values[row] * (output + 1) as f64).into(),
        classes: Classes::from_labels((0..60).map(class)),
        values: values.into(),
    }
}

/// What else a fit is given.
#[derive(Default)]
pub(crate) struct Given<'a> {
    weights: Option<&'a [f64]>,
    validated: bool,
}

/// Fits and answers, whatever the task; `None` where the type is not hidden.
pub(crate) fn answers(
    entry: &Entry,
    settings: &Value,
    x: &Matrix,
    data: &Data,
    given: &Given<'_>,
) -> Option<Result<Vec<f64>>> {
    fn fitted<E: Estimator<Input = Matrix>>(
        made: &E,
        x: &Matrix,
        y: &E::Target,
        given: &Given<'_>,
    ) -> Result<E::Model>
    where
        E::Target: Sized,
    {
        let mut train = Train::new(x, y);
        train.weights = given.weights;
        if given.validated {
            train = train.validation(x, y);
        }
        train.fit(made)
    }
    let codes = |classes: Classes| classes.codes().iter().map(|code| f64::from(*code)).collect::<Vec<_>>();
    Some(if let Ok(made) = entry.regressor(settings) {
        fitted(&made, x, &data.values, given).and_then(|model| Ok(model.predict(x)?.into_vec()))
    } else if let Ok(made) = entry.classifier(settings) {
        let found = fitted(&made, x, &data.classes, given).and_then(|model| model.predict_proba(x));
        found.map(|shares| shares.values().iter().copied().collect())
    } else if let Ok(made) = entry.decider(settings) {
        fitted(&made, x, &data.classes, given).and_then(|model| model.predict(x)).map(codes)
    } else if let Ok(made) = entry.clustering(settings) {
        let found = fitted(&made, x, &NoTarget, given).and_then(|model| model.predict(x));
        found.map(|clusters| clusters.labels().iter().map(|label| f64::from(*label)).collect())
    } else if let Ok(made) = entry.outlier_detector(settings) {
        fitted(&made, x, &NoTarget, given).and_then(|model| model.predict(x)).map(codes)
    } else {
        let made = entry.multi_output(settings).ok()?;
        let found = fitted(&made, x, &data.outputs, given).and_then(|model| model.predict(x));
        found.map(|outputs| outputs.values().iter().copied().collect())
    })
}

#[test]
fn what_is_declared_can_be_done_with_the_defaults() {
    let weights: Vec<f64> = (0..60).map(|row| 1.0 + (row % 3) as f64).collect();
    let mut tried = BTreeMap::new();
    for entry in models() {
        let data = data(entry);
        let n_cols = data.x.n_cols();
        let mut attempt = |what: &'static str, x: &Matrix, given: &Given<'_>| {
            if let Some(answers) = answers(entry, &Value::Null, x, &data, given) {
                let answers = answers.unwrap_or_else(|error| panic!("{} {what}: {error}", entry.name()));
                assert!(
                    answers.iter().all(|answer| answer.is_finite()),
                    "{} {what}: {answers:?}",
                    entry.name()
                );
                *tried.entry(what).or_insert(0) += 1;
            }
        };
        attempt("plain", &data.x, &Given::default());
        if entry.supports(Ability::Weights) {
            attempt("weights", &data.x, &Given { weights: Some(&weights), ..Given::default() });
        }
        if entry.supports(Ability::Validation) {
            attempt("validation", &data.x, &Given { validated: true, ..Given::default() });
        }
        if entry.supports(Ability::Missing) {
            let gap = |(row, column): (usize, usize)| {
                if row % 8 == 3 && column == 0 { f64::NAN } else { cells(row, column) }
            };
            attempt("missing", &Array2::from_shape_fn((60, n_cols), gap).into(), &Given::default());
        }
        if entry.supports(Ability::Sparse) {
            let (mut indptr, mut indices, mut values) = (vec![0], Vec::new(), Vec::new());
            for row in 0..60 {
                for column in (0..n_cols).filter(|column| cells(row, *column) != 0.0) {
                    indices.push(column as u32);
                    values.push(cells(row, column));
                }
                indptr.push(indices.len());
            }
            let sparse = Csr::new(n_cols, indptr, indices, values).unwrap();
            attempt("sparse", &sparse.into(), &Given::default());
        }
        if entry.supports(Ability::Categorical) {
            let kinds = (0..n_cols).map(|column| match column {
                0 => Feature::categorical("x0", 7),
                _ => Feature::numeric(format!("x{column}")),
            });
            let features = Features::try_from(kinds.collect::<Vec<_>>()).unwrap();
            let x = data.x.clone().with_features(features).unwrap();
            attempt("categorical", &x, &Given::default());
        }
    }
    // The test would pass if it tried nothing.
    assert!(tried["plain"] > 70 && tried["weights"] > 50 && tried["sparse"] > 10, "{tried:?}");
    assert!(tried["missing"] > 5 && tried["categorical"] > 5 && tried["validation"] >= 4, "{tried:?}");
}

#[test]
fn what_can_be_kept_rising_rises() {
    // It falls as a whole, and waves.
    let x = Matrix::from(Array2::from_shape_fn((200, 1), |(row, _)| row as f64));
    let wave = |row: usize| (row as f64 * 0.2).sin() + if row < 150 { row as f64 / 50.0 } else { 0.0 };
    let values: Values = (0..200).map(wave).collect();
    let classes = Classes::from_labels((0..200).map(|row| wave(row) > 1.2));
    let outputs = Array2::zeros((200, 1)).into();
    let data = Data { x: x.clone(), values, classes, outputs };
    let mut n_kept = 0;
    for entry in models().supports(Ability::Monotone) {
        let listed = json!({"monotone": [["x0", "increasing"]]});
        let named = json!({"monotone": {"x0": "increasing"}});
        let mut settings = if entry.check(&listed).is_ok() { listed } else { named };
        if entry.family() == "tree" {
            settings["splits"] = "histogram".into();
        }
        let rises = |found: &[f64]| found.windows(2).all(|pair| pair[0] <= pair[1] + 1e-12);
        let free = answers(entry, &Value::Null, &x, &data, &Given::default());
        let kept = answers(entry, &settings, &x, &data, &Given::default());
        let (Some(free), Some(kept)) = (free, kept) else { continue };
        let (mut free, mut kept) = (free.unwrap(), kept.unwrap());
        if entry.task() == Task::Classification {
            // The probability of the second class.
            (free, kept) = (
                free.chunks(2).map(|shares| shares[1]).collect(),
                kept.chunks(2).map(|shares| shares[1]).collect(),
            );
        }
        assert!(!rises(&free) && rises(&kept), "{}", entry.name());
        n_kept += 1;
    }
    assert!(n_kept >= 8, "{n_kept}");
}

#[test]
fn settings_are_known_typed_and_within_their_ranges() {
    for entry in models() {
        let name = entry.name();
        entry.check(&()).unwrap();
        let error = entry.check(&json!({"no_such_setting": 1})).unwrap_err().to_string();
        assert!(error.contains("no setting `no_such_setting`") && error.contains(name), "{error}");
        assert!(entry.check(&json!([1, 2])).is_err(), "{name}");
        let settings = entry.settings();
        for setting in &settings {
            // What is written as the default is read again.
            let default: Value = serde_json::from_str(&setting.default).unwrap();
            if !default.is_null() {
                entry.check(&json!({&setting.name: default})).unwrap();
            }
            let wrong = json!({&setting.name: {"no_such_part": {"at": "all"}}});
            assert!(entry.check(&wrong).is_err(), "{name}: {}", setting.name);
            if let Some(param) = setting.param {
                for value in [param.low - 1.0, param.high + 1.0].into_iter().filter(|value| value.is_finite())
                {
                    // Bounds so far out that one more is the same number.
                    if value == param.low || value == param.high {
                        continue;
                    }
                    let error = entry.check(&json!({&setting.name: value})).unwrap_err().to_string();
                    assert!(error.contains(&format!("`{}`", setting.name)), "{name}: {error}");
                }
            }
        }
    }
}

#[test]
fn every_numeric_setting_has_its_range() {
    // A seed may be any number, a limit of memory any size, and a start any score.
    let free = ["base_score", "memory_limit", "seed"];
    let mut without = Vec::new();
    for entry in models() {
        for setting in entry.settings().iter().filter(|setting| !free.contains(&&*setting.name)) {
            let default: Value = serde_json::from_str(&setting.default).unwrap();
            // What is not set may be a number all the same.
            let takes = |number: Value| entry.check(&json!({&setting.name: number})).is_ok();
            let numeric =
                default.is_number() || (default.is_null() && (takes(json!(3)) || takes(json!(0.5))));
            if numeric && setting.param.is_none() {
                without.push(format!("{}: {}", entry.name(), setting.name));
            }
        }
    }
    assert!(without.is_empty(), "no range: {without:#?}");
}

#[test]
fn every_setting_stands_in_a_table() {
    // Members stand in the text, and a list of axes of a network is no row.
    let untold = ["estimator", "last", "members"];
    let sources = sources();
    let mut missing = Vec::new();
    for entry in models() {
        let mut rows = BTreeSet::new();
        for (path, text) in &sources {
            let path = path.to_string_lossy();
            let family = format!("/{}", entry.family());
            if !path.contains(&format!("{family}/")) && !path.ends_with(&format!("{family}.rs")) {
                continue;
            }
            for line in text.lines().map(str::trim_start).filter(|line| {
                ["/// | `", "//! | `", "#[doc = concat!(\"| `"].iter().any(|start| line.starts_with(start))
            }) {
                let cell = line.split('|').nth(1).unwrap_or_default();
                rows.extend(cell.split('`').skip(1).step_by(2).map(str::to_owned));
            }
        }
        for setting in entry.settings() {
            if !untold.contains(&&*setting.name) && !rows.contains(&setting.name) {
                missing.push(format!("{} {}: {}", entry.family(), entry.name(), setting.name));
            }
        }
    }
    assert!(missing.is_empty(), "in no table: {missing:#?}");
}

#[test]
fn the_list_can_be_asked() {
    let names = |models: perennial_models::registry::Models| models.names();
    let online = names(models().task(Task::Classification).supports(Ability::Online));
    assert!(online.contains(&"SgdClassifier") && online.contains(&"MultinomialNaiveBayes"));
    assert!(!online.contains(&"LogisticRegression"));
    let probable = names(models().supports(Ability::Probabilities));
    assert!(probable.contains(&"LogisticRegression") && !probable.contains(&"LinearSvc"));
    let quantiles = names(models().supports(Ability::Quantiles));
    assert_eq!(
        quantiles,
        [
            "DummyRegressor",
            "QuantileRegressor",
            "QuantileForestRegressor",
            "GradientBoostingRegressor",
            "GradientBoostingQuantileRegressor"
        ]
    );
    let ridge = models().get("Ridge").unwrap();
    assert_eq!((ridge.family(), ridge.task(), ridge.members()), ("linear", Task::Regression, None));
    assert_eq!(ridge.takes(), perennial_models::Ridge::new().capabilities());
    assert_eq!(ridge.params(), perennial_models::Ridge::PARAMS);
    assert_eq!(models().get("BaggingClassifier").unwrap().members(), Some("DecisionTreeClassifier"));
    assert_eq!(
        models().get("StackingRegressor").unwrap().members(),
        Some("(Ridge, DecisionTreeRegressor), LinearRegression")
    );
    let error = models().get("ridge").unwrap_err().to_string();
    assert_eq!(error, "no model here is named `ridge`; did you mean `Ridge`?");
    let error = models().get("KMeans").unwrap().regressor(&()).unwrap_err().to_string();
    assert!(error.contains("`KMeans` is for clustering"), "{error}");
    assert!(models().family("nothing").is_empty());
}

#[test]
fn a_model_made_by_name_is_the_model_and_can_be_saved() {
    let example = perennial_testing::regression(80, 4, 3);
    let (x, y) = (&example.x, &example.values);
    let made = models().get("Ridge").unwrap().regressor(&json!({"alpha": 3})).unwrap();
    let model = made.fit(x, y).unwrap();
    let own = perennial_models::Ridge::new().alpha(3.0).fit(x, y).unwrap();
    assert_eq!(model.predict(x).unwrap(), own.predict(x).unwrap());
    let again = made.decode(&made.encode(&model).unwrap()).unwrap();
    assert_eq!(again.predict(x).unwrap(), own.predict(x).unwrap());

    // Settings of a group are given by their own names; null takes a default away.
    let boosting = models().get("GradientBoostingRegressor").unwrap();
    assert!(boosting.settings().iter().any(|setting| setting.name == "n_trees" && setting.default == "100"));
    boosting.check(&json!({"n_trees": 20, "patience": null, "loss": {"Quantile": {"level": 0.9}}})).unwrap();
    let error = boosting.check(&json!({"learning_rate": 0})).unwrap_err().to_string();
    assert_eq!(error, "parameter `learning_rate` is 0.0; expected a finite number > 0");
    let error = boosting.check(&json!({"n_trees": "many"})).unwrap_err().to_string();
    assert!(error.contains("GradientBoostingRegressor") && error.contains("many"), "{error}");
}

#[test]
fn facts_are_counted() {
    let x = Array2::from_shape_fn((10, 2), |(row, column)| if row == 3 { f64::NAN } else { column as f64 });
    let features =
        Features::try_from(vec![Feature::categorical("city", 12), Feature::numeric("age")]).unwrap();
    let x = Matrix::from(x).with_features(features).unwrap();
    let y = Classes::new(
        (0..10).map(|row| u32::from(row == 0)).collect(),
        ["no".to_owned(), "yes".to_owned(), "never".to_owned()],
    )
    .unwrap();
    let facts = DataFacts::of_classes(&x, &y).unwrap();
    assert_eq!((facts.n_rows, facts.n_cols, facts.missing), (10, 2, 0.1));
    assert_eq!((facts.n_categorical, facts.most_levels), (1, 12));
    assert_eq!((facts.n_classes, facts.rarest_class), (Some(2), Some(0.1)));
    assert!(DataFacts::of_values(&x, &vec![1.0].into()).is_err());
}

#[test]
fn suggestions_follow_from_the_facts() {
    let first =
        |facts: &DataFacts, wishes: &Wishes| suggest(facts, wishes).unwrap().suggested[0].entry.name();
    let table = DataFacts::new(Task::Regression, 20_000, 15);
    assert_eq!(first(&table, &Wishes::new()), "GradientBoostingRegressor");
    assert_eq!(first(&DataFacts::new(Task::Regression, 60, 4), &Wishes::new()), "RidgeCv");
    assert_eq!(first(&DataFacts::new(Task::Regression, 60, 500), &Wishes::new()), "ElasticNetCv");
    let texts = DataFacts::new(Task::Classification, 50_000, 100_000).sparse(0.001).rarest_class(0.4);
    assert_eq!(first(&texts, &Wishes::new()), "LogisticRegression");
    assert_eq!(first(&texts, &Wishes::new().needs(Ability::Online)), "MultinomialNaiveBayes");
    assert_eq!(first(&DataFacts::new(Task::Ranking, 1000, 5), &Wishes::new()), "GradientBoostingRanker");

    // Each reason tells a fact.
    let found = suggest(&table.clone().missing(0.125), &Wishes::new().at_most(2)).unwrap();
    assert_eq!(found.baseline.map(Entry::name), Some("DummyRegressor"));
    assert_eq!(found.suggested.len(), 2);
    let text = found.to_string();
    assert!(text.contains("20,000 rows x 15 columns") && text.contains("12 % of the cells"), "{text}");
    let process = found.left_out.iter().find(|left| left.entry.name() == "GaussianProcessRegressor").unwrap();
    assert!(process.reason.contains("20,000 rows are too many"), "{}", process.reason);

    // Nothing that is left out is suggested, and together they are all that was looked at.
    let quick = Wishes::new().answer_within(Duration::from_micros(5)).at_most(20);
    let found = suggest(&table, &quick).unwrap();
    let near = found.left_out.iter().find(|left| left.entry.name() == "KNeighborsRegressor").unwrap();
    assert!(near.reason.contains("the limit is 5 us"), "{}", near.reason);
    assert!(!found.suggested.is_empty());
    for suggestion in &found.suggested {
        assert!(!found.left_out.iter().any(|left| left.entry.name() == suggestion.entry.name()));
    }

    // Wishes are conditions.
    for need in Ability::ALL {
        let found = suggest(&table, &Wishes::new().needs(need).at_most(50)).unwrap();
        assert!(found.suggested.iter().all(|suggestion| suggestion.entry.supports(need)));
    }
    let weighted = suggest(&table.clone().weighted(), &Wishes::new().at_most(50)).unwrap();
    assert!(weighted.suggested.iter().all(|suggestion| suggestion.entry.takes().weights));

    for wrong in [DataFacts::new(Task::Regression, 0, 3), table.clone().missing(f64::NAN), table.sparse(1.5)]
    {
        assert!(suggest(&wrong, &Wishes::new()).is_err());
    }
}

#[test]
fn clusterings_of_training_rows_are_on_the_list_too() {
    // Their type cannot be hidden, but they are what the list says.
    fn groups<E: Estimator<Input = Matrix, Target = NoTarget>>(estimator: &E, name: &str) -> Capabilities
    where
        E::Model: Clustered,
    {
        assert_eq!(models().get(name).unwrap().task(), Task::Clustering);
        estimator.capabilities()
    }
    let takes = groups(&perennial_models::Dbscan::new(), "Dbscan");
    assert_eq!(models().get("Dbscan").unwrap().takes(), takes);
}
