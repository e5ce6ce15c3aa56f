//! Rows that detectors call outliers, marked and left out.

use ndarray::Array2;
use perennial_core::{
    Classes, Estimator, FitTransform, Matrix, NoTarget, OutputSchema, Predictor, Result, Rows, Train,
    Transformer, Values, from_bytes, to_bytes,
};
use perennial_models::outlier::LocalOutlierFactorModel;
use perennial_models::{DummyRegressor, IsolationForest, LocalOutlierFactor};
use perennial_preprocessing::{DropOutliers, FlagOutliers, FlagOutliersModel, Resampler, StandardScaler};
use perennial_testing::{Tags, check};

check!(
    flagged_by_forest,
    transformer,
    FlagOutliers::new(IsolationForest::new().n_trees(20)),
    Tags::new().most_rows(300).expect_fail("W01", "a tree draws a row once, and copies of it several times")
);
check!(
    flagged_by_factor,
    transformer,
    FlagOutliers::new(LocalOutlierFactor::new()),
    Tags::new().most_rows(300)
);

/// A lattice, with two rows far away from it.
fn rows() -> Matrix {
    let mut x = Array2::from_shape_fn((60, 2), |(i, j)| if j == 0 { (i % 8) as f64 } else { (i / 8) as f64 });
    x.row_mut(17).assign(&ndarray::array![40.0, -30.0]);
    x.row_mut(42).fill(60.0);
    Matrix::from(x)
}

#[test]
fn what_a_detector_calls_outliers_is_left_out_when_learning() -> Result<()> {
    let (x, y) = (rows(), (0..60).map(f64::from).collect::<Values>());
    let groups: Vec<u32> = (0..60).map(|row| row / 3).collect();
    let weights: Vec<f64> = (0..60).map(|row| 1.0 + f64::from(row % 2)).collect();
    let train = Train::new(&x, &y).groups(&groups).weights(&weights);
    let expected: Vec<f64> = (0..60).filter(|row| ![17, 42].contains(row)).map(f64::from).collect();
    let forest = || IsolationForest::new().contamination(2.0 / 60.0).seed(1);
    let factor = || LocalOutlierFactor::new().n_neighbors(8);
    let kept = DropOutliers::new(forest()).resample(&train)?;
    assert_eq!(kept.y.as_slice(), expected);
    assert_eq!((kept.groups.unwrap()[17], kept.weights.unwrap()[17]), (6, 1.0));
    let unweighted = Train::new(&x, &y);
    assert_eq!(DropOutliers::new(factor()).resample(&unweighted)?.y.as_slice(), expected);
    // Each judged by a detector that has not seen it.
    let judged = DropOutliers::new(factor()).cross_fit(5).resample(&unweighted)?;
    assert!(!judged.y.as_slice().contains(&17.0) && !judged.y.as_slice().contains(&42.0));
    assert!(judged.y.n_rows() > 50, "{}", judged.y.n_rows());
    // Rows to be answered are never dropped.
    let model = DropOutliers::new(forest()).before(DummyRegressor::new()).fit(&x, &y)?;
    assert_eq!(model.predict(&x)?.as_slice().len(), 60);
    assert!((model.predict(&x)?.as_slice()[0] - expected.iter().sum::<f64>() / 58.0).abs() < 1e-12);
    assert!(
        DropOutliers::new(factor())
            .cross_fit(1)
            .resample(&unweighted)
            .unwrap_err()
            .to_string()
            .contains("cross_fit")
    );
    let text = serde_json::to_string(&DropOutliers::<_, Values>::new(factor()).cross_fit(3)).unwrap();
    let again: DropOutliers<LocalOutlierFactor, Values> = serde_json::from_str(&text).unwrap();
    assert_eq!(again, DropOutliers::new(factor()).cross_fit(3));
    Ok(())
}

#[test]
fn flags_stand_beside_the_columns() -> Result<()> {
    let x = rows();
    let flag = FlagOutliers::new(LocalOutlierFactor::new().n_neighbors(8));
    let model = flag.fit(&x, &NoTarget)?;
    let flagged = model.transform(&x)?;
    let flags: Vec<usize> = (0..60).filter(|&row| flagged.dense().unwrap()[[row, 2]] == 1.0).collect();
    assert_eq!((flags.as_slice(), model.n_outliers()), ([17, 42].as_slice(), 2));
    assert_eq!(flagged.select(&[0, 1])?, x);
    assert_eq!(model.decided()[0].what, "2 of the training rows are outliers");
    assert_eq!(model.sources(), Some(vec![vec![0], vec![1], vec![0, 1]]));
    let OutputSchema::Known { output, .. } = flag.transform_schema(&x)? else {
        panic!("its columns are known")
    };
    assert_eq!(output.features(), flagged.features());
    let again: FlagOutliersModel<LocalOutlierFactorModel> = from_bytes(&to_bytes(&model)?)?;
    assert_eq!(again.transform(&x)?, flagged);
    // In a pipeline the scaler sees them.
    assert_eq!(flag.then(StandardScaler::new()).fit(&x, &NoTarget)?.transform(&x)?.n_cols(), 3);
    let taken = x.with_names(["x", "outlier"])?;
    assert!(FlagOutliers::new(LocalOutlierFactor::new()).fit(&taken, &NoTarget).is_err());
    Ok(())
}

/// A detector that calls every row the same.
#[derive(Debug, Clone)]
struct Always(&'static str);

impl Estimator for Always {
    type Input = Matrix;
    type Target = NoTarget;
    type Model = Always;

    fn fit_on(&self, _: &Train<'_, Matrix, NoTarget>) -> Result<Always> {
        Ok(self.clone())
    }
}

impl Predictor for Always {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Classes::new(vec![0; x.n_rows()], vec![self.0.to_owned(), "inlier".to_owned()])
    }
}

#[test]
fn what_detects_nothing_or_everything_is_said() {
    let (x, y) = (rows(), (0..60).map(f64::from).collect::<Values>());
    let error =
        |class| DropOutliers::new(Always(class)).resample(&Train::new(&x, &y)).unwrap_err().to_string();
    assert!(error("outlier").contains("every row an outlier"));
    assert!(error("strange").contains("the classes strange, inlier"), "{}", error("strange"));
}
