//! Rules of contracts: each finds what it is for, edges, files, and rows set aside.

use perennial_core::{ErrorKind, Rows};
use perennial_data::{
    Check, Column, ColumnContract, ColumnType, Contract, Distance, Distribution, Relation, Rule, Severity,
    Statistic, Table,
};

fn orders() -> Table {
    Table::builder()
        .integer("id", [1, 2, 3, 4, 4, 6])
        .integer("line", [1, 1, 1, 1, 1, 2])
        .real("net", [Some(10.0), Some(20.5), None, Some(-3.0), Some(7.0), Some(1e6)])
        .real("gross", [Some(12.0), Some(20.5), Some(1.0), Some(-4.0), None, Some(2e6)])
        .category("city", [Some("Bern"), Some("Basel"), None, Some("Bern"), Some("bern"), Some("Genève")])
        .text("mail", [Some("a@b.ch"), Some("c@d.org"), Some("none"), None, Some(""), Some("x@y")])
        .text(
            "json",
            [Some("{\"a\": 1}"), Some("[1, 2]"), Some("{"), None, Some("\"x\""), Some("{\"a\": -1}")],
        )
        .text("said", ["29.02.2024", "31.12.1999", "29.02.2023", "1.1.2000", "x", "2000-01-01"])
        .date("day", [Some(10), Some(11), None, Some(9), Some(9), Some(20)])
        .boolean("paid", [true, true, false, true, false, true])
        .build()
        .unwrap()
}

fn open() -> Contract {
    Contract::new().extra_columns(true)
}

/// The rows that break a rule.
fn broken(rule: Rule) -> Vec<usize> {
    let report = open().rule(rule).check(&orders());
    report.violations().iter().flat_map(|violation| violation.rows.clone()).collect()
}

#[test]
fn each_rule_about_cells_names_its_rows() {
    let cases: Vec<(Rule, &[usize])> = vec![
        (Rule::present("net"), &[2]),
        (Rule::absent("net"), &[0, 1, 3, 4, 5]),
        (Rule::among("city", ["Bern", "Basel"]), &[4, 5]),
        (Rule::among("id", [1, 2, 3, 4]), &[5]),
        (Rule::among("id", [1.0, 2.5]), &[1, 2, 3, 4, 5]),
        (Rule::not_among("paid", [false]), &[2, 4]),
        (Rule::not_among("day", ["1970-01-10"]), &[3, 4]),
        (Rule::between("net", -3..=20), &[1, 5]),
        (Rule::between("net", -3.0..20.5), &[1, 5]),
        (Rule::between("net", (std::ops::Bound::Excluded(-3), std::ops::Bound::Unbounded)), &[3]),
        (Rule::between("day", "1970-01-10".."1970-01-21"), &[5]),
        (Rule::between("day", "1970-01-11"..), &[3, 4]),
        (Rule::between("city", "B".."C"), &[4, 5]),
        (Rule::length("city", 1..=5), &[5]),
        (Rule::length("mail", 1..), &[4]),
        (Rule::length("mail", ..0), &[0, 1, 2, 4, 5]),
        (Rule::z_score("net", 1.5), &[5]),
        (Rule::matches("mail", [r"^[^@]+@[^@]+\.[a-z]+$", "^$"]), &[2, 5]),
        (Rule::matches_all("mail", ["@", r"\.ch$"]), &[1, 2, 4, 5]),
        (Rule::matches_none("city", ["^b", "è"]), &[4, 5]),
        (Rule::like("mail", ["%@%._h", "x%"]), &[1, 2, 4]),
        (Rule::like("city", ["Gen_ve", "%e%"]), &[]),
        (Rule::like_none("mail", ["%.ch", ""]), &[0, 4]),
        (Rule::time_format("said", "%d.%m.%Y"), &[2, 4, 5]),
        (Rule::date("said"), &[0, 1, 2, 3, 4]),
        (Rule::json("json"), &[2]),
        (
            Rule::json_schema(
                "json",
                r#"{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer", "minimum": 0}}}"#,
            ),
            &[1, 2, 4, 5],
        ),
        (
            Rule::json_schema(
                "json",
                r#"{"oneOf": [{"type": "array", "items": {"type": "number"}}, {"type": "string"}]}"#,
            ),
            &[0, 2, 5],
        ),
        (Rule::increasing("id"), &[]),
        (Rule::strictly_increasing("id"), &[4]),
        (Rule::increasing("day"), &[3]),
        (Rule::decreasing("net"), &[1, 4, 5]),
        (Rule::strictly_decreasing("day"), &[1, 4, 5]),
        (Rule::unique(["id"]), &[4]),
        (Rule::unique(["id", "line"]), &[4]),
        (Rule::unique(["id", "net"]), &[]),
        (Rule::unique_within_row(["id", "line"]), &[0]),
        (Rule::unique_within_row(["net", "gross"]), &[1]),
        (Rule::equal(["net", "gross"]), &[0, 3, 5]),
        (Rule::compare("net", Relation::Less, "gross"), &[1, 3]),
        (Rule::compare("net", Relation::AtMost, "gross"), &[3]),
        (Rule::compare("net", Relation::Greater, "gross"), &[0, 1, 5]),
        (Rule::compare("id", Relation::AtLeast, "line"), &[]),
        (Rule::compare("id", Relation::NotEqual, "line"), &[0]),
        (Rule::compare("id", Relation::Equal, "line"), &[1, 2, 3, 4, 5]),
        (Rule::compare("city", Relation::Less, "mail"), &[4]),
        (Rule::combinations(["id", "line"], [[1, 1], [2, 1], [6, 2]]), &[2, 3, 4]),
        (Rule::row_sum(["net", "gross"], 41.0, 1e-9), &[0, 3, 5]),
    ];
    for (rule, rows) in cases {
        let shown = format!("{rule:?}");
        assert_eq!(broken(rule), rows, "{shown}");
    }
}

