//! What is learned from batches is what is learned from all rows at once, bit for bit.

use std::fmt::Debug;
use std::ops::Range;

use perennial_core::{Classes, Csr, Error, Estimator, Matrix, NoTarget, Result, Rows, Train, Values};
use perennial_data::{Column, CsvOptions, CsvReader, Table, to_csv};
use perennial_preprocessing::{
    Bins, Bounds, CategoryImputer, CleanText, Contrast, ContrastEncoder, CountEncoder, CountTargetEncoder,
    FitBatches, HashingEncoder, KBinsDiscretizer, Knots, MaxAbsScaler, MinMaxScaler, MissingIndicator,
    MultiHotEncoder, OneHotEncoder, OrdinalEncoder, PassThrough, RankHotEncoder, RareLabelEncoder,
    SimilarityEncoder, SimpleImputer, Smoothing, SplineTransformer, StandardScaler, TargetEncoder, Unknown,
    Winsorizer, WoeEncoder,
};
use serde::Serialize;

const N: usize = 5000;

pub(crate) fn table() -> Result<Table> {
    let number = |row: usize| f64::from((row as u32).wrapping_mul(2_654_435_761)) / 1e6 - 1500.0;
    let gone = |row: usize| row % 11 == 3;
    let x = (0..N).map(|row| (!gone(row)).then(|| number(row)));
    let few = (0..N).map(|row| (row % 7 != 0).then(|| (row * row % 13) as f64));
    let words = ["Rome", "Oslo", "Bern", "Ulm", "Zug"];
    let city: Vec<Option<&str>> = (0..N).map(|row| (row % 17 != 0).then(|| words[row * row % 5])).collect();
    Table::new([
        ("x", Column::real(x)),
        ("few", Column::real(few)),
        ("far", Column::real((0..N).map(|row| 1e9 + number(row)))),
        ("city", Column::text(city.iter().copied())),
        ("kind", Column::category(city)),
        ("size", Column::integer((0..N).map(|row| (row % 23) as i64 - 11))),
        ("on", Column::boolean((0..N).map(|row| row % 3 == 0))),
        ("y", Column::real((0..N).map(|row| number(row * 7 + 1)))),
    ])
}

/// Cuts that end in the middle of chunks, batches without rows, and one row alone.
fn cuts() -> Vec<Vec<Range<usize>>> {
    let even = |size: usize| (0..N).step_by(size).map(move |start| start..(start + size).min(N));
    vec![vec![0..N], even(1024).collect(), even(777).collect(), vec![0..0, 0..1, 1..1, 1..4097, 4097..N]]
}

/// The weights of the rows: none in the first thousand or so, none of many others, and none a power of two.
fn weights() -> Vec<f64> {
    (0..N).map(|row| if row < 1030 { 0.0 } else { (row * row % 7) as f64 * 0.3 }).collect()
}

pub(crate) fn same<E>(step: &E, x: &E::Input, y: &E::Target) -> Result<()>
where
    E: FitBatches + Debug,
    E::Input: Rows<Owned = E::Input>,
    E::Target: Rows<Owned = E::Target>,
    E::Model: Serialize,
{
    let whole = perennial_core::to_bytes(&step.fit(x, y)?)?;
    let weights = weights();
    let weighted = perennial_core::to_bytes(&Train::new(x, y).weights(&weights).fit(step)?)?;
    for cuts in cuts() {
        let batch = |rows: &Range<usize>| {
            let rows: Vec<usize> = rows.clone().collect();
            Ok((x.take(&rows)?, y.take(&rows)?))
        };
        let model = step.fit_batches(|| Ok(cuts.iter().map(batch).collect::<Vec<_>>()))?;
        assert!(perennial_core::to_bytes(&model)? == whole, "{step:?} in {} batches", cuts.len());
        let batch = |range: &Range<usize>| {
            let (x, y) = batch(range)?;
            Ok((x, y, weights[range.clone()].to_vec()))
        };
        let model = step.fit_batches(|| Ok(cuts.iter().map(batch).collect::<Vec<_>>()))?;
        let what = format!("{step:?} in {} batches with weights", cuts.len());
        assert!(perennial_core::to_bytes(&model)? == weighted, "{what}");
    }
    Ok(())
}

