//! K and O: clusters and outliers.

use perennial_core::{Error, ErrorKind};

use crate::subject::{Checks, Subject, Verdict, ensure, skip};
use crate::{Example, blobs, regression};

pub(crate) fn clusters() -> Checks {
    vec![
        ("K01", "labels are whole numbers from -1 on, and those from 0 on leave no gap", labels),
        ("K02", "clouds that are far apart are told apart", told_apart),
        ("K03", "one row, or fewer rows than clusters: an answer or a typed error", few),
    ]
}

pub(crate) fn outliers() -> Checks {
    vec![
        ("O01", "the classes are `inlier` and `outlier`", names),
        ("O02", "rows far from all others are outliers, and most of the others are not", far),
    ]
}

fn labels(subject: &Subject<'_>) -> Verdict {
    let example = prepared(subject, blobs(3, 4));
    let answers = subject.fit(&example)?.apply(&example.x)?;
    ensure!(answers.dim() == (300, 1), "300 rows gave answers of shape {:?}", answers.dim());
    let odd = answers.iter().find(|label| label.fract() != 0.0 || **label < -1.0);
    ensure!(odd.is_none(), "{odd:?} is no label");
    let most = answers.iter().copied().fold(-1.0, f64::max);
    let missing = (0..=most as i64).find(|label| !answers.iter().any(|other| *other == *label as f64));
    ensure!(missing.is_none(), "the labels go up to {most}, but no row has {missing:?}");
    Ok(())
}

fn told_apart(subject: &Subject<'_>) -> Verdict {
    if subject.tags.poor_score {
        return skip("tagged as a poor scorer");
    }
    let example = prepared(subject, blobs(3, 10));
    let answers = subject.fit(&example)?.apply(&example.x)?;
    let found: Vec<i64> = answers.iter().map(|&label| label as i64).collect();
    let truth: Vec<i64> = example.classes.codes().iter().map(|&code| i64::from(code)).collect();
    let index = adjusted_rand_index(&truth, &found);
    ensure!(index > 0.4, "the adjusted Rand index on three clouds is {index}");
    Ok(())
}

fn few(subject: &Subject<'_>) -> Verdict {
    for n_rows in [1, 2, 3, 5] {
        let rows: Vec<usize> = (0..n_rows).collect();
        subject.tolerates(&format!("{n_rows} rows"), &subject.example().take(&rows)?)?;
    }
    Ok(())
}

fn names(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let names = subject.fit(&example)?.class_names(&example.x)?;
    ensure!(names == ["inlier", "outlier"], "the classes are {names:?}");
    Ok(())
}

fn far(subject: &Subject<'_>) -> Verdict {
    if subject.tags.poor_score {
        return skip("tagged as a poor scorer");
    }
    let near = prepared(subject, regression(200, 3, 6));
    let mut x = near.array();
    let strange = [3, 77, 150];
    for (place, row) in strange.into_iter().enumerate() {
        // Each in a corner of its own, or they would be neighbours.
        x.row_mut(row).iter_mut().enumerate().for_each(|(column, value)| {
            *value = if subject.tags.positive_only || column != place { 60.0 } else { -60.0 };
            *value += place as f64 * 10.0;
        });
    }
    let example = near.with_x(x);
    let found = subject.fit(&example)?.apply(&example.x)?;
    let missed = strange.into_iter().find(|&row| found[[row, 0]] == 0.0);
    ensure!(missed.is_none(), "row {missed:?} is far from all others and is called an inlier");
    let called = found.iter().filter(|code| **code == 1.0).count();
    ensure!(called <= 60, "{called} of 200 rows are called outliers");
    Ok(())
}

fn prepared(subject: &Subject<'_>, example: Example) -> Example {
    if subject.tags.positive_only { example.made_positive() } else { example }
}

/// One class: that class, or an error that says so.
pub(crate) fn one_class(subject: &Subject<'_>) -> Verdict {
    let mut example = subject.example();
    example.classes = perennial_core::Classes::from_labels(vec!["only"; example.x.dense()?.nrows()]);
    let error: Option<Error> = match subject.fit(&example) {
        Err(error) => Some(error),
        Ok(model) => {
            let answers = model.apply(&example.x)?;
            ensure!(answers.iter().all(|code| *code == 0.0), "one class is not predicted");
            None
        }
    };
    let right = error.as_ref().is_none_or(|error| matches!(error.kind(), ErrorKind::SingleClass { .. }));
    ensure!(right, "one class gave an error that does not say so: {error:?}");
    Ok(())
}

/// Hubert and Arabie, 1985.
fn adjusted_rand_index(a: &[i64], b: &[i64]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let count = |keys: Vec<(i64, i64)>| {
        let mut counts = std::collections::BTreeMap::new();
        keys.into_iter().for_each(|key| *counts.entry(key).or_insert(0.0) += 1.0);
        counts.into_values().map(pairs).sum::<f64>()
    };
    let both = count(a.iter().copied().zip(b.iter().copied()).collect());
    let first = count(a.iter().map(|&label| (label, 0)).collect());
    let second = count(b.iter().map(|&label| (label, 0)).collect());
    let expected = first * second / pairs(a.len() as f64);
    let most = 0.5 * (first + second);
    if most == expected { 1.0 } else { (both - expected) / (most - expected) }
}