#[test]
fn a_rule_may_hold_for_most_rows() {
    // Two of five cities are wrong.
    let rule = Rule::among("city", ["Bern", "Basel"]);
    assert!(broken(rule.clone().mostly(0.6)).is_empty());
    assert_eq!(broken(rule.clone().mostly(0.61)), [4, 5]);
    assert!(broken(rule.clone().mostly(0.0)).is_empty());
    // Every share of a hundred is enough for itself, though 0.55 * 100 is more than 55.
    for right in 0..=100_i64 {
        let table = Table::new([("x", Column::integer((0..100).map(|row| i64::from(row < right))))]).unwrap();
        let at = |share: f64| open().rule(Rule::among("x", [1]).mostly(share)).check(&table).is_met();
        assert!(at(right as f64 / 100.0), "{right}");
        assert!(right == 100 || !at((right as f64 + 0.5) / 100.0), "{right}");
    }
    for wrong in [-0.1, 1.1, f64::NAN] {
        let report = open().rule(rule.clone().mostly(wrong)).check(&orders());
        assert!(report.to_string().contains("give a number from 0 to 1"), "{report}");
    }
}

/// What breaks a rule, in words; nothing where it is kept.
fn said(rule: Rule) -> String {
    let report = open().rule(rule).check(&orders());
    assert!(report.violations().iter().all(|violation| violation.rows.is_empty()), "{report}");
    if report.is_met() { String::new() } else { report.to_string() }
}

