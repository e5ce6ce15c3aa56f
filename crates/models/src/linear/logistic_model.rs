//! The fitted logistic regression.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1, ArrayView2};
use perennial_core::{Classes, Classifier, Error, Features, Matrix, Predictor, Probabilities, Result, Rows};
use perennial_numeric::linalg::matmul;
use perennial_numeric::reduce;
use perennial_numeric::sparse::csr_matmul_dense;
use serde::{Deserialize, Serialize};

use super::glm_model::LikelihoodInference;
use super::inference::{LEVEL, Tails, coefficient_table};
use super::iterative::Search;
use super::model::{scores, too_far};
use super::sandwich::Robust;
use crate::classes::{check_names, normalise_scores};

/// A fitted logistic regression.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct LogisticModel {
    features: Features,
    classes: Arc<[String]>,
    /// The codes of the classes that had rows.
    present: Vec<u32>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    converged: bool,
    gradient_norm: f64,
    n_iterations: usize,
    /// Standard errors, the intercept first; empty where there are none.
    spreads: Vec<f64>,
    /// Why there are none, where robust ones were asked for.
    robust: Robust,
    has_intercept: bool,
    /// For the intercept and each feature the covariances of more than two classes; empty where there are none.
    covariances: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    features: Features,
    classes: Arc<[String]>,
    present: Vec<u32>,
    coefficients: Array2<f64>,
    intercepts: Vec<f64>,
    converged: bool,
    gradient_norm: f64,
    n_iterations: usize,
    /// Standard errors, the intercept first; empty where there are none.
    spreads: Vec<f64>,
    /// Why there are none, where robust ones were asked for.
    robust: Robust,
    has_intercept: bool,
    #[serde(default)]
    covariances: Vec<f64>,
}

impl TryFrom<Parts> for LogisticModel {
    type Error = Error;

    fn try_from(parts: Parts) -> Result<Self> {
        let Parts { features, classes, present, coefficients, intercepts, .. } = parts;
        check_names(&classes)?;
        let bad = |what: &str| Err(Error::corrupt(format!("the logistic model is damaged: {what}")));
        let rising = present.windows(2).all(|pair| pair[0] < pair[1]);
        if !rising || present.len() < 2 || present.last().is_some_and(|&last| last as usize >= classes.len())
        {
            return bad("its classes do not hold together");
        }
        let n_vectors = if present.len() == 2 { 1 } else { present.len() };
        if coefficients.dim() != (n_vectors, features.len()) || intercepts.len() != n_vectors {
            return bad("the numbers of coefficients, classes and features do not agree");
        }
        if !coefficients.iter().chain(&intercepts).all(|number| number.is_finite()) {
            return bad("a coefficient is not finite");
        }
        let n_learned = features.len() + usize::from(parts.has_intercept);
        if !(parts.spreads.is_empty() || parts.spreads.len() == n_learned) {
            return bad("it does not have one standard error for each coefficient");
        }
        let n_pairs = n_learned * present.len() * present.len();
        if !(parts.covariances.is_empty() || parts.covariances.len() == n_pairs) {
            return bad("it does not have one covariance for each pair of classes");
        }
        Ok(LogisticModel {
            features,
            classes,
            present,
            coefficients,
            intercepts,
            converged: parts.converged,
            gradient_norm: parts.gradient_norm,
            n_iterations: parts.n_iterations,
            spreads: parts.spreads,
            robust: parts.robust,
            has_intercept: parts.has_intercept,
            covariances: parts.covariances,
        })
    }
}

impl LogisticModel {
    pub(super) fn new(
        features: Features,
        classes: Arc<[String]>,
        present: Vec<u32>,
        coefficients: Array2<f64>,
        intercepts: Vec<f64>,
        search: Search,
    ) -> Self {
        let Search { converged, gap: gradient_norm, n_iterations } = search;
        LogisticModel {
            features,
            classes,
            present,
            coefficients,
            intercepts,
            converged,
            gradient_norm,
            n_iterations,
            spreads: Vec::new(),
            robust: Robust::default(),
            has_intercept: true,
            covariances: Vec::new(),
        }
    }

    pub(super) fn with_spreads(mut self, spreads: Vec<f64>, robust: Robust, has_intercept: bool) -> Self {
        self.spreads = spreads;
        self.robust = robust;
        self.has_intercept = has_intercept;
        self
    }

