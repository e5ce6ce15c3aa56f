//! E: the edges of the input.

use ndarray::{Array2, Axis, s};
use perennial_core::{ErrorKind, Matrix, Rows};

use crate::subject::{Checks, Subject, Verdict, ensure, is_typed, same_bits, skip};
use crate::{Example, adversaries};

pub(crate) fn checks() -> Checks {
    vec![
        ("E03", "hostile input gives finite answers or a typed error, and never a panic", adversarial),
        ("E06", "no rows: an error at fit, no answers at predict", no_rows),
        ("E07", "no columns: an error", no_columns),
        ("E08", "one row: finite answers or a typed error", one_row),
        ("E09", "one column: finite answers or a typed error", one_column),
        ("E10", "more columns than rows: finite answers or a typed error", wide),
        ("E11", "a constant column: finite answers or a typed error", constant),
        ("E12", "repeated rows and columns: finite answers or a typed error", repeated),
        ("E14", "another number of columns is an error that says both numbers", width),
        ("E15", "columns are matched by name", names),
        ("E16", "a target of another length is an error", lengths),
        ("E17", "NaN that is not declared, and infinities, are errors that name row and column", non_finite),
        ("E18", "huge and tiny numbers: finite answers or a typed error", scales),
        ("E20", "the memory layout of the input does not matter", layouts),
        ("E22", "-0.0 and 0.0 are the same number", minus_zero),
    ]
}

fn adversarial(subject: &Subject<'_>) -> Verdict {
    adversaries().iter().try_for_each(|(name, example)| subject.tolerates(name, example))
}

fn named(names: &[&str]) -> Vec<Example> {
    adversaries().into_iter().filter(|(name, _)| names.contains(name)).map(|(_, example)| example).collect()
}

fn no_rows(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let error = subject.fit(&example.take(&[])?).err();
    ensure!(
        error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::Empty { .. })),
        "fitting no rows gave {error:?} where an error of kind Empty was expected"
    );
    if !subject.places_new_rows() {
        return Ok(());
    }
    let model = subject.fit(&example)?;
    let width = model.apply(&example.x)?.ncols();
    let none = model.apply(&example.x.take(&[])?)?;
    ensure!(none.dim() == (0, width), "no rows gave answers of shape {:?}, not (0, {width})", none.dim());
    Ok(())
}

fn no_columns(subject: &Subject<'_>) -> Verdict {
    let example = subject.example().with_x(Array2::zeros((120, 0)));
    match subject.fit(&example) {
        Err(error) => is_typed("no columns", &error),
        Ok(_) => ensure_failed("a matrix without columns was fitted"),
    }
}

fn ensure_failed(what: &str) -> Verdict {
    ensure!(false, "{what}");
    Ok(())
}

fn one_row(subject: &Subject<'_>) -> Verdict {
    subject.tolerates("one row", &subject.example().take(&[3])?)?;
    if !subject.places_new_rows() {
        return Ok(());
    }
    let example = subject.example();
    let model = subject.fit(&example)?;
    let one = model.apply(&example.x.take(&[3])?)?;
    ensure!(one.nrows() == 1, "one row gave {} answers", one.nrows());
    Ok(())
}

fn one_column(subject: &Subject<'_>) -> Verdict {
    named(&["one_column"]).iter().try_for_each(|example| subject.tolerates("one column", example))
}

fn wide(subject: &Subject<'_>) -> Verdict {
    let wide = named(&["more_columns_than_rows"]);
    wide.iter().try_for_each(|example| subject.tolerates("5 rows of 12 columns", example))
}

fn constant(subject: &Subject<'_>) -> Verdict {
    let constant = named(&["constant_column", "zero_variance_all"]);
    constant.iter().try_for_each(|example| subject.tolerates("constant column", example))
}

fn repeated(subject: &Subject<'_>) -> Verdict {
    let repeated = named(&["duplicate_rows", "duplicate_columns", "collinear"]);
    repeated.iter().try_for_each(|example| subject.tolerates("repeated data", example))
}

fn width(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    let example = subject.example();
    let model = subject.fit(&example)?;
    let x = example.array();
    let narrow = Matrix::from(x.slice(s![.., ..4]).to_owned());
    let wide = Matrix::from(ndarray::concatenate![Axis(1), x, x.slice(s![.., ..1])]);
    for (other, got) in [(narrow, 4), (wide, 6)] {
        let error = model.apply(&other).err();
        let right = error.as_ref().is_some_and(
            |error| matches!(error.kind(), ErrorKind::FeatureMismatch { expected: 5, got: g, .. } if *g == got),
        );
        ensure!(right, "{got} columns for a model of 5 gave {error:?}");
    }
    Ok(())
}