#[test]
fn rules_about_the_whole_say_what_is_wrong() {
    let kept = [
        Rule::exists("id"),
        Rule::types("net", [ColumnType::Integer, ColumnType::Real]),
        Rule::statistic("id", Statistic::Min, 1..=1),
        Rule::statistic("id", Statistic::Max, 6..),
        Rule::statistic("id", Statistic::Sum, 20..=20),
        Rule::statistic("id", Statistic::Mean, 3.3..3.4),
        Rule::statistic("id", Statistic::Median, 3.5..=3.5),
        Rule::statistic("id", Statistic::Quantile(0.9), 5.0..=5.0),
        Rule::statistic("paid", Statistic::Mean, 0.66..0.67),
        Rule::statistic("day", Statistic::Max, "1970-01-21"..="1970-01-21"),
        Rule::statistic("city", Statistic::Distinct, 4..=4),
        Rule::statistic("id", Statistic::DistinctShare, 0.8..0.9),
        Rule::statistic("net", Statistic::Missing, 1..=1),
        Rule::statistic("net", Statistic::MissingShare, ..0.2),
        Rule::distinct_among("city", ["Bern", "Basel", "bern", "Genève", "Zug"]),
        Rule::distinct_equal("paid", [true, false]),
        Rule::distinct_contain("id", [1, 6, 6]),
        Rule::most_common_among("city", ["Bern"]),
        Rule::row_count(1..=6),
        Rule::column_count(10..=10),
        Rule::columns_contain(["id", "net"]),
        Rule::columns_ordered(["id", "line", "net", "gross", "city", "mail", "json", "said", "day", "paid"]),
        Rule::columns_set(["line", "id", "net", "gross", "city", "mail", "json", "said", "day", "paid"]),
        Rule::cramers_v("paid", "line", 1.0),
    ];
    for rule in kept {
        let shown = format!("{rule:?}");
        assert_eq!(said(rule), "", "{shown}");
    }
    for (rule, words) in [
        (Rule::exists("no"), "column `no` is missing"),
        (
            Rule::types("net", [ColumnType::Text]),
            "column `net` is of type real, expected a column of type text",
        ),
        (
            Rule::statistic("id", Statistic::Mean, 4..=9),
            "column `id` has a mean of 3.3333333333333335, expected a mean of at least 4 and at most 9",
        ),
        (
            Rule::statistic("day", Statistic::Min, "1970-02-01"..),
            "column `day` has a minimum of 1970-01-10 00:00:00, expected a minimum of at least `1970-02-01`",
        ),
        (Rule::statistic("city", Statistic::Mean, 1..), "column `city` is of type category and has no mean"),
        (Rule::statistic("day", Statistic::Sum, 1..), "column `day` is of type date and has no sum"),
        (Rule::statistic("id", Statistic::Quantile(1.5), 1..), "give an order from 0 to 1"),
        (Rule::statistic("id", Statistic::Mean, "x"..), "has the bound `x`, which is no number"),
        (Rule::distinct_among("city", ["Bern"]), "has the cell `Basel`, expected only `Bern`"),
        (Rule::distinct_equal("paid", [true]), "has the cell `false`"),
        (Rule::distinct_contain("city", ["Bern", "Zug"]), "has no cell `Zug`"),
        (
            Rule::most_common_among("id", [1, 2]),
            "has `4` most often, 2 times, expected one of 1, 2 most often",
        ),
        (Rule::row_count(7..), "there are 6 rows, expected at least 7 rows"),
        (Rule::column_count(..10), "there are 10 columns, expected at most 9 columns"),
        (Rule::columns_contain(["id", "no"]), "column `no` is missing"),
        (Rule::columns_set(["id"]), "there is a column `line`, expected the columns id"),
        (Rule::columns_ordered(["line", "id"]), "in this order"),
        (Rule::same_rows_as("other"), "give it to `check_beside`"),
        (Rule::cramers_v("net", "line", 1.0), "categories"),
        (Rule::among("city", [1]), "column `city` is of type category and does not compare with 1"),
        (Rule::among("day", ["x"]), "which is no day"),
        (Rule::between("net", f64::NAN..), "does not compare with NaN"),
        (Rule::length("id", 1..), "has no texts"),
        (Rule::matches("mail", ["("]), "is to match `(`, which is no regular expression: unclosed group"),
        (Rule::matches("mail", ["(a{1000}){1000}{1000}"]), "which is no regular expression"),
        (Rule::time_format("said", "%Q"), "of which `%Q` is not known"),
        (Rule::json_schema("json", "{\"type\": \"text\"}"), "`text` is no type of JSON"),
        (Rule::json_schema("json", "{\"$ref\": \"x\"}"), "the word `$ref` is not known here"),
        (Rule::z_score("id", -1.0), "give a number of at least 0"),
        (Rule::compare("id", Relation::Less, "city"), "does not compare with `id`"),
        (Rule::combinations(["id", "line"], [[1]]), "write one value for each"),
        (Rule::row_sum(["id", "city"], 1.0, 0.0), "adds up to nothing"),
        (Rule::unique(Vec::<String>::new()), "names no column"),
        (Rule::present("no"), "column `no` is missing"),
    ] {
        let shown = format!("{rule:?}");
        assert!(said(rule.clone()).contains(words), "{shown}: {}", said(rule));
    }
    let other = orders().head(5);
    let report = open().rule(Rule::same_rows_as("old")).check_beside(&orders(), &[("old", &other)]);
    assert_eq!(report.to_string(), "there are 6 rows, and 5 in `old`, expected as many rows as `old` has");
    assert!(open().rule(Rule::same_rows_as("old")).check_beside(&other, &[("old", &other)]).is_met());
}

