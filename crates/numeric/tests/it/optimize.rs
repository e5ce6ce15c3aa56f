//! Minima that are known.

use ndarray::{Array1, Array2, Axis, array};
use perennial_core::{CancelToken, Context, ErrorKind};
use perennial_numeric::linalg::{Cholesky, gram, matvec, matvec_t};
use perennial_numeric::optimize::{Kinked, Objective, SecondOrder, Settings, lbfgs, lbfgs_near, newton};

use crate::linalg::random_matrix;
use crate::{fixture, number, numbers, same_bits};

/// Rosenbrock's valley in any even number of dimensions; minimum 0 at (1, ..., 1).
struct Rosenbrock;

impl Objective for Rosenbrock {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for (x, g) in x.chunks_exact(2).zip(gradient.chunks_exact_mut(2)) {
            let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
            value += a * a + 100.0 * b * b;
            g[0] = -2.0 * a - 400.0 * x[0] * b;
            g[1] = 200.0 * b;
        }
        value
    }
}

impl SecondOrder for Rosenbrock {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        hessian.fill(0.0);
        for (k, x) in x.chunks_exact(2).enumerate() {
            let (i, j) = (2 * k, 2 * k + 1);
            hessian[[i, i]] = 2.0 + 1200.0 * x[0] * x[0] - 400.0 * x[1];
            hessian[[j, i]] = -400.0 * x[0];
            hessian[[j, j]] = 200.0;
        }
    }
}

/// `x^T a x / 2 - b^T x`, minimum at the solution of `a x = b`.
struct Quadratic {
    a: Array2<f64>,
    b: Array1<f64>,
}

impl Objective for Quadratic {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let x = Array1::from(x.to_vec());
        let ax = self.a.dot(&x);
        gradient.copy_from_slice((&ax - &self.b).as_slice().unwrap());
        0.5 * x.dot(&ax) - self.b.dot(&x)
    }
}

impl SecondOrder for Quadratic {
    fn hessian(&self, _: &[f64], hessian: &mut Array2<f64>) {
        hessian.assign(&self.a);
    }
}

/// Mean log-loss of a logistic regression.
struct Logistic {
    x: Array2<f64>,
    y: Array1<f64>,
}

impl Objective for Logistic {
    fn value_gradient(&self, beta: &[f64], gradient: &mut [f64]) -> f64 {
        let n = self.y.len() as f64;
        let eta = matvec(&self.x, &Array1::from(beta.to_vec()));
        let error: Array1<f64> = eta.iter().zip(&self.y).map(|(e, y)| 1.0 / (1.0 + (-e).exp()) - y).collect();
        gradient.copy_from_slice((matvec_t(&self.x, &error) / n).as_slice().unwrap());
        eta.iter().zip(&self.y).map(|(&e, y)| e.max(0.0) + (-e.abs()).exp().ln_1p() - y * e).sum::<f64>() / n
    }
}

impl SecondOrder for Logistic {
    fn hessian(&self, beta: &[f64], hessian: &mut Array2<f64>) {
        let eta = matvec(&self.x, &Array1::from(beta.to_vec()));
        let weights: Vec<f64> = eta.iter().map(|e| 1.0 / (2.0 + e.exp() + (-e).exp())).collect();
        hessian.assign(&(gram(&self.x, Some(&weights)) / self.y.len() as f64));
    }
}

#[test]
fn rosenbrock() {
    for start in [[-1.2, 1.0], [0.0, 0.0], [5.0, -30.0], [-100.0, 100.0]] {
        let x0 = start.repeat(5);
        let settings = Settings::new().max_iter(500);
        let quasi = lbfgs(&Rosenbrock, &x0, &settings, &Context::new()).unwrap();
        let second = newton(&Rosenbrock, &x0, &settings, &Context::new()).unwrap();
        println!("{start:?}: {} and {} steps", quasi.n_iterations, second.n_iterations);
        for minimum in [quasi, second] {
            assert!(minimum.converged && minimum.value < 1e-15, "{minimum:?}");
            assert!(minimum.x.iter().all(|x| (x - 1.0).abs() < 1e-7), "{minimum:?}");
        }
    }
}

