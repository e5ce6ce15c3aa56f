//! Scalers of sparse rows say what those of the same rows in dense form say.

use ndarray::Array2;
use perennial_core::{Csr, Estimator, Matrix, NoTarget, Result, Rows, Train, Transformer};
use perennial_preprocessing::{MaxAbsScaler, MinMaxScaler, ScalerModel, StandardScaler};

fn rows() -> Result<(Matrix, Matrix)> {
    // Zeros, numbers of both signs, a missing cell, a column of zeros, a column without zeros.
    let csr = Csr::new(
        4,
        vec![0, 3, 4, 7, 9, 11],
        vec![0, 1, 3, 3, 0, 1, 3, 1, 3, 0, 3],
        vec![2.0, -4.0, 1.0, 2.0, 6.0, f64::NAN, 3.0, 1.0, 4.0, -8.0, 5.0],
    )?;
    let sparse = Matrix::from(csr);
    Ok((sparse.to_dense()?, sparse))
}

fn same<E>(step: &E, weights: Option<&[f64]>) -> Result<()>
where
    E: Estimator<Input = Matrix, Target = NoTarget, Model = ScalerModel>,
{
    let (dense, sparse) = rows()?;
    let fit = |x: &Matrix| {
        let train = Train::new(x, &NoTarget);
        weights.map_or(Train::new(x, &NoTarget), |weights| train.weights(weights)).fit(step)
    };
    let (of_dense, of_sparse) = (fit(&dense)?, fit(&sparse)?);
    for (a, b) in of_dense.divisors().iter().zip(of_sparse.divisors()) {
        assert!((a - b).abs() < 1e-12 * a, "{a} and {b}");
    }
    let out = of_sparse.transform(&sparse)?;
    assert!(out.sparse().is_some() && out.n_rows() == dense.n_rows());
    let (out, truth): (Array2<f64>, _) = (out.to_dense()?.dense()?.to_owned(), of_dense.transform(&dense)?);
    for (a, b) in out.iter().zip(truth.dense()?) {
        assert!((a - b).abs() < 1e-12 || (a.is_nan() && b.is_nan()), "{a} and {b}");
    }
    Ok(())
}

#[test]
fn sparse_and_dense_rows_are_scaled_alike() -> Result<()> {
    for weights in [None, Some(&[1.0, 2.0, 0.0, 0.5, 3.0][..])] {
        same(&MaxAbsScaler::new(), weights)?;
        same(&StandardScaler::new().with_mean(false), weights)?;
    }
    // sklearn.preprocessing.StandardScaler(with_mean=False).fit(csr).scale_
    let model = StandardScaler::new().with_mean(false).fit(&rows()?.1, &NoTarget)?;
    let truth = [4.5607017, 1.9202864, 1.0, std::f64::consts::SQRT_2];
    for (got, truth) in model.divisors().iter().zip(truth) {
        assert!((got - truth).abs() < 5e-8, "{got} and {truth}");
    }
    Ok(())
}

#[test]
fn scalers_that_would_move_zeros_refuse_sparse_rows() -> Result<()> {
    let (dense, sparse) = rows()?;
    assert!(StandardScaler::new().fit(&sparse, &NoTarget).unwrap_err().to_string().contains("to_dense"));
    assert!(MinMaxScaler::new().fit(&sparse, &NoTarget).is_err());
    let model = StandardScaler::new().fit(&dense, &NoTarget)?;
    assert!(model.transform(&sparse).unwrap_err().to_string().contains("moves zeros"));
    Ok(())
}
