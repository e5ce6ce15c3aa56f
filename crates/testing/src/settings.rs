//! E01 and E02: settings at the edges of their ranges.

use ciborium::Value;
use ndarray::Array2;
use perennial_core::{ErrorKind, Matrix, Result};

use crate::regression;
use crate::subject::{Checks, Subject, Verdict, ensure, is_typed};

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

/// A number setting: where it stands, and what it and all that it is in are called.
struct Number {
    path: Vec<usize>,
    names: Vec<String>,
}

/// The number settings of an estimator.
fn numbers(value: &Value, at: &mut Number, found: &mut Vec<Number>) {
    match value {
        Value::Float(_) | Value::Integer(_) => {
            found.push(Number { path: at.path.clone(), names: at.names.clone() });
        }
        Value::Map(entries) => {
            for (index, (key, inner)) in entries.iter().enumerate() {
                at.path.push(index);
                at.names.push(key.as_text().unwrap_or_default().to_owned());
                numbers(inner, at, found);
                at.names.pop();
                at.path.pop();
            }
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                at.path.push(index);
                numbers(inner, at, found);
                at.path.pop();
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

/// Settings of which one number is at an edge.
pub(crate) struct Edge {
    pub(crate) settings: Value,
    /// What the number and all that it is in are called.
    names: Vec<String>,
    what: String,
}

/// Each number of the settings at each edge.
pub(crate) fn at_the_edges(settings: &Value) -> impl Iterator<Item = Edge> {
    let mut found = Vec::new();
    numbers(settings, &mut Number { path: Vec::new(), names: Vec::new() }, &mut found);
    let floats = [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN, f64::MAX, 5e-324];
    let integers = [Value::from(0_u64), Value::from(1_u64), Value::from(-1_i64), Value::from(u64::MAX)];
    let candidates: Vec<Value> = floats.into_iter().map(Value::Float).chain(integers).collect();
    found.into_iter().flat_map(move |number| {
        candidates.clone().into_iter().map(move |candidate| {
            let what = format!("{} = {candidate:?}", number.names.join("."));
            let mut settings = settings.clone();
            replace(&mut settings, &number.path, candidate);
            Edge { settings, names: number.names.clone(), what }
        })
    })
}

impl Edge {
    /// Whether these are answers, or an error that blames the setting.
    pub(crate) fn judge(&self, answers: Result<Array2<f64>>) -> Verdict {
        let what = &self.what;
        match answers {
            Ok(answers) => {
                ensure!(
                    answers.iter().all(|value| value.is_finite()),
                    "{what} gave answers that are not finite"
                )
            }
            Err(error) => {
                is_typed(what, &error)?;
                if let ErrorKind::InvalidParam { name: blamed, .. } = error.kind() {
                    ensure!(
                        self.names.contains(blamed),
                        "{what} was refused, but the error blames `{blamed}`: {error}"
                    );
                }
            }
        }
        Ok(())
    }
}

fn edges(subject: &Subject<'_>) -> Verdict {
    let Some(settings) = subject.settings() else {
        ensure!(false, "the settings cannot be written");
        return Ok(());
    };
    let example = match subject.tags.positive_only {
        true => regression(40, 3, 2).made_positive(),
        false => regression(40, 3, 2),
    };
    for edge in at_the_edges(&settings) {
        // A type that cannot hold the value refuses it here, which is as good.
        if let Some(other) = subject.with_settings(&edge.settings) {
            edge.judge(other.fit(&example).and_then(|model| model.apply(&example.x)))?;
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
