//! W: a weight means what repeated rows would.

use perennial_core::ErrorKind;

use crate::subject::{Checks, Subject, Verdict, difference, ensure, skip};

pub(crate) fn checks() -> Checks {
    vec![
        ("W01", "a weight of k is the same as k copies of the row", copies),
        ("W02", "a weight of 0 is the same as no row", zeros),
        ("W03", "weights that are negative, NaN or all zero are errors", refused),
        ("W05", "weights are refused where they are not used", ignored),
    ]
}

fn weighs(subject: &Subject<'_>) -> bool {
    subject.capabilities().weights
}

fn copies(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    if !weighs(subject) {
        return skip("takes no weights");
    }
    let example = subject.example();
    let times = |row: usize| [1, 1, 4, 2, 9][row % 5];
    let weights: Vec<f64> = (0..example.n_rows()).map(|row| times(row) as f64).collect();
    let rows: Vec<usize> =
        (0..example.n_rows()).flat_map(|row| std::iter::repeat_n(row, times(row))).collect();
    let weighted = subject.fit_weighted(&example, &weights)?.apply(&example.x)?;
    let repeated = subject.fit(&example.take(&rows)?)?.apply(&example.x)?;
    let gap = difference(&weighted, &repeated);
    ensure!(gap <= subject.tags.weight_tolerance, "weights and repeated rows differ by {gap:.1e}");
    Ok(())
}

fn zeros(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    if !weighs(subject) {
        return skip("takes no weights");
    }
    zeros_where(subject, "every fourth row", |row| !row.is_multiple_of(4))?;
    // What looks at every second row alone, to save work, must see that none of them counts.
    zeros_where(subject, "every second row", |row| !row.is_multiple_of(2))?;
    zeros_where(subject, "the first half", |row| row >= 60)
}

fn zeros_where(subject: &Subject<'_>, which: &str, counts: impl Fn(usize) -> bool) -> Verdict {
    let mut example = subject.example();
    // The rows that do not count are far from the others, so counting them shows.
    let mut x = example.array();
    for row in (0..x.nrows()).filter(|&row| !counts(row)) {
        x.row_mut(row).mapv_inplace(|value| value.abs() * 50.0 + 10.0);
    }
    example = example.with_x(x);
    let weights: Vec<f64> = (0..example.n_rows()).map(|row| f64::from(u8::from(counts(row)))).collect();
    let kept: Vec<usize> = (0..example.n_rows()).filter(|&row| counts(row)).collect();
    let kept = example.take(&kept)?;
    let weighted = subject.fit_weighted(&example, &weights)?.apply(&kept.x)?;
    let removed = subject.fit(&kept)?.apply(&kept.x)?;
    let gap = difference(&weighted, &removed);
    ensure!(
        gap <= subject.tags.weight_tolerance,
        "a weight of 0 for {which} is not the same as no such row: the answers differ by {gap:.1e}"
    );
    Ok(())
}

fn refused(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    for (what, bad) in [("negative", -1.0), ("NaN", f64::NAN), ("infinite", f64::INFINITY)] {
        let mut weights = vec![1.0; example.n_rows()];
        weights[5] = bad;
        ensure!(subject.fit_weighted(&example, &weights).is_err(), "a {what} weight was taken");
    }
    let zeros = vec![0.0; example.n_rows()];
    ensure!(subject.fit_weighted(&example, &zeros).is_err(), "weights that are all zero were taken");
    Ok(())
}

fn ignored(subject: &Subject<'_>) -> Verdict {
    if weighs(subject) {
        return skip("takes weights");
    }
    let example = subject.example();
    let error = subject.fit_weighted(&example, &vec![2.0; example.n_rows()]).err();
    let right = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Unsupported { .. }));
    ensure!(right, "weights that are not used gave {error:?}");
    Ok(())
}
