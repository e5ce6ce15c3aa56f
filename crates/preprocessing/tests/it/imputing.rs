//! Gaps filled from other columns.

use ndarray::{Array2, array};
use perennial_core::{
    Estimator, Feature, FeatureKind, Features, FitTransform, Matrix, NoTarget, Predictor, Result, Rows,
    Train, Transformer, Values,
};
use perennial_models::DummyRegressor;
use perennial_preprocessing::{FitBatches, IterativeImputer, KnnImputer, RandomSampleImputer, SimpleImputer};
use serde::{Deserialize, Serialize};

/// Least squares through the origin on the first column.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Slope;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SlopeModel(f64);

impl Estimator for Slope {
    type Input = Matrix;
    type Target = Values;
    type Model = SlopeModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<SlopeModel> {
        let x = train.x.dense()?.column(0);
        let product: f64 = x.iter().zip(train.y.as_slice()).map(|(x, y)| x * y).sum();
        Ok(SlopeModel(product / x.iter().map(|x| x * x).sum::<f64>()))
    }
}

impl Predictor for SlopeModel {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(x.dense()?.column(0).iter().map(|x| self.0 * x).collect())
    }
}

fn filled<E: FitTransform<Input = Matrix, Target = NoTarget>>(step: &E, x: &Matrix) -> (Matrix, Matrix)
where
    E::Model: Transformer<Output = Matrix>,
{
    let (model, own) = step.fit_transform_on(&Train::new(x, &NoTarget)).unwrap();
    (own, model.transform(x).unwrap())
}

#[test]
fn rounds_are_those_written_out_by_hand() {
    const N: f64 = f64::NAN;
    // Column 1 has one gap and comes first; column 0 has two.
    let x = Matrix::from(array![[1.0, 3.0], [2.0, N], [N, 9.0], [N, 6.0], [4.0, 10.0]]);
    let (own, again) = filled(&IterativeImputer::new(Slope).max_iter(2).tolerance(0.0), &x);
    let (mut a, mut b) = ([1.0, 2.0, 7.0 / 3.0, 7.0 / 3.0, 4.0], [3.0, 7.0, 9.0, 6.0, 10.0]);
    for _ in 0..2 {
        let slope = |x: &[f64], y: &[f64], rows: &[usize]| {
            let product: f64 = rows.iter().map(|&row| x[row] * y[row]).sum();
            product / rows.iter().map(|&row| x[row] * x[row]).sum::<f64>()
        };
        b[1] = slope(&a, &b, &[0, 2, 3, 4]) * a[1];
        let back = slope(&b, &a, &[0, 1, 4]);
        (a[2], a[3]) = (back * b[2], back * b[3]);
    }
    for row in 0..5 {
        assert!((own.dense().unwrap()[[row, 0]] - a[row]).abs() < 1e-12);
        assert!((own.dense().unwrap()[[row, 1]] - b[row]).abs() < 1e-12);
    }
    // Other rows are filled by the same steps: those of the training rows come out the same.
    assert_eq!(own, again);
}

#[test]
fn an_estimator_that_knows_means_gives_means() {
    let x = Array2::from_shape_fn((30, 3), |(row, column)| {
        if (row * 7 + column) % 5 == 0 { f64::NAN } else { (row * column) as f64 }
    });
    let x = Matrix::from(x);
    let (by_prediction, _) = filled(&IterativeImputer::new(DummyRegressor::new()), &x);
    let (by_mean, _) = filled(&SimpleImputer::mean(), &x);
    for (a, b) in by_prediction.dense().unwrap().iter().zip(by_mean.dense().unwrap()) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }
}

#[test]
fn predictions_are_cut_to_what_was_seen() {
    let x = Matrix::from(array![[1.0, 1.0], [2.0, 2.0], [50.0, f64::NAN]]);
    let (free, _) = filled(&IterativeImputer::new(Slope), &x);
    assert_eq!(free.dense().unwrap()[[2, 1]], 50.0);
    let (cut, _) = filled(&IterativeImputer::new(Slope).clip(true), &x);
    assert_eq!(cut.dense().unwrap()[[2, 1]], 2.0);
}

#[test]
fn what_cannot_be_filled_is_named() {
    let x = Matrix::from(array![[1.0, f64::NAN], [2.0, f64::NAN]]).with_names(["a", "empty"]).unwrap();
    for error in [
        IterativeImputer::new(Slope).fit(&x, &NoTarget).map(|_| ()).unwrap_err(),
        KnnImputer::new().fit(&x, &NoTarget).map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("`empty`"), "{error}");
    }
    // One column: there is nothing to predict from but its mean.
    let one = Matrix::from(array![[1.0], [f64::NAN], [3.0]]);
    let (own, _) = filled(&IterativeImputer::new(Slope), &one);
    assert_eq!(own.dense().unwrap(), array![[1.0], [2.0], [3.0]]);
    assert_eq!(own.n_rows(), 3);
}

