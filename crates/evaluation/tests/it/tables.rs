//! Tables are looked into as matrices are: texts, categories and dates as they are.

use std::collections::BTreeMap;

use perennial_core::{
    CancelToken, Classes, Context, Estimator, Explainer, Matrix, Predictor, Result, Rows, Train, Values,
};
use perennial_data::{Column, ColumnType, Table};
use perennial_evaluation::errors::{
    Condition, Disturbance, ErrorTree, Fix, SliceFinder, Stress, candidate_fixes, nearest_rows,
};
use perennial_evaluation::explain::{
    Counterfactuals, Grid, Score, Shap, ShapMethod, accumulated_effects, additive_contributions, break_down,
    ceteris_paribus, partial_dependence, surrogate,
};
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::*;
use perennial_numeric::random::Random;

/// Knows two cities and the hour; a city that it does not know, or none, is in the middle.
pub(crate) struct Cities;

impl Predictor for Cities {
    type Input = Table;
    type Output = Values;

    fn predict(&self, x: &Table) -> Result<Values> {
        let hours = x.column("hour")?.as_integer()?;
        let of_city = |city: Option<&str>| match city {
            Some("Bern") => 10.0,
            Some("Basel") => -10.0,
            _ => 0.0,
        };
        let cities = x.column("city")?.as_text()?.map(of_city);
        Ok(cities.zip(hours).map(|(city, hour)| city + hour.unwrap_or(0) as f64).collect())
    }
}

pub(crate) fn table(n: usize) -> Table {
    let city = (0..n).map(|row| Some(["Bern", "Basel"][row % 2]));
    Table::new([
        ("city", Column::category(city)),
        ("hour", Column::integer((0..n).map(|row| (row / 2 % 24) as i64))),
        ("note", Column::text((0..n).map(|row| Some(["x", "y", "z"][row % 3])))),
        ("day", Column::date((0..n).map(|row| (row % 31) as i32))),
        ("sure", Column::boolean((0..n).map(|row| row % 5 == 0))),
        ("price", Column::real((0..n).map(|row| row as f64 / 7.0))),
        ("at", Column::date_time((0..n).map(|row| row as i64 * 1_000_000))),
    ])
    .unwrap()
}

#[test]
fn columns_of_a_table_are_shuffled_as_they_are() {
    let x = table(480);
    let y = Cities.predict(&x).unwrap();
    let settings = PermutationImportance::new().n_repeats(20).group("text", ["city", "note"]);
    let found = settings.measure(&Cities, &x, &y, &MeanAbsoluteError).unwrap();
    let names: Vec<&str> = found.iter().map(|one| one.feature.as_str()).collect();
    assert_eq!(names, ["text", "hour", "day", "sure", "price", "at"]);
    // Every second row gets the other city, 20 away; an hour is (24^2 - 1) / 72 from another on average.
    assert!((found[0].interval.estimate - 10.0).abs() < 0.5, "{:?}", found[0]);
    assert!((found[1].interval.estimate - 575.0 / 72.0).abs() < 0.3, "{:?}", found[1]);
    assert!(found[2..].iter().all(|one| one.losses.iter().all(|loss| *loss == 0.0)));
}

#[test]
fn tables_are_made_worse_as_they_are() {
    let x = table(480);
    let y = Cities.predict(&x).unwrap();
    let ways = [Disturbance::Missing, Disturbance::Exchange, Disturbance::Unseen, Disturbance::Shift];
    let curves = Stress::new(ways, [0.0, 0.5, 1.0]).measure(&Cities, &x, &y, &MeanAbsoluteError).unwrap();
    for curve in &curves {
        assert_eq!(curve.points[0].loss, 0.0, "{curve}");
        assert!(curve.points[2].loss > curve.points[1].loss, "{curve}");
    }
    // A city that was never seen is in the middle, 10 away.
    assert_eq!(curves[2].points[2].loss, 10.0);
    // Whole hours stay whole: a deviation of 6.9 hours is 7 of them.
    assert_eq!(curves[3].points[2].loss, 7.0);
}