/// The numbers are those of scipy 1.17.1: `ks_1samp` with `numpy.interp` as the distribution function, `chisquare`, `entropy`
/// and `contingency.association`.
#[test]
fn distances_are_those_of_scipy() {
    let ages = [3, 17, 18, 22, 40, 64, 65, 80, 101];
    let bins = Distribution::bins([0.0, 18.0, 65.0, 120.0], [1.0, 3.0, 1.0]);
    let table = Table::new([("age", Column::integer(ages))]).unwrap();
    let near = |by, value: f64| {
        let keeps =
            |max: f64| open().rule(Rule::distance("age", by, bins.clone(), max)).check(&table).is_met();
        assert!(keeps(value * (1.0 + 1e-12)) && !keeps(value * (1.0 - 1e-12)), "{by} {value}");
    };
    near(Distance::KolmogorovSmirnov, 0.23167848699763605);
    near(Distance::ChiSquare, 1.185185185185185);
    near(Distance::KullbackLeibler, 0.06030883697914127);
    // Categories give the same as bins.
    let names = ages.map(|age| {
        if age < 18 {
            "young"
        } else if age < 65 {
            "middle"
        } else {
            "old"
        }
    });
    let table = Table::new([("age", Column::category(names))]).unwrap();
    let groups = Distribution::categories([("young", 0.2), ("middle", 0.6), ("old", 0.2)]);
    let keeps = |by, max| open().rule(Rule::distance("age", by, groups.clone(), max)).check(&table).is_met();
    assert!(
        keeps(Distance::ChiSquare, 1.185185185185185 + 1e-12)
            && !keeps(Distance::ChiSquare, 1.185185185185185 - 1e-12)
    );
    // What should not occur is infinitely far.
    let groups = Distribution::categories([("young", 1.0), ("middle", 1.0)]);
    let far =
        open().rule(Rule::distance("age", Distance::KullbackLeibler, groups.clone(), f64::MAX)).check(&table);
    assert!(far.to_string().contains("divergence of inf"), "{far}");

    let counts = [[10, 2, 3], [4, 8, 1]];
    let pairs = || {
        counts.iter().enumerate().flat_map(|(a, row)| {
            row.iter().enumerate().flat_map(move |(b, n)| vec![(a as i64, b as i64); *n])
        })
    };
    let table = Table::new([
        ("a", Column::integer(pairs().map(|pair| pair.0))),
        ("b", Column::integer(pairs().map(|pair| pair.1))),
    ])
    .unwrap();
    let keeps = |max| open().rule(Rule::cramers_v("a", "b", max)).check(&table).is_met();
    assert!(keeps(0.5023023913019848 + 1e-12) && !keeps(0.5023023913019848 - 1e-12));
    let keeps = |of, value: f64| {
        let table = Table::new([("x", Column::integer(ages))]).unwrap();
        open().rule(Rule::statistic("x", of, value - 1e-9..=value + 1e-9)).enforce(&table).unwrap();
    };
    // numpy: std(ddof=1), quantile.
    keeps(Statistic::Deviation, 33.44813563978982);
    keeps(Statistic::Quantile(0.9), 84.2);
}

#[test]
fn a_distribution_is_sound_or_refused() {
    let column = Column::real([1.0, 2.0, 2.5, 9.0]);
    let own = Distribution::of(&column, 4).unwrap();
    assert_eq!(own, Distribution::bins([1.0, 3.0, 5.0, 7.0, 9.0], [3.0, 0.0, 0.0, 1.0]));
    let table = Table::new([("x", column)]).unwrap();
    open().rule(Rule::distance("x", Distance::KullbackLeibler, own, 0.0)).enforce(&table).unwrap();
    for constant in [0.0, 1e300, -1e-300, f64::MAX] {
        let constant = Column::real([constant, constant]);
        let own = Distribution::of(&constant, 3).unwrap();
        let table = Table::new([("x", constant)]).unwrap();
        open().rule(Rule::distance("x", Distance::ChiSquare, own, 0.0)).enforce(&table).unwrap();
    }
    assert!(Distribution::of(&Column::real([f64::NAN]), 3).is_err());
    assert!(Distribution::of(&Column::real([f64::INFINITY]), 3).is_err());
    assert!(Distribution::of(&Column::real([1.0]), 0).is_err());
    assert!(Distribution::of(&Column::real([-f64::MAX, f64::MAX]), 7).is_ok());
    for wrong in [
        Distribution::bins([0.0, 1.0], [1.0, 1.0]),
        Distribution::bins([1.0, 0.0], [1.0]),
        Distribution::bins([0.0, f64::NAN], [1.0]),
        Distribution::bins([0.0], []),
        Distribution::bins([], []),
        Distribution::bins([0.0, 1.0], [-1.0]),
        Distribution::bins([0.0, 1.0], [0.0]),
        Distribution::bins([0.0, 1.0], [f64::INFINITY]),
        Distribution::categories::<String>([]),
    ] {
        for by in [Distance::KullbackLeibler, Distance::ChiSquare, Distance::KolmogorovSmirnov] {
            let report = open().rule(Rule::distance("x", by, wrong.clone(), 1e9)).check(&table);
            assert!(report.to_string().contains("is compared with a distribution"), "{report}");
        }
    }
}