#[test]
fn quadratic_in_one_newton_step() {
    let a = gram(&random_matrix(1, 50, 20), None);
    let b = random_matrix(2, 20, 1).remove_axis(Axis(1));
    let truth = Cholesky::new(&a).unwrap().solve(&b);
    let problem = Quadratic { a, b };
    let second = newton(&problem, &[0.0; 20], &Settings::new(), &Context::new()).unwrap();
    assert!(second.converged && second.n_iterations <= 2, "{second:?}");
    let quasi = lbfgs(&problem, &[0.0; 20], &Settings::new(), &Context::new()).unwrap();
    assert!(quasi.converged, "{quasi:?}");
    for minimum in [second, quasi] {
        assert!(minimum.x.iter().zip(&truth).all(|(x, t)| (x - t).abs() < 1e-8));
    }
}

#[test]
fn logistic_with_a_closed_form() {
    // One binary feature: the fitted probabilities are the shares of each group, 1/4 and 2/3.
    let x = array![[1., 0.], [1., 0.], [1., 0.], [1., 0.], [1., 1.], [1., 1.], [1., 1.]];
    let problem = Logistic { x, y: array![1., 0., 0., 0., 1., 1., 0.] };
    let truth = [(1.0 / 3.0f64).ln(), 2f64.ln() - (1.0 / 3.0f64).ln()];
    let settings = Settings::new().tolerance(1e-12);
    let second = newton(&problem, &[0.0, 0.0], &settings, &Context::new()).unwrap();
    let quasi = lbfgs(&problem, &[0.0, 0.0], &settings, &Context::new()).unwrap();
    for minimum in [second, quasi] {
        assert!(minimum.converged, "{minimum:?}");
        assert!(minimum.x.iter().zip(truth).all(|(x, t)| (x - t).abs() < 1e-10), "{minimum:?}");
    }
    let x = random_matrix(3, 20_000, 6);
    let y = x.column(0).mapv(|x| f64::from(x > 0.3)) * x.column(1).mapv(|x| f64::from(x > -2.0));
    let problem = Logistic { x, y };
    same_bits(|| lbfgs(&problem, &[0.0; 6], &Settings::new().max_iter(15), &Context::new()).unwrap());
}

/// Summed log-loss with weights and a penalty on all coefficients but the last.
struct Penalised {
    logistic: Logistic,
    weights: Vec<f64>,
    alpha: f64,
}

impl Objective for Penalised {
    fn value_gradient(&self, beta: &[f64], gradient: &mut [f64]) -> f64 {
        let (x, y) = (&self.logistic.x, &self.logistic.y);
        let eta = matvec(x, &Array1::from(beta.to_vec()));
        let rows = eta.iter().zip(y).zip(&self.weights);
        let error: Array1<f64> = rows.clone().map(|((e, y), w)| w * (1.0 / (1.0 + (-e).exp()) - y)).collect();
        gradient.copy_from_slice(matvec_t(x, &error).as_slice().unwrap());
        let free = beta.len() - 1;
        gradient[..free].iter_mut().zip(beta).for_each(|(g, b)| *g += self.alpha * b);
        let loss: f64 = rows.map(|((&e, y), w)| w * (e.max(0.0) + (-e.abs()).exp().ln_1p() - y * e)).sum();
        loss + 0.5 * self.alpha * beta[..free].iter().map(|b| b * b).sum::<f64>()
    }
}

impl SecondOrder for Penalised {
    fn hessian(&self, beta: &[f64], hessian: &mut Array2<f64>) {
        let eta = matvec(&self.logistic.x, &Array1::from(beta.to_vec()));
        let curvature = |(e, w): (&f64, &f64)| w / (2.0 + e.exp() + (-e).exp());
        let weights: Vec<f64> = eta.iter().zip(&self.weights).map(curvature).collect();
        hessian.assign(&gram(&self.logistic.x, Some(&weights)));
        let free = beta.len() - 1;
        hessian.diag_mut().iter_mut().take(free).for_each(|h| *h += self.alpha);
    }
}

