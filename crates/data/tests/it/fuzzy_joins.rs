//! Joins on keys that are spelled in different ways.

use std::collections::BTreeSet;

use perennial_core::{ErrorKind, Result};
use perennial_data::{Cardinality, Column, FuzzyJoin, FuzzyTie, Join, Table};

fn orders() -> Result<Table> {
    Table::builder()
        .text(
            "firm",
            [Some("Acme Ltd"), Some("ACME, ltd."), None, Some("Mueller and Co"), Some("?!"), Some("Zebra")],
        )
        .integer("sum", [1, 2, 3, 4, 5, 6])
        .build()
}

fn firms() -> Result<Table> {
    let firms = ["acme ltd", "Muller and Co", "Zenith"];
    Table::new([("firm", Column::category(firms)), ("city", Column::text(["Bern", "Chur", "Genf"]))])
}

#[test]
fn the_most_similar_key_is_the_partner() -> Result<()> {
    let (orders, firms) = (orders()?, firms()?);
    let fuzzy = FuzzyJoin::new("firm");
    let joined = fuzzy.join(&orders, &firms, Join::Left, Cardinality::ManyToOne)?;
    assert_eq!(
        joined.names().collect::<Vec<_>>(),
        ["firm", "sum", "firm matched", "city", "firm similarity"]
    );
    let cities: Vec<Option<&str>> = joined.column("city")?.as_text()?.collect();
    assert_eq!(cities, [Some("Bern"), Some("Bern"), None, Some("Chur"), None, None]);
    let similar = joined.column("firm similarity")?.as_real()?.to_vec();
    assert_eq!(&similar[..2], [1.0, 1.0]);
    assert!(similar[2].is_nan() && similar[4].is_nan() && similar[5].is_nan());
    // " mueller and co " has 14 pieces, " muller and co " 13; all but those with "lle" behind "ue" are shared.
    let pieces = |text: &str| {
        let letters: Vec<char> = format!(" {text} ").chars().collect();
        letters.windows(3).map(<[char]>::to_vec).collect::<BTreeSet<_>>()
    };
    let (one, other) = (pieces("mueller and co"), pieces("muller and co"));
    let share = one.intersection(&other).count() as f64 / one.union(&other).count() as f64;
    assert_eq!(similar[3], share);
    let inner = fuzzy.join(&orders, &firms, Join::Inner, Cardinality::ManyToOne)?;
    assert_eq!(inner.column("sum")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 2, 4]);
    let anti = fuzzy.join(&orders, &firms, Join::Anti, Cardinality::ManyToOne)?;
    assert_eq!(anti.column("sum")?.as_integer()?.flatten().collect::<Vec<_>>(), [3, 5, 6]);
    assert_eq!(anti.names().collect::<Vec<_>>(), ["firm", "sum"]);
    let semi = fuzzy.threshold(1.0).join(&orders, &firms, Join::Semi, Cardinality::ManyToOne)?;
    assert_eq!(semi.column("sum")?.as_integer()?.flatten().collect::<Vec<_>>(), [1, 2]);
    Ok(())
}

#[test]
fn cardinality_is_that_of_keys() -> Result<()> {
    let (orders, firms) = (orders()?, firms()?);
    let fuzzy = FuzzyJoin::new("firm");
    // Two spellings of one firm.
    let error = fuzzy.join(&orders, &firms, Join::Left, Cardinality::OneToOne).unwrap_err().to_string();
    assert!(error.contains("2 times in the left table"), "{error}");
    let twice = Table::concat(&[firms.clone(), firms.clone()])?;
    let error = fuzzy.join(&orders, &twice, Join::Left, Cardinality::ManyToOne).unwrap_err().to_string();
    assert!(error.contains("2 times in the right table"), "{error}");
    assert_eq!(fuzzy.join(&orders, &twice, Join::Inner, Cardinality::ManyToMany)?.n_rows(), 6);
    Ok(())
}

