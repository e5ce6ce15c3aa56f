//! D, P, S, T: the same rows give the same bits, in any company and after saving.

use ndarray::{Array2, Axis};
use perennial_core::Result;
use perennial_numeric::random::Random;
use rayon::prelude::*;

use super::kinds::Row;
use super::step::{Checks, Subject};
use crate::determinism::{same_by_seed, same_by_threads, same_inside};
use crate::saving::damage;
use crate::subject::{Verdict, difference, ensure, same_bits, skip};

pub(super) fn checks<R: Row>() -> Checks<R> {
    vec![
        ("D01", "the same seed gives the same model twice", seed),
        ("D02", "1, 2, 3, 4 and 7 threads give the same model and the same answers", threads),
        ("D03", "fitting inside a parallel task gives the same model", nested),
        ("D05", "the order of the training rows does not matter", row_order),
        ("P01", "answers do not depend on how rows are batched", batches),
        ("P02", "answers do not depend on the order of the rows", order),
        ("P03", "asking twice, or from many threads, gives the same answers", pure),
        ("P04", "equal settings give equal models", cloned),
        ("S01", "a loaded model gives the same bits, and saves to the same bytes", round_trip),
        ("S02", "damaged bytes are an error or another sound model, and never a panic", damaged),
        ("T01", "fitting and transforming at once is the same as one after the other", at_once),
        ("T02", "the number of columns does not depend on the rows", width),
        ("T03", "columns that are told before learning are those that are made", promised),
    ]
}

fn seed<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    same_by_seed(|ctx| subject.fit_in(&rows, ctx)?.bytes())
}

fn threads<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(subject.tags.most_rows.min(3000), 3);
    same_by_threads(|| {
        let model = subject.fit(&rows)?;
        Ok((model.bytes()?, model.apply(&rows)?))
    })
}

fn nested<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    same_inside(|| subject.fit(&rows)?.bytes())
}

fn row_order<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if !subject.tags.exact_solver {
        return skip("not tagged as an exact solver");
    }
    let rows = R::ordinary(120, 11);
    let turned: Vec<R> = rows.iter().rev().cloned().collect();
    let right = subject.fit(&rows)?.apply(&rows)?;
    let gap = difference(&right, &subject.fit(&turned)?.apply(&rows)?);
    ensure!(gap <= 1e-9, "training rows in another order changed the answers by {gap:.1e}");
    Ok(())
}

fn batches<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if !subject.tags.row_independent {
        return skip("tagged as row dependent");
    }
    let rows = R::ordinary(120, 11);
    let model = subject.fit(&rows)?;
    let whole = model.apply(&rows)?;
    for size in [1, 7, 64] {
        let parts =
            rows.chunks(size).map(|batch| model.apply(batch)).collect::<Result<Vec<Array2<f64>>>>()?;
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        let joined = ndarray::concatenate(Axis(0), &views).unwrap_or_default();
        ensure!(same_bits(&whole, &joined), "batches of {size} gave other answers than all rows at once");
    }
    Ok(())
}

fn order<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    if !subject.tags.row_independent {
        return skip("tagged as row dependent");
    }
    let rows = R::ordinary(120, 11);
    let model = subject.fit(&rows)?;
    let order = Random::new(1).permutation(rows.len());
    let turned: Vec<R> = order.iter().map(|&row| rows[row].clone()).collect();
    let right = model.apply(&rows)?.select(Axis(0), &order);
    ensure!(same_bits(&right, &model.apply(&turned)?), "rows in another order gave other answers");
    Ok(())
}

fn pure<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let (rows, other) = (R::ordinary(120, 11), R::ordinary(50, 12));
    let model = subject.fit(&rows)?;
    // A twin that has answered nothing yet: what was asked before must not matter.
    let twin = subject.decode(&model.bytes()?)?;
    let first = model.apply(&rows)?;
    let elsewhere = model.apply(&other)?;
    ensure!(same_bits(&first, &model.apply(&rows)?), "asking twice gave two answers");
    ensure!(same_bits(&elsewhere, &twin.apply(&other)?), "what was asked before changed the answer");
    let answers: Vec<Result<Array2<f64>>> = (0..16).into_par_iter().map(|_| model.apply(&rows)).collect();
    for answer in answers {
        ensure!(same_bits(&first, &answer?), "many threads asking one model got different answers");
    }
    Ok(())
}

fn cloned<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    let state = subject.fit(&rows)?.bytes()?;
    let twin = subject.cloned();
    ensure!(state == twin.fit(&rows)?.bytes()?, "a clone of the settings gave another model");
    Ok(())
}

fn round_trip<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    let model = subject.fit(&rows)?;
    let bytes = model.bytes()?;
    let loaded = subject.decode(&bytes)?;
    ensure!(same_bits(&model.apply(&rows)?, &loaded.apply(&rows)?), "the loaded model gives other answers");
    ensure!(bytes == loaded.bytes()?, "the loaded model saves to other bytes");
    Ok(())
}

fn damaged<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(40, 2);
    let bytes = subject.fit(&rows)?.bytes()?;
    damage(&bytes, |bytes| {
        let Ok(model) = subject.decode(bytes) else { return false };
        let _ = model.apply(&rows);
        true
    })
}

fn at_once<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    let (model, together) = subject.fit_transform(&rows)?;
    ensure!(same_bits(&together, &model.apply(&rows)?), "the training output is not what the model gives");
    let apart = subject.fit(&rows)?.apply(&rows)?;
    ensure!(same_bits(&together, &apart), "fitting with and without output differ");
    Ok(())
}

fn width<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let rows = R::ordinary(120, 11);
    let model = subject.fit(&rows)?;
    let (all, one) = (model.apply(&rows)?.ncols(), model.apply(&rows[7..8])?.ncols());
    ensure!(all == one, "{all} columns for all rows, {one} for one row");
    Ok(())
}

fn promised<R: Row>(subject: &Subject<'_, R>) -> Verdict {
    let Some(promised) = subject.promised()? else { return skip("its columns are known after the fit") };
    let made = subject.fit(&R::ordinary(40, 2))?.names()?;
    ensure!(promised == made, "the columns {promised:?} were told, and {made:?} are made");
    Ok(())
}
