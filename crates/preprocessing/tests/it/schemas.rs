//! What steps say before they learn is what they make afterwards.

use std::path::Path;

use perennial_core::{
    Classes, ErrorKind, Estimator, FeatureKind, FitTransform, Matrix, NoTarget, OutputSchema, Result, Rows,
    Train, Transformer, Values, transformer_fn,
};
use perennial_data::{Column, ColumnContract, ColumnType, Contract, ContractCheck, Role, Schema, Table};
use perennial_models::DummyRegressor;
use perennial_preprocessing::*;

fn numbers() -> Table {
    Table::builder()
        .real("a", (0..40).map(|row| f64::from(row * 7 % 11) + 1.0))
        .integer("b", (0..40).map(|row| row * 5 % 13 + 1))
        .boolean("c", (0..40).map(|row| row % 3 == 0))
        .build()
        .unwrap()
}

fn holes() -> Table {
    let cell = |row: i32| (row % 7 > 0).then_some(f64::from(row % 5));
    Table::builder().real("a", (0..40).map(cell)).real("b", (0..40).map(f64::from)).build().unwrap()
}

fn texts() -> Table {
    let cell = |row: usize| Some(["x", "y z", "z", "x, y"][row % 4]);
    Table::builder()
        .text("a", (0..40).map(cell))
        .category("b", (0..40).map(|row| ["p", "q", "r"][row * row % 3]))
        .build()
        .unwrap()
}

/// Whether what was said of a branch is what it made.
fn compare(name: &str, known: bool, said: &[BranchSchema], x: &Matrix, outputs: &[OutputColumn]) {
    let made = match said {
        [BranchSchema::Known(made)] => made,
        [BranchSchema::AfterFit { step, why }] => {
            assert!(!known, "{name} says {step} must learn first: {why}");
            assert!(!step.is_empty() && !why.contains("does not say"), "{name} gives no reason: {why}");
            return;
        }
        _ => panic!("{name} is one branch: {said:?}"),
    };
    assert!(known, "{name} cannot know {made:?}");
    assert!(made.iter().map(|made| made.name.as_str()).eq(x.features().names()), "{name}: {made:?}");
    for ((made, output), feature) in made.iter().zip(outputs).zip(x.features()) {
        assert_eq!(made.from, output.from, "{name}: {}", made.name);
        match (made.kind, feature.kind) {
            (FeatureKind::Categorical { n_categories: 0 }, FeatureKind::Categorical { .. }) => {}
            (said, found) => assert_eq!(said, found, "{name}: {}", made.name),
        }
    }
}

/// Fits a branch of all columns; what was said of it before must hold.
macro_rules! told {
    ($table:expr, $y:expr, $known:expr, [$($step:expr),* $(,)?]) => {$({
        let table = $table;
        let columns = Columns::new().on(matching("*"), $step);
        let said = columns.output_schema(&table.schema())?;
        let model = columns.fit(&table, &$y)?;
        compare(stringify!($step), $known, &said, &model.transform(&table)?, &model.outputs(&table)?);
    })*};
}