#[test]
fn no_rows_one_row_and_nothing_but_missing_cells() {
    let columns = [
        ("x", Column::real(vec![None; 3])),
        ("t", Column::text(vec![None; 3])),
        ("c", Column::category(vec![None; 3])),
        ("n", Column::integer(vec![None; 3])),
        ("d", Column::date(vec![None; 3])),
    ];
    let missing = Table::new(columns).unwrap();
    let rules = || {
        [
            Rule::among("x", [1.0]),
            Rule::between("d", "2024-01-01"..),
            Rule::z_score("x", 1.0),
            Rule::matches("t", ["x"]),
            Rule::length("c", 1..),
            Rule::strictly_increasing("n"),
            Rule::unique(["x", "t"]),
            Rule::unique_within_row(["x", "n"]),
            Rule::compare("x", Relation::Less, "n"),
            Rule::combinations(["n", "x"], [[1.0, 2.0]]),
            Rule::row_sum(["n", "x"], 1.0, 0.0),
            Rule::json("t"),
            Rule::distinct_among("t", ["x"]),
            Rule::most_common_among("n", [1]),
            Rule::statistic("x", Statistic::Sum, 0..=0),
            Rule::statistic("x", Statistic::Distinct, 0..=0),
            Rule::cramers_v("t", "c", 0.0),
        ]
    };
    for table in [missing.clone(), missing.head(1), missing.head(0)] {
        let contract = rules().into_iter().fold(open(), Contract::rule);
        let sifted = contract.sift(&table).unwrap();
        assert_eq!((sifted.kept, sifted.quarantine.n_rows()), (table.clone(), 0));
        for rule in [
            Rule::statistic("x", Statistic::Mean, -1e300..),
            Rule::statistic("x", Statistic::Deviation, 0..),
            Rule::statistic("x", Statistic::DistinctShare, 0..),
            Rule::distance("x", Distance::KolmogorovSmirnov, Distribution::bins([0.0, 1.0], [1.0]), 1.0),
        ] {
            assert!(!open().rule(rule).check(&table).is_met());
        }
    }
    let one = Table::new([("x", Column::real([f64::INFINITY]))]).unwrap();
    assert!(open().rule(Rule::z_score("x", 3.0)).check(&one).is_met());
    let two = Table::new([("x", Column::real([f64::INFINITY, 1.0]))]).unwrap();
    assert!(open().rule(Rule::z_score("x", 3.0)).check(&two).to_string().contains("too large"));
    open().rule(Rule::statistic("x", Statistic::Max, 5..)).enforce(&two).unwrap();
}

#[test]
fn large_whole_numbers_are_compared_without_rounding() {
    let big = (1_i64 << 53) + 1;
    let table =
        Table::new([("n", Column::integer([big])), ("x", Column::real([(1_i64 << 53) as f64]))]).unwrap();
    assert!(!open().rule(Rule::between("n", ..=(1_i64 << 53))).check(&table).is_met());
    assert!(!open().rule(Rule::between("n", ..=9007199254740992.0)).check(&table).is_met());
    assert!(open().rule(Rule::compare("n", Relation::Greater, "x")).check(&table).is_met());
}

