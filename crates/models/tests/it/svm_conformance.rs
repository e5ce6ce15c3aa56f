//! Kernel machines go through the conformance kit.

use perennial_models::{ClassWeight, KernelRidge, OneClassSvm, Svc, Svr};
use perennial_numeric::kernel::{Gamma, Kernel};
use perennial_testing::{Tags, check};

/// Copies of a row and a weight are one problem with two roads to its solution, which end within the tolerance.
fn solved() -> Tags {
    Tags::new().weight_tolerance(1e-4).most_rows(1500)
}

check!(svc, decider, Svc::new().tolerance(1e-6), solved());
check!(svc_narrow, decider, Svc::new().kernel(Kernel::rbf(0.1)).cache_size(0.01), solved());
check!(svc_linear, decider, Svc::new().kernel(Kernel::Linear).c(0.1).tolerance(1e-6), solved());
check!(
    svc_polynomial,
    decider,
    Svc::new().kernel(Kernel::polynomial(2, Gamma::Scale, 1.0)).class_weight(ClassWeight::Balanced),
    solved()
);
check!(svc_sigmoid, decider, Svc::new().kernel(Kernel::sigmoid(0.01, 0.0)), solved());
check!(svc_laplacian, decider, Svc::new().kernel(Kernel::laplacian(Gamma::Auto)), solved());
check!(svc_probability, classifier, Svc::new().probability(), Tags::new().most_rows(1000));
check!(svr, regressor, Svr::new().c(10.0).tolerance(1e-8), solved());
check!(svr_linear, regressor, Svr::new().kernel(Kernel::Linear).tolerance(1e-6).epsilon(0.0), solved());
check!(one_class, outlier, OneClassSvm::new().nu(0.1).tolerance(1e-9), solved());
check!(
    kernel_ridge,
    regressor,
    KernelRidge::new().kernel(Kernel::rbf(0.1)).alpha(1e-3),
    Tags::new()
        .weight_tolerance(1e-7)
        .most_rows(500)
        .expect_fail("R02", "a function without an intercept cannot be constant under a penalty")
);
check!(
    kernel_ridge_linear,
    regressor,
    KernelRidge::new(),
    Tags::new()
        .poor_score()
        .weight_tolerance(1e-7)
        .most_rows(500)
        .expect_fail("R02", "a function without an intercept cannot be constant under a penalty")
);

#[test]
fn machines_with_probabilities_tell_the_ranges_of_their_settings() {
    let entry = perennial_models::registry::models().get("ProbabilisticSvc").unwrap();
    let names: Vec<String> =
        entry.settings().into_iter().filter(|s| s.param.is_some()).map(|s| s.name).collect();
    assert_eq!(names, ["c", "cache_size", "max_iter", "tolerance"].map(str::to_owned));
    let error = entry.check(&std::collections::BTreeMap::from([("c", -1.0)])).unwrap_err();
    assert!(error.to_string().contains("`c` is -1"), "{error}");
    assert!(entry.decider(&std::collections::BTreeMap::from([("c", 2.0)])).is_ok());
}
