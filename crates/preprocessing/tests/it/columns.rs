//! Columns are routed, and nothing is left out silently.

use perennial_core::{
    Csr, ErrorKind, Estimator, FitTransform, Matrix, NoTarget, Persist, Result, Rows, Train, Transformer,
};
use perennial_data::{Column, PiiAction, PiiKind, Role, Table};
use perennial_preprocessing::{
    CategoryImputer, Columns, HighCardinality, MinMaxScaler, OneHotEncoder, OrdinalEncoder, SimpleImputer,
    StandardScaler, TableVectorizer, Unknown, boolean, categorical, numeric, of_role,
};

fn table() -> Table {
    Table::new([
        ("age", Column::real([Some(20.0), None, Some(40.0), Some(33.0)])),
        ("rides", Column::integer([1, 2, 3, 4])),
        ("city", Column::text([Some("Rome"), Some("Oslo"), None, Some("Rome")])),
        ("member", Column::boolean([true, false, true, true])),
    ])
    .unwrap()
}

#[test]
fn all_kinds_of_columns_go_where_they_belong() -> Result<()> {
    let columns = Columns::new()
        .on(numeric().without(["rides"]), SimpleImputer::median().then(StandardScaler::new()))
        .on(["rides"], MinMaxScaler::new())
        .on(categorical(), CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(boolean(), SimpleImputer::mode());
    let table = table();
    let model = columns.fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    let names: Vec<&str> = x.features().names().collect();
    assert_eq!(names, ["age", "rides", "city=Oslo", "city=Rome", "member"]);
    assert_eq!(x.dense()?.row(2).to_vec()[1..], [2.0 / 3.0, 0.0, 1.0, 1.0]);
    for row in 0..4 {
        assert_eq!(model.transform(&table.take(&[row])?)?, x.take(&[row])?, "one row is as the batch");
    }
    let turned = table.select(&["member", "city", "rides", "age"])?;
    assert_eq!(model.transform(&turned)?, x, "columns are found by name");
    assert_eq!(columns.decode(&columns.encode(&model)?)?.transform(&table)?, x);
    Ok(())
}

#[test]
fn columns_that_no_step_takes_must_be_dropped() {
    let one = || Columns::new().on(numeric(), SimpleImputer::median());
    let error = one().fit(&table(), &NoTarget).unwrap_err();
    assert!(error.to_string().contains("city, member"), "{error}");
    assert!(one().drop(["city", "member"]).fit(&table(), &NoTarget).is_ok());
    assert!(one().drop_rest().fit(&table(), &NoTarget).is_ok());
}

#[test]
fn errors_name_the_columns() {
    let missing = Columns::new().on(["nope"], StandardScaler::new()).drop_rest();
    assert!(missing.fit(&table(), &NoTarget).unwrap_err().to_string().contains("nope"));
    let text = Columns::new().on(["city"], StandardScaler::new()).drop_rest();
    assert!(text.fit(&table(), &NoTarget).unwrap_err().to_string().contains("city"));
    let twice =
        Columns::new().on(["rides"], StandardScaler::new()).on(["rides"], MinMaxScaler::new()).drop_rest();
    assert!(twice.fit(&table(), &NoTarget).unwrap_err().to_string().contains("`rides`"));
    let none = Columns::new().drop_rest();
    assert!(none.fit(&table(), &NoTarget).is_err());
    let model =
        Columns::new().on(["age"], SimpleImputer::mean()).drop_rest().fit(&table(), &NoTarget).unwrap();
    let without = table().drop(&["age"]).unwrap();
    let error = model.transform(&without).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Unknown { .. } | ErrorKind::FeatureMismatch { .. }), "{error}");
}