#[test]
fn steps_of_numbers() -> Result<()> {
    told!(
        numbers(),
        NoTarget,
        true,
        [
            StandardScaler::new(),
            RobustScaler::new(),
            MinMaxScaler::new(),
            MaxAbsScaler::new(),
            Normalizer::new(),
            PassThrough::new(),
            PowerTransformer::new(),
            QuantileTransformer::new().n_quantiles(10),
            SplineTransformer::new(),
            SplineTransformer::new().n_knots(4).degree(0),
            SplineTransformer::new().knots(Knots::Quantile).include_bias(false),
            SplineTransformer::new().extrapolation(Extrapolation::Periodic),
            KBinsDiscretizer::new(),
            KBinsDiscretizer::new().bins(Bins::Uniform).ordered(true),
            KBinsDiscretizer::threshold(3.0),
            KBinsDiscretizer::new().bins(Bins::Edges(vec![2.0, 5.0])),
            Pointwise::new(Function::Log1p),
            Winsorizer::new(),
            FlagOutliers::new(perennial_models::LocalOutlierFactor::new().n_neighbors(5)),
            SimpleImputer::median(),
            Cached::new(StandardScaler::new()),
            StandardScaler::new().named("scale"),
            Normalizer::new().then(SplineTransformer::new()),
            SplineTransformer::new().then(StandardScaler::new()),
        ]
    );
    let x = numbers().matrix(&["a", "b", "c"])?;
    told!(numbers(), NoTarget, true, [StandardScaler::new().fit(&x, &NoTarget)?.frozen()]);
    told!(
        holes(),
        NoTarget,
        true,
        [
            SimpleImputer::constant(7.0),
            RandomSampleImputer::new(),
            KnnImputer::new(),
            IterativeImputer::new(DummyRegressor::new()),
            MissingIndicator::new().features(FlaggedColumns::All),
        ]
    );
    told!(
        holes(),
        NoTarget,
        false,
        [
            SimpleImputer::mode().indicator(true),
            MissingIndicator::new(),
            SimpleImputer::mean().indicator(true).then(StandardScaler::new()),
            Winsorizer::new().indicator(true),
        ]
    );
    Ok(())
}

#[test]
fn steps_of_categories() -> Result<()> {
    told!(
        texts(),
        NoTarget,
        true,
        [
            OrdinalEncoder::new(),
            CountEncoder::new(),
            HashingEncoder::new().n_components(5),
            MinHashEncoder::new().n_components(3),
            GapEncoder::new().n_components(2),
            RankHotEncoder::new().order("a", ["x", "y z", "z", "x, y"]).order("b", ["r", "q", "p"]),
            CategoryImputer::mode().then(OrdinalEncoder::new()),
            CleanText::new().then(OrdinalEncoder::new()),
            RareLabelEncoder::new().then(CountEncoder::new()).then(StandardScaler::new()),
        ]
    );
    told!(
        texts(),
        NoTarget,
        false,
        [
            OneHotEncoder::new(),
            RankHotEncoder::new().order("b", ["r", "q", "p"]),
            ContrastEncoder::new(Contrast::Sum),
            SimilarityEncoder::new(),
            MultiHotEncoder::new(),
            TableVectorizer::new(),
            CategoryImputer::mode().then(OneHotEncoder::new()),
        ]
    );
    let values = Values::from((0..40).map(f64::from).collect::<Vec<_>>());
    told!(
        texts(),
        values,
        true,
        [
            TargetEncoder::of_values(),
            QuantileEncoder::new(),
            QuantileEncoder::summary(),
            TargetEncoder::of_values().then(StandardScaler::new()),
        ]
    );
    let names = |n: usize| (0..n).map(|class| format!("class {class}")).collect::<Vec<_>>();
    let two = Classes::new((0..40).map(|row| row % 2).collect(), names(2))?;
    let three = Classes::new((0..40).map(|row| row % 3).collect(), names(3))?;
    let values: Values = (0..40).map(f64::from).collect();
    told!(
        numbers(),
        values,
        true,
        [TreeDiscretizer::of_values().min_samples_leaf(2), TreeDiscretizer::of_values().ordered(true)]
    );
    told!(numbers(), two.clone(), true, [TreeDiscretizer::of_classes()]);
    told!(texts(), two, true, [WoeEncoder::new()]);
    told!(texts(), three, false, [TargetEncoder::of_classes(), CountTargetEncoder::new()]);
    Ok(())
}

/// So that a new step is not forgotten above.
#[test]
fn every_step_is_among_them() {
    fn walk(folder: &Path, found: &mut Vec<String>) {
        for item in std::fs::read_dir(folder).unwrap() {
            let path = item.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split(" FitTransform for ").skip(1) {
                found.push(part.chars().take_while(|letter| letter.is_alphanumeric()).collect());
            }
        }
    }
    let mut steps = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut steps);
    assert!(steps.len() > 30, "{steps:?}");
    let here = include_str!("schemas.rs");
    // The parts of dates are a step inside of `TableVectorizer`.
    for step in steps.iter().filter(|step| *step != "DateParts") {
        assert!(here.contains(&format!("{step}::")), "what {step} says before it learns is not compared");
    }
}

