//! Pipelines and columns that learn from batches learn what they would from all rows at once.

use perennial_core::{Context, Error, Estimator, Matrix, NoTarget, Result, Rows, Transformer};
use perennial_data::{CsvOptions, CsvReader, Table, to_csv};
use perennial_preprocessing::{
    CategoryImputer, Columns, CountEncoder, FitBatches, MinMaxScaler, OneHotEncoder, PassThrough,
    RareLabelEncoder, SimpleImputer, StandardScaler, TargetEncoder, Unknown, numeric,
};

use crate::batches::{same, table};

#[test]
fn steps_in_a_row_learn_one_after_the_other() -> Result<()> {
    let table = table()?;
    let numbers = table.matrix(&["x", "few", "far"])?;
    same(&SimpleImputer::mean().indicator(true).then(StandardScaler::new()), &numbers, &NoTarget)?;
    let three = SimpleImputer::mode().then(StandardScaler::new()).then(MinMaxScaler::new().clip(true));
    same(&three, &numbers, &NoTarget)?;
    // On the right too, under a name, and with a step that is fitted already.
    let scaler = StandardScaler::new().fit(&numbers, &NoTarget)?;
    let inner = scaler.frozen().then(MinMaxScaler::new()).named("scaling");
    same(&SimpleImputer::constant(-1.0).then(inner), &numbers, &NoTarget)?;
    let words = table.select(&["city", "kind"])?;
    let one_hot = OneHotEncoder::new().unknown(Unknown::Ignore);
    same(&CategoryImputer::mode().then(RareLabelEncoder::new()).then(one_hot), &words, &NoTarget)?;
    let encoded = CategoryImputer::mode().then(TargetEncoder::of_values());
    same(&encoded, &words, &table.values("y")?)
}

#[test]
fn columns_learn_side_by_side() -> Result<()> {
    let table = table()?.select(&["x", "few", "far", "city", "kind", "size", "on", "y"])?;
    let one_hot = || OneHotEncoder::new().unknown(Unknown::Ignore);
    let columns = Columns::new()
        .on(["x", "few"], SimpleImputer::mean().indicator(true).then(StandardScaler::new()))
        .on(["far"], MinMaxScaler::new())
        .on(["city"], CategoryImputer::mode().then(one_hot()))
        .on(["size"], CountEncoder::new())
        .drop_rest();
    same(&columns, &table, &NoTarget)?;
    same(&columns.clone().then(StandardScaler::new()).then(PassThrough::new()), &table, &NoTarget)?;
    let with_target = columns.clone().on(["kind"], TargetEncoder::of_values());
    same(&with_target, &table, &table.values("y")?)?;
    // Sparse or not, which depends on all rows.
    for threshold in [0.0, 0.3, 0.9] {
        let sparse = columns.clone().on(["kind", "on"], one_hot().sparse(true)).sparse_threshold(threshold);
        same(&sparse, &table, &NoTarget)?;
    }
    let few =
        Columns::new().on(["city", "kind", "size"], one_hot().sparse(true)).on(["x"], PassThrough::new());
    let few = few.drop_rest();
    same(&few, &table, &NoTarget)?;
    let is_sparse = few.fit(&table, &NoTarget)?.transform(&table)?.sparse().is_some();
    assert!(is_sparse);
    // Columns in columns.
    same(
        &Columns::new()
            .on(["x", "few", "far", "size"], Columns::new().on(numeric(), SimpleImputer::mean()))
            .drop_rest(),
        &table,
        &NoTarget,
    )
}

#[test]
fn a_file_larger_than_a_batch_teaches_a_pipeline() -> Result<()> {
    let directory = tempfile::tempdir().map_err(Error::other)?;
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, to_csv(&table()?, CsvOptions::new())?).map_err(Error::other)?;
    let columns = Columns::new()
        .on(["x", "far"], SimpleImputer::mean().then(StandardScaler::new()))
        .on(["city"], CategoryImputer::mode().then(OneHotEncoder::new()))
        .on(["size"], TargetEncoder::of_values())
        .drop_rest();
    let mut opened = 0;
    let model = columns.fit_batches(|| {
        opened += 1;
        let scan = CsvReader::new().scan(&path, 1 << 16)?;
        Ok(scan.map(|part| {
            let part = part?;
            let y = part.values("y")?;
            Ok((part, y))
        }))
    })?;
    // Two steps in a row, and two passes of the target encoder, side by side.
    assert_eq!(opened, 2);
    let whole = CsvReader::new().read_path(&path)?;
    assert_eq!(model, columns.fit(&whole, &whole.values("y")?)?);
    Ok(())
}

