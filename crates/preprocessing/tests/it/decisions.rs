//! A log of what people and steps decided about a table.

use perennial_core::{Error, Estimator, Matrix, NoTarget, Result, Transformer};
use perennial_data::clean::{DecisionLog, Review, auto_clean};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    Bins, Bounds, CategoryImputer, Columns, CountEncoder, GapEncoder, KBinsDiscretizer, KnnImputer,
    MultiHotEncoder, OneHotEncoder, OrdinalEncoder, PassThrough, PowerTransformer, QuantileTransformer,
    RareLabelEncoder, SimilarityEncoder, SimpleImputer, SplineTransformer, StandardScaler, TargetEncoder,
    Winsorizer,
};

#[test]
fn steps_say_what_they_learned() -> Result<()> {
    let table = Table::new([
        ("age", Column::real([Some(20.0), None, Some(40.0), None])),
        ("city", Column::text([Some("Rome"), Some("Oslo"), None, Some("Rome")])),
        ("n", Column::integer([1, 2, 3, 4])),
    ])?;
    let columns = Columns::new()
        .on(["age"], SimpleImputer::mean().then(StandardScaler::new()))
        .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(["n"], PassThrough::new());
    let model = columns.then(Winsorizer::new().bounds(Bounds::Fixed(0.0, 3.5))).fit(&table, &NoTarget)?;
    let lines: Vec<String> = model.decided().iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 4 + 4, "{lines:#?}");
    assert!(lines[0].starts_with("SimpleImputer, `age`: missing cells become 30 ("), "{lines:#?}");
    assert!(lines[0].ends_with("; 2 training cells)"), "{lines:#?}");
    // Two cells of 30 between 20 and 40: the variance is 50.
    let divisor = 50.0_f64.sqrt();
    assert!(lines[1].contains(&format!("30 is subtracted, the rest divided by {divisor}")), "{lines:#?}");
    assert!(lines[2].starts_with("CategoryImputer, `city`: missing cells become `Rome` ("), "{lines:#?}");
    assert!(lines[2].ends_with("; 1 training cells)"), "{lines:#?}");
    assert!(lines[3].contains("OneHot, `city`: a column for each of `Oslo`, `Rome` ("), "{lines:#?}");
    // The scaled ages below 0, and the 4.
    let cut: Vec<Option<usize>> = model.decided()[4..].iter().map(|decided| decided.cells).collect();
    assert_eq!(cut, [Some(1), Some(0), Some(0), Some(1)]);
    assert_eq!(model.decided()[7].column.as_deref(), Some("n"));
    Ok(())
}

#[test]
fn every_step_that_learns_of_columns_says_so() -> Result<()> {
    let x = Matrix::from(ndarray::Array2::from_shape_fn((40, 2), |(row, column)| {
        if row == 3 && column == 1 { f64::NAN } else { 1.0 + (row * (column + 3)) as f64 % 11.0 }
    }));
    let one = |decided: Vec<perennial_core::Decided>, word: &str| {
        let found = decided.iter().any(|decided| decided.what.contains(word) && !decided.why.is_empty());
        assert!(found, "{word}: {decided:?}");
    };
    one(KnnImputer::new().fit(&x, &NoTarget)?.decided(), "nearest training rows");
    let full = SimpleImputer::mean().fit(&x, &NoTarget)?.transform(&x)?;
    one(PowerTransformer::new().fit(&full, &NoTarget)?.decided(), "the power is");
    one(QuantileTransformer::new().n_quantiles(5).fit(&full, &NoTarget)?.decided(), "among 5 quantiles");
    one(
        KBinsDiscretizer::new().bins(Bins::Edges(vec![4.0])).fit(&full, &NoTarget)?.decided(),
        "2 bins with edges 4",
    );
    let words = Table::new([("w", Column::text((0..40).map(|row| ["a", "b", "c"][row * row % 3])))])?;
    one(OrdinalEncoder::new().fit(&words, &NoTarget)?.decided(), "in this order: `a`, `b`");
    one(CountEncoder::new().fit(&words, &NoTarget)?.decided(), "`a` 14, `b` 26");
    one(
        RareLabelEncoder::new().min_share(0.5).fit(&words, &NoTarget)?.decided(),
        "all become `other` but `b`",
    );
    one(SplineTransformer::new().fit(&full, &NoTarget)?.decided(), "7 splines on the knots 1");
    let things = ["red car", "blue car", "red bus"];
    let things = Table::new([("t", Column::text((0..40).map(|row| things[row % 3])))])?;
    one(MultiHotEncoder::new().fit(&things, &NoTarget)?.decided(), "each of the items `blue car`, `red bus`");
    one(SimilarityEncoder::new().fit(&things, &NoTarget)?.decided(), "likeness to each of");
    one(GapEncoder::new().n_components(2).fit(&things, &NoTarget)?.decided(), "shares of 2 topics: ");
    let y = perennial_core::Values::from(vec![2.0; 40]);
    one(TargetEncoder::of_values().fit(&words, &y)?.decided(), "`a` 2, `b` 2");
    Ok(())
}

