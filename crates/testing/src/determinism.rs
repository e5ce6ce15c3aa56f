//! D: the same seed gives the same bits.

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
    for seed in [0, 7] {
        let fit = || subject.fit_in(&example, Context::new().with_seed(seed))?.bytes();
        let first = fit()?;
        for _ in 0..3 {
            ensure!(first == fit()?, "seed {seed} gave two different models");
        }
    }
    Ok(())
}

fn threads(subject: &Subject<'_>) -> Verdict {
    let example = large(subject);
    let work = || -> Result<_> {
        let model = subject.fit(&example)?;
        Ok((model.bytes()?, model.apply(&example.x)?))
    };
    let mut right = None;
    for n_threads in [1, 2, 3, 4, 7] {
        let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build() else {
            return skip("no thread pool could be made");
        };
        for _ in 0..2 {
            let (state, answers) = pool.install(work)?;
            let (right_state, right_answers) = right.get_or_insert_with(|| (state.clone(), answers.clone()));
            ensure!(state == *right_state, "{n_threads} threads gave another model than 1");
            ensure!(same_bits(&answers, right_answers), "{n_threads} threads gave other answers than 1");
        }
    }
    Ok(())
}

fn nested(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let alone = subject.fit(&example)?.bytes()?;
    let fit = |_| subject.fit(&example).and_then(|model| model.bytes());
    let together: Vec<Result<Vec<u8>>> = (0..8).into_par_iter().map(fit).collect();
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
