//! Regressions of several outputs against scikit-learn 1.9.1, and through the conformance kit with one output.

use ndarray::{Array2, array, s};
use perennial_core::{
    Capabilities, ErrorKind, Estimator, Matrix, Outputs, Predictor, Result, Train, Transformer, Values,
};
use perennial_models::compose::{MultiOutputRegressor, RegressorChain};
use perennial_models::{
    ElasticNet, Lasso, LinearRegression, MultiTaskElasticNet, MultiTaskLasso, PlsRegression, Ridge,
};
use perennial_testing::{Tags, check, regression};
use serde::{Deserialize, Serialize};

use crate::fixtures::assert_close;
use crate::linear_bayesian::five;

/// A regression of several outputs as one of a single output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct One<E>(pub(crate) E);

impl<E: Estimator<Input = Matrix, Target = Outputs>> Estimator for One<E> {
    type Input = Matrix;
    type Target = Values;
    type Model = One<E::Model>;

    fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<One<E::Model>> {
        let y = Outputs::from(train.y.view().to_owned().insert_axis(ndarray::Axis(1)));
        Ok(One(self.0.fit_on(&train.with_targets(&y, None))?))
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }
}

impl<M: Predictor<Input = Matrix, Output = Outputs>> Predictor for One<M> {
    type Input = Matrix;
    type Output = Values;

    fn predict(&self, x: &Matrix) -> Result<Values> {
        Ok(self.0.predict(x)?.values().column(0).to_vec().into())
    }
}

check!(multi_task_lasso, regressor, One(MultiTaskLasso::new().alpha(0.1)), Tags::new());
check!(
    multi_task_elastic_net_through_origin,
    regressor,
    One(MultiTaskElasticNet::new().alpha(0.1).fit_intercept(false).tolerance(1e-12)),
    Tags::new()
        .poor_score()
        .exact_solver()
        .expect_fail("R02", "a line through the origin cannot be constant")
);
check!(pls, regressor, One(PlsRegression::new()), Tags::new().exact_solver().equivariant());
check!(
    pls_unscaled,
    regressor,
    One(PlsRegression::new().n_components(1).scale(false)),
    Tags::new().exact_solver()
);

check!(multi_output, regressor, One(MultiOutputRegressor::new(Ridge::new())), Tags::new().exact_solver());
check!(chain, regressor, One(RegressorChain::new(Ridge::new())), Tags::new().exact_solver());

/// The rows of the Bayesian regressions with a second output.
pub(crate) fn two() -> (Matrix, Outputs) {
    let (x, y) = five();
    let y = Array2::from_shape_fn((30, 2), |(i, k)| match k {
        0 => y.as_slice()[i],
        _ => (2.2 * i as f64).cos() + x[[i, 1]],
    });
    (x.into(), y.into())
}

pub(crate) fn close(found: &ndarray::ArrayRef2<f64>, truth: &Array2<f64>, tolerance: f64) {
    assert_eq!(found.dim(), truth.dim());
    let found: Vec<f64> = found.iter().copied().collect();
    assert_close(&found, &truth.iter().copied().collect::<Vec<f64>>(), tolerance, "outputs");
}

/// `MultiTaskLasso(alpha=.1, tol=1e-14)` and `MultiTaskElasticNet(alpha=.2, l1_ratio=.7, tol=1e-14, fit_intercept=False)`.
#[test]
fn shared_features_are_those_of_scikit_learn() {
    let (x, y) = two();
    let model = MultiTaskLasso::new().alpha(0.1).tolerance(1e-15).fit(&x, &y).unwrap();
    let truth = array![
        [1.2280343911117935, -0.07674253610664146],
        [-0.5812635161298024, 0.7196635979988243],
        [0.17692698329816353, -0.0027564200143011387],
        [0.0, 0.0],
        [-0.020028177714723996, 0.43471784942958613]
    ];
    close(model.coefficients(), &truth, 1e-7);
    assert_close(&model.intercepts().to_vec(), &[2.09658732, 0.0207048], 1e-7, "intercepts");
    assert_eq!(model.n_nonzero(), 4);
    let settings = MultiTaskElasticNet::new().alpha(0.2).l1_ratio(0.7).fit_intercept(false).tolerance(1e-15);
    let truth = array![
        [1.0000277298756979, -0.06627401329537808],
        [-0.4175900238791183, 0.5501549265859491],
        [1.3144769886256633, -0.008027526832891865],
        [0.0, 0.0],
        [-0.02386042612947375, 0.3190891353818348]
    ];
    close(settings.fit(&x, &y).unwrap().coefficients(), &truth, 1e-7);
}