    pub(super) fn with_covariances(mut self, covariances: Vec<f64>) -> Self {
        self.covariances = covariances;
        self
    }

    /// Standard errors from the information at the maximum of the likelihood, tests against the normal distribution and
    /// confidence intervals, for two classes without penalty. Weights count as repeated rows.
    ///
    /// Where the settings ask for [`StandardErrors`](super::StandardErrors) other than the classical ones, they come from the
    /// sandwich of information and squared slopes, which holds where the log odds are no line, and with weights of classes.
    ///
    /// # Errors
    /// When `level` is not between 0 and 1, or there are no standard errors: the model is penalised, was fitted to
    /// more than two classes (see [`contrasts`](LogisticModel::contrasts)) or to sparse rows of more than 499 columns, or its columns depend on
    /// each other.
    pub fn inference(&self, level: f64) -> Result<LikelihoodInference> {
        LEVEL.check(level)?;
        self.robust.check()?;
        if self.spreads.is_empty() {
            return Err(Error::unsupported(
                "this model has no standard errors: they need `no_penalty()`, two classes (more have `contrasts`), columns that do not depend on each other, and dense rows where these are 500 or more",
            ));
        }
        let intercept = self.has_intercept.then_some(self.intercepts[0]);
        let named = self.features.names().zip(self.coefficients.iter().copied());
        let coefficients = coefficient_table(intercept, named, &self.spreads, level, &Tails::Normal);
        Ok(LikelihoodInference { coefficients, dispersion: 1.0 })
    }

    /// The log odds of each other class against the class `base`, in the order of the classes: what one unit more of a
    /// feature adds to them, with standard errors, tests and confidence intervals as those of [`inference`](LogisticModel::inference).
    ///
    /// The information is the observed one of all classes together, so that estimates and errors are those of a multinomial
    /// logit whose first class is `base`. Only differences of classes can be known: the coefficients of each class by itself are
    /// fixed by adding up to 0. More than two classes have no robust errors.
    ///
    /// ```
    /// use ndarray::Array2;
    /// use perennial_core::{Classes, Estimator, Matrix};
    /// use perennial_models::LogisticRegression;
    ///
    /// let x = Matrix::from(Array2::from_shape_fn((90, 1), |(i, _)| ((i * 7) % 31) as f64 / 10.0));
    /// let y = Classes::from_labels((0..90).map(|i| ["bus", "car", "walk"][((i * 7) % 31 + i % 40) / 24]));
    /// let model = LogisticRegression::new().no_penalty().fit(&x, &y)?;
    /// let against_bus = model.contrasts("bus", 0.95)?;
    /// assert_eq!(against_bus[1].0, "walk");
    /// assert!(against_bus[1].1.coefficients[1].estimate > 0.0);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When `level` is not between 0 and 1, no row was of the class `base`, or there are no standard errors: the model is
    /// penalised, has more than two classes and was fitted with robust errors or with more than 500 unknowns, or its columns depend on
    /// each other.
    pub fn contrasts(&self, base: &str, level: f64) -> Result<Vec<(String, LikelihoodInference)>> {
        LEVEL.check(level)?;
        let names: Vec<&str> = self.present_classes().collect();
        let Some(base) = names.iter().position(|name| *name == base) else {
            return Err(Error::unknown(format!(
                "no row was of a class `{base}`; there are: {}",
                names.join(", ")
            )));
        };
        let k = names.len();
        if k == 2 {
            let mut table = self.inference(level)?;
            if base == 1 {
                for row in &mut table.coefficients {
                    (row.estimate, row.t) = (-row.estimate, -row.t);
                    let (low, high) = (-row.interval.high, -row.interval.low);
                    (row.interval.estimate, row.interval.low, row.interval.high) = (row.estimate, low, high);
                }
            }
            return Ok(vec![(names[1 - base].to_owned(), table)]);
        }
        if self.covariances.is_empty() {
            return Err(Error::unsupported(
                "this model has no standard errors: for more than two classes they need `no_penalty()`, classical errors, at most 500 unknowns, and columns that do not depend on each other",
            ));
        }
        let against_base = |class: usize| {
            let error = |of: &[f64]| {
                let variance =
                    of[class * k + class] + of[base * k + base] - of[class * k + base] - of[base * k + class];
                variance.max(0.0).sqrt()
            };
            let errors: Vec<f64> = self.covariances.chunks_exact(k * k).map(error).collect();
            let intercept = self.has_intercept.then(|| self.intercepts[class] - self.intercepts[base]);
            let more = |j: usize| self.coefficients[[class, j]] - self.coefficients[[base, j]];
            let named = self.features.names().enumerate().map(|(j, name)| (name, more(j)));
            let coefficients = coefficient_table(intercept, named, &errors, level, &Tails::Normal);
            (names[class].to_owned(), LikelihoodInference { coefficients, dispersion: 1.0 })
        };
        Ok((0..k).filter(|class| *class != base).map(against_base).collect())
    }