fn refused<E: FitBatches<Input = Table>>(step: &E, y: E::Target) -> Result<String>
where
    E::Target: Rows<Owned = E::Target>,
{
    let table = table()?;
    let batches = || Ok([Ok((table.clone(), y.take(&(0..table.n_rows()).collect::<Vec<_>>())?))]);
    Ok(step.fit_batches(batches).err().map(|error| error.to_string()).unwrap_or_default())
}

#[test]
fn a_step_that_cannot_is_named() -> Result<()> {
    let y = table()?.values("y")?;
    let median = Columns::new()
        .on(["far"], StandardScaler::new())
        .on(["x"], SimpleImputer::median().then(StandardScaler::new()))
        .drop_rest();
    let error = refused(&median, NoTarget)?;
    assert!(error.contains("SimpleImputer") && error.contains("all rows at once"), "{error}");
    let encoded = Columns::new().on(["city"], TargetEncoder::of_values()).drop_rest();
    assert_eq!(refused(&encoded, y.clone())?, "");
    let error = refused(&encoded.then(StandardScaler::new()), y.clone())?;
    assert!(error.contains("TargetEncoder") && error.contains("city"), "{error}");
    let sparse = Columns::new()
        .on(["city"], TargetEncoder::of_values())
        .on(["kind"], OneHotEncoder::new().sparse(true))
        .drop_rest();
    let error = refused(&sparse, y.clone())?;
    assert!(error.contains("sparse_threshold(0.0)") && error.contains("TargetEncoder"), "{error}");
    assert_eq!(refused(&sparse.sparse_threshold(0.0), y)?, "");
    let error = refused(&Columns::new().on(["x"], StandardScaler::new()), NoTarget)?;
    assert!(error.contains("no step takes the columns few"), "{error}");
    assert!(refused(&Columns::new(), NoTarget)?.contains("`.on(..)`"));
    Ok(())
}

#[test]
fn weights_and_passes_must_be_the_same_throughout() -> Result<()> {
    let part = |value: f64| Matrix::from(ndarray::array![[value], [2.0]]);
    let steps = SimpleImputer::mean().then(StandardScaler::new());
    let all_zero = || Ok([Ok((part(1.0), NoTarget, vec![0.0, 0.0]))]);
    assert!(steps.fit_batches(all_zero).unwrap_err().to_string().contains("all weights are zero"));
    let negative = || Ok([Ok((part(1.0), NoTarget, vec![0.0, -1.0]))]);
    assert!(steps.fit_batches(negative).unwrap_err().to_string().contains("-1 at row 1"));
    let short = || Ok([Ok((part(1.0), NoTarget, vec![0.0]))]);
    assert!(steps.fit_batches(short).is_err());
    let some = || {
        let first = perennial_preprocessing::Batch::from((part(1.0), NoTarget));
        Ok([Ok(first), Ok((part(1.0), NoTarget, vec![1.0, 1.0]).into())])
    };
    assert!(steps.fit_batches(some).unwrap_err().to_string().contains("some batches have weights"));
    let mut pass = 0;
    let fewer = || {
        pass += 1;
        Ok((pass..3).map(|_| Ok((part(1.0), NoTarget))).collect::<Vec<_>>())
    };
    assert!(steps.fit_batches(fewer).unwrap_err().to_string().contains("4 rows at first and 2"));
    let token = perennial_core::CancelToken::new();
    token.cancel();
    let batches = || Ok([Ok((part(1.0), NoTarget))]);
    assert!(steps.fit_batches_in(&Context::new().with_cancel(token), batches).is_err());
    Ok(())
}

#[test]
fn what_cannot_be_counted_is_refused_at_the_first_batch() -> Result<()> {
    let table = table()?;
    let y = table.values("y")?;
    let columns = Columns::new()
        .on(["city"], TargetEncoder::of_values())
        .on(["kind"], OneHotEncoder::new().sparse(true))
        .drop_rest();
    let taken = std::cell::Cell::new(0);
    let batch = |part: usize| {
        taken.set(taken.get() + 1);
        let rows: Vec<usize> = (part * 500..(part + 1) * 500).collect();
        Ok::<_, Error>((table.take(&rows)?, y.take(&rows)?))
    };
    let error = columns.fit_batches(|| Ok((0..10).map(&batch))).unwrap_err().to_string();
    assert!(error.contains("sparse_threshold(0.0)"), "{error}");
    assert_eq!(taken.get(), 1);
    // A wrong setting takes none.
    let error = columns.sparse_threshold(2.0).fit_batches(|| Ok((0..10).map(&batch))).unwrap_err();
    assert!(error.to_string().contains("sparse_threshold") && taken.get() == 1);
    Ok(())
}
