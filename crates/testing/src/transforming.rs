//! T: transformers.

use perennial_core::Classes;

use crate::Example;
use crate::subject::{Checks, Subject, Verdict, ensure, same_bits, skip};

pub(crate) fn checks() -> Checks {
    vec![
        ("T01", "fitting and transforming at once is the same as one after the other", at_once),
        ("T02", "the number of columns does not depend on the rows", width),
        ("T06", "a row's training output does not depend on its own target", no_leak),
    ]
}

fn at_once(subject: &Subject<'_>) -> Verdict {
    if subject.supervised() {
        return skip("a supervised step may treat its training rows with care");
    }
    let example = subject.example();
    let (model, together) = subject.fit_transform(&example)?;
    ensure!(
        same_bits(&together, &model.apply(&example.x)?),
        "the training output is not what the model gives"
    );
    let apart = subject.fit(&example)?;
    ensure!(same_bits(&together, &apart.apply(&example.x)?), "fitting with and without output differ");
    Ok(())
}

fn width(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let model = subject.fit(&example)?;
    let all = model.apply(&example.x)?.ncols();
    let one = model.apply(&example.take(&[7])?.x)?.ncols();
    ensure!(all == one, "{all} columns for all rows, {one} for one row");
    Ok(())
}

fn no_leak(subject: &Subject<'_>) -> Verdict {
    if !subject.supervised() {
        return skip("does not look at a target");
    }
    if subject.tags.selects_by_target {
        return skip("tagged as a selection by the target");
    }
    let example = subject.example();
    let (_, before) = subject.fit_transform(&example)?;
    for row in [0, 31, 119] {
        let mut values = example.values.as_slice().to_vec();
        values[row] += 1000.0;
        let mut codes = example.classes.codes().to_vec();
        codes[row] = 1 - codes[row];
        let classes = Classes::new(codes, example.classes.shared_names())?;
        let changed = Example { x: example.x.clone(), values: values.into(), classes };
        let (_, after) = subject.fit_transform(&changed)?;
        ensure!(before.row(row) == after.row(row), "row {row} is transformed by its own target");
    }
    Ok(())
}
