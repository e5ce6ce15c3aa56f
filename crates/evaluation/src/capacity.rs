//! How much a model bends to its rows.

use std::fmt;

use perennial_core::{Context, check_numbers};
use perennial_core::{Error, Estimator, Param, Predictor, Result, ResultExt, Rows, Train, Values};
use perennial_numeric::random::Random;
use perennial_numeric::reduce;
use serde::{Deserialize, Serialize};

/// How many numbers a fit is as free as.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectiveDegrees {
    /// The effective degrees of freedom: the number of coefficients of a line with a constant, the number of rows of a model that learns
    /// them by heart.
    pub degrees: f64,
    /// The standard error of this number, which more perturbations make smaller.
    pub standard_error: f64,
    /// The number of rows that were learned from.
    pub n_rows: usize,
}

impl fmt::Display for EffectiveDegrees {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let EffectiveDegrees { degrees, standard_error, n_rows } = self;
        write!(
            f,
            "{degrees:.1} effective degrees of freedom (standard error {standard_error:.1}) on {n_rows} rows"
        )
    }
}

const N_PERTURBATIONS: Param =
    Param::integer("n_perturbations", "times that the target is perturbed").at_least(2.0);

/// The noise that is added, as a share of the deviation of the target.
const NOISE: f64 = 0.25;

/// The effective degrees of freedom of a regressor on its rows: how much each answer moves with the target of its own row, summed over
/// the rows (Ye, 1998). It compares how complex models of any kind are, and to the number of rows.
///
/// The target is perturbed by a quarter of its deviation, up or down for each row by a coin, `n_perturbations` times, and each time the
/// estimator learns from the rows and from those that are perturbed the other way round, with the same seed. Of models that are linear in
/// the target the mean is the trace of the matrix that makes answers of it (Hutchinson, 1990).
///
/// ```
/// # use perennial_core::*;
/// # struct Mean;
/// # struct MeanModel(f64);
/// # impl Estimator for Mean {
/// #     type Input = Matrix; type Target = Values; type Model = MeanModel;
/// #     fn fit_on(&self, train: &Train<'_, Matrix, Values>) -> Result<MeanModel> {
/// #         Ok(MeanModel(train.y.as_slice().iter().sum::<f64>() / train.y.n_rows() as f64))
/// #     }
/// # }
/// # impl Predictor for MeanModel {
/// #     type Input = Matrix; type Output = Values;
/// #     fn predict(&self, x: &Matrix) -> Result<Values> { Ok(vec![self.0; x.n_rows()].into()) }
/// # }
/// use perennial_evaluation::effective_degrees_of_freedom;
///
/// // `Mean` answers with the mean of the target: it has one number to choose.
/// let x = Matrix::from(ndarray::Array2::zeros((50, 1)));
/// let y: Values = (0..50).map(|row| f64::from(row % 7)).collect();
/// let found = effective_degrees_of_freedom(&Mean, &x, &y, 400, &Context::new())?;
/// assert!((found.degrees - 1.0).abs() < 4.0 * found.standard_error);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When `n_perturbations` is below 2, a target is not finite, all are the same or their deviation is beyond the range of
/// f64, a fit or an answer fails, or the work was cancelled.
pub fn effective_degrees_of_freedom<E>(
    estimator: &E,
    x: &E::Input,
    y: &Values,
    n_perturbations: usize,
    ctx: &Context,
) -> Result<EffectiveDegrees>
where
    E: Estimator<Target = Values> + ?Sized,
    E::Model: Predictor<Input = E::Input, Output = Values>,
{
    N_PERTURBATIONS.check_count(n_perturbations)?;
    check_numbers("the target", y.as_slice())?;
    let n_rows = y.n_rows();
    let size = NOISE * reduce::mean_variance(y.as_slice(), 0).1.sqrt();
    if !(size > 0.0 && size.is_finite()) {
        if y.as_slice().iter().any(|v| *v != y.as_slice()[0]) {
            return Err(Error::overflow(
                "the deviation of the target is beyond the range of f64; scale the target",
            ));
        }
        return Err(Error::insufficient_data(
            "all targets are the same, so there is no scale to perturb them by; give a target that varies",
        ));
    }
    let random = Random::new(ctx.seed(None)).stream("effective degrees of freedom");
    let mut found = Vec::with_capacity(n_perturbations);
    for perturbation in 0..n_perturbations {
        ctx.step(perturbation, n_perturbations)?;
        let mut random = random.fork(perturbation as u64);
        let signs: Vec<f64> = (0..n_rows).map(|_| if random.below(2) == 1 { 1.0 } else { -1.0 }).collect();
        let answers = |way: f64| {
            let moved: Values =
                y.as_slice().iter().zip(&signs).map(|(y, sign)| y + way * sign * size).collect();
            let fit = || Train::new(x, &moved).context(ctx.child("fit")).fit(estimator)?.predict(x);
            fit().context(format!("perturbation {perturbation}"))
        };
        let (up, down) = (answers(1.0)?, answers(-1.0)?);
        let moved = signs.iter().zip(up.as_slice().iter().zip(down.as_slice()));
        found.push(moved.map(|(sign, (up, down))| sign * (up - down)).sum::<f64>() / (2.0 * size));
    }
    let (degrees, variance) = reduce::mean_variance(&found, 1);
    Ok(EffectiveDegrees { degrees, standard_error: (variance / found.len() as f64).sqrt(), n_rows })
}