#[test]
fn weights_reach_every_step() -> Result<()> {
    let columns = Columns::new()
        .on(["rides"], StandardScaler::new())
        .on(["city"], OrdinalEncoder::new().unknown(Unknown::Ignore))
        .drop_rest();
    let table = table();
    let weighted = Train::new(&table, &NoTarget).weights(&[1.0, 0.0, 0.0, 1.0]).fit(&columns)?;
    let kept = columns.fit(&table.take(&[0, 3])?, &NoTarget)?;
    let rows = table.take(&[0, 3])?;
    assert_eq!(weighted.transform(&rows)?, kept.transform(&rows)?);
    Ok(())
}

/// One row in `n` cells of a one-hot encoding is 1.
fn cities(n: usize) -> Table {
    let names: Vec<String> = (0..3 * n).map(|row| format!("c{:02}", row % n)).collect();
    let sizes = (0..3 * n).map(|row| if row % 5 == 0 { 0.0 } else { row as f64 });
    Table::new([("city", Column::text(names.iter().map(String::as_str))), ("size", Column::real(sizes))])
        .unwrap()
}

#[test]
fn a_sparse_step_makes_all_sparse_where_few_cells_are_not_zero() -> Result<()> {
    let columns = |sparse| {
        Columns::new()
            .on(["size"], StandardScaler::new().with_mean(false))
            .on(["city"], OneHotEncoder::new().sparse(sparse))
    };
    let table = cities(20);
    let dense = columns(false).fit(&table, &NoTarget)?.transform(&table)?;
    let model = columns(true).fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    // 60 of the encoding, and 48 sizes.
    assert_eq!(x.sparse().map(Csr::n_stored), Some(108));
    assert_eq!(x.to_dense()?, dense);
    let fitted = columns(true).fit_transform_on(&Train::new(&table, &NoTarget))?.1;
    assert_eq!(fitted, x);
    for row in 0..60 {
        assert_eq!(model.transform(&table.take(&[row])?)?, x.take(&[row])?, "one row is as the batch");
    }
    // 108 of 1260 cells.
    assert!(
        columns(true).sparse_threshold(0.085).fit(&table, &NoTarget)?.transform(&table)?.sparse().is_none()
    );
    assert!(
        columns(true).sparse_threshold(0.086).fit(&table, &NoTarget)?.transform(&table)?.sparse().is_some()
    );
    let never = columns(true).sparse_threshold(0.0);
    assert_eq!(never.fit(&table, &NoTarget)?.transform(&table)?, dense);
    let error = columns(true).sparse_threshold(f64::NAN).fit(&table, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("sparse_threshold"), "{error}");
    Ok(())
}

/// The form is decided by the training rows, whatever the density of others.
#[test]
fn the_form_does_not_depend_on_the_rows_that_are_transformed() -> Result<()> {
    let columns = Columns::new()
        .on(["city"], OneHotEncoder::new().sparse(true).unknown(Unknown::Ignore))
        .on(["code"], OneHotEncoder::new().sparse(true).unknown(Unknown::Ignore));
    let two = |cities: [&str; 2], codes: [&str; 2]| {
        Table::new([("city", Column::text(cities)), ("code", Column::text(codes))]).unwrap()
    };
    let model = columns.fit(&two(["a", "b"], ["x", "y"]), &NoTarget)?;
    for table in [two(["a", "b"], ["x", "y"]), two(["?", "?"], ["?", "?"])] {
        assert!(model.transform(&table)?.sparse().is_none(), "half of the training cells were 1");
    }
    Ok(())
}

