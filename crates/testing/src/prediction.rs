//! P: an answer depends on its row and the model alone.

use ndarray::{Array2, Axis};
use perennial_core::Rows;
use perennial_numeric::random::Random;
use rayon::prelude::*;

use crate::subject::{Checks, Subject, Verdict, ensure, same_bits, skip};

pub(crate) fn checks() -> Checks {
    vec![
        ("P01", "answers do not depend on how rows are batched", batches),
        ("P02", "answers do not depend on the order of the rows", order),
        ("P03", "asking twice, or from many threads, gives the same answers", pure),
        ("P04", "equal settings give equal models", cloned),
    ]
}

fn batches(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    if !subject.tags.row_independent {
        return skip("tagged as row dependent");
    }
    let example = subject.example();
    let model = subject.fit(&example)?;
    let whole = model.apply(&example.x)?;
    let rows: Vec<usize> = (0..example.n_rows()).collect();
    for size in [1, 7, 64] {
        let mut parts: Vec<Array2<f64>> = Vec::new();
        for batch in rows.chunks(size) {
            parts.push(model.apply(&example.x.take(batch)?)?);
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let joined = ndarray::concatenate(Axis(0), &views).unwrap_or_default();
        ensure!(same_bits(&whole, &joined), "batches of {size} gave other answers than all rows at once");
    }
    Ok(())
}

fn order(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    if !subject.tags.row_independent {
        return skip("tagged as row dependent");
    }
    let example = subject.example();
    let model = subject.fit(&example)?;
    let order = Random::new(1).permutation(example.n_rows());
    let right = model.apply(&example.x)?.select(Axis(0), &order);
    let turned = model.apply(&example.x.take(&order)?)?;
    ensure!(same_bits(&right, &turned), "rows in another order gave other answers");
    Ok(())
}

fn pure(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let other = example.map(|value| value * 0.5);
    let model = subject.fit(&example)?;
    // A twin that has answered nothing yet: what was asked before must not matter.
    let twin = subject.decode(&model.bytes()?)?;
    let first = model.apply(&example.x)?;
    let elsewhere = model.apply(&other.x)?;
    ensure!(same_bits(&first, &model.apply(&example.x)?), "asking twice gave two answers");
    ensure!(same_bits(&elsewhere, &twin.apply(&other.x)?), "what was asked before changed the answer");
    let answers: Vec<_> = (0..16).into_par_iter().map(|_| model.apply(&example.x)).collect();
    for answer in answers {
        ensure!(same_bits(&first, &answer?), "many threads asking one model got different answers");
    }
    Ok(())
}

fn cloned(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let state = subject.fit(&example)?.bytes()?;
    let twin = subject.cloned();
    ensure!(state == twin.fit(&example)?.bytes()?, "a clone of the settings gave another model");
    Ok(())
}