#[test]
fn batches_teach_what_all_rows_teach() -> Result<()> {
    let table = table()?;
    let numbers = table.matrix(&["x", "few", "far"])?;
    same(&StandardScaler::new(), &numbers, &NoTarget)?;
    same(&MinMaxScaler::new().range(-1.0, 1.0), &numbers, &NoTarget)?;
    same(&MaxAbsScaler::new(), &numbers, &NoTarget)?;
    same(&SimpleImputer::mean().indicator(true), &numbers, &NoTarget)?;
    same(&MissingIndicator::new(), &numbers, &NoTarget)?;
    same(&SimpleImputer::mode(), &numbers, &NoTarget)?;
    same(&SimpleImputer::constant(-1.0).indicator(true), &numbers, &NoTarget)?;
    same(&SimpleImputer::end_of_tail(3.0), &numbers, &NoTarget)?;
    same(&KBinsDiscretizer::new().bins(Bins::Uniform), &numbers, &NoTarget)?;
    same(&SplineTransformer::new(), &numbers, &NoTarget)?;
    same(&Winsorizer::new().bounds(Bounds::Deviations(1.2)).indicator(true), &numbers, &NoTarget)?;
    same(&Winsorizer::new().bounds(Bounds::Fixed(-5.0, 1e9)).to_missing(true), &numbers, &NoTarget)?;
    same(&PassThrough::new(), &numbers, &NoTarget)?;
    let words = table.select(&["city", "kind", "size", "on"])?;
    same(&CountEncoder::new().normalize(true), &words, &NoTarget)?;
    same(&RareLabelEncoder::new().min_share(0.1).max_categories(3), &words, &NoTarget)?;
    same(&ContrastEncoder::new(Contrast::Sum), &words, &NoTarget)?;
    same(&CategoryImputer::mode(), &words, &NoTarget)?;
    same(&CleanText::new(), &words.select(&["city", "kind"])?, &NoTarget)?;
    same(&HashingEncoder::new(), &words, &NoTarget)?;
    same(&OneHotEncoder::new(), &words, &NoTarget)?;
    same(&OneHotEncoder::new().min_frequency(500.0).drop_first(true), &words, &NoTarget)?;
    same(&OrdinalEncoder::new().unknown(Unknown::Ignore), &words, &NoTarget)?;
    same(&MultiHotEncoder::new().delimiter("o"), &words, &NoTarget)?;
    same(&SimilarityEncoder::new().max_categories(3), &words, &NoTarget)?;
    let order = ["Zug", "Rome", "Ulm", "Bern", "Oslo", "Chur"];
    same(&RankHotEncoder::new().order("kind", order), &words, &NoTarget)?;
    let y = table.values("y")?;
    for smoothing in [Smoothing::Auto, Smoothing::Rows(10.0), Smoothing::JamesStein] {
        same(&TargetEncoder::of_values().smoothing(smoothing), &words, &y)?;
    }
    let classes = Classes::new(
        (0..N as u32).map(|row| row * row % 7 % 3).collect(),
        ["a", "b", "c"].map(str::to_owned),
    )?;
    same(&TargetEncoder::of_classes(), &words, &classes)?;
    same(&CountTargetEncoder::new(), &words, &classes)?;
    same(&WoeEncoder::new(), &words, &classes)?;
    let two =
        Classes::new(classes.codes().iter().map(|code| code / 2).collect(), ["no".into(), "yes".into()])?;
    same(&CountTargetEncoder::new().min_samples(900.0).smoothing(50.0), &words, &two)?;
    same(&WoeEncoder::new().regularization(0.5), &words, &two)?;
    Ok(())
}

#[test]
fn a_file_read_in_batches_teaches_what_it_teaches_in_memory() -> Result<()> {
    let directory = tempfile::tempdir().map_err(Error::other)?;
    let path = directory.path().join("rows.csv");
    std::fs::write(&path, to_csv(&table()?, CsvOptions::new())?).map_err(Error::other)?;
    let whole = CsvReader::new().read_path(&path)?;
    let (numbers, words) = (["x", "far"], ["city", "size"]);
    let scan = || CsvReader::new().scan(&path, 1 << 16);
    let scaled = StandardScaler::new()
        .fit_batches(|| Ok(scan()?.map(|part| Ok((part?.matrix(&numbers)?, NoTarget)))))?;
    assert_eq!(scaled, StandardScaler::new().fit(&whole.matrix(&numbers)?, &NoTarget)?);
    let encoded = TargetEncoder::of_values().fit_batches(|| {
        Ok(scan()?.map(|part| {
            let part = part?;
            Ok((part.select(&words)?, part.values("y")?))
        }))
    })?;
    assert_eq!(encoded, TargetEncoder::of_values().fit(&whole.select(&words)?, &whole.values("y")?)?);
    Ok(())
}