#[test]
fn a_whole_table_by_the_types_of_its_columns() -> Result<()> {
    let texts: Vec<String> = (0..50).map(|row| format!("job {row}")).collect();
    let day = 86_400_000_000_i64;
    let table = Table::new([
        ("n", Column::real((0..50).map(|row| (row > 0).then_some(row as f64)))),
        ("paid", Column::boolean((0..50).map(|row| row % 2 == 0))),
        (
            "job",
            Column::text(texts.iter().enumerate().map(|(row, text)| (row != 3).then_some(text.as_str()))),
        ),
        ("city", Column::text((0..50).map(|row| ["Rome", "Oslo"][row % 2]))),
        ("at", Column::date_time((0..50).map(|row| (row != 7).then_some(row as i64 * day + day / 2)))),
        ("nothing", Column::text((0..50).map(|_| None::<&str>))),
    ])?;
    let vectorizer = TableVectorizer::new().n_components(3);
    for (many, first) in [
        (HighCardinality::MinHash, "job hash 0"),
        (HighCardinality::Similarity, "job ~ "),
        (HighCardinality::Gap, "job topic 0"),
    ] {
        let vectorizer = vectorizer.clone().high_cardinality(many);
        let (model, x) = vectorizer.fit_transform_on(&Train::new(&table, &NoTarget))?;
        assert_eq!(x, model.transform(&table)?);
        assert_eq!(x.n_cols(), 3 + 2 + 3 + 7);
        assert!(x.dense()?.iter().all(|cell| cell.is_finite()));
        let names: Vec<&str> = x.features().names().collect();
        assert_eq!(names[..5], ["n", "paid", "n is missing", "city=Oslo", "city=Rome"]);
        assert!(names[5].starts_with(first), "{names:?}");
        assert_eq!(names[8], "at year");
        assert_eq!(names[13..], ["at hour", "at is missing"]);
        // A row alone, with what is new, and from bytes.
        let again = vectorizer.decode(&vectorizer.encode(&model)?)?;
        let one = table.slice(4..5)?.with_column("city", Column::text(["Lima"]))?;
        assert_eq!(again.transform(&one)?.dense()?.row(0).to_vec()[3..5], [0.0, 0.0]);
        assert_eq!(again.transform(&table)?, x);
    }
    assert!(vectorizer.fit(&table.select(&["nothing"])?, &NoTarget).is_err());
    assert!(vectorizer.cardinality_threshold(0).fit(&table, &NoTarget).is_err());
    Ok(())
}

/// The same contract when reading, when learning, and in what is loaded again.
#[test]
fn one_contract_goes_from_the_file_to_the_answer() -> Result<()> {
    use perennial_core::Predictor;
    use perennial_data::{ColumnContract, ColumnType, Contract, ContractCheck, CsvReader, Severity};
    use perennial_models::DummyRegressor;
    use perennial_preprocessing::PassThrough;
    let area = ColumnContract::new("area", ColumnType::Real).min(5.0).max(500.0);
    let contract = Contract::new()
        .with(area.severity(Severity::Quarantine))
        .with(ColumnContract::new("rent", ColumnType::Real))
        .min_rows(3);
    let text = b"area,rent\n40,900\n60,1300\n9000,1400\n80,1700\n100,2100\n";
    let (flats, quarantine) = CsvReader::new().contract(&contract).read_bytes_with_quarantine(text)?;
    assert_eq!(quarantine.column("line")?.cell(0).as_deref(), Some("4"));
    let (x, y) = (flats.drop(&["rent"])?, flats.values("rent")?);
    let pipeline = ContractCheck::new(contract.drop(&["rent"]))
        .then(Columns::new().on(numeric(), PassThrough::new()))
        .then(DummyRegressor::new());
    let model = pipeline.fit(&x, &y)?;
    let loaded = pipeline.decode(&pipeline.encode(&model)?)?;
    let row = |area: f64| Table::new([("area", Column::real([area]))]);
    assert!(loaded.predict(&row(70.0)?).is_ok());
    let error = loaded.predict(&row(-70.0)?).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    assert!(error.to_string().contains("column `area` is `-70.0` at row 0, below the minimum 5"), "{error}");
    let error = pipeline.fit(&x.head(2), &y.take(&[0, 1])?).unwrap_err().to_string();
    assert!(error.contains("ContractCheck") && error.contains("expected at least 3"), "{error}");
    Ok(())
}

