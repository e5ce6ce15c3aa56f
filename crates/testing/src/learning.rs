//! C and R: classifiers and regressors learn what is there to be learned.

use ndarray::{Array2, Axis};
use perennial_core::{Classes, ErrorKind, Values};

use crate::subject::{Checks, Subject, Verdict, difference, ensure, same_bits, skip};
use crate::{Example, blobs, grouping, regression};

pub(crate) fn classifier() -> Checks {
    vec![
        ("C01", "classes are those of the target, in its order", class_names),
        ("C02", "probabilities lie in [0, 1] and sum to 1, however far the point", probabilities),
        ("C03", "the predicted class is the first of the most probable", most_likely),
        ("C05", "clouds that are far apart are told apart", told_apart),
        ("C06", "one class: an error that says so, or that class with certainty", one_class),
        ("C08", "renaming the classes changes nothing else", renamed),
    ]
}

pub(crate) fn decider() -> Checks {
    vec![
        ("C05", "clouds that are far apart are told apart", told_apart),
        ("C06", "one class: an error that says so, or that class", grouping::one_class),
        ("C08", "renaming the classes changes nothing else", renamed),
    ]
}

pub(crate) fn regressor() -> Checks {
    vec![
        ("R01", "a linear target with little noise is learned", learned),
        ("R02", "a constant target is predicted", constant),
        ("R03", "shifting and scaling the target shifts and scales the predictions", equivariant),
    ]
}

fn codes(answers: &Array2<f64>) -> Vec<usize> {
    answers.column(0).iter().map(|&code| code as usize).collect()
}

fn class_names(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let odd = ["-7", "3", "1000000000"];
    let values = example.values.as_slice().to_vec();
    let code = |value: &f64| (*value > 8.0) as u32 + (*value > 12.0) as u32;
    let classes = Classes::new(values.iter().map(code).collect(), odd.map(str::to_owned).to_vec())?;
    let example = Example { classes, ..example };
    let model = subject.fit(&example)?;
    let names = model.class_names(&example.x)?;
    ensure!(names == odd, "the target has the classes {odd:?}, the answers {names:?}");
    let answers = model.apply(&example.x)?;
    ensure!(answers.ncols() == 4, "three classes gave {} probabilities", answers.ncols() - 1);
    ensure!(codes(&answers).iter().all(|&code| code < 3), "a predicted class is not one of the target's");
    // A class list may name classes that the training rows do not have; their columns stay.
    let low: Vec<usize> = (0..values.len()).filter(|&row| values[row] <= 12.0).collect();
    let fewer = example.take(&low)?;
    let answers = subject.fit(&fewer)?.apply(&fewer.x)?;
    ensure!(answers.ncols() == 4, "a class without training rows lost its column");
    Ok(())
}

fn probabilities(subject: &Subject<'_>) -> Verdict {
    let example = blobs(3, 6);
    let example = if subject.tags.positive_only { example.made_positive() } else { example };
    let model = subject.fit(&example)?;
    for x in [example.clone(), example.map(|value| value * 1e4), example.map(|value| value * 1e12)] {
        let answers = model.apply(&x.x)?;
        for (row, answer) in answers.rows().into_iter().enumerate() {
            let sum: f64 = answer.iter().skip(1).sum();
            let inside = answer.iter().skip(1).all(|share| (0.0..=1.0).contains(share));
            ensure!(
                inside && (sum - 1.0).abs() <= 1e-12,
                "row {row} has probabilities {answer} with sum {sum}"
            );
        }
    }
    Ok(())
}

fn most_likely(subject: &Subject<'_>) -> Verdict {
    // Two clouds that are exact mirror images: the centre is as far from one as from the other.
    let half = blobs(2, 8).take(&(0..300).step_by(2).collect::<Vec<_>>())?;
    let both = ndarray::concatenate![Axis(0), half.array(), -half.array()];
    let mirrored = Example::new(both, (0..300).map(|row| f64::from(row < 150)).collect());
    for example in [mirrored, blobs(2, 8), blobs(3, 8), blobs(4, 8)] {
        let middle = example.map(|_| 0.0);
        let example = if subject.tags.positive_only { example.made_positive() } else { example };
        let model = subject.fit(&example)?;
        for x in [&example.x, &middle.x] {
            let answers = model.apply(x)?;
            for (row, code) in codes(&answers).into_iter().enumerate() {
                let shares = answers.row(row);
                let best = (1..shares.len())
                    .fold(1, |best, class| if shares[class] > shares[best] { class } else { best });
                ensure!(
                    code + 1 == best,
                    "row {row} is called class {code}, but its probabilities are {shares}"
                );
            }
        }
    }
    Ok(())
}

