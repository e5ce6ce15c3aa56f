//! Pairs of components, and penalties chosen for several outputs, against scikit-learn 1.9.1 and through the conformance
//! kit with one output. X and Y are the rows of `linear_outputs`.

use ndarray::{Array2, ArrayView1, array, s};
use perennial_core::{ErrorKind, Estimator, Matrix, Outputs, Predictor, Train, Transformer};
use perennial_models::{Cca, MultiTaskElasticNetCv, MultiTaskLassoCv, PlsCanonical};
use perennial_testing::{Tags, check};

use crate::fixtures::assert_close;
use crate::linear_outputs::{One, close, two};

check!(
    pls_canonical,
    regressor,
    One(PlsCanonical::new().n_components(1)),
    Tags::new().exact_solver().equivariant()
);
check!(
    pls_canonical_unscaled,
    regressor,
    One(PlsCanonical::new().n_components(1).scale(false)),
    Tags::new().exact_solver().poor_score()
);
check!(cca, regressor, One(Cca::new().n_components(1)), Tags::new().exact_solver().equivariant());
check!(multi_task_lasso_cv, regressor, One(MultiTaskLassoCv::new().n_alphas(20)), Tags::new());
check!(
    multi_task_elastic_net_cv_through_origin,
    regressor,
    One(MultiTaskElasticNetCv::new().n_alphas(10).cv(3).l1_ratios([0.2, 0.9]).fit_intercept(false)),
    Tags::new().poor_score().expect_fail("R02", "a line through the origin cannot be constant")
);

fn first_two(x: &Matrix, y: &Outputs) -> (Matrix, Outputs) {
    let part = |a: &ndarray::ArrayRef2<f64>| a.slice(s![..2, ..]).to_owned();
    (part(x.dense().unwrap()).into(), part(y.values()).into())
}

/// `PLSCanonical(n_components=2, algorithm="svd", scale=..).fit(X, Y)`.
#[test]
fn canonical_components_are_those_of_scikit_learn() {
    let (x, y) = two();
    let (some, outputs) = first_two(&x, &y);
    let model = PlsCanonical::new().fit(&x, &y).unwrap();
    let truth = array![[1.1960804976151307, -0.6554389438858937], [0.3534816536916123, 1.81316805713972]];
    close(model.transform(&some).unwrap().dense().unwrap(), &truth, 1e-11);
    let truth = array![[0.5955378233969686, 0.4801833675468327], [0.8413408637984522, 0.1187294481941468]];
    close(model.transform_outputs(&outputs).unwrap().values(), &truth, 1e-11);
    let truth = array![[2.875015794056545, -1.2230725453977724], [3.798027193389218, 1.1600244683463754]];
    close(model.predict(&some).unwrap().values(), &truth, 1e-11);
    let truth = array![[0.772084889708285, 0.5714496472602092], [-0.6411736765243449, 0.8206371309209588]];
    close(model.y_loadings(), &truth, 1e-11);
    let loadings = [0.625550031173264, 0.6626923758280673];
    assert_close(&model.x_loadings().row(0).to_vec(), &loadings, 1e-11, "loadings");
    let model = PlsCanonical::new().scale(false).fit(&x, &y).unwrap();
    let truth = array![[0.7990860011868574, 0.4664611609444926], [-0.4852483021536422, 0.5493917818517685]];
    close(&model.x_rotations().slice(s![..2, ..]).to_owned(), &truth, 1e-11);
    let truth = array![[0.9379843383916325, 0.38879055025748216], [-0.34667763258106304, 0.92241946592673]];
    close(model.y_rotations(), &truth, 1e-11);
    let truth = array![[0.8988041334115586, 0.12685617732942356], [-0.2571406374225521, 0.7039808414238548]];
    close(&model.model().coefficients().slice(s![..2, ..]).to_owned(), &truth, 1e-11);
    assert_eq!(model.n_components(), 2);
}

/// `CCA(n_components=2, tol=1e-16, max_iter=100000, scale=..).fit(X, Y)`, whose iteration stops at eight digits or more.
#[test]
fn correlated_components_are_those_of_scikit_learn() {
    let (x, y) = two();
    let (some, outputs) = first_two(&x, &y);
    let model = Cca::new().fit(&x, &y).unwrap();
    let truth = array![[0.820198906261707, -0.7941900166818624], [1.000655045190615, 1.3769067135003075]];
    close(model.transform(&some).unwrap().dense().unwrap(), &truth, 1e-7);
    let truth = array![[0.7268224311459849, 0.3118889341070402], [0.7673890078322857, -0.12926110747082264]];
    close(model.transform_outputs(&outputs).unwrap().values(), &truth, 1e-7);
    let truth = array![[3.0392609303886715, -1.0544847621072224], [3.580789270432784, 0.8772131178868761]];
    close(model.predict(&some).unwrap().values(), &truth, 1e-7);
    let truth = array![[0.9561168620867375, 0.1259396671136276], [-0.4088928822029856, 0.992037902626361]];
    close(model.y_loadings(), &truth, 1e-7);
    let model = Cca::new().scale(false).fit(&x, &y).unwrap();
    let truth = array![
        [0.8402154058221989, 0.37861484573131143],
        [-0.5034871817458106, 0.6811882845719427],
        [0.18711318017746636, 0.12102114786057111],
        [-0.00021212199660364578, 0.050294212624213366],
        [-0.07434609905591351, 0.6146163375896411]
    ];
    close(model.x_rotations(), &truth, 1e-7);
    let truth = array![[0.9865018156299167, 0.31447777149886114], [-0.16375032140083698, 0.9614824309654089]];
    close(model.y_rotations(), &truth, 1e-7);
    let loadings = [0.8505123931319293, 0.4092441908629915];
    assert_close(&model.x_loadings().row(0).to_vec(), &loadings, 1e-7, "loadings");
}

