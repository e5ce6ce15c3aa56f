//! D: the same seed gives the same bits.

use ndarray::Array2;
use perennial_core::{Context, Result};
use rayon::prelude::*;

use crate::subject::{Checks, Subject, Verdict, difference, ensure, same_bits, skip};
use crate::{Example, regression};

pub(crate) fn checks() -> Checks {
    vec![
        ("D01", "the same seed gives the same model twice", seed),
        ("D02", "1, 2, 3, 4 and 7 threads give the same model and the same answers", threads),
        ("D03", "fitting inside a parallel task gives the same model", nested),
        ("D05", "the order of the training rows does not matter", row_order),
    ]
}

/// Large enough to be split over threads.
fn large(subject: &Subject<'_>) -> Example {
    let example = regression(subject.tags.most_rows.min(10_000), 4, 3);
    if subject.tags.positive_only { example.made_positive() } else { example }
}

fn seed(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    same_by_seed(|ctx| subject.fit_in(&example, ctx)?.bytes())
}

fn threads(subject: &Subject<'_>) -> Verdict {
    let example = large(subject);
    same_by_threads(|| {
        let model = subject.fit(&example)?;
        Ok((model.bytes()?, model.apply(&example.x)?))
    })
}

fn nested(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    same_inside(|| subject.fit(&example)?.bytes())
}

/// Whether fits with one seed give the same bytes.
pub(crate) fn same_by_seed(fit: impl Fn(Context) -> Result<Vec<u8>>) -> Verdict {
    for seed in [0, 7] {
        let fit = || fit(Context::new().with_seed(seed));
        let first = fit()?;
        for _ in 0..3 {
            ensure!(first == fit()?, "seed {seed} gave two different models");
        }
    }
    Ok(())
}

/// Whether the bytes of a model and its answers are the same at any number of threads.
pub(crate) fn same_by_threads(work: impl Fn() -> Result<(Vec<u8>, Array2<f64>)> + Sync) -> Verdict {
    let mut right = None;
    for n_threads in [1, 2, 3, 4, 7] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build() else {
            return skip("no thread pool could be made");
        };
        for _ in 0..2 {
            let (state, answers) = pool.install(&work)?;
            let (right_state, right_answers) = right.get_or_insert_with(|| (state.clone(), answers.clone()));
            ensure!(state == *right_state, "{n_threads} threads gave another model than 1");
            ensure!(same_bits(&answers, right_answers), "{n_threads} threads gave other answers than 1");
        }
    }
    Ok(())
}

/// Whether fits inside of parallel tasks give the same bytes.
pub(crate) fn same_inside(fit: impl Fn() -> Result<Vec<u8>> + Sync) -> Verdict {
    let alone = fit()?;
    let together: Vec<Result<Vec<u8>>> = (0..8).into_par_iter().map(|_| fit()).collect();
    for state in together {
        ensure!(state? == alone, "eight fits at once gave another model than one alone");
    }
    Ok(())
}

fn row_order(subject: &Subject<'_>) -> Verdict {
    if !subject.tags.exact_solver {
        return skip("not tagged as an exact solver");
    }
    let example = subject.example();
    let order: Vec<usize> = (0..example.n_rows()).rev().collect();
    let right = subject.fit(&example)?.apply(&example.x)?;
    let turned = subject.fit(&example.take(&order)?)?.apply(&example.x)?;
    let gap = difference(&right, &turned);
    ensure!(gap <= 1e-9, "training rows in another order changed the answers by {gap:.1e}");
    Ok(())
}