#[test]
fn what_cannot_be_decided_is_an_error() -> Result<()> {
    let left = Table::builder().text("k", ["north gate x", "other"]).build()?;
    let right = Table::builder().text("k", ["north gate y", "north gate z", "south"]).build()?;
    let join = |fuzzy: FuzzyJoin| fuzzy.join(&left, &right, Join::Left, Cardinality::ManyToOne);
    let error = join(FuzzyJoin::new("k").threshold(0.3)).unwrap_err().to_string();
    assert!(error.contains("`north gate x` is as similar to `north gate y` as to `north gate z`"), "{error}");
    // The rows of the right table may stand in any order.
    let turned = Table::builder().text("k", ["south", "north gate z", "north gate y"]).build()?;
    for (ties, expected) in [(FuzzyTie::First, Some("north gate y")), (FuzzyTie::Missing, None)] {
        let fuzzy = FuzzyJoin::new("k").threshold(0.3).ties(ties);
        let joined = fuzzy.join(&left, &turned, Join::Left, Cardinality::ManyToOne)?;
        assert_eq!(joined.column("k matched")?.as_text()?.collect::<Vec<_>>(), [expected, None]);
        let similar = joined.column("k similarity")?.as_real()?[0];
        assert_eq!(similar.is_nan(), expected.is_none());
        // One that is alike is no tie.
        let alike = Table::builder().text("k", ["North Gate Z"]).build()?;
        let joined = fuzzy.join(&alike, &turned, Join::Inner, Cardinality::ManyToOne)?;
        assert_eq!(joined.column("k matched")?.as_text()?.collect::<Vec<_>>(), [Some("north gate z")]);
    }
    assert_eq!(join(FuzzyJoin::new("k").threshold(0.95))?.column("k matched")?.null_count(), 2);
    for wrong in [0.0, 1.1, f64::NAN] {
        assert!(join(FuzzyJoin::new("k").threshold(wrong)).is_err());
    }
    assert!(join(FuzzyJoin::new("nowhere")).is_err());
    let numbers = Table::builder().integer("k", [1]).build()?;
    let error = FuzzyJoin::new("k").join(&left, &numbers, Join::Left, Cardinality::ManyToOne).unwrap_err();
    assert!(error.to_string().contains("of type integer"), "{error}");
    // Without rows there is nothing to match.
    let none = FuzzyJoin::new("k").join(&left.head(0), &right, Join::Left, Cardinality::OneToOne)?;
    assert_eq!((none.n_rows(), none.n_cols()), (0, 3));
    let none = FuzzyJoin::new("k").join(&left, &right.head(0), Join::Left, Cardinality::OneToOne)?;
    assert_eq!(none.column("k matched")?.null_count(), 2);
    Ok(())
}

/// By the definition: every pair of keys.
#[test]
fn no_pair_is_missed() -> Result<()> {
    let word = |seed: usize| {
        let letters = ["ba", "re", "mi", "to", "lu", "sen", "k", "dor"];
        (0..4)
            .map(|at| letters[(seed * 31 + at * at * 7 + seed / (at + 1)) % letters.len()])
            .collect::<String>()
    };
    let mine: Vec<String> = (0..120).map(|seed| word(seed * 3 + 1)).collect();
    let theirs: BTreeSet<String> = (0..90).map(|seed| word(seed * 5)).collect();
    let left = Table::new([("k", Column::text(mine.iter().map(String::as_str)))])?;
    let right = Table::new([("k", Column::text(theirs.iter().map(String::as_str)))])?;
    let pieces = |text: &str| {
        let letters: Vec<char> = format!(" {text} ").chars().collect();
        letters.windows(3).map(<[char]>::to_vec).collect::<BTreeSet<_>>()
    };
    let similarity = |a: &str, b: &str| {
        let (a, b) = (pieces(a), pieces(b));
        a.intersection(&b).count() as f64 / a.union(&b).count() as f64
    };
    // Rows whose best partner is not the only one are an error, so they are joined one by one.
    let mut matched = 0;
    for (row, word) in mine.iter().enumerate() {
        let mut scores: Vec<(f64, &str)> =
            theirs.iter().map(|other| (similarity(word, other), other.as_str())).collect();
        scores.sort_by(|a, b| b.0.total_cmp(&a.0));
        let one = FuzzyJoin::new("k").threshold(0.4).join(
            &left.slice(row..row + 1)?,
            &right,
            Join::Left,
            Cardinality::ManyToOne,
        );
        if scores[0].0 >= 0.4 && scores[0].0 < 1.0 && scores[0].0 == scores[1].0 {
            assert!(one.is_err(), "{word}: {scores:?}");
            continue;
        }
        let one = one?;
        let expected = (scores[0].0 >= 0.4).then_some(scores[0].1);
        assert_eq!(one.column("k matched")?.as_text()?.next().flatten(), expected, "{word}");
        matched += usize::from(expected.is_some());
    }
    assert!(matched > 10, "{matched}");
    Ok(())
}

#[test]
fn no_column_is_replaced() -> Result<()> {
    let (orders, firms) = (orders()?, firms()?);
    let taken = |name: &str| orders.with_column(name, Column::integer([0; 6]));
    let join = |left: &Table, right: &Table, join: Join| {
        FuzzyJoin::new("firm").join(left, right, join, Cardinality::ManyToOne)
    };
    for name in ["firm similarity", "firm matched"] {
        let error = join(&taken(name)?, &firms, Join::Left).unwrap_err().to_string();
        assert!(error.contains(&format!("the left table has a column `{name}`")), "{error}");
        let right = firms.with_column(name, Column::integer([0; 3]))?;
        let error = join(&orders, &right, Join::Inner).unwrap_err().to_string();
        assert!(error.contains("the right table") && error.contains("rename or drop it"), "{error}");
        // These have no such columns of their own.
        assert_eq!(join(&taken(name)?, &firms, Join::Semi)?.n_cols(), 3);
    }
    Ok(())
}

#[test]
fn keys_that_are_all_alike_are_too_many() -> Result<()> {
    let table = |side: char| {
        let keys: Vec<String> = (0..30_000).map(|key| format!("common {side}{key}")).collect();
        Table::new([("k", Column::text(keys.iter().map(String::as_str)))])
    };
    let error = FuzzyJoin::new("k").join(&table('l')?, &table('r')?, Join::Left, Cardinality::ManyToOne);
    let error = error.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error}");
    assert!(error.to_string().contains("split both tables by another column"), "{error}");
    Ok(())
}
