//! Kernel machines give what scikit-learn 1.9 gives, to the digits of its kernel rows, which are f32.
//!
//! ```python
//! i=np.arange(60)[:,None]; j=np.arange(3)[None,:]
//! X=np.sin(1.7*i+2.3*j)+0.3*np.cos(0.9*i*(j+1)); T=X[:4]+0.1
//! y=X[:,0]+0.5*X[:,1]**2>0.2; v=X[:,0]*2-X[:,1]*X[:,2]
//! y3=np.where(X[:,0]>0.5,2,np.where(X[:,1]>0,1,0))
//! SVC(C=2,gamma='scale',tol=1e-10).fit(X,y).decision_function(T)  # and so on, tol=1e-10 everywhere
//! ```

use ndarray::{Array2, s};
use perennial_core::{Classes, Estimator, Matrix, NoTarget, Predictor, Train, Values};
use perennial_models::{ClassWeight, KernelRidge, OneClassSvm, Svc, Svr};
use perennial_numeric::kernel::{Gamma, Kernel};

use crate::fixtures::assert_close;

fn rows() -> Array2<f64> {
    Array2::from_shape_fn((60, 3), |(i, j)| {
        let (i, j) = (i as f64, j as f64);
        (1.7 * i + 2.3 * j).sin() + 0.3 * (0.9 * i * (j + 1.0)).cos()
    })
}

fn new_rows() -> Matrix {
    (rows().slice(s![..4, ..]).to_owned() + 0.1).into()
}

fn two_classes() -> Classes {
    Classes::from_labels(rows().rows().into_iter().map(|x| u8::from(x[0] + 0.5 * x[1] * x[1] > 0.2)))
}

fn three_classes() -> Classes {
    Classes::from_labels(rows().rows().into_iter().map(|x| if x[0] > 0.5 { 2 } else { u8::from(x[1] > 0.0) }))
}

fn values() -> Values {
    rows().rows().into_iter().map(|x| x[0] * 2.0 - x[1] * x[2]).collect()
}

fn decisions(svc: Svc, y: &Classes) -> Vec<f64> {
    let model = svc.tolerance(1e-10).fit(&rows().into(), y).unwrap();
    assert!(model.converged() && model.gap() <= 1e-10);
    model.decision_function(&new_rows()).unwrap().into_raw_vec_and_offset().0
}

#[test]
fn decisions_of_two_classes() {
    let got = decisions(Svc::new().c(2.0), &two_classes());
    let truth = [1.0868398874682805, 1.1206445587032277, -0.32156888756015867, -1.3782755620673348];
    assert_close(&got, &truth, 2e-7, "radial");
    let got = decisions(Svc::new().c(2.0).kernel(Kernel::polynomial(3, 0.5, 1.0)), &two_classes());
    let truth = [2.903024399143286, 3.8368418816105385, -1.046277382309037, -3.1817386457634864];
    // The values of the kernel are kept in 32 bits while it learns.
    assert_close(&got, &truth, 4e-6, "polynomial");
    let balanced = Svc::new().c(2.0).kernel(Kernel::rbf(0.5)).class_weight(ClassWeight::Balanced);
    let truth = [1.1055777251041574, 1.475308899061149, -0.3560707243036625, -1.4645670160957602];
    assert_close(&decisions(balanced, &two_classes()), &truth, 2e-7, "balanced");
}

#[test]
fn decisions_of_three_classes() {
    let svc = Svc::new().c(2.0).kernel(Kernel::rbf(0.5));
    let truth = [
        [-1.1126169600038494, -0.6253097013222186, 0.9179409927557657],
        [-0.21530610897536506, -1.9664467720604286, -1.5472354021072459],
        [1.457890307869963, 1.8616755560256006, -0.07084515894347945],
        [-1.6220779909806446, -0.23794976756455058, 1.1645994437650646],
    ];
    // There a positive decision is for the first class of a pair, here for the second.
    let truth: Vec<f64> = truth.concat().into_iter().map(|value: f64| -value).collect();
    assert_close(&decisions(svc.clone(), &three_classes()), &truth, 2e-7, "one against one");
    let model = svc.fit(&rows().into(), &three_classes()).unwrap();
    assert_eq!(model.predict(&new_rows()).unwrap().codes(), [1, 2, 0, 1]);
    assert_eq!(model.pairs(), [("0", "1"), ("0", "2"), ("1", "2")]);
}

#[test]
fn regression() {
    let model = Svr::new().c(3.0).epsilon(0.05).tolerance(1e-10).fit(&rows().into(), &values()).unwrap();
    let truth = [1.377010827721751, 2.3478412483423385, 0.443131088994051, -1.9353564704234807];
    assert_close(model.predict(&new_rows()).unwrap().as_slice(), &truth, 2e-7, "svr");
    assert_eq!(model.support_vectors().nrows(), 27);
}

#[test]
fn one_class() {
    let settings = OneClassSvm::new().nu(0.2).kernel(Kernel::rbf(0.4)).tolerance(1e-10);
    let model = settings.fit(&rows().into(), &NoTarget).unwrap();
    let truth = [0.28108342926275975, 0.03732063961122467, 0.04158118085553841, 0.033363848301920296];
    assert_close(model.score(&new_rows()).unwrap().as_slice(), &truth, 2e-7, "one class");
}

#[test]
fn kernel_ridge() {
    let settings = KernelRidge::new().alpha(0.5);
    let model = settings.clone().kernel(Kernel::rbf(0.3)).fit(&rows().into(), &values()).unwrap();
    let truth = [1.0149937522175332, 2.1396482526977505, 0.3624775518626624, -1.647259693151499];
    assert_close(model.predict(&new_rows()).unwrap().as_slice(), &truth, 1e-11, "radial");
    let weights: Vec<f64> = (0..60).map(|i| f64::from(1 + i % 3)).collect();
    let (x, y) = (rows().into(), values());
    let laplacian = settings.kernel(Kernel::laplacian(Gamma::Value(0.3)));
    let model = Train::new(&x, &y).weights(&weights).fit(&laplacian).unwrap();
    let truth = [0.9073980394804824, 2.1406196171432725, 0.3702449702473689, -1.6797151868192874];
    assert_close(model.predict(&new_rows()).unwrap().as_slice(), &truth, 1e-11, "laplacian, weighted");
}

#[test]
fn a_small_cache_changes_little() {
    // One row of f64 numbers takes 480 bytes: the cache holds four.
    let small = decisions(Svc::new().c(2.0).cache_size(0.002), &two_classes());
    let large = decisions(Svc::new().c(2.0), &two_classes());
    assert_close(&small, &large, 2e-7, "small cache");
}
