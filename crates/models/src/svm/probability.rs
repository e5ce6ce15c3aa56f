//! Support vector classification with probabilities.

use ndarray::Array2;
use perennial_core::{
    Capabilities, Classes, Classifier, Error, Estimator, Features, Matrix, Param, Predictor, Probabilities,
    Result, Rows, Train,
};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

use super::platt::Sigmoid;
use super::svc::Svc;
use super::svc_model::{SvcModel, pairs};
use crate::classes::two_or_more;
use crate::coupling::couple;

/// The folds of the cross-fit.
const FOLDS: usize = 5;

/// Support vector classification whose model knows probabilities: [`Svc::probability`].
///
/// The machines are those of [`Svc`]. Five further fits, each without a fifth of the rows of each class, give decisions
/// for rows that had no part in them; for each pair of classes a sigmoid is fitted to these (Platt, 1999; Lin, Lin and
/// Weng, 2007), and the pairs are coupled (Wu, Lin and Weng, 2004). The predicted class is the most probable one,
/// which is now and then not the one that [`SvcModel`] would answer. Row weights are refused: copies of a row
/// can fall into different folds, which a weight cannot. Weights of classes are taken.
///
/// | setting | default | range | meaning |
/// |---|---|---|---|
/// | `svc` | `Svc::new()` | | the machines |
/// | `seed` | that of the context | any | of the folds |
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Classifier, Estimator, Matrix};
/// use perennial_models::Svc;
///
/// let x = Matrix::from(array![[0.0], [0.5], [1.0], [1.5], [2.0], [4.0], [4.5], [5.0], [5.5], [6.0]]);
/// let y = Classes::from_labels(["low", "low", "low", "low", "low", "high", "high", "high", "high", "high"]);
/// let model = Svc::new().probability().fit(&x, &y)?;
/// assert!(model.predict_proba(&x)?.of("high")?.as_slice()[9] > 0.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProbabilisticSvc {
    svc: Svc,
    seed: Option<u64>,
}

impl ProbabilisticSvc {
    /// The numeric settings with their ranges: those of [`Svc`].
    pub const PARAMS: &'static [Param] = Svc::PARAMS;

    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    pub(super) fn of(svc: Svc) -> Self {
        ProbabilisticSvc { svc, seed: None }
    }

    /// Sets the seed of the folds.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Decisions of the pairs for rows that had no part in the fit.
    fn decisions(&self, train: &Train<'_, Matrix, Classes>, present: &[u32]) -> Result<Array2<f64>> {
        let n = train.x.n_rows();
        let mut fold = vec![0; n];
        let mut random = Random::new(train.ctx.seed(self.seed)).stream("folds");
        for &class in present {
            let mut rows: Vec<usize> = (0..n).filter(|&row| train.y.codes()[row] == class).collect();
            random.shuffle(&mut rows);
            rows.iter().enumerate().for_each(|(place, &row)| fold[row] = place % FOLDS);
        }
        let one = |index: usize| {
            let kept: Vec<usize> = (0..n).filter(|&row| fold[row] != index).collect();
            let out: Vec<usize> = (0..n).filter(|&row| fold[row] == index).collect();
            let (x, y) = (train.x.take(&kept)?, train.y.take(&kept)?);
            let inside = Train::new(&x, &y).context(train.ctx.child(&format!("fold{index}")));
            let held = train.x.take(&out)?;
            // A class with one row is missing where that row is held out, and then so are its machines.
            let lists = |class: u32| y.codes().contains(&class);
            let there: Vec<u32> = present.iter().copied().filter(|&class| lists(class)).collect();
            let found = match there.len() {
                0 | 1 => Array2::zeros((out.len(), 0)),
                _ => self.svc.fit_on(&inside)?.decision_function(&held)?,
            };
            Ok((out, there, found))
        };
        let folds = reduce::try_map_each(FOLDS, one)?;
        let k = present.len();
        let mut decisions = Array2::zeros((n, k * (k - 1) / 2));
        for (rows, there, found) in folds {
            let column =
                |pair: (u32, u32)| pairs(there.len()).position(|(a, b)| (there[a], there[b]) == pair);
            for (pair, (a, b)) in pairs(k).enumerate() {
                let column = column((present[a], present[b]));
                let alone = f64::from(u8::from(there.contains(&present[b])))
                    - f64::from(u8::from(there.contains(&present[a])));
                for (place, &row) in rows.iter().enumerate() {
                    decisions[[row, pair]] = column.map_or(alone, |column| found[[place, column]]);
                }
            }
        }
        Ok(decisions)
    }
}