    /// The features it learned from.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// The names of all classes, in the order of the probabilities.
    pub fn class_names(&self) -> &[String] {
        &self.classes
    }

    /// The classes that had rows; the others have probability 0.
    pub fn present_classes(&self) -> impl ExactSizeIterator<Item = &str> {
        self.present.iter().map(|&code| self.classes[code as usize].as_str())
    }

    pub(super) fn present(&self) -> &[u32] {
        &self.present
    }

    /// The coefficients. With two [present classes](LogisticModel::present_classes) one row, the log odds of the
    /// second for one unit more of each feature; with more classes one row for each.
    pub fn coefficients(&self) -> ArrayView2<'_, f64> {
        self.coefficients.view()
    }

    /// The intercepts, one for each row of the coefficients.
    pub fn intercepts(&self) -> ArrayView1<'_, f64> {
        ArrayView1::from(&self.intercepts)
    }

    /// Whether the gradient came below the tolerance. If not, take more steps, a larger tolerance, or a smaller `c`.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// The largest entry of the gradient of the mean loss, for features of unit scale, where the solver stopped.
    pub fn gradient_norm(&self) -> f64 {
        self.gradient_norm
    }

    /// How many steps the solver took.
    pub fn n_iterations(&self) -> usize {
        self.n_iterations
    }

    /// The scores of each row, `n_rows` x rows of the coefficients: log odds, or logarithms of probabilities up to a
    /// constant.
    ///
    /// # Errors
    /// When the columns are not those it learned from, a value is not finite, or a score cannot be computed.
    pub fn decision_function(&self, x: &Matrix) -> Result<Array2<f64>> {
        let x = self.features.align(x)?;
        let out = match self.coefficients.nrows() {
            1 => {
                let row: Vec<f64> = self.coefficients.iter().copied().collect();
                let scores = scores(&x, &row, self.intercepts[0])?;
                Array2::from_shape_vec((scores.len(), 1), scores).map_err(Error::other)?
            }
            _ => {
                let turned = self.coefficients.t();
                let mut out = match x.sparse() {
                    Some(csr) => csr_matmul_dense(csr, &turned),
                    None => matmul(x.dense()?, &turned),
                };
                out += &self.intercepts();
                out
            }
        };
        // A value that is not finite makes a score so; only then is it looked for.
        if out.as_slice().is_some_and(|scores| reduce::first_not_finite(scores).is_none()) {
            return Ok(out);
        }
        x.check_finite(false)?;
        match out.indexed_iter().find(|(_, score)| score.is_nan()) {
            Some(((row, _), &score)) => Err(too_far(row, score)),
            None => Ok(out),
        }
    }
}

impl Predictor for LogisticModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for LogisticModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let scores = self.decision_function(x)?;
        let mut shares = Array2::zeros((x.n_rows(), self.classes.len()));
        if scores.ncols() == 1 {
            for (mut shares, &score) in shares.rows_mut().into_iter().zip(&scores) {
                // The smaller side first, so that it keeps its digits.
                let odds = (-score.abs()).exp();
                let (small, large) = (odds / (1.0 + odds), 1.0 / (1.0 + odds));
                let (first, second) = if score > 0.0 { (small, large) } else { (large, small) };
                shares[self.present[0] as usize] = first;
                shares[self.present[1] as usize] = second;
            }
            return Probabilities::new(shares, self.classes.clone());
        }
        let width = scores.ncols();
        let mut of_present: Vec<f64> = scores.iter().copied().collect();
        if let Some(place) = of_present.iter().position(|score| !score.is_finite()) {
            return Err(too_far(place / width, of_present[place]));
        }
        normalise_scores(&mut of_present, width);
        for (mut shares, of_present) in shares.rows_mut().into_iter().zip(of_present.chunks_exact(width)) {
            self.present.iter().zip(of_present).for_each(|(&class, share)| shares[class as usize] = *share);
        }
        Probabilities::new(shares, self.classes.clone())
    }
}
