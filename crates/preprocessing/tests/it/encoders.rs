//! Encoders at their edges.

use ndarray::array;
use perennial_core::{
    Error, ErrorKind, Estimator, FeatureKind, FitTransform, Matrix, NoTarget, Persist, Result, Rows, Train,
    Transformer,
};
use perennial_data::{Column, Table};
use perennial_preprocessing::{
    CategoryImputer, GapEncoder, GapModel, MinHashEncoder, MultiHotEncoder, MultiHotModel, OneHotEncoder,
    OrdinalEncoder, RankHotEncoder, SimilarityEncoder, Unknown,
};

fn cities(cells: &[Option<&str>]) -> Table {
    Table::new([("city", Column::text(cells.iter().copied()))]).unwrap()
}

#[test]
fn an_unknown_category_is_named_or_passed_over() {
    let model = OneHotEncoder::new().fit(&cities(&[Some("a"), Some("b")]), &NoTarget).unwrap();
    let error = model.transform(&cities(&[Some("a"), Some("<new>")])).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error.kind(), ErrorKind::Unknown { .. }));
    assert!(text.contains("`city`") && text.contains("`<new>`") && text.contains("row 1"), "{text}");
    assert!(model.transform(&cities(&[None])).is_err());
    let model = OneHotEncoder::new()
        .unknown(Unknown::Ignore)
        .fit(&cities(&[Some("a"), Some("b")]), &NoTarget)
        .unwrap();
    assert_eq!(
        model.transform(&cities(&[Some("c"), None])).unwrap().dense().unwrap(),
        ndarray::array![[0.0, 0.0], [0.0, 0.0]]
    );
}

#[test]
fn missing_cells_are_a_category_where_they_were_seen() {
    let table = cities(&[Some("a"), None]);
    let x = OneHotEncoder::new().fit(&table, &NoTarget).unwrap().transform(&table).unwrap();
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["city=a", "city is missing"]);
    assert_eq!(x.dense().unwrap(), ndarray::array![[1.0, 0.0], [0.0, 1.0]]);
}

#[test]
fn levels_without_rows_and_rows_without_weight_do_not_count() {
    let column = Column::category_codes([Some(2), Some(0), Some(2)], &["x", "never", "a"]).unwrap();
    let table = Table::new([("c", column)]).unwrap();
    let model = OneHotEncoder::new().fit(&table, &NoTarget).unwrap();
    assert_eq!(model.transform(&table).unwrap().features().names().collect::<Vec<_>>(), ["c=a", "c=x"]);
    let weighted =
        Train::new(&table, &NoTarget).weights(&[1.0, 0.0, 1.0]).fit(&OneHotEncoder::new()).unwrap();
    assert!(weighted.transform(&table).is_err(), "the category of a row that does not count is unknown");
}

#[test]
fn too_many_categories_are_refused_before_anything_is_built() {
    let words: Vec<String> = (0..50_000).map(|i| format!("w{i}")).collect();
    let table = Table::new([("id", Column::text(words.iter().map(|word| Some(word.as_str()))))]).unwrap();
    let error = OneHotEncoder::new().fit(&table, &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    let codes = OrdinalEncoder::new().fit(&table, &NoTarget).unwrap().transform(&table).unwrap();
    assert_eq!(
        codes.features().iter().next().unwrap().kind,
        FeatureKind::Categorical { n_categories: 50_000 }
    );
}

#[test]
fn whole_numbers_are_ordered_by_size_and_reals_are_refused() {
    let table = Table::new([("n", Column::integer([10, 9, -1]))]).unwrap();
    let codes = OrdinalEncoder::new().fit(&table, &NoTarget).unwrap().transform(&table).unwrap();
    assert_eq!(codes.dense().unwrap(), ndarray::array![[2.0], [1.0], [0.0]]);
    let real = Table::new([("r", Column::real([1.5]))]).unwrap();
    let error = OrdinalEncoder::new().fit(&real, &NoTarget).unwrap_err();
    assert!(error.to_string().contains("`r`: the column is of type real"), "{error}");
}

#[test]
fn batches_and_saved_models_give_the_same_bits() -> Result<()> {
    let table = Table::new([
        ("a", Column::text((0..50).map(|i| (i % 7 != 0).then(|| ["p", "q", "é"][i % 3])))),
        ("b", Column::boolean((0..50).map(|i| i % 2 == 0))),
    ])?;
    let encoder = OneHotEncoder::new();
    let model = encoder.fit(&table, &NoTarget)?;
    let all = model.transform(&table)?;
    let loaded = encoder.decode(&encoder.encode(&model)?)?;
    assert_eq!(loaded.transform(&table)?, all);
    for row in 0..table.n_rows() {
        assert_eq!(model.transform(&table.take(&[row])?)?, all.take(&[row])?);
    }
    Ok(())
}

#[test]
fn missing_categories_are_filled() {
    let table = cities(&[Some("b"), None, Some("a"), Some("b")]);
    let texts = |imputer: CategoryImputer| -> Result<Vec<String>> {
        let filled = imputer.fit(&table, &NoTarget)?.transform(&table)?;
        let cells = filled.column("city")?.as_text()?.map(|cell| cell.unwrap_or("?").to_owned()).collect();
        Ok(cells)
    };
    assert_eq!(texts(CategoryImputer::mode()).unwrap(), ["b", "b", "a", "b"]);
    assert_eq!(texts(CategoryImputer::constant("none")).unwrap(), ["b", "none", "a", "b"]);
    let error: Error = CategoryImputer::mode().fit(&cities(&[None, None]), &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InsufficientData { .. }));
}