#[test]
fn branches_nested_ones_and_pipelines() -> Result<()> {
    let table = numbers().with_column("city", texts().column("a")?.clone())?;
    let inner = Columns::new()
        .on(["c"], PassThrough::new())
        .on(["b", "a"], KBinsDiscretizer::threshold(3.0))
        .drop(["city"]);
    let columns = Columns::new()
        .on(matching("*"), inner.clone())
        .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new().named("cities")));
    let branches = columns.output_schema(&table.schema())?;
    let BranchSchema::Known(made) = &branches[0] else { panic!("{branches:?}") };
    let made: Vec<(&str, &[String])> = made.iter().map(|made| (made.name.as_str(), &*made.from)).collect();
    assert_eq!(
        made,
        [("c", &["c".to_owned()][..]), ("b", &["b".to_owned()][..]), ("a", &["a".to_owned()][..])]
    );
    let BranchSchema::AfterFit { step, why } = &branches[1] else { panic!("{branches:?}") };
    assert_eq!(
        (step.as_str(), why.as_str()),
        ("cities", "each category that the rows have becomes a column")
    );
    // After the fit the outputs say the same.
    let outputs = columns.fit(&table, &NoTarget)?.outputs(&table)?;
    assert_eq!(outputs[1].name, "b");
    assert_eq!(outputs[1].from, ["b"]);

    // A pipeline of tables that goes on behind its columns.
    let contract = ["a", "b", "c", "city"]
        .map(|name| ColumnContract::new(name, table.column(name).unwrap().column_type()));
    let contract = contract.into_iter().fold(Contract::new(), Contract::with);
    let pipeline = ContractCheck::new(contract).then(inner).then(StandardScaler::new());
    let OutputSchema::Known { output, sources } =
        pipeline.transform_schema(&table.schema().empty_table()?)?
    else {
        panic!("all of its steps know")
    };
    assert_eq!(output.features().names().collect::<Vec<_>>(), ["c", "b", "a"]);
    assert_eq!((output.n_rows(), sources), (0, None));
    let other = Table::builder().real("a", [1.0]).build()?.schema().empty_table()?;
    let error = pipeline.transform_schema(&other).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    Ok(())
}

