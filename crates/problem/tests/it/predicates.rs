//! Conditions mean what they say.

use perennial_data::{Column, Table};
use perennial_problem::Predicate;

fn table() -> Table {
    Table::new([
        ("n", Column::integer([Some(1), Some(2), Some(3), None])),
        ("r", Column::real([Some(0.5), None, Some(-1.0), Some(2.0)])),
        ("t", Column::text([Some("a"), Some("it"), None, Some("or")])),
        ("c", Column::category([Some("x"), Some("y"), Some("x"), Some("y")])),
        ("b", Column::boolean([Some(true), Some(false), None, Some(true)])),
        ("odd name", Column::integer([1, 0, 0, 0])),
    ])
    .unwrap()
}

fn holds(text: &str) -> Vec<usize> {
    let predicate: Predicate = text.parse().unwrap();
    let holds = predicate.holds(&table()).unwrap();
    (0..holds.len()).filter(|&row| holds[row]).collect()
}

#[test]
fn comparisons_and_their_joints() {
    assert_eq!(holds("n >= 2"), [1, 2]);
    assert_eq!(holds("n != 2"), [0, 2]);
    assert_eq!(holds("r<1e0"), [0, 2]);
    assert_eq!(holds("r > -1.5 and r < 0"), [2]);
    assert_eq!(holds("t = 'or'"), [3]);
    assert_eq!(holds("c in ['x', 'z'] and n in [1, 3]"), [0, 2]);
    assert_eq!(holds("b = true"), [0, 3]);
    assert_eq!(holds("n is missing or r is missing"), [1, 3]);
    assert_eq!(holds("t is present"), [0, 1, 3]);
    assert_eq!(holds("not n >= 2"), [0, 3]);
    assert_eq!(holds("n = 1 or n = 2 and c = 'x'"), [0], "and binds more strongly than or");
    assert_eq!(holds("(n = 1 or n = 2) and c = 'y'"), [1]);
    assert_eq!(holds("`odd name` = 1"), [0]);
}

#[test]
fn what_cannot_be_read_says_why() {
    let deep = "(".repeat(10_000) + "n = 1" + &")".repeat(10_000);
    for (text, word) in [
        ("", "the name of a column"),
        ("n", "a comparison is expected"),
        ("n =", "a number"),
        ("n = 1 n", "something follows"),
        ("n = 'a", "a quote is not closed"),
        ("n in [1", "not closed"),
        ("n is odd", "`missing` or `present`"),
        ("n = 1e999", "not a finite number"),
        ("n = 1; drop", "`;` has no meaning"),
        ("(n = 1", "a bracket is not closed"),
        (deep.as_str(), "nested too deeply"),
    ] {
        let error = text.parse::<Predicate>().unwrap_err().to_string();
        assert!(error.contains(word) && error.len() < 400, "{error}");
    }
}

#[test]
fn columns_are_compared_with_their_own_kind() {
    for (text, word) in
        [("n = 'a'", "`n` is of type Integer"), ("t > 1", "`t` is of type Text"), ("zzz = 1", "zzz")]
    {
        let predicate: Predicate = text.parse().unwrap();
        assert!(predicate.holds(&table()).unwrap_err().to_string().contains(word));
    }
}

#[test]
fn a_quote_is_written_twice_and_loose_ends_are_errors() {
    let names = Table::new([("name", Column::text(["O'Brien", "O"]))]).unwrap();
    let predicate: Predicate = "name = 'O''Brien'".parse().unwrap();
    assert_eq!(predicate.holds(&names).unwrap(), [true, false]);
    assert!("name is missing present".parse::<Predicate>().is_err());
    assert!("name = 'O''".parse::<Predicate>().is_err());
}

#[test]
fn a_condition_of_very_many_parts_needs_no_deep_stack() {
    for join in [" or ", " and "] {
        let text = vec!["n = 1"; 50_000].join(join);
        let predicate: Predicate = text.parse().unwrap();
        let small = Table::new([("n", Column::integer([1, 2]))]).unwrap();
        assert_eq!(predicate.clone().holds(&small).unwrap(), [true, false]);
    }
}
