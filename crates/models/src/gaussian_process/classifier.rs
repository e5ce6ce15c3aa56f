//! Classification by Gaussian processes.

use std::sync::Arc;

use ndarray::{Array1, Array2};
use perennial_core::{
    Classes, Classifier, Context, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, ResultExt, Rows, Train,
};
use perennial_numeric::linalg::Cholesky;
use perennial_numeric::reduce;
use perennial_statistics::special::erf;
use serde::{Deserialize, Serialize};

use super::covariance::{Covariance, Points};
use super::factor::{half_solve_rows, inverse};
use super::regressor::{MAX_ITER, N_RESTARTS, check_rows};
use super::search::{Evidence, Found, search};
use crate::classes::{check_names, two_or_more};
use crate::rows::row_major;

const CHUNK: usize = 288;

/// Classification with a distribution over functions, by Laplace's approximation (Rasmussen and Williams, 2006,
/// algorithms 3.1, 3.2 and 5.1). More than two classes are learned one against the rest. Time grows with the cube of the
/// rows, and memory with the square: 12 GiB for 16384 rows, and more are refused.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `covariance` | constant * rbf | | how alike the scores at two points are, and where the search starts |
/// | `optimize` | true | | whether the numbers of the covariance are searched |
/// | `n_restarts` | 0 | >= 0 | further starts of the search, drawn at random |
/// | `max_iter` | 50 | >= 0 | the most steps of the search |
/// | `seed` | from the context | | the further starts |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Estimator, Matrix, Predictor};
/// use perennial_models::gaussian_process::GaussianProcessClassifier;
///
/// let x = Matrix::from(array![[0.0], [0.4], [0.8], [3.0], [3.3], [3.9]]);
/// let y = Classes::from_labels(["near", "near", "near", "far", "far", "far"]);
/// assert_eq!(GaussianProcessClassifier::new().fit(&x, &y)?.predict(&x)?, y);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GaussianProcessClassifier {
    covariance: Covariance,
    optimize: bool,
    n_restarts: usize,
    max_iter: usize,
    seed: Option<u64>,
}

impl Default for GaussianProcessClassifier {
    fn default() -> Self {
        GaussianProcessClassifier {
            covariance: Covariance::constant(1.0) * Covariance::rbf([1.0]),
            optimize: true,
            n_restarts: 0,
            max_iter: 50,
            seed: None,
        }
    }
}

impl GaussianProcessClassifier {
    /// The numeric settings with their ranges.
    pub const PARAMS: &'static [Param] = &[N_RESTARTS, MAX_ITER];

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how alike the scores at two points are.
    #[must_use]
    pub fn covariance(mut self, covariance: Covariance) -> Self {
        self.covariance = covariance;
        self
    }

    /// Sets whether the numbers of the covariance are searched.
    #[must_use]
    pub fn optimize(mut self, optimize: bool) -> Self {
        self.optimize = optimize;
        self
    }

    /// Sets how many further starts the search has.
    #[must_use]
    pub fn n_restarts(mut self, n_restarts: usize) -> Self {
        self.n_restarts = n_restarts;
        self
    }

    /// Sets the most steps of the search.
    #[must_use]
    pub fn max_iter(mut self, max_iter: usize) -> Self {
        self.max_iter = max_iter;
        self
    }

    /// Sets what decides the further starts.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }
}

fn logistic(score: f64) -> f64 {
    if score >= 0.0 { 1.0 / (1.0 + (-score).exp()) } else { score.exp() / (1.0 + score.exp()) }
}

/// Where the scores are most probable, and what is known there.
struct Mode {
    scores: Array1<f64>,
    /// `K^-1 f`.
    solved: Array1<f64>,
    roots: Array1<f64>,
    shares: Array1<f64>,
    factor: Cholesky,
    log_likelihood: f64,
}