#[test]
fn marks_and_roles_stay_with_columns_that_are_filled_or_joined() -> Result<()> {
    use perennial_data::{PiiAction, PiiKind, Role};
    let table = cities(&[Some("b"), None, Some("a"), Some("b")]);
    let table = table.mark_pii("city", PiiKind::Address, PiiAction::Keep)?.with_role("city", Role::Group)?;
    for made in [
        CategoryImputer::mode().fit(&table, &NoTarget)?.transform(&table)?,
        perennial_preprocessing::RareLabelEncoder::new().fit(&table, &NoTarget)?.transform(&table)?,
    ] {
        assert_eq!((made.pii_of(&["city"])?, made.role("city")?), (table.pii_of(&["city"])?, Role::Group));
    }
    Ok(())
}

#[test]
fn rare_categories_count_as_one_towards_the_most_that_are_allowed() {
    let names: Vec<String> = (0..30).map(|i| format!("rare{i}")).chain(vec!["often".into(); 10]).collect();
    let table = Table::new([("city", Column::text(names.iter().map(String::as_str)))]).unwrap();
    let encoder = OneHotEncoder::new().max_categories(5);
    let error = encoder.fit(&table, &NoTarget).unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::TooLarge { .. }) && error.to_string().contains("min_frequency")
    );
    // What the error advises helps.
    let model = encoder.min_frequency(2.0).fit(&table, &NoTarget).unwrap();
    assert_eq!(model.transform(&table).unwrap().n_cols(), 2);
}

/// What is written while fitting is what the model makes of the same rows.
#[test]
fn fitting_and_transforming_at_once_is_as_one_after_the_other() {
    fn same<E>(encoder: &E, table: &Table)
    where
        E: FitTransform<Input = Table, Target = NoTarget, Model: Transformer<Output = Matrix>>,
    {
        let (model, x) = encoder.fit_transform_on(&Train::new(table, &NoTarget)).unwrap();
        let bits = |x: &Matrix| {
            x.to_dense().unwrap().dense().unwrap().iter().map(|cell| cell.to_bits()).collect::<Vec<_>>()
        };
        let after = model.transform(table).unwrap();
        assert_eq!((bits(&x), x.features()), (bits(&after), after.features()));
    }
    let city = Column::text([Some("b"), Some("a"), None, Some("c"), Some("a"), Some("b"), Some("d")]);
    let size = Column::integer([10, 9, 9, 10, 100, 9, 10]);
    let never =
        Column::category_codes([Some(2), Some(0), Some(2), None, None, Some(0), Some(2)], &["x", "no", "a"]);
    let table = Table::new([("city", city), ("size", size), ("kind", never.unwrap())]).unwrap();
    same(&OrdinalEncoder::new(), &table);
    for encoder in [OneHotEncoder::new(), OneHotEncoder::new().min_frequency(2.0)] {
        for drop_first in [false, true] {
            same(&encoder.clone().drop_first(drop_first), &table);
            same(&encoder.clone().drop_first(drop_first).sparse(true), &table);
        }
    }
}

