//! Rules that are statistical tests. P-values are those of scipy, by the calls beside them.

use perennial_data::{Column, Contract, Distribution, FitTest, Relation, Rule, Table};

fn open() -> Contract {
    Contract::new().extra_columns(true)
}

fn met(table: &Table, rule: Rule) -> bool {
    open().rule(rule).check(table).is_met()
}

fn table() -> Table {
    let (a, b) = ([5.1, 4.9, 5.6, 5.8, 6.0], [4.1, 5.0, 4.4, 4.0]);
    let all: Vec<f64> = a.into_iter().chain(b).collect();
    Table::new([
        ("a", Column::real((0..9).map(|row| a.get(row).copied()))),
        ("b", Column::real((0..9).map(|row| b.get(row).copied()))),
        ("x", Column::real(all)),
        ("group", Column::category((0..9).map(|row| if row < 5 { "old" } else { "new" }))),
        ("n", Column::integer((0..9).map(|row| i64::from(row < 5)))),
        ("same", Column::real([1.0; 9])),
        ("none", Column::real(vec![None; 9])),
    ])
    .unwrap()
}

/// A rule holds on one side of the p-value and is broken on the other.
fn turns_at(table: &Table, p: f64, is_shown: bool, rule: impl Fn(f64) -> Rule) {
    let (below, above) = (p * (1.0 - 1e-9), p * (1.0 + 1e-9));
    assert_eq!((met(table, rule(below)), met(table, rule(above))), (!is_shown, is_shown), "{:?}", rule(p));
}

#[test]
fn the_mean_of_a_sample() {
    let table = table();
    // stats.ttest_1samp(a, 5.0), and with alternative="greater" and "less".
    let (two, greater, less) = (0.08256829674577398, 0.04128414837288699, 0.958715851627113);
    for (relation, p, is_shown) in [
        (Relation::Equal, two, false),
        (Relation::NotEqual, two, true),
        (Relation::Greater, greater, true),
        (Relation::AtMost, greater, false),
        (Relation::Less, less, true),
        (Relation::AtLeast, less, false),
    ] {
        turns_at(&table, p, is_shown, |alpha| Rule::mean("a", relation, 5.0, alpha));
    }
    let report = open().rule(Rule::mean("a", Relation::AtMost, 5.0, 0.05)).check(&table).to_string();
    assert!(report.contains("column `a`") && report.contains("at most 5 at the level 0.05"), "{report}");
    assert!(report.contains("p = 0.0413"), "{report}");
}

#[test]
fn the_means_of_two_samples() {
    let table = table();
    // stats.ttest_ind(a, b, equal_var=False), and with alternative="greater" and "less".
    let (two, greater, less) = (0.00943917929799076, 0.00471958964899538, 0.9952804103510047);
    for (relation, p, is_shown) in [
        (Relation::Equal, two, false),
        (Relation::NotEqual, two, true),
        (Relation::Greater, greater, true),
        (Relation::AtMost, greater, false),
        (Relation::Less, less, true),
        (Relation::AtLeast, less, false),
    ] {
        turns_at(&table, p, is_shown, |alpha| Rule::means("a", relation, "b", alpha));
        turns_at(&table, p, is_shown, |alpha| Rule::group_means("x", "group", "old", relation, "new", alpha));
        turns_at(&table, p, is_shown, |alpha| Rule::group_means("x", "n", 1, relation, 0, alpha));
    }
}

#[test]
fn distributions_that_fit() {
    let cells =
        [("x", 18), ("y", 55), ("z", 27)].into_iter().flat_map(|(cell, n)| std::iter::repeat_n(cell, n));
    let kinds = Table::new([("kind", Column::text(cells))]).unwrap();
    // stats.chisquare([18, 55, 27], [20, 60, 20])
    let shares = Distribution::categories([("x", 2.0), ("y", 6.0), ("z", 2.0)]);
    turns_at(&kinds, 0.21581508339868977, false, |p| {
        Rule::fits("kind", FitTest::ChiSquare, shares.clone(), p)
    });
    // A kind that is not expected never fits, one that is not there counts as 0.
    let fits = |weights: &[(&str, f64)], p: f64| {
        met(
            &kinds,
            Rule::fits("kind", FitTest::ChiSquare, Distribution::categories(weights.iter().copied()), p),
        )
    };
    assert!(!fits(&[("x", 1.0), ("y", 3.0)], 1e-300));
    assert!(fits(&[("x", 18.0), ("y", 55.0), ("z", 27.0), ("w", 0.0)], 0.99));
    assert!(!fits(&[("x", 18.0), ("y", 55.0), ("z", 27.0), ("w", 50.0)], 1e-6));

    // stats.kstest(x, lambda v: np.interp(v, [0, 1, 2, 4], [0, 0.25, 0.75, 1]))
    let numbers = Table::new([("x", Column::real([0.2, 0.5, 1.1, 1.2, 1.9, 2.5, 3.9]))]).unwrap();
    let bins = Distribution::bins([0.0, 1.0, 2.0, 4.0], [1.0, 2.0, 1.0]);
    turns_at(&numbers, 0.8155889712662243, false, |p| {
        Rule::fits("x", FitTest::KolmogorovSmirnov, bins.clone(), p)
    });
}