/// A row that weighs nothing is as good as not there.
#[test]
fn rows_of_weight_0_do_not_say_what_a_column_becomes() -> Result<()> {
    let table = Table::new([
        ("city", Column::text(["Oslo", "Rome", "Lima"])),
        ("late", Column::real([None, None, Some(1.0)])),
    ])?;
    let vectorizer = TableVectorizer::new().cardinality_threshold(3);
    let model = Train::new(&table, &NoTarget).weights(&[1.0, 1.0, 0.0]).fit(&vectorizer)?;
    let x = model.transform(&table)?;
    let names: Vec<&str> = x.features().names().collect();
    assert_eq!(names, ["city=Oslo", "city=Rome"]);
    // What is no feature says nothing either.
    let table = table.with_role("city", Role::Target)?;
    let x = vectorizer.fit(&table, &NoTarget)?.transform(&table.drop(&["city"])?)?;
    assert_eq!(x.features().names().next(), Some("late"));
    let error = vectorizer.fit(&table.select(&["city"])?, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("no column has the role of a feature"), "{error}");
    Ok(())
}

/// A step of somebody else that names columns which there are not.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Astray;

impl Transformer for Astray {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        Ok(x.clone())
    }

    fn sources(&self) -> Option<Vec<Vec<usize>>> {
        Some(vec![vec![0], vec![7]])
    }
}

impl Estimator for Astray {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Astray;

    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<Astray> {
        Ok(Astray)
    }
}

impl FitTransform for Astray {}

#[test]
fn columns_of_which_nothing_is_known_are_made_of_all() -> Result<()> {
    let table = Table::builder().real("a", [1.0, 2.0]).real("b", [3.0, 4.0]).build()?;
    let outputs = Columns::new().on(["a", "b"], Astray).fit(&table, &NoTarget)?.outputs(&table)?;
    assert_eq!(outputs[0].from, ["a"]);
    assert_eq!(outputs[1].from, ["a", "b"]);
    Ok(())
}

#[test]
fn marks_of_personal_data_reach_what_is_made_of_them() -> Result<()> {
    let mark = |table: Table, name: &str| table.mark_pii(name, PiiKind::Name, PiiAction::Hash);
    let more = table().with_column("p", Column::real([1.0, 2.0, 3.0, 4.0]))?;
    let more = mark(more.with_column("q", Column::real([4.0, 3.0, 2.0, 1.0]))?, "q")?;
    let table = mark(mark(more, "city")?, "rides")?.mark_pii("city", PiiKind::Email, PiiAction::Keep)?;
    let columns = Columns::new()
        .on(
            numeric().without(["p", "q"]),
            SimpleImputer::median().indicator(true).then(StandardScaler::new()),
        )
        .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(["p", "q"], perennial_preprocessing::Normalizer::new())
        .drop(["member"]);
    let model = columns.fit(&table, &NoTarget)?;
    let outputs = model.outputs(&table)?;
    let found: Vec<(&str, Vec<&str>, usize)> = outputs
        .iter()
        .map(|out| (out.name.as_str(), out.from.iter().map(String::as_str).collect(), out.pii.len()))
        .collect();
    assert_eq!(
        found[..5],
        [
            ("age", vec!["age"], 0),
            ("rides", vec!["rides"], 1),
            ("age is missing", vec!["age"], 0),
            ("city=Oslo", vec!["city"], 2),
            ("city=Rome", vec!["city"], 2),
        ]
    );
    // Rows are scaled as a whole: each column is made of both.
    assert!(found[5..].iter().all(|(_, from, kinds)| from == &["p", "q"] && *kinds == 1));
    // A table that says nothing has no marks to follow.
    let plain = Table::new(table.columns().map(|(name, column)| (name.to_owned(), column.clone())))?;
    assert!(model.outputs(&plain)?.iter().all(|out| out.pii.is_empty()));
    assert!(model.outputs(&plain.drop(&["city"])?).is_err());
    Ok(())
}

