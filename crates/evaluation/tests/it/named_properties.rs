//! What holds of every metric that has a name: weights are repetitions, the order of rows does not matter, and a row without weight
//! is not there.

use std::borrow::Borrow;

use ndarray::Array2;
use perennial_core::{ClassOutputs, Classes, Probabilities, Rows, Values};
use perennial_evaluation::Metric;
use perennial_evaluation::metric::{Scored, Scorer};
use proptest::prelude::*;

/// Rows with weights of 0 to 3, and the same rows in another order and as often as they weigh.
fn holds<P>(truth: &P::Truth, answer: &P, weights: &[u8], order: &[usize]) -> Result<(), TestCaseError>
where
    P: Scored,
    <P as Scored>::Truth: Rows + Sync,
{
    let as_weights: Vec<f64> = weights.iter().map(|weight| f64::from(*weight)).collect();
    let turned: Vec<f64> = order.iter().map(|&row| as_weights[row]).collect();
    let repeated: Vec<usize> =
        order.iter().flat_map(|&row| std::iter::repeat_n(row, usize::from(weights[row]))).collect();
    let there: Vec<usize> = (0..weights.len()).filter(|&row| weights[row] > 0).collect();
    let kept: Vec<f64> = there.iter().map(|&row| as_weights[row]).collect();
    for name in Scorer::<P>::names() {
        let scorer = Scorer::<P>::named(name).unwrap();
        let of = |rows: &[usize], weights: Option<&[f64]>| {
            let truth = truth.take(rows).unwrap();
            scorer.score_weighted(truth.borrow(), &answer.take(rows).unwrap(), weights)
        };
        let all: Vec<usize> = (0..weights.len()).collect();
        let whole = of(&all, Some(&as_weights));
        let others = [
            ("in another order", of(order, Some(&turned))),
            ("repeated", of(&repeated, None)),
            ("without rows of no weight", of(&there, Some(&kept))),
        ];
        for (what, other) in others {
            match (&whole, &other) {
                (Ok(a), Ok(b)) => prop_assert!(
                    (a - b).abs() <= 1e-9 * a.abs().max(1.0),
                    "{} {}: {} and {}",
                    name,
                    what,
                    a,
                    b
                ),
                (Err(_), Err(_)) => {}
                _ => prop_assert!(false, "{} {}: {:?} and {:?}", name, what, whole, other),
            }
        }
    }
    Ok(())
}

/// Rows of four small numbers and a weight, of which at least two have weight, and an order of them.
fn rows() -> impl Strategy<Value = (Vec<[u8; 4]>, Vec<u8>, Vec<usize>)> {
    (3_usize..24)
        .prop_flat_map(|n| {
            let order = Just((0..n).collect::<Vec<usize>>()).prop_shuffle();
            let weights = prop::collection::vec(0_u8..4, n);
            (prop::collection::vec(prop::array::uniform4(0_u8..8), n), weights, order)
        })
        .prop_filter("two rows with weight", |(_, weights, _)| {
            weights.iter().filter(|weight| **weight > 0).count() >= 2
        })
}

fn classes(codes: impl Iterator<Item = u32>, names: &[&str]) -> Classes {
    Classes::new(codes.collect(), names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// Shares of each row that add up to 1, with ties.
fn shares(rows: &[[u8; 4]], n_classes: usize, names: &[&str]) -> Probabilities {
    let weight = |row: usize, class: usize| f64::from(rows[row][1 + class]) + 1.0;
    let total = |row: usize| (0..n_classes).map(|class| weight(row, class)).sum::<f64>();
    let values =
        Array2::from_shape_fn((rows.len(), n_classes), |(row, class)| weight(row, class) / total(row));
    Probabilities::new(values, names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn of_classes((rows, weights, order) in rows()) {
        let names = ["a", "b"];
        let code = |place: usize| rows.iter().map(move |row| u32::from(row[place] % 2));
        holds(&classes(code(0), &names), &classes(code(1), &names), &weights, &order)?;
    }

    #[test]
    fn of_groupings((rows, weights, order) in rows()) {
        let names = ["a", "b", "c"];
        let code = |place: usize| rows.iter().map(move |row| u32::from(row[place] % 3));
        holds(&classes(code(0), &names), &classes(code(1), &names), &weights, &order)?;
    }

    #[test]
    fn of_probabilities_of_two((rows, weights, order) in rows()) {
        let names = ["a", "b"];
        let truth = classes(rows.iter().map(|row| u32::from(row[0] % 2)), &names);
        holds(&truth, &shares(&rows, 2, &names), &weights, &order)?;
    }

    #[test]
    fn of_probabilities_of_three((rows, weights, order) in rows()) {
        let names = ["a", "b", "c"];
        let truth = classes(rows.iter().map(|row| u32::from(row[0] % 3)), &names);
        holds(&truth, &shares(&rows, 3, &names), &weights, &order)?;
    }

    #[test]
    fn of_values((rows, weights, order) in rows()) {
        let values = |place: usize| -> Values { rows.iter().map(|row| f64::from(row[place]) + 0.5).collect() };
        holds(&values(0), &values(1), &weights, &order)?;
    }

    #[test]
    fn of_sets_of_labels((rows, weights, order) in rows()) {
        let set = |cell: u8| -> Vec<&'static str> {
            ["a", "b", "c"].into_iter().enumerate().filter(|(bit, _)| cell >> bit & 1 == 1).map(|(_, name)| name).collect()
        };
        // Both sides have the same labels, whatever the rows have.
        let sets = |place: usize| {
            let all = rows.iter().map(|row| set(row[place])).chain([vec!["a", "b", "c"], vec![]]);
            ClassOutputs::from_sets(all).unwrap().take(&(0..rows.len()).collect::<Vec<_>>()).unwrap()
        };
        holds(&sets(0), &sets(1), &weights, &order)?;
    }
}