#[test]
fn ranks_are_steps() -> Result<()> {
    let table = cities(&[Some("mid"), Some("low"), None, Some("high")]);
    let name = table.names().next().unwrap().to_owned();
    let encoder = RankHotEncoder::new().order(&name, ["low", "mid", "high", "top"]);
    let model = encoder.fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    let n = f64::NAN;
    let expected = [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [n, n, n], [1.0, 1.0, 0.0]];
    for (row, expected) in x.dense()?.rows().into_iter().zip(expected) {
        let same = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan());
        assert!(row.iter().zip(&expected).all(same), "{row}");
    }
    let sorted = RankHotEncoder::new().fit(&table, &NoTarget)?.transform(&table)?;
    let names: Vec<String> = sorted.features().names().map(str::to_owned).collect();
    assert_eq!(names, [format!("{name} >= low"), format!("{name} >= mid")]);
    let bytes = perennial_core::to_bytes(&model)?;
    assert_eq!(perennial_core::from_bytes::<perennial_preprocessing::RankHotModel>(&bytes)?, model);
    for (encoder, words) in [
        (RankHotEncoder::new().order(&name, ["low", "mid"]), "`high`"),
        (RankHotEncoder::new().order(&name, ["low", "mid", "low"]), "twice"),
        (RankHotEncoder::new().order("none", ["low"]), "`none`"),
    ] {
        let error = encoder.fit(&table, &NoTarget).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    let short = RankHotEncoder::new().order(&name, ["low", "mid"]).unknown(Unknown::Ignore);
    assert!(short.fit(&table, &NoTarget)?.transform(&table)?.dense()?[[3, 0]].is_nan());
    Ok(())
}

#[test]
fn texts_are_compared_by_their_parts() -> Result<()> {
    let table = Table::new([(
        "word",
        Column::text([
            Some("night"),
            Some("night"),
            Some("nacht"),
            Some("é"),
            None,
            Some(""),
            Some("nacht"),
            Some("nuit"),
        ]),
    )])?;
    // Of night ni ig gh ht, of nacht na ac ch ht, of nuit nu ui it.
    let encoder = SimilarityEncoder::new().ngrams(2, 2).max_categories(2);
    let model = encoder.fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["word ~ nacht", "word ~ night"]);
    let rows = x.dense()?;
    assert_eq!(rows.row(0), array![1.0 / 7.0, 1.0]);
    assert_eq!(rows.row(2), array![1.0, 1.0 / 7.0]);
    assert_eq!(rows.row(7), array![0.0, 0.0]);
    assert!(rows.row(4).iter().all(|cell| cell.is_nan()));
    assert_eq!(rows.row(5), array![0.0, 0.0]);
    let bytes = perennial_core::to_bytes(&model)?;
    assert_eq!(perennial_core::from_bytes::<perennial_preprocessing::SimilarityModel>(&bytes)?, model);

    // The share of columns in which two agree is about the share of their parts (Broder, 1997): 4 / 7 here, within four
    // standard errors; new rows have the hashes that old ones had.
    let encoder = MinHashEncoder::new().n_components(2000).ngrams(2, 2);
    let pair = Table::new([("word", Column::text(["abcdef", "abcdexy"]))])?;
    let model = encoder.fit(&pair, &NoTarget)?;
    let x = model.transform(&pair)?;
    let rows = x.dense()?;
    let agree = rows.row(0).iter().zip(rows.row(1)).filter(|(a, b)| a == b).count() as f64 / 2000.0;
    assert!((agree - 4.0 / 7.0).abs() < 4.0 * (4.0 / 7.0 * 3.0 / 7.0 / 2000.0_f64).sqrt(), "{agree}");
    assert!(rows.iter().all(|cell| (0.0..=1.0).contains(cell)));
    assert_eq!(model.transform(&pair.take(&[1])?)?.dense()?.row(0), rows.row(1));
    let bytes = perennial_core::to_bytes(&model)?;
    assert_eq!(perennial_core::from_bytes::<perennial_preprocessing::MinHashModel>(&bytes)?, model);
    let holes = Table::new([("word", Column::text([None, Some("")]))])?;
    let x = MinHashEncoder::new().n_components(2).fit(&holes, &NoTarget)?.transform(&holes)?;
    assert!(x.dense()?.row(0).iter().all(|cell| cell.is_nan()));
    assert_eq!(x.dense()?.row(1), array![1.0, 1.0]);
    for wrong in [(0, 2), (3, 2), (1, 17)] {
        assert!(SimilarityEncoder::new().ngrams(wrong.0, wrong.1).fit(&pair, &NoTarget).is_err());
        assert!(MinHashEncoder::new().ngrams(wrong.0, wrong.1).fit(&pair, &NoTarget).is_err());
    }
    assert!(SimilarityEncoder::new().max_categories(0).fit(&pair, &NoTarget).is_err());
    assert!(MinHashEncoder::new().n_components(0).fit(&pair, &NoTarget).is_err());
    Ok(())
}