/// The scores of a pair correlate as much as any can: those of another pair and other sides not at all.
#[test]
fn scores_of_different_pairs_do_not_correlate() {
    let (x, y) = two();
    // A column twice, and one that says nothing.
    let wide = ndarray::concatenate![
        ndarray::Axis(1),
        x.dense().unwrap().view(),
        x.dense().unwrap().slice(s![.., ..1]),
        Array2::from_elem((30, 1), 7.0)
    ];
    let model = Cca::new().fit(&wide.clone().into(), &y).unwrap();
    let plain = Cca::new().fit(&x, &y).unwrap().transform(&x).unwrap();
    let (a, b) = (model.transform(&wide.into()).unwrap(), model.transform_outputs(&y).unwrap());
    let cosine = |a: ArrayView1<'_, f64>, b: ArrayView1<'_, f64>| a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt();
    let dot = |i: usize, j: usize| cosine(a.dense().unwrap().column(i), b.values().column(j));
    // The scores are those without the columns that add nothing. Only their lengths differ: directions have length 1, and
    // here they are shared by two columns.
    for pair in 0..2 {
        let same = cosine(a.dense().unwrap().column(pair), plain.dense().unwrap().column(pair));
        assert!((same.abs() - 1.0).abs() < 1e-9, "pair {pair}: {same}");
    }
    // corrcoef of both columns of CCA(2, tol=1e-16, max_iter=10**6).fit(X, Y).transform(X, Y)
    assert_close(&[dot(0, 0), dot(1, 1)], &[0.9606738547338461, 0.7696504198544396], 1e-9, "correlations");
    assert!(dot(0, 1).abs() < 1e-9 && dot(1, 0).abs() < 1e-9);
    for error in [
        Cca::new().n_components(3).fit(&x, &y).unwrap_err(),
        PlsCanonical::new().n_components(3).fit(&x, &y).unwrap_err(),
    ] {
        assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }), "{error}");
    }
    assert!(model.transform_outputs(&Array2::zeros((2, 3)).into()).is_err());
}

/// `MultiTaskLassoCV(tol=1e-12, max_iter=100000).fit(X, Y)`: `alpha_`, `coef_.T`, rows 0, 20, 50, 99 of
/// `mse_path_.mean(1)`, `mse_path_[50]`; `MultiTaskElasticNetCV(l1_ratio=[.2, .7], cv=4, alphas=30, fit_intercept=False,
/// tol=1e-12, max_iter=100000).fit(X, Y)`.
#[test]
fn strengths_of_several_outputs_are_those_of_scikit_learn() {
    let (x, y) = two();
    let model = MultiTaskLassoCv::new().tolerance(1e-13).fit(&x, &y).unwrap();
    assert_close(
        &[model.alphas()[0], model.alpha()],
        &[0.7074854372203431, 0.000707485437220343],
        1e-12,
        "strengths",
    );
    let truth = array![
        [1.4290187016871532, -0.08137967371260299],
        [-0.7103544874862852, 0.9262400605091835],
        [0.3234093700580149, 0.01717092083058088],
        [0.0076515504483961735, 0.047401796285367045],
        [-0.022404835038594733, 0.6332839778073178]
    ];
    close(model.coefficients(), &truth, 1e-6);
    let errors = model.mean_squared_errors();
    let means: Vec<f64> = [0, 20, 50, 99].iter().map(|row| errors.row(*row).mean().unwrap()).collect();
    let truth = [1.1609512920754539, 0.3903915215843656, 0.2609828505176035, 0.2578257106045965];
    assert_close(&means, &truth, 1e-6, "mean squared errors");
    let truth = [
        0.38813020001327386,
        0.24084761589482634,
        0.190057101518052,
        0.24119903423702438,
        0.24468030492084103,
    ];
    assert_close(&errors.row(50).to_vec(), &truth, 1e-6, "mean squared errors by fold");
    let settings = MultiTaskElasticNetCv::new().l1_ratios([0.2, 0.7]).cv(4).n_alphas(30);
    let model = settings.fit_intercept(false).tolerance(1e-13).fit(&x, &y).unwrap();
    assert_close(
        &[model.alpha(), model.l1_ratio()],
        &[0.03589730069363234, 0.7],
        1e-12,
        "strength and share",
    );
    let truth = array![
        [1.3264343531834721, -0.08023595756194245],
        [-0.5959669427508378, 0.843543158526084],
        [1.4934502491069983, 0.01949570069315621],
        [0.00817939678325756, 0.0075264246863959005],
        [-0.03321638794383415, 0.5710798204775164]
    ];
    close(model.coefficients(), &truth, 1e-6);
    assert!(MultiTaskLassoCv::new().cv(31).fit(&x, &y).is_err());
    assert!(MultiTaskElasticNetCv::new().l1_ratios([]).fit(&x, &y).is_err());
    let weights = [1.0; 30];
    assert!(Train::new(&x, &y).weights(&weights).fit(&MultiTaskLassoCv::new()).is_err());
}