#[test]
fn changes_keep_the_types_of_columns() {
    let x = table(60);
    let hit: Vec<bool> = (0..60).map(|row| row < 6).collect();
    for (place, (name, before)) in x.columns().enumerate() {
        let kind = before.column_type();
        let missing = x.changed(&[(place, ColumnChange::Missing(hit.clone()))]).unwrap();
        let column = missing.column(name).unwrap();
        assert_eq!((column.column_type(), column.null_count()), (kind, 6), "{name}");
        assert_eq!(column.cell(7), before.cell(7));
        let back = missing.changed(&[(place, ColumnChange::TakenFrom(vec![10; 60]))]).unwrap();
        assert_eq!(back.column(name).unwrap().cell(0), before.cell(10));
        let unseen = x.changed(&[(place, ColumnChange::Unseen(hit.clone()))]).unwrap();
        let is_label = matches!(kind, ColumnType::Text | ColumnType::Category);
        assert_eq!(unseen == x, !is_label, "{name}");
        let plus = x.changed(&[(place, ColumnChange::Plus(vec![0.6; 60]))]).unwrap();
        assert_eq!(plus.column(name).unwrap().column_type(), kind);
        assert_eq!(plus == x, !matches!(kind, ColumnType::Integer | ColumnType::Real), "{name}");
    }
    assert!(x.changed(&[(9, ColumnChange::Missing(hit.clone()))]).is_err() && x.cells(9).is_err());
    assert!(x.changed(&[(0, ColumnChange::Missing(hit[1..].to_vec()))]).is_err());
    assert!(x.changed(&[(0, ColumnChange::TakenFrom(vec![60; 60]))]).is_err());
    // Texts are in their order, with numbers by size.
    let ids =
        Table::new([("id", Column::text([Some("a10"), Some("a9"), None, Some("a10"), Some("b")]))]).unwrap();
    let Cells::Labels(labels) = ids.cells(0).unwrap() else { panic!("labels") };
    assert_eq!((&labels[..2], labels[2].is_nan(), &labels[3..]), (&[1.0, 0.0][..], true, &[1.0, 2.0][..]));
}

fn checks(report: &AuditReport) -> Vec<(Check, Severity, &str)> {
    let of = |finding: &'_ Finding| (finding.check, finding.severity);
    let columns = report.findings.iter().map(|finding| finding.columns.first().map_or("", String::as_str));
    report
        .findings
        .iter()
        .map(of)
        .zip(columns)
        .map(|((check, severity), column)| (check, severity, column))
        .collect()
}