/// A column of the output is marked where one that it is made of is, also behind columns in columns and a whole table.
#[test]
fn marks_go_through_nested_columns_and_whole_tables() -> Result<()> {
    let day = |row: i32| (row > 0).then_some(100 * row);
    let table = table()
        .with_column("born", Column::date((0..4).map(day)))?
        .with_column("p", Column::real([1.0, 2.0, 3.0, 4.0]))?
        .with_column("q", Column::real([4.0, 3.0, 2.0, 1.0]))?;
    let table = table.with_column("empty", Column::real([None; 4]))?;
    // The order in which the columns are taken is not that of the table.
    let table = table.select(&["born", "empty", "q", "city", "age", "p", "rides", "member"])?;
    let marked = ["city", "age", "born", "q"];
    let table =
        marked.iter().try_fold(table, |table, name| table.mark_pii(name, PiiKind::Name, PiiAction::Keep))?;
    let of = |outputs: Vec<perennial_preprocessing::OutputColumn>| -> Vec<(String, String, bool)> {
        outputs.into_iter().map(|out| (out.name, out.from.join("+"), !out.pii.is_empty())).collect()
    };
    let expect = |name: &str, from: &str, marked: bool| (name.to_owned(), from.to_owned(), marked);

    let whole = TableVectorizer::new();
    let alone = of(whole.fit(&table, &NoTarget)?.outputs(&table)?);
    for (name, from, is_marked) in &alone {
        assert!(name.starts_with(from.as_str()), "{name} of {from}");
        assert_eq!(*is_marked, marked.contains(&from.as_str()), "{name} of {from}");
    }
    assert_eq!(alone.len(), 6 + 3 + 6, "{alone:?}");
    let outer = Columns::new().on(perennial_preprocessing::matching("*"), whole.then(MinMaxScaler::new()));
    assert_eq!(of(outer.fit(&table, &NoTarget)?.outputs(&table)?), alone);

    let inner = Columns::new()
        .on(["rides", "age"], SimpleImputer::median().indicator(true))
        .on(["p", "member"], perennial_preprocessing::Normalizer::new())
        .on(["p", "q"], perennial_preprocessing::Normalizer::new().then(Renamed))
        .on(["city"], perennial_preprocessing::MultiHotEncoder::new())
        .drop_rest();
    let outer = Columns::new()
        .on(perennial_preprocessing::matching("*"), inner.then(MinMaxScaler::new()))
        .fit(&table, &NoTarget)?;
    let expected = [
        expect("rides", "rides", false),
        expect("age", "age", true),
        expect("age is missing", "age", true),
        expect("p", "p+member", false),
        expect("member", "p+member", false),
        expect("again p", "q+p", true),
        expect("again q", "q+p", true),
        expect("city=Oslo", "city", true),
        expect("city=Rome", "city", true),
        expect("city is missing", "city", true),
    ];
    assert_eq!(of(outer.outputs(&table)?), expected);
    let step = Columns::new().on(perennial_preprocessing::matching("*"), TableVectorizer::new());
    let loaded = step.decode(&step.encode(&step.fit(&table, &NoTarget)?)?)?;
    assert_eq!(of(loaded.outputs(&table)?), alone);
    Ok(())
}

/// The same columns under other names.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Renamed;

impl Transformer for Renamed {
    type Input = Matrix;
    type Output = Matrix;

    fn transform(&self, x: &Matrix) -> Result<Matrix> {
        let names = x.features().names().map(|name| format!("again {name}")).collect::<Vec<_>>();
        x.clone().with_names(names)
    }
}

impl Estimator for Renamed {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Renamed;

    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<Renamed> {
        Ok(Renamed)
    }
}

impl FitTransform for Renamed {}