/// A schema is refused as the fit refuses the table.
#[test]
fn errors_are_those_of_the_fit() -> Result<()> {
    let table = numbers().with_column("city", texts().column("a")?.clone())?.with_role("b", Role::Target)?;
    let date = table.with_column("day", Column::date(0..40))?;
    let two = table.with_column("town", texts().column("a")?.clone())?;
    macro_rules! same {
        ($($table:ident: $columns:expr),* $(,)?) => {$(
            let columns = $columns;
            let fit = columns.fit(&$table, &NoTarget).unwrap_err();
            let said = columns.output_schema(&$table.schema()).unwrap_err();
            assert_eq!(said.kind(), fit.kind());
            assert_eq!(said.to_string(), fit.to_string());
        )*};
    }
    let scaler = StandardScaler::new;
    same!(
        table: Columns::new(),
        table: Columns::new().on(["nope"], scaler()).drop_rest(),
        table: Columns::new().on(numeric().without(["nope"]), scaler()).drop_rest(),
        table: Columns::new().on(matching("z*"), scaler()).drop_rest(),
        table: Columns::new().on(of_type(ColumnType::Date), scaler()).drop_rest(),
        table: Columns::new().on(of_role(Role::Weight), scaler()).drop_rest(),
        table: Columns::new().on(["a"], scaler()),
        table: Columns::new().on(["city"], scaler()).drop_rest(),
        table: Columns::new().on(["a", "a"], scaler()).drop_rest(),
        table: Columns::new().on(["a"], scaler()).on(["a"], PassThrough::new()).drop_rest(),
        table: Columns::new().on(["a"], scaler()).sparse_threshold(f64::NAN).drop_rest(),
        table: Columns::new().on(matching("*"), Columns::new().on(["a"], scaler())),
        date: Columns::new().on(["day"], OrdinalEncoder::new()).drop_rest(),
        date: Columns::new().on(["day"], OneHotEncoder::new()).drop_rest(),
        table: Columns::new().on(["city"], MinHashEncoder::new().n_components(0)).drop_rest(),
        table: Columns::new().on(["city"], HashingEncoder::new().n_components(usize::MAX)).drop_rest(),
        table: Columns::new().on(["a"], SplineTransformer::new().n_knots(1)).drop_rest(),
        table: Columns::new().on(["a"], KBinsDiscretizer::new().bins(Bins::Edges(vec![]))).drop_rest(),
        table: Columns::new().on(["a"], MinMaxScaler::new().range(1.0, 0.0)).drop_rest(),
        table: Columns::new().on(["a"], MinMaxScaler::new().range(f64::NAN, 0.0)).drop_rest(),
        table: Columns::new().on(["a"], RobustScaler::new().quantile_range(0.9, 0.1)).drop_rest(),
        table: Columns::new().on(["a"], QuantileTransformer::new().n_quantiles(1)).drop_rest(),
        table: Columns::new().on(["a"], QuantileTransformer::new().subsample(0)).drop_rest(),
        table: Columns::new().on(["a"], KnnImputer::new().n_neighbors(0)).drop_rest(),
        table: Columns::new().on(["a"], IterativeImputer::new(DummyRegressor::new()).max_iter(0)).drop_rest(),
        table: Columns::new().on(["a"], IterativeImputer::new(DummyRegressor::new()).tolerance(-1.0)).drop_rest(),
        table: Columns::new().on(["a"], RandomSampleImputer::new().n_values(0)).drop_rest(),
        table: Columns::new().on(["a"], Winsorizer::new().bounds(Bounds::Fixed(1.0, 0.0))).drop_rest(),
        table: Columns::new().on(["a"], Winsorizer::new().bounds(Bounds::Mad(0.0)).indicator(true)).drop_rest(),
        table: Columns::new().on(["city"], SimilarityEncoder::new().max_categories(0)).drop_rest(),
        table: Columns::new().on(["city"], SimilarityEncoder::new().ngrams(3, 2)).drop_rest(),
        two: Columns::new().on(["city", "town"], RankHotEncoder::new().order("town", ["x", "x"])).drop_rest(),
        two: Columns::new().on(["city", "town"], RankHotEncoder::new().order("z", ["x"])).drop_rest(),
    );
    // A schema that nobody's table has.
    let twice = r#"{"columns":[{"name":"a","column_type":"real","nullable":false,"levels":[]},
        {"name":"a","column_type":"real","nullable":false,"levels":[]}]}"#;
    let twice: Schema = serde_json::from_str(twice).unwrap();
    assert!(matches!(
        Columns::new().on(["a"], scaler()).output_schema(&twice).unwrap_err().kind(),
        ErrorKind::Malformed { .. }
    ));
    Ok(())
}

/// A step of somebody else, which says nothing.
#[derive(Debug, Clone)]
struct Silent;

impl Estimator for Silent {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = PassThroughModel;

    fn fit_on(&self, train: &Train<'_, Matrix, NoTarget>) -> Result<PassThroughModel> {
        PassThrough::new().fit_on(train)
    }
}

impl FitTransform for Silent {}