#[test]
fn decisions_of_people_and_steps_are_one_log_and_done_again() -> Result<()> {
    let cities = ["Bern", "bern ", "Basel", "Basel", "Bern", "n/a"];
    let table =
        Table::new([("city", Column::category(cities)), ("rent", Column::integer([1, 2, 3, 4, 5, 6]))])?;
    let mut review = auto_clean(&table);
    review.accept("trim:city", "typed by hand")?;
    review.accept("missing:city", "nobody knew")?;
    review.accept("merge:city", "one city")?;
    let directory = tempfile::tempdir().map_err(Error::other)?;
    let file = directory.path().join("review.toml");
    review.write(&file)?;
    let run = |review: &Review| -> Result<DecisionLog> {
        let (clean, mut log) = review.apply(&table, "Ada")?;
        let steps = Columns::new()
            .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new()))
            .on(["rent"], StandardScaler::new());
        log.add_steps(&steps.fit(&clean, &NoTarget)?, "Ada");
        Ok(log)
    };
    let log = run(&review)?;
    assert_eq!(log.entries().len(), 3 + 3);
    assert_eq!(log.entries()[0].rows, Some(1));
    assert_eq!(
        (log.entries()[3].step.as_deref(), log.entries()[3].cells),
        (Some("CategoryImputer"), Some(1))
    );
    let text = log.to_string();
    assert!(
        text.contains("Ada: merge:city")
            && text.contains("Ada, OneHot, `city`: a column for each of `Basel`, `Bern`"),
        "{text}"
    );
    // What people wrote down is done again, and the steps learn the same.
    assert_eq!(run(&Review::read(&file)?)?, log);
    let lines = directory.path().join("log.jsonl");
    log.append(&lines)?;
    assert_eq!(DecisionLog::read(&lines)?, log);
    let again: DecisionLog = serde_json::from_str(&log.to_json()?).map_err(Error::other)?;
    assert_eq!(again, log);
    std::fs::write(&lines, "{}").map_err(Error::other)?;
    assert!(DecisionLog::read(&lines).unwrap_err().to_string().contains("line 1"));
    Ok(())
}

#[test]
fn one_hot_columns_that_are_told_are_there() -> Result<()> {
    let cells = [Some("a"), Some("b"), Some("a"), Some("c"), Some("b"), None];
    let words = Table::new([("w", Column::text(cells))])?;
    let told = |encoder: OneHotEncoder| -> Result<String> {
        Ok(encoder.fit(&words, &NoTarget)?.decided()[0].what.clone())
    };
    let plain = OneHotEncoder::new();
    let (first, rare) = (plain.clone().drop_first(true), plain.clone().min_frequency(2.0));
    assert_eq!(told(plain)?, "a column for each of `a`, `b`, `c`, missing cells have one");
    assert_eq!(
        told(first.clone())?,
        "a column for each of `b`, `c`, that of `a` is left out as the first, missing cells have one"
    );
    assert_eq!(
        told(rare.clone())?,
        "a column for each of `a`, `b`, rare and unknown ones share one, missing cells have one"
    );
    assert_eq!(
        told(rare.drop_first(true))?,
        "a column for each of `b`, that of `a` is left out as the first, rare and unknown ones share one, missing cells have one"
    );
    assert_eq!(
        told(first.min_frequency(9.0))?,
        "no category has a column of its own, that of rare and unknown ones is left out as the first, missing cells have one"
    );
    Ok(())
}