#[test]
fn logistic_references_with_fifty_digits() {
    let Some(suite) = fixture("glm.json") else { return };
    let cases = suite["cases"].as_array().unwrap();
    for case in cases.iter().filter(|case| case["kind"] == "logistic") {
        let id = case["id"].as_str().unwrap();
        let rows: Vec<Vec<f64>> = case["X"].as_array().unwrap().iter().map(numbers).collect();
        let width = rows[0].len();
        let x =
            Array2::from_shape_fn((rows.len(), width + 1), |(i, j)| if j < width { rows[i][j] } else { 1.0 });
        let weights = &case["sample_weight"];
        let weights = if weights.is_null() { vec![1.0; rows.len()] } else { numbers(weights) };
        let logistic = Logistic { x, y: Array1::from(numbers(&case["y"])) };
        let problem = Penalised { logistic, weights, alpha: number(&case["alpha"]) };
        let mut truth = numbers(&case["expected"]["coef"]);
        truth.push(number(&case["expected"]["intercept"]));
        let start = vec![0.0; width + 1];
        let minimum = newton(&problem, &start, &Settings::new().tolerance(1e-10), &Context::new()).unwrap();
        println!("{id}: {} steps, gradient {:.1e}", minimum.n_iterations, minimum.gradient_norm);
        for (found, truth) in minimum.x.iter().zip(&truth) {
            assert!((found - truth).abs() <= 1e-8, "{id}: {found} {truth}");
        }
        let quasi = lbfgs(&problem, &start, &Settings::new().max_iter(2000), &Context::new()).unwrap();
        println!("{id}: {} steps of L-BFGS, gradient {:.1e}", quasi.n_iterations, quasi.gradient_norm);
        assert!((quasi.value - minimum.value).abs() <= 1e-10 * minimum.value);
    }
}

/// `x - ln(x)`, not defined at 0 and below; minimum at 1.
struct Barrier;

impl Objective for Barrier {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient[0] = 1.0 - 1.0 / x[0];
        x[0] - x[0].ln()
    }
}

impl SecondOrder for Barrier {
    fn hessian(&self, x: &[f64], hessian: &mut Array2<f64>) {
        hessian[[0, 0]] = 1.0 / (x[0] * x[0]);
    }
}

#[test]
fn steps_out_of_the_domain_are_taken_back() {
    for start in [1e-3, 0.5, 50.0] {
        let quasi = lbfgs(&Barrier, &[start], &Settings::new(), &Context::new()).unwrap();
        let second = newton(&Barrier, &[start], &Settings::new(), &Context::new()).unwrap();
        assert!(quasi.converged && (quasi.x[0] - 1.0).abs() < 1e-7, "{quasi:?}");
        assert!(second.converged && (second.x[0] - 1.0).abs() < 1e-7, "{second:?}");
    }
    let error = lbfgs(&Barrier, &[-1.0], &Settings::new(), &Context::new()).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Overflow { .. }));
}

#[test]
fn runs_out_of_steps_stops_when_told_and_checks_settings() {
    let short = lbfgs(&Rosenbrock, &[-1.2, 1.0], &Settings::new().max_iter(3), &Context::new()).unwrap();
    assert!(!short.converged && short.n_iterations == 3);
    let tight = newton(&Rosenbrock, &[-1.2, 1.0], &Settings::new().tolerance(0.0), &Context::new()).unwrap();
    assert!(tight.n_iterations < 200 && tight.gradient_norm < 1e-10);
    let token = CancelToken::new();
    token.cancel();
    let ctx = Context::new().with_cancel(token);
    let error = lbfgs(&Rosenbrock, &[-1.2, 1.0], &Settings::new(), &ctx).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Cancelled { .. }));
    for settings in
        [Settings::new().tolerance(f64::NAN), Settings::new().tolerance(-1.0), Settings::new().history(0)]
    {
        let error = newton(&Rosenbrock, &[0.0, 0.0], &settings, &Context::new()).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::InvalidParam { .. }));
    }
}

