//! Kernel machines give what scikit-learn 1.9 gives, to the digits of its kernel rows, which are f32; classifiers, the exact
//! solution.
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

// The exact solutions: libsvm tells which rows are support vectors and which of them are at the bound, NumPy solves the
// equations of the free ones, `K b + bias = y`, in 64 bits, and the conditions of optimality hold for all rows. libsvm's own
// decisions, from kernel rows of 32 bits, are up to 1e-6 from these.
#[test]
fn decisions_of_two_classes() {
    let got = decisions(Svc::new().c(2.0), &two_classes());
    let truth = [1.0868398239620505, 1.1206444212763378, -0.32156902206641214, -1.3782755864372296];
    assert_close(&got, &truth, 1e-9, "radial");
    let got = decisions(Svc::new().c(2.0).kernel(Kernel::polynomial(3, 0.5, 1.0)), &two_classes());
    let truth = [2.9030246252074603, 3.8368408300090233, -1.0462768475215722, -3.1817392588733595];
    assert_close(&got, &truth, 1e-9, "polynomial");
    let balanced = Svc::new().c(2.0).kernel(Kernel::rbf(0.5)).class_weight(ClassWeight::Balanced);
    let truth = [1.1055778641289837, 1.4753089692646415, -0.3560706057727766, -1.4645670023593889];
    assert_close(&decisions(balanced, &two_classes()), &truth, 1e-9, "balanced");
}

#[test]
fn decisions_of_three_classes() {
    let svc = Svc::new().c(2.0).kernel(Kernel::rbf(0.5));
    let truth = [
        [1.112616911242196, 0.6253097447181256, -0.9179409724067534],
        [0.21530609011140567, 1.9664468012137952, 1.5472354457691517],
        [-1.4578902372932032, -1.8616755762264676, 0.07084517386704817],
        [1.6220779387055309, 0.2379498826378832, -1.1645994358566059],
    ];
    assert_close(&decisions(svc.clone(), &three_classes()), &truth.concat(), 1e-9, "one against one");
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
