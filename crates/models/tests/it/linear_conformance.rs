//! Linear models go through the conformance kit.

use perennial_models::linear::Solver;
use perennial_models::{ClassWeight, LinearRegression, LogisticRegression, Ridge};
use perennial_testing::{Tags, check};

check!(linear, regressor, LinearRegression::new(), Tags::new().exact_solver().equivariant());
check!(
    linear_through_origin,
    regressor,
    LinearRegression::new().fit_intercept(false),
    Tags::new()
        .poor_score()
        .exact_solver()
        .expect_fail("R02", "a line through the origin cannot be constant")
);
check!(ridge, regressor, Ridge::new(), Tags::new().exact_solver().equivariant());
check!(ridge_strong, regressor, Ridge::new().alpha(30.0), Tags::new().exact_solver().equivariant());
check!(ridge_none, regressor, Ridge::new().alpha(0.0), Tags::new().exact_solver().equivariant());

check!(logistic, classifier, LogisticRegression::new());
check!(logistic_lbfgs, classifier, LogisticRegression::new().solver(Solver::Lbfgs));
check!(logistic_newton, classifier, LogisticRegression::new().solver(Solver::Newton).tolerance(1e-10));
check!(logistic_newton_cg, classifier, LogisticRegression::new().solver(Solver::NewtonCg).tolerance(1e-10));
check!(
    logistic_balanced,
    classifier,
    LogisticRegression::new().class_weight(ClassWeight::Balanced).fit_intercept(false).c(0.1)
);
check!(logistic_without_penalty, classifier, LogisticRegression::new().no_penalty());