#[test]
fn drawn_values_keep_the_shares_and_depend_on_the_row_alone() -> Result<()> {
    let n = 30_000;
    // A third of the first column is missing; of the rest, one in four is 1.
    let x = Array2::from_shape_fn((n, 2), |(row, column)| match (column, row % 3) {
        (0, 0) => f64::NAN,
        (0, _) => f64::from(u8::from(row % 4 == 1)),
        _ => row as f64,
    });
    let x = Matrix::from(x);
    let model = RandomSampleImputer::new().seed(3).fit(&x, &NoTarget)?;
    let filled = model.transform(&x)?;
    let drawn: Vec<f64> = (0..n).step_by(3).map(|row| filled.dense().unwrap()[[row, 0]]).collect();
    assert!(drawn.iter().all(|value| [0.0, 1.0].contains(value)));
    let share = drawn.iter().sum::<f64>() / drawn.len() as f64;
    // Five standard errors.
    assert!((share - 0.25).abs() < 5.0 * (0.25_f64 * 0.75 / drawn.len() as f64).sqrt() + 0.005, "{share}");
    for row in [0, 300, 29_997] {
        let alone = model.transform(&x.take(&[row])?)?;
        assert_eq!(alone.dense()?[[0, 0]], filled.dense()?[[row, 0]]);
    }
    let other = RandomSampleImputer::new().seed(4).fit(&x, &NoTarget)?.transform(&x)?;
    assert_ne!(other.dense()?, filled.dense()?);
    let empty = Matrix::from(array![[f64::NAN], [f64::NAN]]);
    assert!(
        RandomSampleImputer::new().fit(&empty, &NoTarget).unwrap_err().to_string().contains("none to draw")
    );
    assert!(RandomSampleImputer::new().n_values(0).fit(&x, &NoTarget).is_err());
    Ok(())
}

#[test]
fn the_end_of_the_tail_is_that_of_the_deviations() -> Result<()> {
    // The mean is 5 and the deviation over n is 2.
    let x = Matrix::from(array![[2.0], [4.0], [4.0], [4.0], [5.0], [5.0], [7.0], [9.0], [f64::NAN]]);
    for (deviations, expected) in [(3.0, 11.0), (-1.5, 2.0), (0.0, 5.0)] {
        let imputer = SimpleImputer::end_of_tail(deviations);
        let model = imputer.fit(&x, &NoTarget)?;
        assert_eq!(model.fills(), [expected]);
        let batches =
            || Ok([Ok((x.take(&[0, 1, 2])?, NoTarget)), Ok((x.take(&[3, 4, 5, 6, 7, 8])?, NoTarget))]);
        assert_eq!(imputer.fit_batches(batches)?, model);
    }
    assert!(SimpleImputer::end_of_tail(f64::NAN).fit(&x, &NoTarget).is_err());
    let huge = Matrix::from(array![[1e308], [-1e308]]);
    assert!(SimpleImputer::end_of_tail(3.0).fit(&huge, &NoTarget).unwrap_err().to_string().contains("range"));
    Ok(())
}

/// Numbers beside codes of three categories.
fn coded<const N: usize>(cells: [[f64; 2]; N]) -> Matrix {
    let kinds = [FeatureKind::Numeric, FeatureKind::Categorical { n_categories: 3 }];
    let feature = |(name, kind): (&str, FeatureKind)| Feature { name: name.into(), kind };
    let features: Vec<Feature> = ["x", "code"].into_iter().zip(kinds).map(feature).collect();
    Matrix::from(Array2::from(cells.to_vec())).with_features(Features::try_from(features).unwrap()).unwrap()
}

/// What lies between two codes is no category.
#[test]
fn codes_are_filled_by_codes() -> Result<()> {
    const N: f64 = f64::NAN;
    let rows = coded([[0.0, 2.0], [1.0, 0.0], [4.0, 0.0], [5.0, 1.0], [6.0, 1.0], [9.0, 2.0]]);
    let gaps = coded([[0.1, N], [5.1, N], [2.6, N], [N, N]]);
    let codes = |imputer: KnnImputer| -> Result<Vec<f64>> {
        let filled = imputer.fit(&rows, &NoTarget)?.transform(&gaps)?;
        Ok(filled.dense()?.column(1).to_vec())
    };
    // Of two neighbours with two codes the lower one stands in; of no neighbour the lowest of the most frequent, each of which two rows have.
    assert_eq!(codes(KnnImputer::new().n_neighbors(2))?, [0.0, 1.0, 0.0, 0.0]);
    // 0.1 from the code 2, and 0.9 and 3.9 from 0: 10 against 1.37.
    assert_eq!(codes(KnnImputer::new().n_neighbors(3))?[0], 0.0);
    assert_eq!(codes(KnnImputer::new().n_neighbors(3).by_distance(true))?[0], 2.0);
    // A column of numbers is filled by means as before.
    let numbers = KnnImputer::new().n_neighbors(2).fit(&rows, &NoTarget)?.transform(&coded([[N, 1.0]]))?;
    assert_eq!(numbers.dense()?[[0, 0]], 5.5);

    let error = IterativeImputer::new(Slope).fit(&gaps, &NoTarget).map(drop).unwrap_err();
    assert!(error.to_string().contains("every value of column `code`"), "{error}");
    let some = coded([[1.0, 2.0], [2.0, N], [3.0, 0.0]]);
    for error in [
        IterativeImputer::new(Slope).fit(&some, &NoTarget).map(drop).unwrap_err(),
        IterativeImputer::new(Slope).fit(&rows, &NoTarget)?.transform(&some).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("`code` has codes of categories"), "{error}");
    }
    // Of a column that was whole at fit a gap becomes the mean.
    let whole = IterativeImputer::new(Slope).fit(&rows, &NoTarget)?.transform(&coded([[N, 1.0]]))?;
    assert!((whole.dense()?[[0, 0]] - 25.0 / 6.0).abs() < 1e-12);
    Ok(())
}