/// What steps say of their columns holds: a column of the output moves with no other than those.
#[test]
fn steps_say_which_columns_theirs_are_made_of() -> Result<()> {
    use perennial_preprocessing::*;
    let numbers = |shift: f64| {
        Table::new([
            ("a", Column::real((0..40).map(|row| f64::from(row * 7 % 11) + 1.0))),
            (
                "b",
                Column::real((0..40).map(|row| f64::from(row * 5 % 13) + 1.0 + shift * f64::from(row % 3))),
            ),
        ])
    };
    let (x, moved) = (numbers(0.0)?, numbers(0.5)?);
    macro_rules! holds {
        ($($step:expr),* $(,)?) => {$(
            let model = Columns::new().on(numeric(), $step).fit(&x, &NoTarget)?;
            let outputs = model.outputs(&x)?;
            let (before, after) = (model.transform(&x)?, model.transform(&moved)?);
            assert_eq!(outputs.len(), before.n_cols());
            for (place, out) in outputs.iter().enumerate() {
                assert_eq!(out.from.len(), 1, "{}", out.name);
                let same = before.dense()?.column(place) == after.dense()?.column(place);
                assert!(same || out.from == ["b"], "{} of {:?}", out.name, out.from);
                assert!(out.name.starts_with(&out.from[0]), "{} of {:?}", out.name, out.from);
            }
        )*};
    }
    holds!(
        StandardScaler::new(),
        RobustScaler::new(),
        MinMaxScaler::new(),
        PowerTransformer::new(),
        QuantileTransformer::new().n_quantiles(10),
        SplineTransformer::new(),
        KBinsDiscretizer::new(),
        Winsorizer::new().indicator(true),
        PassThrough::new(),
    );
    let texts = Table::new([
        ("a", Column::text(["x", "y", "z", "x", "y"].map(Some))),
        ("b", Column::text(["p q", "q", "p q", "q", "p q"].map(Some))),
    ])?;
    macro_rules! of_texts {
        ($($step:expr),* $(,)?) => {$(
            let outputs = Columns::new().on(categorical(), $step).fit(&texts, &NoTarget)?.outputs(&texts)?;
            for out in &outputs {
                assert!(out.from.len() == 1 && out.name.starts_with(&out.from[0]), "{out:?}");
            }
            assert!(outputs.iter().any(|out| out.from == ["b"]));
        )*};
    }
    of_texts!(
        OneHotEncoder::new().drop_first(true),
        OrdinalEncoder::new(),
        CountEncoder::new(),
        RankHotEncoder::new(),
        ContrastEncoder::new(Contrast::Sum),
        SimilarityEncoder::new(),
        MinHashEncoder::new().n_components(3),
        GapEncoder::new().n_components(2),
        RareLabelEncoder::new().then(OrdinalEncoder::new()),
    );
    let y = perennial_core::Values::from(vec![1.0, 2.0, 3.0, 4.0, 5.0]);
    let model = Columns::new().on(categorical(), TargetEncoder::of_values());
    let outputs = model.fit(&texts, &y)?.outputs(&texts)?;
    assert_eq!(outputs.iter().map(|out| out.from.join("+")).collect::<Vec<_>>(), ["a", "b"]);
    Ok(())
}

#[test]
fn columns_are_picked_by_their_role() -> Result<()> {
    let table = table().with_role("rides", Role::Target)?.with_role("city", Role::Identifier)?;
    // What is no feature need not be dropped.
    let columns = Columns::new()
        .on(numeric().and(of_role(Role::Feature)), SimpleImputer::median())
        .on(boolean(), SimpleImputer::mode());
    let x = columns.fit(&table, &NoTarget)?.transform(&table)?;
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["age", "member"]);
    assert_eq!(of_role(Role::Identifier).or(of_role(Role::Target)).pick(&table)?, ["rides", "city"]);
    let none = Columns::new().on(of_role(Role::Weight), SimpleImputer::median()).drop_rest();
    let error = none.fit(&table, &NoTarget).unwrap_err().to_string();
    assert!(error.contains("`of_role(weight)`"), "{error}");
    Ok(())
}