#[test]
fn rows_are_set_aside_with_their_reasons() {
    let table = orders();
    let contract = open()
        .with(ColumnContract::new("id", ColumnType::Integer).unique(true).severity(Severity::Quarantine))
        .rule(Rule::between("net", 0..).quarantine())
        .rule(Rule::compare("net", Relation::AtMost, "gross").quarantine())
        .rule(Rule::among("city", ["Bern", "Basel"]).warn())
        .rule(Rule::statistic("net", Statistic::Min, 1..));
    // The whole table breaks the last rule, the rows that go on do not.
    assert!(!contract.check(&table).is_met());
    let sifted = contract.sift(&table).unwrap();
    assert_eq!(sifted.kept, table.take(&[0, 1, 2, 5]).unwrap());
    assert_eq!(
        sifted.quarantine.drop(&["quarantine row", "quarantine reason"]).unwrap(),
        table.take(&[3, 4]).unwrap()
    );
    let cells = |name: &str| -> Vec<String> {
        let column = sifted.quarantine.column(name).unwrap();
        (0..column.n_rows()).map(|row| column.cell(row).unwrap().into_owned()).collect()
    };
    assert_eq!(cells("quarantine row"), ["3", "4"]);
    assert_eq!(
        cells("quarantine reason"),
        [
            "`net`: expected at least 0; `net`, `gross`: expected `net` at most `gross`",
            "`id`: which stands in an earlier row too"
        ]
    );
    let severities: Vec<Severity> =
        sifted.report.violations().iter().map(|violation| violation.severity).collect();
    assert_eq!(
        severities,
        [Severity::Quarantine, Severity::Quarantine, Severity::Quarantine, Severity::Warn]
    );
    assert!(!sifted.report.is_met());
    // A quarantine table can be sifted again.
    let again = open().rule(Rule::between("net", 0..).quarantine()).sift(&sifted.quarantine).unwrap();
    assert!(again.quarantine.contains("quarantine row 2"));
    // Too many rows, and what cannot be set aside.
    let error = contract.clone().max_quarantined(0.3).sift(&table).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("2 of 6 rows would be set aside, more than a share of 0.3; the first, row 3"),
        "{error}"
    );
    assert!(contract.clone().max_quarantined(f64::NAN).sift(&table).is_err());
    let error = contract.clone().rule(Rule::row_count(1..3).quarantine()).sift(&table).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::ContractViolation { .. }), "{error}");
    // Warnings are told and do not refuse.
    let warned = open().rule(Rule::present("net").warn());
    warned.enforce(&table).unwrap();
    assert_eq!(
        warned.check(&table).to_string(),
        "warning: column `net` is missing at row 2, expected a cell that is not missing (1 rows)"
    );
    assert_eq!(warned.check(&table).violations()[0].check, Check::Rule);
    assert_eq!(warned.check(&table).violations()[0].rule, Some(0));
}

#[test]
fn rules_are_kept_as_toml_and_json() {
    let rules = [
        Rule::present("a"),
        Rule::among("a", ["x", "y"]).mostly(0.5),
        Rule::not_among("a", [1]),
        Rule::between("a", 1.5..2.0).warn(),
        Rule::between("a", "2024-01-01"..),
        Rule::length("a", 1..=3),
        Rule::matches_all("a", ["x"]).quarantine(),
        Rule::json_schema("a", "{}"),
        Rule::strictly_decreasing("a"),
        Rule::compare("a", Relation::AtMost, "b"),
        Rule::combinations(["a", "b"], [["x", "y"]]),
        Rule::row_sum(["a", "b"], 1.0, 0.1),
        Rule::statistic("a", Statistic::Quantile(0.5), 0..=1),
        Rule::statistic("a", Statistic::MissingShare, ..0.1),
        Rule::distinct_equal("a", [true]),
        Rule::distance("a", Distance::KullbackLeibler, Distribution::categories([("x", 1.0)]), 0.1),
        Rule::distance("a", Distance::KolmogorovSmirnov, Distribution::bins([0.0, 1.0], [1.0]), 0.1),
        Rule::columns_contain(["a"]),
        Rule::row_count(3..),
    ];
    let contract = rules.into_iter().fold(Contract::new().max_quarantined(0.25), Contract::rule);
    let text = toml::to_string(&contract).unwrap();
    assert_eq!(toml::from_str::<Contract>(&text).unwrap(), contract, "{text}");
    let json = serde_json::to_string(&contract).unwrap();
    assert_eq!(serde_json::from_str::<Contract>(&json).unwrap(), contract, "{json}");
    for wrong in [
        "[[rules]]\nexpect = { present = { column = \"a\", colour = 1 } }\n",
        "[[rules]]\nexpect = { nothing = { column = \"a\" } }\n",
        "[[rules]]\nexpect = { present = { column = \"a\" } }\nseverity = \"perhaps\"\n",
        "[[rules]]\nseverity = \"warn\"\n",
    ] {
        assert!(toml::from_str::<Contract>(wrong).is_err(), "{wrong}");
    }
}
