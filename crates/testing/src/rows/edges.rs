//! E, L, X: the edges of rows and settings, and work that is cancelled.

use perennial_core::ErrorKind;
use perennial_numeric::random::Random;

use super::kinds::Row;
use super::step::{Checks, Subject};
use crate::cancelling::{does_not_start, stops};
use crate::settings::at_the_edges;
use crate::subject::{Verdict, ensure, is_typed};

pub(super) fn checks<R: Row>() -> Checks<R> {
    vec![
        (
            "E01",
            "a setting at 0, -1, NaN, infinity or its extremes fits, or is an error that names it",
            settings,
        ),
        ("E02", "fitting does not change the settings", kept),
        ("E03", "hostile rows give finite answers or a typed error, and never a panic", adversarial),
        ("E06", "no rows: an error at fit, none at use", no_rows),
        ("E08", "one row: finite answers or a typed error", one_row),
        ("E16", "weights of another number are an error", lengths),
        (
            "E17",
            "what is not declared, and numbers that are not finite, are errors that name the place",
            refused,
        ),
        ("E23", "rows that have nothing of those it learned from give finite answers", unlike),
        ("L01", "a fit stops soon after it is cancelled", cancelled),
        ("L02", "a fit under a token that is cancelled already does not start", before),
        ("X01", "256 small random inputs give finite answers or typed errors", random),
    ]
}

fn settings<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let Some(settings) = subject.settings() else {
        ensure!(false, "the settings cannot be written");
        return Ok(());
    };
    let rows = R::ordinary(40, 2);
    for edge in at_the_edges(&settings) {
        // A type that cannot hold the value refuses it here, which is as good.
        if let Some(other) = subject.with_settings(&edge.settings) {
            edge.judge(other.fit(&rows).and_then(|model| model.apply(&rows)))?;
        }
    }
    Ok(())
}

fn kept<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let before = subject.settings();
    let rows = R::ordinary(120, 11);
    let model = subject.fit(&rows)?;
    let state = model.bytes()?;
    model.apply(&rows)?;
    ensure!(before == subject.settings(), "fitting changed the settings");
    ensure!(state == model.bytes()?, "using the model changed it");
    Ok(())
}

fn adversarial<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let ordinary = R::ordinary(40, 2);
    let model = subject.fit(&ordinary)?;
    for (what, rows) in R::adversaries() {
        subject.tolerates(what, &rows)?;
        let mut among = ordinary.clone();
        among.extend(rows.iter().cloned());
        subject.tolerates(&format!("{what} among others"), &among)?;
        // What was learned from ordinary rows must bear them as well.
        match model.apply(&rows) {
            Ok(answers) => {
                ensure!(
                    answers.iter().all(|value| value.is_finite()),
                    "{what}: a number at use is not finite"
                );
            }
            Err(error) => is_typed(&format!("{what} at use"), &error)?,
        }
    }
    Ok(())
}

fn no_rows<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let error = subject.fit(&[]).err();
    ensure!(
        error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Empty { .. })),
        "fitting no rows gave {error:?} where an error of kind Empty was expected"
    );
    let rows = R::ordinary(40, 2);
    let model = subject.fit(&rows)?;
    let (width, none) = (model.apply(&rows)?.ncols(), model.apply(&[])?);
    ensure!(none.dim() == (0, width), "no rows gave answers of shape {:?}, not (0, {width})", none.dim());
    Ok(())
}

fn one_row<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(40, 2);
    subject.tolerates("one row", &rows[3..4])?;
    let one = subject.fit(&rows)?.apply(&rows[3..4])?;
    ensure!(one.nrows() == 1, "one row gave {} answers", one.nrows());
    Ok(())
}

fn lengths<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let error = subject.fit_weighted(&R::ordinary(40, 2), &[1.0; 7]).err();
    ensure!(error.is_some(), "7 weights for 40 rows were taken");
    Ok(())
}

fn refused<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let ordinary = R::ordinary(40, 2);
    let model = subject.fit(&ordinary)?;
    for (row, place) in R::refused(subject.capabilities().missing) {
        for at in [0, 23, 39] {
            let mut rows = ordinary.clone();
            rows[at] = row.clone();
            // A step that learns nothing of its rows meets it only when it transforms them.
            let learned = subject.fit(&rows).and_then(|model| model.apply(&rows)).err();
            for (when, error) in [("fit", learned), ("use", model.apply(&rows).err())] {
                let text = error.map(|error| error.to_string());
                let right = text.as_ref().is_some_and(|text| {
                    place.is_empty() || (text.contains(place) && text.contains(&at.to_string()))
                });
                ensure!(right, "{row:?} as row {at} gave {text:?} at {when}");
            }
        }
    }
    Ok(())
}

fn unlike<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let answers = subject.fit(&R::ordinary(40, 2))?.apply(&R::unlike(9))?;
    ensure!(answers.nrows() == 9, "9 rows gave {} answers", answers.nrows());
    ensure!(answers.iter().all(|value| value.is_finite()), "an answer is not finite");
    Ok(())
}

fn cancelled<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(subject.tags.most_rows, 4);
    stops(|ctx| subject.fit_in(&rows, ctx).err())
}

fn before<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    does_not_start(|ctx| subject.fit_in(&R::ordinary(40, 2), ctx).err())
}

fn random<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    for seed in 0..256 {
        let mut random = Random::new(1000 + seed);
        let n_rows = random.below(31);
        let rows = R::odd(n_rows, &mut random);
        subject.tolerates(&format!("random input {seed} of {n_rows} rows"), &rows)?;
    }
    Ok(())
}