impl Estimator for ProbabilisticSvc {
    type Input = Matrix;
    type Target = Classes;
    type Model = ProbabilisticSvcModel;

    fn fit_on(&self, train: &Train<'_, Matrix, Classes>) -> Result<ProbabilisticSvcModel> {
        let svc = self.svc.fit_on(train)?;
        let present = two_or_more(train.y, None)?;
        if present != svc.present() {
            return Err(Error::unsupported(
                "a class of weight 0 has no probability to be learned; take its rows out",
            ));
        }
        let decisions = self.decisions(train, &present)?;
        let codes = train.y.codes();
        let sigmoids = pairs(present.len())
            .enumerate()
            .map(|(pair, (a, b))| {
                let (a, b) = (present[a], present[b]);
                let rows: Vec<usize> =
                    (0..codes.len()).filter(|&row| codes[row] == a || codes[row] == b).collect();
                let values: Vec<f64> = rows.iter().map(|&row| decisions[[row, pair]]).collect();
                let positive: Vec<bool> = rows.iter().map(|&row| codes[row] == b).collect();
                Sigmoid::fit(&values, &positive)
            })
            .collect();
        Ok(ProbabilisticSvcModel { svc, sigmoids })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::new()
    }
}

/// A fitted support vector classifier that knows probabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct ProbabilisticSvcModel {
    svc: SvcModel,
    sigmoids: Vec<Sigmoid>,
}

#[derive(Deserialize)]
struct Parts {
    svc: SvcModel,
    sigmoids: Vec<Sigmoid>,
}

impl TryFrom<Parts> for ProbabilisticSvcModel {
    type Error = Error;

    fn try_from(Parts { svc, sigmoids }: Parts) -> Result<Self> {
        let finite = sigmoids.iter().all(|sigmoid| sigmoid.slope.is_finite() && sigmoid.offset.is_finite());
        if sigmoids.len() != svc.intercepts().len() || !finite {
            return Err(Error::corrupt("the sigmoids of the support vector model are damaged"));
        }
        Ok(ProbabilisticSvcModel { svc, sigmoids })
    }
}

impl ProbabilisticSvcModel {
    /// The features it learned from.
    pub fn features(&self) -> &Features {
        self.svc.features()
    }

    /// The machines without their probabilities.
    pub fn machines(&self) -> &SvcModel {
        &self.svc
    }
}

impl Predictor for ProbabilisticSvcModel {
    type Input = Matrix;
    type Output = Classes;

    fn predict(&self, x: &Matrix) -> Result<Classes> {
        Ok(self.predict_proba(x)?.most_likely())
    }
}

impl Classifier for ProbabilisticSvcModel {
    fn predict_proba(&self, x: &Matrix) -> Result<Probabilities> {
        let decisions = self.svc.decision_function(x)?;
        let present = self.svc.present();
        let mut shares = Array2::zeros((x.n_rows(), self.svc.class_names().len()));
        for (row, mut out) in decisions.rows().into_iter().zip(shares.rows_mut()) {
            let pairs: Vec<f64> = row.iter().zip(&self.sigmoids).map(|(value, s)| s.at(*value)).collect();
            for (&class, share) in present.iter().zip(couple(present.len(), &pairs)) {
                out[class as usize] = share;
            }
        }
        Probabilities::new(shares, self.svc.shared_names())
    }
}