fn told_apart(subject: &Subject<'_>) -> Verdict {
    if subject.tags.poor_score {
        return skip("tagged as a poor scorer");
    }
    for n_classes in [2, 3] {
        let example = blobs(n_classes, 10);
        let example = if subject.tags.positive_only { example.made_positive() } else { example };
        let answers = subject.fit(&example)?.apply(&example.x)?;
        let right =
            codes(&answers).iter().zip(example.classes.codes()).filter(|(a, b)| **a == **b as usize).count();
        let accuracy = right as f64 / example.n_rows() as f64;
        ensure!(accuracy > 0.83, "accuracy {accuracy} on {n_classes} clouds");
    }
    Ok(())
}

fn one_class(subject: &Subject<'_>) -> Verdict {
    let mut example = subject.example();
    example.classes = Classes::from_labels(vec!["only"; example.n_rows()]);
    match subject.fit(&example) {
        Err(error) => {
            let right = matches!(error.kind(), ErrorKind::SingleClass { .. });
            ensure!(right, "one class gave an error that does not say so: {error}");
        }
        Ok(model) => {
            let answers = model.apply(&example.x)?;
            ensure!(
                answers.column(1).iter().all(|&share| share == 1.0),
                "one class is not predicted with certainty"
            );
        }
    }
    Ok(())
}

fn renamed(subject: &Subject<'_>) -> Verdict {
    let example = blobs(3, 12);
    let example = if subject.tags.positive_only { example.made_positive() } else { example };
    let names = ["0", "1", "2"].map(str::to_owned).to_vec();
    let other =
        Example { classes: Classes::new(example.classes.codes().to_vec(), names)?, ..example.clone() };
    let right = subject.fit(&example)?.apply(&example.x)?;
    let renamed = subject.fit(&other)?.apply(&example.x)?;
    ensure!(same_bits(&right, &renamed), "other class names gave other answers");
    Ok(())
}

fn learned(subject: &Subject<'_>) -> Verdict {
    if subject.tags.poor_score {
        return skip("tagged as a poor scorer");
    }
    let example = regression(400, 5, 13);
    let example = if subject.tags.positive_only { example.made_positive() } else { example };
    let answers = subject.fit(&example)?.apply(&example.x)?;
    let truth = example.values.view();
    let mean = truth.mean().unwrap_or(0.0);
    let total: f64 = truth.iter().map(|value| (value - mean).powi(2)).sum();
    let rest: f64 = truth.iter().zip(&answers).map(|(value, answer)| (value - answer).powi(2)).sum();
    let r2 = 1.0 - rest / total;
    ensure!(r2 > 0.5, "R2 on its own training rows is {r2}");
    Ok(())
}

fn constant(subject: &Subject<'_>) -> Verdict {
    for value in [3.0, -1e6, 1e-6] {
        let mut example = subject.example();
        example.values = vec![value; example.n_rows()].into();
        let answers = subject.fit(&example)?.apply(&example.x)?;
        let worst = answers.iter().fold(0.0_f64, |worst, answer| worst.max((answer - value).abs()));
        ensure!(worst <= 1e-9 * value.abs(), "a target that is always {value} is missed by {worst:e}");
    }
    Ok(())
}

fn equivariant(subject: &Subject<'_>) -> Verdict {
    if !subject.tags.equivariant {
        return skip("not tagged as equivariant");
    }
    let example = subject.example();
    let right = subject.fit(&example)?.apply(&example.x)?;
    let changed = |f: &dyn Fn(f64) -> f64| -> perennial_core::Result<Array2<f64>> {
        let values: Values = example.values.as_slice().iter().map(|&value| f(value)).collect();
        subject.fit(&Example { values, ..example.clone() })?.apply(&example.x)
    };
    let shifted = difference(&(&right + 100.0), &changed(&|value| value + 100.0)?);
    ensure!(shifted <= 1e-8, "adding 100 to the target moves predictions by something else ({shifted:.1e})");
    let scaled = difference(&(&right * 8.0), &changed(&|value| value * 8.0)?);
    ensure!(
        scaled <= 1e-8,
        "eight times the target gives something else than eight times the predictions ({scaled:.1e})"
    );
    Ok(())
}