#[test]
fn leaks_of_a_table_are_found_in_texts_and_dates() {
    let n = 400;
    let mut random = Random::new(11);
    let noise: Vec<f64> = (0..n).map(|_| random.normal()).collect();
    let order = random.permutation(n);
    let honest = Column::category((0..n).map(|row| Some(["red", "green", "blue"][order[row] % 3])));
    let answer: Vec<bool> = noise.iter().map(|x| *x > 0.0).collect();
    let classes = Classes::from_labels(answer.iter().map(|yes| if *yes { "ill" } else { "well" }));
    // Thirty wards, of which each has only ill or only well people, in no order.
    let ward = |row: usize| format!("ward {}", (order[row] % 15) * 2 + usize::from(answer[row]));
    let wards: Vec<String> = (0..n).map(ward).collect();
    let wards = Column::text(wards.iter().map(|ward| Some(ward.as_str())));
    let x = Table::new([("colour", honest.clone()), ("ward", wards)]).unwrap();
    let scan = LeakageScan::new();
    let report = scan.scan(&x, &classes, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::TargetProxy, Severity::Error, "ward")], "{report}");
    let waived = scan.clone().waive_column("ward", "it is known when people come in");
    assert!(waived.scan(&x, &classes, &Context::new()).unwrap().enforce().is_ok());

    // Names that number the rows, without leading zeros, and moments: the target rises with the rows, which are mixed.
    let y: Values = (0..n).map(|row| order[row] as f64 / 100.0 + noise[row]).collect();
    let ids: Vec<String> = order.iter().map(|place| format!("case-{place}")).collect();
    let ids = Column::text(ids.iter().map(|id| Some(id.as_str())));
    let at = Column::date_time(order.iter().map(|&place| place as i64 * 3_600_000_000));
    let x = Table::new([("colour", honest.clone()), ("id", ids), ("at", at)]).unwrap();
    let report = scan.scan(&x, &y, &Context::new()).unwrap();
    let expected = [(Check::Identifier, Severity::Error, "id"), (Check::RowOrder, Severity::Warning, "at")];
    assert_eq!(checks(&report), expected, "{report}");

    // A trend without noise is no leak of the date either; one that tells by being there or not is.
    let trend: Values = (0..n).map(|row| (order[row] as f64).powi(2)).collect();
    let dates = x.select(&["at"]).unwrap();
    let report = scan.scan(&dates, &trend, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::RowOrder, Severity::Warning, "at")], "{report}");
    let discharged = (0..n).map(|row| answer[row].then_some(order[row] as i32));
    let discharged = Table::new([("discharged", Column::date(discharged))]).unwrap();
    let report = scan.scan(&discharged, &classes, &Context::new()).unwrap();
    assert_eq!(checks(&report), [(Check::TargetProxy, Severity::Error, "discharged")], "{report}");

    // Honest texts, categories and dates are left alone.
    let names: Vec<String> = (0..n).map(|row| format!("name {}", order[row] * 7919 % 1000)).collect();
    let names = Column::text(names.iter().map(|name| Some(name.as_str())));
    let days = Column::date((0..n).map(|row| (order[row] * 31 % 97) as i32));
    let x = Table::new([("colour", honest), ("name", names), ("day", days)]).unwrap();
    let noise = Values::from(noise);
    assert_eq!(scan.scan(&x, &noise, &Context::new()).unwrap().to_string(), "nothing was found");
    assert_eq!(scan.scan(&x, &classes, &Context::new()).unwrap().to_string(), "nothing was found");
    // Copies of rows on both sides of a split.
    let twice = x.take(&(0..n).map(|row| row / 2).collect::<Vec<_>>()).unwrap();
    let splits = split::KFold::new(2).seed(1).split(&SplitInputs::new(n)).unwrap();
    let report = LeakageScan::new().splits(&splits).scan(&twice, &noise, &Context::new()).unwrap();
    assert!(checks(&report).contains(&(Check::DuplicateRows, Severity::Error, "")), "{report}");
}

#[test]
fn categories_of_a_matrix_are_labels() {
    use perennial_core::{Feature, Features};
    // Two hundred codes in no order, each of one class alone: bins of codes would mix them.
    let mut random = Random::new(12);
    let secret: Vec<bool> = (0..200).map(|_| random.uniform() < 0.5).collect();
    let codes: Vec<usize> = (0..4000).map(|_| random.below(200)).collect();
    let y = Classes::from_labels(codes.iter().map(|&code| u8::from(secret[code])));
    let values = ndarray::Array2::from_shape_fn((4000, 1), |(row, _)| codes[row] as f64);
    let features = Features::try_from(vec![Feature::categorical("code", 200)]).unwrap();
    let x = Matrix::from_dense(values, features).unwrap();
    let report = LeakageScan::new().scan(&x, &y, &Context::new()).unwrap();
    assert_eq!(report.findings[0].check, Check::TargetProxy, "{report}");
}

#[test]
fn answers_for_tables_move_with_a_column() {
    let x = table(480);
    let score = Score::prediction(&Cities);
    let effect = partial_dependence(&score, &x, "hour", &Grid::Quantiles(6), &Context::new()).unwrap();
    // Whole hours, and an answer that moves as they do: both cities are as frequent.
    assert!(effect.grid.iter().all(|hour| hour.fract() == 0.0), "{:?}", effect.grid);
    assert_eq!(effect.mean, effect.grid);
    let effect = accumulated_effects(&score, &x, "hour", 5).unwrap();
    let moved = effect.effects.last().unwrap() - effect.effects[0];
    assert!((moved - 23.0).abs() < 1e-12 && effect.grid.iter().all(|hour| hour.fract() == 0.0));
    // A column takes what fits it, each once: truth values are two, and a grid need not rise.
    let grid = |feature: &str, values: &[f64]| {
        let grid = Grid::Values(values.to_vec());
        partial_dependence(&score, &x, feature, &grid, &Context::new()).unwrap().grid
    };
    assert_eq!(grid("sure", &[5.0, 0.0, 1.0, 0.2]), [1.0, 0.0]);
    assert_eq!(grid("hour", &[3.0, 1.2, 2.9, 0.8]), [3.0, 1.0]);
    let flat = partial_dependence(&score, &x, "price", &Grid::default(), &Context::new()).unwrap();
    assert!(flat.mean.windows(2).all(|pair| pair[0] == pair[1]));
    let error = accumulated_effects(&score, &x, "city", 5).unwrap_err().to_string();
    assert!(error.contains("column `city`") && error.contains("category"), "{error}");
    assert!(accumulated_effects(&score, &x, "town", 5).unwrap_err().to_string().contains("`town`"));
}