/// A long column that differs a little is found by the plain test, and passes that of samples; one that differs much passes neither.
#[test]
fn samples_find_what_matters() {
    let n = 50_000;
    let shifted = |by: f64| {
        let cells = (0..n).map(|row| (row as f64 + 0.5) / f64::from(n) + by);
        Table::new([("x", Column::real(cells))]).unwrap()
    };
    let even = || Distribution::bins([0.0, 1.0], [1.0]);
    let samples = |seed| FitTest::Bootstrapped { replicates: 200, size: 50, seed };
    let fits = |table: &Table, by: FitTest| met(table, Rule::fits("x", by, even(), 0.05));
    assert!(fits(&shifted(0.0), FitTest::KolmogorovSmirnov) && fits(&shifted(0.0), samples(1)));
    assert!(!fits(&shifted(0.02), FitTest::KolmogorovSmirnov) && fits(&shifted(0.02), samples(2)));
    assert!(!fits(&shifted(0.6), FitTest::KolmogorovSmirnov) && !fits(&shifted(0.6), samples(3)));
}

#[test]
fn what_cannot_be_tested_is_told() {
    let table = table();
    let even = || Distribution::bins([0.0, 10.0], [1.0]);
    for (rule, words) in [
        (Rule::mean("none", Relation::Equal, 0.0, 0.05), "cannot be tested"),
        (Rule::mean("same", Relation::Equal, 1.0, 0.05), "cannot be tested"),
        (Rule::mean("group", Relation::Equal, 1.0, 0.05), "is of type category and has no mean"),
        (Rule::mean("no", Relation::Equal, 1.0, 0.05), "is missing"),
        (Rule::mean("a", Relation::Equal, f64::NAN, 0.05), "cannot be tested"),
        (Rule::mean("a", Relation::Equal, 5.0, 0.0), "at the level 0; give a number between 0 and 1"),
        (Rule::mean("a", Relation::Equal, 5.0, f64::NAN), "at the level NaN"),
        (Rule::means("a", Relation::Equal, "none", 0.05), "cannot be tested"),
        (Rule::group_means("x", "group", "old", Relation::Equal, "other", 0.05), "cannot be tested"),
        (Rule::group_means("x", "n", "old", Relation::Equal, "new", 0.05), "does not compare"),
        (
            Rule::fits("group", FitTest::KolmogorovSmirnov, Distribution::categories([("old", 1.0)]), 0.05),
            "bins alone",
        ),
        (Rule::fits("none", FitTest::ChiSquare, even(), 0.05), "has no cells"),
        (
            Rule::fits("x", FitTest::KolmogorovSmirnov, Distribution::bins([0.0], []), 0.05),
            "distribution that has",
        ),
        (
            Rule::fits("x", FitTest::Bootstrapped { replicates: 0, size: 5, seed: 0 }, even(), 0.05),
            "cannot be tested",
        ),
        (
            Rule::fits("x", FitTest::Bootstrapped { replicates: 19, size: 5, seed: 0 }, even(), 0.05),
            "at least 20 samples",
        ),
        (Rule::fits("x", FitTest::Bootstrapped { replicates: 19, size: 5, seed: 0 }, even(), 0.0), "above 0"),
        (
            Rule::fits("x", FitTest::Bootstrapped { replicates: 99, size: 2_000_000, seed: 0 }, even(), 0.05),
            "too many",
        ),
        (
            Rule::fits("x", FitTest::Bootstrapped { replicates: 1000, size: 200_000, seed: 0 }, even(), 0.05),
            "too many",
        ),
        (Rule::fits("x", FitTest::KolmogorovSmirnov, even(), f64::NAN), "p-value"),
    ] {
        let report = open().rule(rule).check(&table);
        assert!(!report.is_met() && report.to_string().contains(words), "{words}: {report}");
    }
    let one = table.head(1);
    assert!(!met(&one, Rule::mean("a", Relation::Equal, 5.1, 0.05)));
    assert!(!met(&table.head(0), Rule::fits("x", FitTest::ChiSquare, even(), 0.05)));
}

#[test]
fn tests_are_kept_as_toml() {
    let contract = open()
        .rule(Rule::mean("a", Relation::AtMost, 5.0, 0.05))
        .rule(Rule::means("a", Relation::Less, "b", 0.01).warn())
        .rule(Rule::group_means("x", "group", "old", Relation::Equal, "new", 0.05))
        .rule(Rule::fits("a", FitTest::ChiSquare, Distribution::categories([("x", 1.0)]), 0.05))
        .rule(Rule::fits(
            "a",
            FitTest::Bootstrapped { replicates: 9, size: 5, seed: 3 },
            Distribution::bins([0.0, 1.0], [1.0]),
            0.05,
        ))
        .rule(Rule::like_all("a", ["%x", "y%"]));
    let text = toml::to_string(&contract).unwrap();
    assert_eq!(toml::from_str::<Contract>(&text).unwrap(), contract, "{text}");
    let text = Table::new([("a", Column::text(["yx", "yax"]))]).unwrap();
    assert!(met(&text, Rule::like_all("a", ["%x", "y%"])) && !met(&text, Rule::like_all("a", ["%x", "ya%"])));
}