fn names(subject: &Subject<'_>) -> Verdict {
    if !subject.places_new_rows() {
        return skip("answers for its training rows alone");
    }
    let example = subject.example();
    let names = ["a", "b", "c", "d", "e"];
    let x = example.x.clone().with_names(names)?;
    let model = subject.fit(&example.with_x(x.clone()))?;
    let right = model.apply(&x)?;
    let turned = model.apply(&x.select(&[4, 2, 0, 1, 3])?)?;
    ensure!(same_bits(&right, &turned), "the same columns in another order gave other answers");
    let wrong = x.with_names(["a", "b", "c", "d", "other"])?;
    let error = model.apply(&wrong).err();
    let named = error.as_ref().is_some_and(|error| {
        matches!(error.kind(), ErrorKind::FeatureMismatch { .. })
            && (error.to_string().contains("`e`") || error.to_string().contains("`other`"))
    });
    ensure!(named, "a column with another name gave {error:?}");
    Ok(())
}

fn lengths(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let weights = vec![1.0; 7];
    let error = subject.fit_weighted(&example, &weights).err();
    ensure!(error.is_some(), "7 weights for 120 rows were taken");
    if !subject.supervised() {
        return Ok(());
    }
    let error = subject.fit_with_targets_of(&example, &[0, 1, 2]).err();
    let right = error.as_ref().is_some_and(|error| matches!(error.kind(), ErrorKind::LengthMismatch { .. }));
    ensure!(right, "3 targets for 120 rows gave {error:?}");
    Ok(())
}

fn non_finite(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let model = subject.fit(&example)?;
    let missing = subject.capabilities().missing;
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (row, column) in [(0, 0), (60, 2), (119, 4)] {
            let mut x = example.array();
            x[[row, column]] = value;
            let bad = example.with_x(x);
            if missing && value.is_nan() {
                subject.fit(&bad)?;
                model.apply(&bad.x)?;
                continue;
            }
            let name = format!("x{column}");
            let mut errors = vec![("fit", subject.fit(&bad).err())];
            if subject.places_new_rows() {
                errors.push(("use", model.apply(&bad.x).err()));
            }
            for (when, error) in errors {
                let right = error.as_ref().is_some_and(|error| {
                    matches!(error.kind(), ErrorKind::NonFinite { row: r, column: Some(c), .. } if *r == row && *c == name)
                });
                ensure!(right, "{value} at row {row}, column {column} gave {error:?} at {when}");
            }
        }
    }
    Ok(())
}

fn scales(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    subject.tolerates("times 1e300", &example.map(|value| value * 1e300))?;
    subject.tolerates("times 1e-300", &example.map(|value| value * 1e-300))?;
    subject.tolerates("plus 1e8", &example.map(|value| value + 1e8))
}

fn layouts(subject: &Subject<'_>) -> Verdict {
    let example = subject.example();
    let x = example.array();
    let model = subject.fit(&example)?;
    let (right, state) = (model.apply(&example.x)?, model.bytes()?);
    let columns_first = {
        let mut array = Array2::zeros(ndarray::ShapeBuilder::f(x.dim()));
        array.assign(&x);
        array.into_shared()
    };
    let strided = {
        let mut array = Array2::zeros((240, 10));
        array.slice_mut(s![..;2, ..;2]).assign(&x);
        array.into_shared().slice_move(s![..;2, ..;2])
    };
    let reversed = {
        let mut array = x.clone();
        array.assign(&x.slice(s![..;-1, ..;-1]));
        array.into_shared().slice_move(s![..;-1, ..;-1])
    };
    for (layout, array) in [("column-major", columns_first), ("strided", strided), ("reversed", reversed)] {
        let same = example.with_x(array);
        let answers = model.apply(&same.x)?;
        ensure!(same_bits(&right, &answers), "a {layout} input gave other answers");
        let refit = subject.fit(&same)?;
        ensure!(refit.bytes()? == state, "a {layout} input gave another model");
    }
    Ok(())
}

fn minus_zero(subject: &Subject<'_>) -> Verdict {
    let example = subject.example().map(|value| if value.abs() < 0.7 { 0.0 } else { value });
    let model = match subject.fit(&example) {
        Ok(model) => model,
        Err(error) => {
            is_typed("zeros", &error)?;
            return skip("zeros are refused");
        }
    };
    let negative = example.map(|value| if value == 0.0 { -0.0 } else { value });
    let (plus, minus) = (model.apply(&example.x)?, model.apply(&negative.x)?);
    ensure!(plus == minus, "-0.0 gave another answer than 0.0");
    Ok(())
}