#[test]
fn mixed_rows_keep_what_columns_are_there_for() -> Result<()> {
    use perennial_data::{PiiAction, PiiKind, Role};
    let x = table(4).mark_pii("city", PiiKind::Address, PiiAction::Keep)?.with_role("day", Role::Time)?;
    let mixed = x.mixed(&table(8).take(&[7])?, 0, &[(0..2, vec![1]), (1..3, vec![]), (3..4, vec![1, 5])])?;
    assert_eq!((mixed.pii_of(&["city"])?, mixed.role("day")?), (x.pii_of(&["city"])?, Role::Time));
    let hours: Vec<_> = mixed.column("hour")?.as_integer()?.flatten().collect();
    assert_eq!(hours, [3, 3, 0, 1, 3]);
    assert_eq!(mixed.column("price")?.as_real()?.to_vec(), [0.0, 1.0, 1.0, 2.0, 7.0].map(|n| n / 7.0));
    Ok(())
}

#[test]
fn slices_of_a_table_have_names() {
    let x = table(1200);
    let y = Cities.predict(&x).unwrap();
    // Wrong in Bern, and on the last days of a month.
    let city = |row: usize| if row.is_multiple_of(2) { 2.0 } else { 0.0 };
    let wrong: Values = (0..1200).map(|row| y.as_slice()[row] + city(row)).collect();
    let found = SliceFinder::new().max_conditions(1).find(&MeanAbsoluteError, &y, &wrong, &x).unwrap();
    assert_eq!(found.report.slices[0].name, "city = Bern");
    assert!(matches!(&found.conditions[0].1[0], Condition::Is { feature, .. } if feature == "city"));
    let late: Values = (0..1200).map(|row| y.as_slice()[row] + f64::from(row % 31 > 26)).collect();
    let found = SliceFinder::new().max_conditions(1).find(&MeanAbsoluteError, &y, &late, &x).unwrap();
    assert!(found.report.slices[0].name.starts_with("day > 1970-01-2"), "{found}");
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<errors::DiscoveredSlices>(&json).unwrap(), found);
}

#[test]
fn columns_of_a_table_have_shapley_values() {
    let (x, background) = (table(6), table(24));
    let score = Score::prediction(&Cities);
    let mean_hour = (0..24).map(|row| f64::from(row / 2 % 24)).sum::<f64>() / 24.0;
    for method in [ShapMethod::Exact, ShapMethod::Kernel, ShapMethod::Permutation, ShapMethod::Sampling] {
        let shap = Shap::new(&score, &background).unwrap().method(method).budget(200);
        let explained = shap.explain(&x).unwrap();
        let tolerance = if matches!(method, ShapMethod::Sampling) { 1.5 } else { 1e-9 };
        for row in 0..6 {
            let values = explained.values()[0].row(row);
            let (city, hour) =
                (if row.is_multiple_of(2) { 10.0 } else { -10.0 }, (row / 2) as f64 - mean_hour);
            assert!((values[0] - city).abs() < tolerance, "{method:?} {values}");
            assert!((values[1] - hour).abs() < tolerance, "{method:?} {values}");
            assert!(values.iter().skip(2).all(|value| value.abs() < tolerance), "{method:?} {values}");
        }
        // Columns in another order are put in place.
        let turned = x.select(&["at", "price", "sure", "day", "note", "hour", "city"]).unwrap();
        assert_eq!(shap.explain(&turned).unwrap(), explained);
        assert!(shap.explain(&x.drop(&["at"]).unwrap()).is_err());
    }
    let shap = Shap::new(&score, &background).unwrap().groups(&[vec!["city", "hour"]]).unwrap();
    let together = shap.explain(&x).unwrap();
    assert!((together.values()[0][[0, 0]] - (10.0 - mean_hour)).abs() < 1e-9);
    // A category that the background has not is as it is.
    let elsewhere = Table::new([("city", Column::category(["Chur"]))]).unwrap();
    let elsewhere = x.take(&[0]).unwrap().with_column("city", elsewhere.column("city").unwrap().clone());
    let explained = Shap::new(&score, &background).unwrap().explain(&elsewhere.unwrap()).unwrap();
    assert!(explained.values()[0][[0, 0]].abs() < 1e-9, "{explained:?}");
    let pictures = Explained::new(&together, 0, &x).unwrap();
    assert!(pictures.waterfall(0).unwrap().to_svg().contains("city = Bern"));
    assert!(pictures.dependence("city").unwrap().to_svg().contains("Basel"));
    assert!(Shap::new(&score, &table(0)).is_err());
}