/// With one output, and with equal outputs, the lengths are sizes.
#[test]
fn one_output_is_the_elastic_net() {
    let example = regression(150, 7, 12);
    let y = Array2::from_shape_fn((150, 1), |(i, _)| example.values.as_slice()[i]);
    let several = MultiTaskElasticNet::new().alpha(0.3).l1_ratio(0.6).tolerance(1e-14);
    let several = several.fit(&example.x, &y.into()).unwrap();
    let one = ElasticNet::new().alpha(0.3).l1_ratio(0.6).fit(&example.x, &example.values).unwrap();
    assert_close(
        &several.coefficients().column(0).to_vec(),
        &one.coefficients().to_vec(),
        1e-7,
        "one output",
    );
    // Four equal outputs have lengths of twice the size, so half the penalty.
    let y = Array2::from_shape_fn((150, 4), |(i, _)| example.values.as_slice()[i]);
    let four = MultiTaskLasso::new().alpha(0.6).tolerance(1e-14).fit(&example.x, &y.into()).unwrap();
    let one = Lasso::new().alpha(0.3).fit(&example.x, &example.values).unwrap();
    assert_close(&four.coefficients().column(3).to_vec(), &one.coefficients().to_vec(), 1e-7, "four outputs");
}

/// The same components from `numpy.linalg.svd` and deflation (scikit-learn's iteration stops at ten digits), and
/// `PLSRegression(n_components=2).fit(X, y)` for one output.
#[test]
fn components_are_those_of_numpy() {
    let (x, y) = two();
    let model = PlsRegression::new().fit(&x, &y).unwrap();
    let truth = array![
        [1.4098999753311734, -0.05817362187323989],
        [-0.6770860129682768, 0.8547886331839635],
        [0.396872974641641, -0.07672837457279058],
        [0.05556864621890251, -0.10486221292878857],
        [-0.01478937904979198, 0.6108165333357862]
    ];
    close(model.coefficients(), &truth, 1e-12);
    let first: Matrix = x.dense().unwrap().slice(s![..2, ..]).to_owned().into();
    let truth = array![[1.1960804976151311, -0.6497106386161768], [0.3534816536916117, 1.8072725165167325]];
    close(model.transform(&first).unwrap().dense().unwrap(), &truth, 1e-12);
    let truth = array![[0.8361126983388603, 0.40376561796755633], [-0.5822260394180768, 0.5151963488512986]];
    close(model.y_loadings(), &truth, 1e-12);
    assert_close(
        &model.x_loadings().row(0).to_vec(),
        &[0.625550031173264, 0.6619822541266313],
        1e-12,
        "loadings",
    );

    let model = PlsRegression::new().n_components(3).scale(false).fit(&x, &y).unwrap();
    let truth = array![
        [1.421292646210269, -0.11235562146839403],
        [-0.6890431835015106, 0.8826154042519028],
        [0.3673315032715665, 0.05597608371331702],
        [-0.04295790489294753, 0.018205490149131323],
        [-0.05584701209410067, 0.6705724624770648]
    ];
    close(model.coefficients(), &truth, 1e-12);

    let (x, y) = five();
    let one = Outputs::from(y.view().to_owned().insert_axis(ndarray::Axis(1)));
    let model = PlsRegression::new().fit(&x.into(), &one).unwrap();
    let truth = [
        1.4336837136747123,
        -0.6949268099506246,
        0.3334165835242723,
        0.008653116811188855,
        -0.028591203375160447,
    ];
    assert_close(&model.coefficients().column(0).to_vec(), &truth, 1e-12, "one output");
}

/// As many components as columns are least squares, and more weight is more rows.
#[test]
fn all_components_are_least_squares() {
    let example = regression(80, 5, 2);
    let y = Array2::from_shape_fn((80, 1), |(i, _)| example.values.as_slice()[i]);
    let model = PlsRegression::new().n_components(5).fit(&example.x, &y.clone().into()).unwrap();
    let truth = LinearRegression::new().fit(&example.x, &example.values).unwrap();
    assert_close(
        &model.coefficients().column(0).to_vec(),
        &truth.coefficients().to_vec(),
        1e-10,
        "least squares",
    );
    assert_eq!(model.n_components(), 5);
    let error = PlsRegression::new().n_components(6).fit(&example.x, &y.into()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
    // A target that one direction explains needs one component.
    let x = Array2::from_shape_fn((20, 3), |(i, j)| if j == 0 { i as f64 } else { 1.0 });
    let y = x.slice(s![.., ..1]).to_owned();
    let model = PlsRegression::new().fit(&x.into(), &y.into()).unwrap();
    assert_eq!(model.n_components(), 1);
}