/// Newton's way to the mode; `y` is 0 or 1.
fn mode(k: &Array2<f64>, y: &Array1<f64>, ctx: &Context) -> Result<Mode> {
    let n = y.len();
    let mut scores = Array1::<f64>::zeros(n);
    let mut before = f64::NEG_INFINITY;
    for _ in 0..100 {
        ctx.check()?;
        let shares = scores.mapv(logistic);
        let curvatures = &shares * &shares.mapv(|share| 1.0 - share);
        let roots = curvatures.mapv(f64::sqrt);
        let b = Array2::from_shape_fn((n, n), |(i, j)| {
            roots[i] * k[[i, j]] * roots[j] + f64::from(u8::from(i == j))
        });
        let factor = Cholesky::new_in(ctx, &b)?;
        let target = &curvatures * &scores + (y - &shares);
        let inside = factor.solve(&(&roots * &k.dot(&target)));
        let solved = target - &roots * &inside;
        scores = k.dot(&solved);
        let signed = scores.iter().zip(y).map(|(score, y)| {
            let margin = if *y > 0.5 { *score } else { -*score };
            // ln(1 / (1 + exp(-margin))) without overflow
            if margin > 0.0 { -(-margin).exp().ln_1p() } else { margin - margin.exp().ln_1p() }
        });
        let log_likelihood = -0.5 * solved.dot(&scores) + signed.sum::<f64>() - 0.5 * factor.log_det();
        if log_likelihood.is_nan() {
            return Err(Error::overflow("the scores leave the range of f64; scale the columns first"));
        }
        if log_likelihood - before < 1e-10 {
            return Ok(Mode { shares: scores.mapv(logistic), scores, solved, roots, factor, log_likelihood });
        }
        before = log_likelihood;
    }
    Err(Error::not_converged(
        "Newton's steps to the most probable scores did not end in 100; scale the columns",
    ))
}

struct Known<'a> {
    covariance: &'a Covariance,
    points: &'a Points<'a>,
    y: &'a Array1<f64>,
    ctx: &'a Context,
}

impl Evidence for Known<'_> {
    fn of(&self, parameters: &[f64]) -> Result<(f64, Vec<f64>)> {
        let covariance = self.covariance.with(parameters);
        let n = self.y.len();
        let k = covariance.matrix(self.points, self.ctx)?;
        let Mode { solved, roots, shares, factor, log_likelihood, .. } = mode(&k, self.y, self.ctx)?;
        // R = W^1/2 B^-1 W^1/2, and C with C^T C = K W^1/2 B^-1 W^1/2 K.
        let inverse = inverse(&factor, n, self.ctx)?;
        let r = Array2::from_shape_fn((n, n), |(i, j)| roots[i] * inverse[[i, j]] * roots[j]);
        let mut half: Vec<f64> = (0..n * n).map(|cell| roots[cell % n] * k[[cell / n, cell % n]]).collect();
        half_solve_rows(&factor, &mut half, n, self.ctx)?;
        let explained: Array1<f64> = half.chunks_exact(n).map(|row| reduce::dot(row, row)).collect();
        // What the mode's move changes: 1/2 diag(K - C^T C) times the third derivative of the log-likelihood. (The book prints
        // the other sign; the test below shows which is right.)
        let third = shares.mapv(|share| share * (1.0 - share) * (2.0 * share - 1.0));
        let moved = Array1::from_shape_fn(n, |i| 0.5 * (k[[i, i]] - explained[i]) * third[i]);
        let gap = self.y - &shares;
        // s3 = (I - K R) dK gap, so moved . s3 = (moved - R K moved) . dK gap
        let back = &moved - &r.dot(&k.dot(&moved));
        let weights = Array2::from_shape_fn((n, n), |(i, j)| {
            let direct = 0.5 * solved[i] * solved[j] - 0.5 * r[[i, j]];
            let by_mode = 0.5 * (back[i] * gap[j] + back[j] * gap[i]);
            -(direct + by_mode)
        });
        Ok((-log_likelihood, covariance.slopes(self.points, &weights, self.ctx)?))
    }
}

/// One class against the rest.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    covariance: Covariance,
    /// Share less truth at each training row: what adds up to scores.
    gaps: Vec<f64>,
    roots: Vec<f64>,
    likelihood: f64,
    converged: bool,
    gap: f64,
    #[serde(skip)]
    factor: Option<Cholesky>,
}

/// A fitted [`GaussianProcessClassifier`]. It keeps the training rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct GaussianProcessClassifierModel {
    features: Features,
    classes: Arc<[String]>,
    present: Vec<u32>,
    x: Vec<f64>,
    members: Vec<Member>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    present: Vec<u32>,
    x: Vec<f64>,
    members: Vec<Member>,
}