#[test]
fn a_table_says_what_would_have_to_be_different() -> Result<()> {
    let known = table(96);
    let score = Score::prediction(&Cities);
    let x = known.take(&[1])?;
    // From Basel at 0 to at least 5: Bern is enough.
    let found = Counterfactuals::new(&score, &known).at_least(5.0, &x)?;
    assert_eq!(
        found[0].to_string(),
        "the score rises from -10.0000 to 10.0000 if `city` is Bern instead of Basel"
    );
    // With the city as it is it takes hours, whole ones: the first that serves.
    let found = Counterfactuals::new(&score, &known).fixed(["city"]).at_least(5.5, &x)?;
    assert_eq!((found[0].changes.len(), found[0].changes[0].to, found[0].to), (1, 16.0, 6.0));
    let error = Counterfactuals::new(&score, &known).fixed(["city", "hour"]).at_least(5.0, &x).unwrap_err();
    assert!(error.to_string().contains("no known row has a prediction of at least 5"), "{error}");
    // What is missing is another value than any, and can be one itself.
    let missing = x.with_column("city", Column::category([None::<&str>]))?;
    let found = Counterfactuals::new(&score, &known).at_most(-5.0, &missing)?;
    assert!(found[0].to_string().contains("`city` is Basel instead of missing"), "{}", found[0]);
    assert!(Counterfactuals::new(&score, &table(0)).at_least(5.0, &x).is_err());
    Ok(())
}

/// The mean target of each city.
struct CityMeans;

struct CityMeansModel(BTreeMap<String, f64>);

fn cities(x: &Table) -> Result<Vec<String>> {
    Ok(x.column("city")?.as_text()?.map(|city| city.unwrap_or_default().to_owned()).collect())
}

impl Estimator for CityMeans {
    type Input = Table;
    type Target = Values;
    type Model = CityMeansModel;

    fn fit_on(&self, train: &Train<'_, Table, Values>) -> Result<CityMeansModel> {
        let mut sums: BTreeMap<String, (f64, f64)> = BTreeMap::new();
        for (city, y) in cities(train.x)?.into_iter().zip(train.y.as_slice()) {
            let sum = sums.entry(city).or_default();
            *sum = (sum.0 + y, sum.1 + 1.0);
        }
        Ok(CityMeansModel(sums.into_iter().map(|(city, (sum, n))| (city, sum / n)).collect()))
    }
}

impl Predictor for CityMeansModel {
    type Input = Table;
    type Output = Values;

    fn predict(&self, x: &Table) -> Result<Values> {
        Ok(cities(x)?.iter().map(|city| self.0.get(city).copied().unwrap_or(0.0)).collect())
    }
}

