//! T: transformers.

use ndarray::Array2;
use perennial_core::{Classes, Context, FitTransform, Matrix, Result, Train, Transformer};

use crate::subject::{Checks, Subject, Task, Testable, Verdict, ensure, same_bits, skip};
use crate::{Example, Transform};

/// A step of matrices that others can follow.
pub trait Step<Y>: Testable<Target = Y, Model: Transformer<Output = Matrix>> + FitTransform {}

impl<E, Y> Step<Y> for E where E: Testable<Target = Y, Model: Transformer<Output = Matrix>> + FitTransform {}

pub(crate) fn checks<E: Step<Y>, Y>() -> Checks<E, Transform<Y>>
where
    Transform<Y>: Task<E>,
{
    vec![
        ("T01", "fitting and transforming at once is the same as one after the other", at_once),
        ("T02", "the number of columns does not depend on the rows", width),
        ("T06", "a row's training output does not depend on its own target", no_leak),
    ]
}

fn at_once<E: Step<Y>, Y>(subject: &Subject<'_, E, Transform<Y>>) -> Verdict
where
    Transform<Y>: Task<E>,
{
    if Transform::<Y>::SUPERVISED {
        return skip("a supervised step may treat its training rows with care");
    }
    let example = subject.example();
    let y = Transform::<Y>::target(&example);
    let train = Train::new(&example.x, &y).context(Context::new());
    let (model, together) = subject.estimator.fit_transform_on(&train)?;
    let together = together.to_dense()?.dense()?.to_owned();
    ensure!(
        same_bits(&together, &subject.apply(&model, &example.x)?),
        "the training output is not what the model gives"
    );
    let apart = subject.fit(&example)?;
    ensure!(
        same_bits(&together, &subject.apply(&apart, &example.x)?),
        "fitting with and without output differ"
    );
    Ok(())
}

fn width<E: Step<Y>, Y>(subject: &Subject<'_, E, Transform<Y>>) -> Verdict
where
    Transform<Y>: Task<E>,
{
    let example = subject.example();
    let model = subject.fit(&example)?;
    let all = subject.apply(&model, &example.x)?.ncols();
    let one = subject.apply(&model, &example.take(&[7])?.x)?.ncols();
    ensure!(all == one, "{all} columns for all rows, {one} for one row");
    Ok(())
}

fn no_leak<E: Step<Y>, Y>(subject: &Subject<'_, E, Transform<Y>>) -> Verdict
where
    Transform<Y>: Task<E>,
{
    if !Transform::<Y>::SUPERVISED {
        return skip("does not look at a target");
    }
    if subject.tags.selects_by_target {
        return skip("tagged as a selection by the target");
    }
    let example = subject.example();
    let output = |example: &Example| -> Result<Array2<f64>> {
        let y = Transform::<Y>::target(example);
        let (_, output) = subject.estimator.fit_transform_on(&Train::new(&example.x, &y))?;
        Ok(output.to_dense()?.dense()?.to_owned())
    };
    let before = output(&example)?;
    for row in [0, 31, 119] {
        let mut values = example.values.as_slice().to_vec();
        values[row] += 1000.0;
        let mut codes = example.classes.codes().to_vec();
        codes[row] = 1 - codes[row];
        let classes = Classes::new(codes, example.classes.shared_names())?;
        let changed = Example { x: example.x.clone(), values: values.into(), classes };
        let after = output(&changed)?;
        ensure!(before.row(row) == after.row(row), "row {row} is transformed by its own target");
    }
    Ok(())
}