#[test]
fn batches_that_do_not_fit_together_are_refused() -> Result<()> {
    let none: Vec<Result<(Matrix, NoTarget)>> = Vec::new();
    let error = StandardScaler::new()
        .fit_batches(|| Ok(none.iter().map(|_| -> Result<(Matrix, NoTarget)> { unreachable!() })))
        .unwrap_err();
    assert!(error.to_string().contains("no rows"));
    let part = |name: &str| Matrix::from(ndarray::array![[1.0], [2.0]]).with_names([name]);
    let parts = || Ok([part("a"), part("b")].map(|part: Result<Matrix>| Ok((part?, NoTarget))));
    assert!(StandardScaler::new().fit_batches(parts).unwrap_err().to_string().contains('a'));
    for error in [
        SimpleImputer::median().fit_batches(parts).map(drop).unwrap_err(),
        Winsorizer::new().fit_batches(parts).map(drop).unwrap_err(),
        SplineTransformer::new().knots(Knots::Quantile).fit_batches(parts).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("all rows at once"), "{error}");
    }
    // One class in all of the batches, and a category that an order forgets.
    let words = || Table::new([("c", Column::text(["a", "b"]))]);
    let one = || Ok([Ok::<_, Error>((words()?, Classes::new(vec![1, 1], ["no".into(), "yes".into()])?))]);
    assert!(WoeEncoder::new().fit_batches(one).unwrap_err().to_string().contains("`yes`"));
    let forgotten = RankHotEncoder::new().order("c", ["a"]).fit_batches(|| Ok([Ok((words()?, NoTarget))]));
    assert!(forgotten.unwrap_err().to_string().contains("`b`"));
    assert!(WoeEncoder::new().hands_on().is_err() && CountTargetEncoder::new().hands_on().is_err());
    let table = |column: Column| Table::new([("c", column)]);
    let parts = || {
        Ok([table(Column::text(["a"])), table(Column::integer([1]))]
            .map(|part| Ok((part?, Values::from(vec![1.0])))))
    };
    let error = TargetEncoder::of_values().fit_batches(parts).unwrap_err().to_string();
    assert!(error.contains("type text in one batch and integer"), "{error}");
    let failing = || Ok([Err::<(Matrix, NoTarget), _>(Error::other("the disk is gone"))]);
    assert!(MinMaxScaler::new().fit_batches(failing).unwrap_err().to_string().contains("disk"));
    Ok(())
}

#[test]
fn classes_are_the_same_in_every_batch() -> Result<()> {
    let encoder = TargetEncoder::of_classes();
    let table = || Table::new([("c", Column::text(["x", "y"]))]);
    let of = |codes: [u32; 2], names: &[&str]| {
        Classes::new(codes.to_vec(), names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
    };
    let refused = |first: Classes, second: Classes| -> Result<String> {
        let batches = [first, second];
        let open = || Ok(batches.clone().map(|y| Ok::<_, Error>((table()?, y))));
        Ok(encoder.fit_batches(open).err().map(|error| error.to_string()).unwrap_or_default())
    };
    let error = refused(of([0, 1], &["a", "b"])?, of([0, 1], &["b", "c"])?)?;
    assert!(error.contains("(more: `c`; without: `a`)") && error.contains("Classes::new"), "{error}");
    let error = refused(of([0, 1], &["a", "b"])?, of([0, 1], &["b", "a"])?)?;
    assert!(error.contains("in another order"), "{error}");
    let error = refused(of([0, 1], &["a", "b"])?, of([0, 0], &["a"])?)?;
    assert!(error.contains("(more: none; without: `b`)"), "{error}");
    let all = ["a", "b", "c"];
    assert_eq!(refused(of([0, 1], &all)?, of([1, 2], &all)?)?, "");
    // In the second pass too.
    let mut pass = 0;
    let error = encoder.fit_batches(|| {
        pass += 1;
        let y = of([0, 1], if pass == 1 { &["a", "b"] } else { &["b", "c"] })?;
        Ok([Ok::<_, Error>((table()?, y))])
    });
    assert!(error.unwrap_err().to_string().contains("without: `a`"));
    assert_eq!(pass, 2);
    Ok(())
}

/// Written out, these would be ten gigabytes.
#[test]
fn sparse_batches_stay_sparse() -> Result<()> {
    let sparse = |n_cols: usize| {
        let columns = |row: usize| [row * 37 % 300, 300 + row * row % 500, n_cols - 1 - row % 7];
        let cell = |row: usize, at: usize| match (row + at) % 9 {
            0 => f64::NAN,
            1 => 0.0,
            left => (row as f64 * 0.37 - 900.0) / left as f64,
        };
        let indices = (0..N).flat_map(|row| columns(row).map(|column| column as u32)).collect();
        let values = (0..N).flat_map(|row| (0..3).map(move |at| cell(row, at))).collect();
        Csr::new(n_cols, (0..=N).map(|row| 3 * row).collect(), indices, values).map(Matrix::from)
    };
    same(&MaxAbsScaler::new(), &sparse(1 << 18)?, &NoTarget)?;
    let narrow = sparse(1000)?;
    let of_dense = MaxAbsScaler::new().fit(&narrow.to_dense()?, &NoTarget)?;
    assert_eq!(of_dense, MaxAbsScaler::new().fit_batches(|| Ok([Ok((narrow.clone(), NoTarget))]))?);
    same(&StandardScaler::new().with_mean(false).with_std(false), &narrow, &NoTarget)
}
