//! E01 and E02: settings at the edges of their ranges.

use ciborium::Value;
use perennial_core::{ErrorKind, Matrix};

use crate::subject::{Checks, Subject, Verdict, ensure, is_typed};
use crate::{Example, regression};

pub(crate) fn checks() -> Checks {
    vec![
        (
            "E01",
            "a setting at 0, -1, NaN, infinity or its extremes fits, or is an error that names it",
            edges,
        ),
        ("E02", "fitting does not change the settings", kept),
    ]
}

/// The number settings of an estimator: where they stand and what they are called.
fn numbers(value: &Value, path: &mut Vec<usize>, name: &str, found: &mut Vec<(Vec<usize>, String)>) {
    let mut descend = |index: usize, inner: &Value, name: &str| {
        path.push(index);
        numbers(inner, path, name, found);
        path.pop();
    };
    match value {
        Value::Float(_) | Value::Integer(_) => found.push((path.clone(), name.to_owned())),
        Value::Map(entries) => {
            for (index, (key, inner)) in entries.iter().enumerate() {
                descend(index, inner, key.as_text().unwrap_or(name));
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                descend(index, inner, name);
            }
        }
        _ => {}
    }
}

fn replace(value: &mut Value, path: &[usize], new: Value) {
    match (path.split_first(), value) {
        (None, place) => *place = new,
        (Some((&index, rest)), Value::Map(entries)) => replace(&mut entries[index].1, rest, new),
        (Some((&index, rest)), Value::Array(items)) => replace(&mut items[index], rest, new),
        _ => {}
    }
}

fn edges(subject: &Subject<'_>) -> Verdict {
    let Some(settings) = subject.settings() else {
        ensure!(false, "the settings cannot be written");
        return Ok(());
    };
    let mut found = Vec::new();
    numbers(&settings, &mut Vec::new(), "", &mut found);
    let floats = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX, 5e-324];
    let integers = [Value::from(0_u64), Value::from(1_u64), Value::from(-1_i64), Value::from(u64::MAX)];
    let candidates: Vec<Value> = floats.into_iter().map(Value::Float).chain(integers).collect();
    let example = match subject.tags.positive_only {
        true => regression(40, 3, 2).made_positive(),
        false => regression(40, 3, 2),
    };
    for (path, name) in found {
        for candidate in &candidates {
            let mut changed = settings.clone();
            replace(&mut changed, &path, candidate.clone());
            // A type that cannot hold the value refuses it here, which is as good.
            if let Some(other) = subject.with_settings(&changed) {
                one_setting(&other, &name, &format!("{name} = {candidate:?}"), &example)?;
            }
        }
    }
    Ok(())
}

fn one_setting(subject: &Subject<'_>, name: &str, what: &str, example: &Example) -> Verdict {
    let fitted = subject.fit(example).and_then(|model| model.apply(&example.x));
    match fitted {
        Ok(answers) => {
            ensure!(answers.iter().all(|value| value.is_finite()), "{what} gave answers that are not finite")
        }
        Err(error) => {
            is_typed(what, &error)?;
            if let ErrorKind::InvalidParam { name: blamed, .. } = error.kind() {
                ensure!(blamed == name, "{what} was refused, but the error blames `{blamed}`: {error}");
            }
        }
    }
    Ok(())
}

fn kept(subject: &Subject<'_>) -> Verdict {
    let before = subject.settings();
    let example = subject.example();
    let model = subject.fit(&example)?;
    let state = model.bytes()?;
    let x: &Matrix = &example.x;
    model.apply(x)?;
    ensure!(before == subject.settings(), "fitting changed the settings");
    ensure!(state == model.bytes()?, "predicting changed the model");
    Ok(())
}