#[test]
fn answers_for_rows_of_a_table_are_taken_apart() {
    // Hours from 0 to 23, each in both cities; the row is in Basel at 2.
    let x = table(48);
    let (score, row) = (Score::prediction(&Cities), x.take(&[5]).unwrap());
    let order = ["hour", "city", "note", "day", "sure", "price", "at"];
    let broken = break_down(&score, &row, &x, Some(&order), &Context::new()).unwrap();
    assert_eq!(broken.base, 11.5);
    let added: Vec<f64> = broken.steps.iter().map(|step| step.added).collect();
    assert_eq!(added, [-9.5, -10.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
    assert_eq!((broken.steps[0].value, broken.steps[0].shown.as_deref()), (2.0, None));
    assert_eq!(broken.steps[1].shown.as_deref(), Some("Basel"));
    let chosen = break_down(&score, &row, &x, None, &Context::new()).unwrap();
    assert_eq!(chosen.steps[0].feature, "city");
    assert!(
        break_down(&score, &row, &x, Some(&["nowhere"]), &Context::new())
            .unwrap_err()
            .to_string()
            .contains("nowhere")
    );
    assert!(break_down(&score, &row, &x.take(&[]).unwrap(), None, &Context::new()).is_err());

    let explained = additive_contributions(&score, &row, &x, &Context::new()).unwrap();
    assert_eq!(explained.base(), [11.5]);
    assert_eq!(explained.values()[0].row(0).to_vec(), [-10.0, -9.5, 0.0, 0.0, 0.0, 0.0, 0.0]);

    let grid = Grid::Values(vec![0.0, 2.0]);
    let lines = ceteris_paribus(&score, &row, &x, &["hour"], &grid, &Context::new()).unwrap();
    assert_eq!(lines[0].mean, [-10.0, -8.0]);
    assert!(ceteris_paribus(&score, &row, &x, &["city"], &grid, &Context::new()).is_err());

    // Cities are a variance of 100, hours one of 575 / 12.
    let simple = surrogate(&score, &CityMeans, &x, &x, &Context::new()).unwrap();
    assert!((simple.fidelity - 100.0 / (100.0 + 575.0 / 12.0)).abs() < 1e-12);
}

#[test]
fn error_trees_of_tables_say_their_labels() {
    let x = table(480);
    let truth = Cities.predict(&x).unwrap();
    // Five off where the note is y.
    let off = |(row, truth): (usize, &f64)| truth + if row % 3 == 1 { 5.0 } else { 0.0 };
    let answer: Values = truth.as_slice().iter().enumerate().map(off).collect();
    // The rows that were learned from have other notes, which are numbered otherwise.
    let train: Vec<usize> = (0..480).filter(|row| row % 3 != 0).collect();
    let train = x.take(&train).unwrap();
    for train in [None, Some(&train)] {
        let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, train).unwrap();
        assert_eq!(found.groups[0].conditions[0].to_string(), "note = y");
        assert_eq!(found.groups[0].rows, (0..480).filter(|row| row % 3 == 1).collect::<Vec<_>>());
        assert_eq!(found.groups[0].score.as_ref().unwrap().interval.estimate, 5.0);
        assert_eq!(found.groups[1].conditions[0].to_string(), "note is not y");
    }
    // A day from which on answers are off.
    let late = |(row, truth): (usize, &f64)| truth + if row % 31 > 20 { 5.0 } else { 0.0 };
    let answer: Values = truth.as_slice().iter().enumerate().map(late).collect();
    let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, None).unwrap();
    assert!(found.groups[0].conditions[0].to_string().starts_with("day > 1970-01-21"), "{found}");
}

/// The numbers of conditions are those of the cells, whatever texts the training rows have besides.
#[test]
fn conditions_of_error_trees_hold_for_the_cells() {
    let of = |notes: [&'static str; 3]| {
        let note = Column::text((0..480).map(|row| Some(notes[row % 3])));
        let sure = Column::boolean((0..480).map(|row| row % 5 == 0));
        Table::new([("note", note), ("sure", sure)]).unwrap()
    };
    let (x, train) = (of(["a9", "a10", "b"]), of(["a1", "a10", "zz"]));
    let truth = Values::from(vec![0.0; 480]);
    let notes = x.cells(0).unwrap().values().to_vec();
    for off in 0..3 {
        let answer: Values = (0..480).map(|row| if row % 3 == off { 5.0 } else { 0.0 }).collect();
        for train in [None, Some(&train)] {
            let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, train).unwrap();
            let group = &found.groups[0];
            assert_eq!(group.conditions[0].to_string(), format!("note = {}", ["a9", "a10", "b"][off]));
            let held: Vec<usize> =
                (0..480).filter(|&row| group.conditions.iter().all(|one| one.holds(notes[row]))).collect();
            assert_eq!((&held, held.len()), (&group.rows, 160));
        }
    }
    let sure = x.cells(1).unwrap().values().to_vec();
    let answer: Values = sure.iter().map(|sure| 5.0 * sure).collect();
    let found = ErrorTree::new().find(&MeanAbsoluteError, &truth, &answer, &x, Some(&train)).unwrap();
    let group = &found.groups[0];
    assert_eq!(group.conditions.len(), 1, "{found}");
    assert!((0..480).all(|row| group.conditions[0].holds(sure[row]) == group.rows.contains(&row)));
}