impl TryFrom<Parts> for GaussianProcessClassifierModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, present, x, mut members } = parts;
        check_names(&classes)?;
        let width = features.len();
        let n = x.len().checked_div(width).unwrap_or(0);
        let expected = if present.len() == 2 { 1 } else { present.len() };
        let inside = present.iter().all(|class| (*class as usize) < classes.len());
        let finite = |numbers: &[f64]| numbers.len() == n && numbers.iter().all(|number| number.is_finite());
        let sound =
            n > 0 && n * width == x.len() && present.len() >= 2 && members.len() == expected && inside;
        check_rows(n).map_err(|_| Error::corrupt("the Gaussian process has more rows than it may"))?;
        if !sound || !members.iter().all(|member| finite(&member.gaps) && finite(&member.roots)) {
            return Err(Error::corrupt("the rows of the Gaussian process do not fit its classes"));
        }
        if !x.iter().all(|value| value.is_finite()) {
            return Err(Error::corrupt("a number of the Gaussian process is not finite"));
        }
        let damaged = |_| Error::corrupt("the covariance of the Gaussian process does not hold together");
        let points = Points::new(&x, width);
        for member in &mut members {
            member.covariance.check(width, 0).map_err(damaged)?;
            let k = member.covariance.matrix(&points, &Context::new()).map_err(damaged)?;
            let roots = &member.roots;
            let b = Array2::from_shape_fn((n, n), |(i, j)| {
                roots[i] * k[[i, j]] * roots[j] + f64::from(u8::from(i == j))
            });
            member.factor = Some(Cholesky::new_in(&Context::new(), &b).map_err(damaged)?);
        }
        Ok(GaussianProcessClassifierModel { features, classes, present, x, members })
    }
}

impl Estimator for GaussianProcessClassifier {
    type Input = Matrix;
    type Target = Classes;
    type Model = GaussianProcessClassifierModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<GaussianProcessClassifierModel> {
        N_RESTARTS.check_count(self.n_restarts)?;
        MAX_ITER.check_count(self.max_iter)?;
        let x = train.x.dense()?;
        let (n, width) = x.dim();
        check_rows(n)?;
        if width == 0 {
            return Err(Error::empty("the input has no columns"));
        }
        self.covariance.check(width, 0)?;
        let present = two_or_more(train.y, None)?;
        let cells = row_major(x).into_owned();
        let points = Points::new(&cells, width);
        let positives = if present.len() == 2 { &present[1..] } else { &present[..] };
        let members = positives.iter().map(|&class| {
            let name = &train.y.names()[class as usize];
            let ctx = train.ctx.child(name);
            ctx.check()?;
            let y: Array1<f64> =
                train.y.codes().iter().map(|&code| f64::from(u8::from(code == class))).collect();
            self.member(&points, &y, &ctx).context(format!("class `{name}`"))
        });
        let members = members.collect::<Result<Vec<_>>>()?;
        Ok(GaussianProcessClassifierModel {
            features: train.x.features().clone(),
            classes: train.y.shared_names(),
            present,
            x: cells,
            members,
        })
    }
}

impl GaussianProcessClassifier {
    fn member(&self, points: &Points<'_>, y: &Array1<f64>, ctx: &Context) -> Result<Member> {
        let known = Known { covariance: &self.covariance, points, y, ctx };
        let Found { covariance, converged, slope: gap } = if self.optimize && self.max_iter > 0 {
            search(&known, &self.covariance, self.max_iter, self.n_restarts, ctx.seed(self.seed), ctx)?
        } else {
            Found { covariance: self.covariance.clone(), converged: true, slope: 0.0 }
        };
        let k = covariance.matrix(points, ctx)?;
        if !k.iter().all(|value| value.is_finite()) {
            return Err(Error::overflow("the covariances leave the range of f64; scale the columns first"));
        }
        let Mode { shares, roots, factor, log_likelihood, scores, .. } = mode(&k, y, ctx)?;
        if !scores.iter().all(|score| score.is_finite()) {
            return Err(Error::overflow("the scores leave the range of f64; scale the columns first"));
        }
        Ok(Member {
            covariance,
            gaps: (y - &shares).to_vec(),
            roots: roots.to_vec(),
            likelihood: log_likelihood,
            converged,
            gap,
            factor: Some(factor),
        })
    }
}

impl GaussianProcessClassifierModel {
    /// The class names.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The covariance that was found: one for two classes, else one for each class that had rows.
    pub fn covariances(&self) -> impl Iterator<Item = &Covariance> {
        self.members.iter().map(|member| &member.covariance)
    }

    /// The logarithm of how probable the training classes are, approximately; for each covariance.
    pub fn log_marginal_likelihoods(&self) -> Vec<f64> {
        self.members.iter().map(|member| member.likelihood).collect()
    }

    /// Whether every search ended because nothing was to be gained, and not at `max_iter`.
    pub fn converged(&self) -> bool {
        self.members.iter().all(|member| member.converged)
    }

    /// How steep the logarithm of a likelihood still was where its search ended, at most: a search ends at slopes below 0.01.
    pub fn gap(&self) -> f64 {
        self.members.iter().fold(0.0, |most, member| most.max(member.gap))
    }