#[test]
fn several_items_have_a_column_each() -> Result<()> {
    let cells = [Some("b| a"), None, Some("a||a|"), Some(""), Some("|"), Some("é")];
    let table = Table::new([("tags", Column::text(cells)), ("n", Column::integer([1, 2, 1, 1, 1, 1]))])?;
    let model = MultiHotEncoder::new().fit(&table, &NoTarget)?;
    let x = model.transform(&table)?;
    assert_eq!(
        x.features().names().collect::<Vec<_>>(),
        ["tags=a", "tags=b", "tags=é", "tags is missing", "n=1", "n=2"]
    );
    let expected = array![
        [1.0, 1.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 1.0, 0.0, 1.0],
        [1.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 1.0, 0.0],
        [0.0, 0.0, 1.0, 0.0, 1.0, 0.0]
    ];
    assert_eq!(x.dense()?, expected);
    let bytes = perennial_core::to_bytes(&model)?;
    assert_eq!(perennial_core::from_bytes::<MultiHotModel>(&bytes)?, model);

    let new = Table::new([("tags", Column::text(["a|b", "a|new"])), ("n", Column::integer([1, 1]))])?;
    let error = model.transform(&new).unwrap_err().to_string();
    assert!(error.contains("`tags` has the category `new` at row 1"), "{error}");
    let model = MultiHotEncoder::new().unknown(Unknown::Ignore).fit(&table, &NoTarget)?;
    assert_eq!(model.transform(&new)?.dense()?.row(1), array![1.0, 0.0, 0.0, 0.0, 1.0, 0.0]);

    // The items of a row without weight are not there, and other delimiters split other cells.
    let genres = cities(&[Some("x, y"), Some("z")]);
    let weighted =
        Train::new(&genres, &NoTarget).weights(&[1.0, 0.0]).fit(&MultiHotEncoder::new().delimiter(","))?;
    assert!(weighted.transform(&genres).is_err());
    assert_eq!(weighted.transform(&genres.take(&[0])?)?.n_cols(), 2);
    let (missing, lenient) = (cities(&[Some("z"), None]), MultiHotEncoder::new().unknown(Unknown::Ignore));
    let error = MultiHotEncoder::new().fit(&genres, &NoTarget)?.transform(&missing).unwrap_err();
    assert!(error.to_string().contains("is missing at row 1"), "{error}");
    assert_eq!(lenient.fit(&genres, &NoTarget)?.transform(&missing)?.dense()?.row(1), array![0.0, 0.0]);
    for wrong in [MultiHotEncoder::new().delimiter(""), MultiHotEncoder::new().max_items(0)] {
        assert!(wrong.fit(&genres, &NoTarget).is_err());
    }
    let error = MultiHotEncoder::new().delimiter(",").max_items(2).fit(&genres, &NoTarget).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    Ok(())
}