#[test]
fn steps_of_others() -> Result<()> {
    let columns = Columns::new().on(["a"], PassThrough::new().then(Silent)).drop_rest();
    let said = columns.output_schema(&numbers().schema())?;
    let BranchSchema::AfterFit { step, why } = &said[0] else { panic!("{said:?}") };
    assert_eq!(step, "Silent");
    assert!(why.contains("before it has learned"), "{why}");
    // A function may not like an input without rows, or be one that knows other columns.
    let first = transformer_fn(|x: &Matrix| match x.n_rows() {
        0 => Err(perennial_core::Error::empty("there is no first row")),
        _ => Ok(x.clone()),
    });
    let said = Columns::new().on(["a"], first.frozen()).drop_rest().output_schema(&numbers().schema())?;
    assert!(
        matches!(&said[0], BranchSchema::AfterFit { why, .. } if why.contains("no first row")),
        "{said:?}"
    );
    let scaler = StandardScaler::new().fit(&numbers().matrix(&["a"])?, &NoTarget)?.frozen();
    let columns = Columns::new().on(["b"], scaler).drop_rest();
    let error = columns.output_schema(&numbers().schema()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::FeatureMismatch { .. }), "{error}");
    let text = serde_json::to_string(&said).unwrap();
    assert_eq!(serde_json::from_str::<Vec<BranchSchema>>(&text).unwrap(), said);
    Ok(())
}

/// A table goes on as one of the same columns: what a step of tables says has the types that it makes.
#[test]
fn steps_of_tables_tell_types() -> Result<()> {
    let table = texts();
    let empty = table.schema().empty_table()?;
    macro_rules! types {
        ($($step:expr),*) => {$(
            let OutputSchema::Known { output, .. } = $step.transform_schema(&empty)? else { panic!("it is known") };
            let after = $step.fit(&table, &NoTarget)?.transform(&table)?;
            let types = |table: &Table| {
                table.columns().map(|(name, column)| (name.to_owned(), column.column_type())).collect::<Vec<_>>()
            };
            assert_eq!(types(&output), types(&after));
            assert_eq!(output.n_rows(), 0);
        )*};
    }
    types!(
        CategoryImputer::constant("?"),
        RareLabelEncoder::new(),
        ContractCheck::<Table>::new(Contract::infer(&table))
    );
    assert_eq!(table.with_role("a", Role::Identifier)?.schema().empty_table()?.role("a")?, Role::Identifier);
    Ok(())
}

/// Of steps that do not say what their columns are made of, all of all would be more than there is memory.
#[test]
fn many_columns_of_many_are_not_written_out() -> Result<()> {
    let table = Table::new((0..4097).map(|place| (format!("x{place}"), Column::real([0.5]))))?;
    let columns = Columns::new().on(numeric(), KnnImputer::new());
    let error = columns.output_schema(&table.schema()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("4097 columns of 4097"), "{error}");
    let OutputSchema::Known { output, sources: None } = columns.transform_schema(&table)? else {
        panic!("nothing is said of what they are made of");
    };
    assert_eq!(output.n_cols(), 4097);
    let error = columns.fit(&table, &NoTarget)?.outputs(&table).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    Ok(())
}

/// A stored branch that takes no column could say that it makes more of them than there is memory.
#[test]
fn a_stored_branch_has_a_column() -> Result<()> {
    let table = numbers();
    let model = Columns::new().on(["a"], PassThrough::new()).drop_rest().fit(&table, &NoTarget)?;
    let json = serde_json::to_string(&model).unwrap();
    let (named, placed) =
        ("\"names\":[\"a\"],\"positions\":[0],\"n_outputs\":1", "\"n_outputs\":1152921504606846976");
    assert!(json.contains(named), "{json}");
    fn again<M: serde::de::DeserializeOwned>(_: &M, json: &str) -> serde_json::Result<M> {
        serde_json::from_str(json)
    }
    let read = |json: &str| again(&model, json);
    assert!(read(&json).is_ok());
    let empty = json.replace(named, &format!("\"names\":[],\"positions\":[],{placed}"));
    assert!(read(&empty).unwrap_err().to_string().contains("a branch needs a column"));
    // With a column it says nothing of what it is made of.
    let wide = json.replace("\"n_outputs\":1", placed);
    assert_eq!(Transformer::sources(&read(&wide).unwrap()), None);
    Ok(())
}