#[test]
fn rows_of_a_table_are_found_in_another() {
    let train = table(96);
    // In Basel alone the city has another number than among both; a city that was not learned from is none of them.
    let asked = train.take(&[5, 7]).unwrap();
    let found = nearest_rows(&train, &asked, &[0, 1], 2).unwrap();
    assert_eq!(
        (found[0].nearest[0].row, found[0].nearest[0].distance, found[0].unlike_training),
        (5, 0.0, false)
    );
    assert_eq!(found[1].nearest[0].row, 7);
    let elsewhere = Column::category([Some("Aarau"), Some("Chur")]);
    let elsewhere = asked.with_column("city", elsewhere).unwrap();
    let found = nearest_rows(&train, &elsewhere, &[0, 1], 1).unwrap();
    // Of seven columns one differs.
    assert!((found[0].nearest[0].distance - (1.0_f64 / 7.0).sqrt()).abs() < 1e-12, "{found:?}");
    assert!(nearest_rows(&train, &asked.drop(&["city"]).unwrap(), &[0], 1).is_err());

    // Prices are missing in every third row, and in all of those that are looked at.
    let prices = Column::real((0..96).map(|row| (row % 3 > 0).then_some(f64::from(row))));
    let holes = train.with_column("price", prices).unwrap();
    let rows: Vec<usize> = (0..96).filter(|row| row % 3 == 0).collect();
    let fixes = candidate_fixes(&[1.0; 96], &holes, &rows, &[], Some(&train)).unwrap();
    assert!(
        fixes.contains(&Fix::FillFeature { feature: "price".to_owned(), missing: 1.0, elsewhere: 0.0 }),
        "{fixes:?}"
    );
    assert!(candidate_fixes(&[1.0; 3], &holes, &rows, &[], None).is_err());
}

#[test]
fn a_cross_validation_scans_a_table_that_the_scan_is_given() {
    let x = table(200);
    let y: Values = (0..200).map(|row| row as f64).collect();
    let folds = split::KFold::new(4).seed(1);
    let splits = |scan: LeakageScan<'_>| CrossValidation::new().scan_leakage(scan).splits(&x, &y, &folds);
    let error = splits(LeakageScan::new()).unwrap_err().to_string();
    assert!(error.contains("LeakageScan::rows"), "{error}");
    // The price is the target over 7.
    let error = splits(LeakageScan::new().rows(&x)).unwrap_err().to_string();
    assert!(error.contains("`price` alone explains"), "{error}");
    let few = x.take(&[0, 1, 2]).unwrap();
    assert!(splits(LeakageScan::new().rows(&few)).unwrap_err().to_string().contains("3"));
    let noise: Values = {
        let mut random = Random::new(3);
        (0..200).map(|_| random.normal()).collect()
    };
    assert!(
        CrossValidation::new().scan_leakage(LeakageScan::new().rows(&x)).splits(&x, &noise, &folds).is_ok()
    );
}

#[test]
fn explanations_stop_where_they_are_cancelled() {
    let x = table(48);
    let (score, row) = (Score::prediction(&Cities), x.take(&[5]).unwrap());
    let token = CancelToken::new();
    token.cancel();
    let ctx = Context::new().with_cancel(token);
    assert!(break_down(&score, &row, &x, None, &ctx).is_err());
    assert!(additive_contributions(&score, &row, &x, &ctx).is_err());
    assert!(surrogate(&score, &CityMeans, &x, &x, &ctx).is_err());
}