    /// The probability of being the member's class, for each row.
    fn shares(&self, member: &Member, x: &Matrix) -> Result<Vec<f64>> {
        let Some(factor) = &member.factor else {
            return Err(Error::corrupt("the Gaussian process has no factor"));
        };
        let cells = row_major(x.dense()?);
        let width = self.features.len();
        let n = member.gaps.len();
        let points = Points::new(&self.x, width);
        let mut out = vec![0.0; x.n_rows()];
        reduce::fill_chunks(&mut out, CHUNK, |first, out| {
            let mut cross = vec![0.0; out.len() * n];
            let others = &cells[first * width..(first + out.len()) * width];
            member.covariance.cross(others, &points, &mut cross);
            for (out, cross) in out.iter_mut().zip(cross.chunks_exact_mut(n)) {
                *out = reduce::dot(cross, &member.gaps);
                cross.iter_mut().zip(&member.roots).for_each(|(cross, root)| *cross *= root);
            }
            factor.half_solve_rows(&mut cross);
            let rows = cross.chunks_exact(n).zip(others.chunks_exact(width.max(1)));
            for (out, (half, row)) in out.iter_mut().zip(rows) {
                let variance = (member.covariance.at(row) - reduce::dot(half, half)).max(0.0);
                *out = averaged(*out, variance);
            }
        });
        Ok(out)
    }
}

/// The mean of the logistic function under a normal distribution: five error functions in its place (Williams and Barber,
/// 1998).
fn averaged(mean: f64, variance: f64) -> f64 {
    const LAMBDAS: [f64; 5] = [0.41, 0.4, 0.37, 0.44, 0.39];
    const WEIGHTS: [f64; 5] = [-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654];
    let alpha = if variance > 0.0 { 1.0 / (2.0 * variance) } else { return logistic(mean) };
    let gamma = |lambda: f64| lambda * mean;
    let integral = |lambda: f64| {
        (std::f64::consts::PI / alpha).sqrt()
            * erf(gamma(lambda) * (alpha / (alpha + lambda * lambda)).sqrt())
            / (2.0 * (variance * 2.0 * std::f64::consts::PI).sqrt())
    };
    let sum: f64 = LAMBDAS.iter().zip(WEIGHTS).map(|(lambda, weight)| weight * integral(*lambda)).sum();
    (sum + 0.5 * WEIGHTS.iter().sum::<f64>()).clamp(0.0, 1.0)
}

impl Predictor for GaussianProcessClassifierModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for GaussianProcessClassifierModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let x = self.features.align(x)?;
        x.check_finite(false)?;
        let mut shares = Array2::zeros((x.n_rows(), self.classes.len()));
        for (place, member) in self.members.iter().enumerate() {
            let own = self.shares(member, &x)?;
            if self.present.len() == 2 {
                for (row, share) in own.into_iter().enumerate() {
                    shares[[row, self.present[0] as usize]] = 1.0 - share;
                    shares[[row, self.present[1] as usize]] = share;
                }
            } else {
                own.into_iter()
                    .enumerate()
                    .for_each(|(row, share)| shares[[row, self.present[place] as usize]] = share);
            }
        }
        for (row, mut shares) in shares.rows_mut().into_iter().enumerate() {
            let total = shares.sum();
            if !(total > 0.0 && total.is_finite()) {
                return Err(Error::overflow(format!("no class claims row {row}; check its units")));
            }
            shares.mapv_inplace(|share| share / total);
        }
        Probabilities::new(shares, self.classes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_are_those_of_the_evidence() {
        let cells: Vec<f64> = (0..24).map(|i| (f64::from(i) * 1.7).sin() * 2.0).collect();
        let y: Array1<f64> = (0..12).map(|i| f64::from(u8::from((i * i) % 5 < 2))).collect();
        let covariance =
            Covariance::constant(2.0) * Covariance::rbf([0.7, 1.3]) + Covariance::DotProduct(0.3);
        let ctx = Context::new();
        let known = Known { covariance: &covariance, points: &Points::new(&cells, 2), y: &y, ctx: &ctx };
        let numbers = covariance.parameters();
        let slopes = known.of(&numbers).unwrap().1;
        for place in 0..numbers.len() {
            let at = |by: f64| {
                let mut numbers = numbers.clone();
                numbers[place] *= by.exp();
                known.of(&numbers).unwrap().0
            };
            let truth = (at(1e-4) - at(-1e-4)) / 2e-4;
            assert!(
                (slopes[place] - truth).abs() < 1e-6 * (1.0 + truth.abs()),
                "{} instead of {truth}",
                slopes[place]
            );
        }
    }
}