/// Made of three kinds of texts with misspellings: each kind has a topic of its own, which new misspellings share.
#[test]
fn topics_are_the_kinds_of_texts() -> Result<()> {
    let kinds = ["electrician", "librarian", "police officer"];
    let spoilt = |word: &str, at: usize| -> String {
        let mut letters: Vec<char> = word.chars().collect();
        letters[at % word.len()] = char::from(b'a' + (at * 7 % 26) as u8);
        letters.into_iter().collect()
    };
    let cells: Vec<String> = (0..90).map(|row| spoilt(kinds[row % 3], row / 3)).collect();
    let table = Table::new([("job", Column::text(cells.iter().map(String::as_str)))])?;
    let encoder = GapEncoder::new().n_components(3).seed(1);
    let (model, x) = encoder.fit_transform_on(&Train::new(&table, &NoTarget))?;
    assert_eq!(x.features().names().collect::<Vec<_>>(), ["job topic 0", "job topic 1", "job topic 2"]);
    let most = |x: &Matrix, row: usize| {
        let cells = x.dense().unwrap().row(row).to_vec();
        (0..3).max_by(|&a, &b| cells[a].total_cmp(&cells[b])).unwrap()
    };
    let of_kind: Vec<usize> = (0..3).map(|row| most(&x, row)).collect();
    let mut distinct = of_kind.clone();
    distinct.sort_unstable();
    assert_eq!(distinct, [0, 1, 2]);
    assert!((0..90).all(|row| most(&x, row) == of_kind[row % 3]));
    for (kind, topic) in kinds.iter().zip(&of_kind) {
        let named = &model.topics("job")?[*topic];
        assert!(named.len() == 3 && named.iter().all(|text| text.len() == kind.len()), "{kind}: {named:?}");
    }
    assert!(model.topics("none").is_err());

    let new = Table::new([("job", Column::text([Some("librarians"), None, Some(""), Some("zzzz")]))])?;
    let y = model.transform(&new)?;
    let rows = y.dense()?;
    assert_eq!(most(&y, 0), of_kind[1]);
    assert!(rows.row(1).iter().all(|cell| cell.is_nan()));
    // Nothing is known of them but the prior: all topics alike, and little.
    for row in [2, 3] {
        assert!(rows.row(row).iter().all(|cell| *cell == rows[[row, 0]] && *cell < 0.2), "{}", rows.row(row));
    }
    assert_eq!(model.transform(&new.take(&[0])?)?.dense()?.row(0), rows.row(0));
    let bytes = perennial_core::to_bytes(&model)?;
    assert_eq!(perennial_core::from_bytes::<GapModel>(&bytes)?, model);

    // Rows as often as their weights say.
    let few = table.take(&(0..12).collect::<Vec<_>>())?;
    let weights: Vec<f64> = (0..12).map(|row| 1.0 + f64::from(row % 3)).collect();
    let copies: Vec<usize> = (0..12).flat_map(|row| vec![row; 1 + row % 3]).collect();
    let weighted = Train::new(&few, &NoTarget).weights(&weights).fit(&encoder)?;
    assert_eq!(weighted.transform(&few)?, encoder.fit(&few.take(&copies)?, &NoTarget)?.transform(&few)?);
    Ok(())
}

#[test]
fn topics_at_the_edges() -> Result<()> {
    let fit = |cells: &[Option<&str>], encoder: GapEncoder| encoder.fit(&cities(cells), &NoTarget);
    assert!(matches!(
        fit(&[None, None], GapEncoder::new()).unwrap_err().kind(),
        ErrorKind::InsufficientData { .. }
    ));
    for cells in [&[Some("")][..], &[Some("a")], &[Some("same"), Some("same")], &[Some(""), Some("xy"), None]]
    {
        let x = fit(cells, GapEncoder::new())?.transform(&cities(cells))?;
        let missing = |row: usize| cells[row].is_none();
        assert!(x.dense()?.indexed_iter().all(|((row, _), cell)| missing(row) == cell.is_nan()));
    }
    for wrong in [
        GapEncoder::new().n_components(0),
        GapEncoder::new().ngrams(3, 2),
        GapEncoder::new().max_ngrams(0),
        GapEncoder::new().max_iter(0),
        GapEncoder::new().tolerance(f64::NAN),
    ] {
        assert!(fit(&[Some("a")], wrong).is_err());
    }
    // With one part alone all texts that have it are alike.
    let model = fit(&[Some("abab"), Some("abcd"), Some("ef")], GapEncoder::new().ngrams(2, 2).max_ngrams(1))?;
    let x = model.transform(&cities(&[Some("ab"), Some("abef")]))?;
    assert_eq!(x.dense()?.row(0), x.dense()?.row(1));
    Ok(())
}