/// Falls for ever.
struct Slope;

impl Objective for Slope {
    fn value_gradient(&self, x: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(-1.0);
        -x[0]
    }
}

#[test]
fn a_function_without_a_minimum_ends() {
    let minimum = lbfgs(&Slope, &[0.0], &Settings::new(), &Context::new()).unwrap();
    assert!(!minimum.converged && minimum.value.is_finite());
}

/// Costs that differ from row to row have a weighted quantile as their minimum, and with a quadratic cost the point where
/// both slopes cancel.
#[test]
fn kinks_have_weighted_quantiles() {
    let ctx = Context::new();
    let mut problem = Kinked {
        design: Array2::ones((5, 1)),
        target: vec![4.0, -1.0, 2.0, 8.0, 3.0],
        up: vec![1.0, 2.0, 1.0, 0.5, 1.0],
        down: vec![1.0, 0.5, 1.0, 3.0, 1.0],
        quadratic: vec![0.0],
    };
    let cost = |problem: &Kinked, x: f64| problem.value(&[x], &problem.residuals(&[x]));
    let near = problem.minimise(1e-10, 100, &ctx).unwrap();
    let corner = problem.corner(&near, &ctx).unwrap().unwrap();
    let least = problem.target.iter().map(|&x| cost(&problem, x)).fold(f64::INFINITY, f64::min);
    assert!((corner.value - least).abs() < 1e-14 && (near.value - least).abs() < 1e-8 * least);
    assert!(problem.target.contains(&corner.x[0]));
    // Beside a steep bowl around 0 the minimum is between two targets.
    problem.quadratic = vec![2.0];
    let found = problem.minimise(1e-13, 100, &ctx).unwrap();
    let (x, step) = (found.x[0], 1e-4);
    assert!(found.converged && problem.corner(&found, &ctx).unwrap().is_none());
    assert!(cost(&problem, x) <= cost(&problem, x + step) && cost(&problem, x) <= cost(&problem, x - step));
    problem.up.pop();
    assert!(problem.minimise(1e-8, 10, &ctx).is_err());
    problem.up.push(f64::NAN);
    assert!(problem.minimise(1e-8, 10, &ctx).is_err());
}

#[test]
fn a_hessian_that_is_near_saves_steps() {
    let n = 20;
    let rows = random_matrix(5, 200, n);
    let mut a = gram(&rows, None) / 200.0;
    // Columns of very different lengths, which is what takes a search without curvature long.
    for ((i, j), value) in a.indexed_iter_mut() {
        *value *= 3f64.powi(i as i32 % 5) * 3f64.powi(j as i32 % 5);
    }
    let b = Array1::from_iter((0..n).map(|i| 1.0 + i as f64));
    let truth = Cholesky::new(&a).unwrap().solve(&b);
    let mut near = a.clone();
    for ((i, j), value) in near.indexed_iter_mut() {
        *value *= if i == j { 1.2 } else { 1.0 };
    }
    let problem = Quadratic { a, b };
    let settings = Settings::new().tolerance(1e-9);
    let factor = |a: &Array2<f64>| Cholesky::new(a).unwrap();
    let exact = lbfgs_near(&problem, &vec![0.0; n], &factor(&problem.a), &settings, &Context::new()).unwrap();
    let rough = lbfgs_near(&problem, &vec![0.0; n], &factor(&near), &settings, &Context::new()).unwrap();
    let blind = lbfgs(&problem, &vec![0.0; n], &settings, &Context::new()).unwrap();
    for (found, most) in [(&exact, 1), (&rough, 25)] {
        assert!(found.converged && found.n_iterations <= most, "{} steps", found.n_iterations);
        for (found, truth) in found.x.iter().zip(&truth) {
            assert!((found - truth).abs() <= 1e-6 * (1.0 + truth.abs()), "{found} for {truth}");
        }
    }
    assert!(2 * rough.n_iterations < blind.n_iterations, "{} of {}", rough.n_iterations, blind.n_iterations);
}
