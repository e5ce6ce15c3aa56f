//! W: a weight means what repeated rows would.

use perennial_core::ErrorKind;

use super::kinds::Row;
use super::step::{Checks, Subject};
use crate::subject::{Verdict, difference, ensure, skip};

pub(super) fn checks<R: Row>() -> Checks<R> {
    vec![
        ("W01", "a weight of k is the same as k copies of the row", copies),
        ("W02", "a weight of 0 is the same as no row", zeros),
        ("W03", "weights that are negative, NaN or all zero are errors", refused),
        ("W05", "weights are refused where they are not used", ignored),
    ]
}

fn copies<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if !subject.capabilities().weights {
        return skip("takes no weights");
    }
    let rows = R::ordinary(120, 11);
    let times = |row: usize| [1, 1, 4, 2, 9][row % 5];
    let weights: Vec<f64> = (0..rows.len()).map(|row| times(row) as f64).collect();
    let repeated: Vec<R> = rows
        .iter()
        .enumerate()
        .flat_map(|(place, row)| std::iter::repeat_n(row.clone(), times(place)))
        .collect();
    let weighted = subject.fit_weighted(&rows, &weights)?.apply(&rows)?;
    let gap = difference(&weighted, &subject.fit(&repeated)?.apply(&rows)?);
    ensure!(gap <= subject.tags.weight_tolerance, "weights and repeated rows differ by {gap:.1e}");
    Ok(())
}

fn zeros<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if !subject.capabilities().weights {
        return skip("takes no weights");
    }
    type Counts = fn(usize) -> bool;
    let counts: [(&str, Counts); 3] = [
        ("every fourth row", |row| !row.is_multiple_of(4)),
        ("every second row", |row| !row.is_multiple_of(2)),
        ("the first half", |row| row >= 60),
    ];
    for (which, counts) in counts {
        let mut rows = R::ordinary(120, 11);
        // The rows that do not count are like none of the others, so counting them shows.
        let strange = R::unlike(rows.len());
        let kept: Vec<R> = (0..rows.len()).filter(|&row| counts(row)).map(|row| rows[row].clone()).collect();
        for (row, strange) in strange.into_iter().enumerate().filter(|(row, _)| !counts(*row)) {
            rows[row] = strange;
        }
        let weights: Vec<f64> = (0..rows.len()).map(|row| f64::from(u8::from(counts(row)))).collect();
        let weighted = subject.fit_weighted(&rows, &weights)?.apply(&kept)?;
        let gap = difference(&weighted, &subject.fit(&kept)?.apply(&kept)?);
        ensure!(
            gap <= subject.tags.weight_tolerance,
            "a weight of 0 for {which} is not the same as no such row: the answers differ by {gap:.1e}"
        );
    }
    Ok(())
}

fn refused<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(40, 2);
    for (what, bad) in [("negative", -1.0), ("NaN", f64::NAN), ("infinite", f64::INFINITY)] {
        let mut weights = vec![1.0; rows.len()];
        weights[5] = bad;
        ensure!(subject.fit_weighted(&rows, &weights).is_err(), "a {what} weight was taken");
    }
    let zeros = vec![0.0; rows.len()];
    ensure!(subject.fit_weighted(&rows, &zeros).is_err(), "weights that are all zero were taken");
    Ok(())
}

fn ignored<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if subject.capabilities().weights {
        return skip("takes weights");
    }
    let rows = R::ordinary(40, 2);
    let error = subject.fit_weighted(&rows, &vec![2.0; rows.len()]).err();
    let right = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Unsupported { .. }));
    ensure!(right, "weights that are not used gave {error:?}");
    Ok(())
}
