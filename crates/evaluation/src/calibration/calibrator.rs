//! Corrections of probabilities.

use std::sync::Arc;

use ndarray::Array2;
use perennial_core::{Classes, Context, Error, Probabilities, Result, Rows};
use perennial_numeric::isotonic::{corners, interpolate, pooled, tied};
use perennial_numeric::reduce;
use perennial_statistics::special::expit;
use serde::{Deserialize, Serialize};

use super::dirichlet;
use super::logistic::Logistic;
use super::spline::Spline;
use super::venn_abers::{VennAbers, merged};
use crate::align::{check_rows_of, check_two_classes, codes_in, columns_in, tame};

/// How probabilities are corrected.
///
/// Of two classes the probability of the second one is corrected; of more, that of each class against the rest, and
/// the results are made to sum to 1. Temperature is the same for any number of classes. Probabilities are kept away
/// from 0 and 1 by 2^-52 where a logarithm is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMethod {
    /// A logistic function of the log-odds, fitted to Platt's smoothed targets (Platt, 1999): two numbers, good with
    /// few rows.
    #[default]
    Sigmoid,
    /// Any function that rises (Zadrozny and Elkan, 2002): needs a thousand rows or so, and can give 0 and 1.
    Isotonic,
    /// The logarithms of all probabilities divided by one temperature (Guo and others, 2017): the most probable class
    /// stays.
    Temperature,
    /// A logistic function of the logarithms of the probability and of its complement, which can stay as it is (Kull,
    /// Silva Filho and Flach, 2017).
    Beta,
    /// Two isotonic functions, one of which is valid whatever the distribution (Vovk, Petej and Fedorova, 2015);
    /// answers with the probability between them that regrets least.
    VennAbers,
    /// A logistic function of a natural cubic spline of the log-odds, with five knots (Harrell, 2015): bends where the data do,
    /// and is smooth; needs some hundred rows.
    Spline,
    /// The logarithms of all probabilities of a row mapped together (Kull and others, 2019), with what is off the diagonal held
    /// back: several classes that are mistaken for each other.
    Dirichlet,
    /// The largest probability of each row by a sigmoid for the class that it is of (Gupta and Ramdas, 2022): the others keep
    /// their shares of the rest. Where what is left of the largest is small, another class may become the largest.
    TopLabel,
}

/// The correction of the probability of one class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Map {
    Sigmoid { slope: f64, intercept: f64 },
    Isotonic(Stairs),
    Beta { a: f64, b: f64, c: f64 },
    VennAbers(VennAbers),
    Spline(Spline),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "(Vec<f64>, Vec<f64>)", into = "(Vec<f64>, Vec<f64>)")]
struct Stairs {
    thresholds: Vec<f64>,
    values: Vec<f64>,
}

impl TryFrom<(Vec<f64>, Vec<f64>)> for Stairs {
    type Error = Error;

    fn try_from((thresholds, values): (Vec<f64>, Vec<f64>)) -> Result<Self> {
        let sound = !thresholds.is_empty()
            && thresholds.len() == values.len()
            && thresholds.windows(2).all(|pair| pair[0] < pair[1])
            && values.iter().all(|value| (0.0..=1.0).contains(value));
        if !sound {
            return Err(Error::corrupt("the thresholds of the isotonic calibration do not hold together"));
        }
        Ok(Stairs { thresholds, values })
    }
}

impl From<Stairs> for (Vec<f64>, Vec<f64>) {
    fn from(stairs: Stairs) -> Self {
        (stairs.thresholds, stairs.values)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Correction {
    /// One over the temperature.
    Temperature(f64),
    /// For the second of two classes, or for each of more.
    Columns(Vec<Map>),
    /// The factors of the logarithms and the intercept of each class.
    Dirichlet(Array2<f64>),
    /// For each class, of the rows where it is the most probable.
    TopLabel(Vec<Map>),
}

/// A fitted correction of probabilities.
///
/// ```
/// use ndarray::array;
/// use perennial_core::{Classes, Probabilities};
/// use perennial_evaluation::calibration::{CalibrationMethod, Calibrator};
///
/// let said = array![[0.9, 0.1], [0.9, 0.1], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9], [0.1, 0.9]];
/// let said = Probabilities::new(said, ["no", "yes"].map(String::from).to_vec())?;
/// let truth = Classes::from_labels(["no", "yes", "yes", "yes", "yes", "no"]);
/// let calibrator = Calibrator::fit(CalibrationMethod::Isotonic, &said, &truth, None)?;
/// let right = calibrator.apply(&said)?;
/// assert_eq!(right.of("yes")?.as_slice()[..3], [0.5, 0.5, 0.75]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calibrator {
    names: Arc<[String]>,
    correction: Correction,
}

impl Calibrator {
    /// Learns from what was said and what is true of rows that gave no part to what was said.
    ///
    /// # Errors
    /// When there are no rows, the lengths differ, a weight is not acceptable, or a single class has rows.
    pub fn fit(
        method: CalibrationMethod,
        said: &Probabilities,
        truth: &Classes,
        weights: Option<&[f64]>,
    ) -> Result<Self> {
        Self::fit_in(method, said, truth, weights, &Context::new())
    }

    pub(super) fn fit_in(
        method: CalibrationMethod,
        said: &Probabilities,
        truth: &Classes,
        weights: Option<&[f64]>,
        ctx: &Context,
    ) -> Result<Self> {
        check_rows_of(truth.n_rows(), said.n_rows(), weights)?;
        check_two_classes(truth, weights)?;
        let codes = codes_in(truth, said.names())?;
        let weights = tame(weights);
        let weights = weights.as_deref();
        let n_classes = said.names().len();
        let correction = if method == CalibrationMethod::Temperature {
            Correction::Temperature(inverse_temperature(said, &codes, weights, ctx)?)
        } else if method == CalibrationMethod::Dirichlet {
            Correction::Dirichlet(dirichlet::fit(said, &codes, weights, ctx)?)
        } else if method == CalibrationMethod::TopLabel {
            Correction::TopLabel(top_labels(said, &codes, weights, ctx)?)
        } else {
            let columns = if n_classes == 2 { 1..2 } else { 0..n_classes };
            let map = |column: usize| {
                let scores = said.values().column(column).to_vec();
                let positive: Vec<bool> = codes.iter().map(|&code| code == column).collect();
                Map::fit(method, &scores, &positive, weights, ctx)
            };
            Correction::Columns(columns.map(map).collect::<Result<_>>()?)
        };
        Ok(Calibrator { names: said.shared_names(), correction })
    }

    /// The corrected probabilities.
    ///
    /// # Errors
    /// When a class is not among those that were seen.
    pub fn apply(&self, said: &Probabilities) -> Result<Probabilities> {
        let said = columns_in(said, &self.names)?;
        let said = said.values();
        let mut values = Array2::zeros(said.dim());
        match &self.correction {
            Correction::Temperature(inverse) => {
                for (said, mut right) in said.rows().into_iter().zip(values.rows_mut()) {
                    let most = said.iter().fold(0.0, |most: f64, share| most.max(*share));
                    let scaled = |share: &f64| (inverse * (log(*share) - log(most))).exp();
                    right.iter_mut().zip(said.iter().map(scaled)).for_each(|(right, share)| *right = share);
                    let sum = right.sum();
                    right.mapv_inplace(|share| share / sum);
                }
            }
            Correction::Columns(maps) if maps.len() == 1 && self.names.len() == 2 => {
                for (said, mut right) in said.rows().into_iter().zip(values.rows_mut()) {
                    let share = maps[0].at(said[1]);
                    right[0] = 1.0 - share;
                    right[1] = share;
                }
            }
            Correction::Columns(maps) if maps.len() == self.names.len() => {
                for (said, mut right) in said.rows().into_iter().zip(values.rows_mut()) {
                    for (class, map) in maps.iter().enumerate() {
                        right[class] = map.at(said[class]);
                    }
                    let sum = right.sum();
                    // Where no class is left with any probability, none is preferred.
                    let even = 1.0 / maps.len() as f64;
                    right.mapv_inplace(|share| if sum > 0.0 { share / sum } else { even });
                }
            }
            Correction::Dirichlet(factors) if factors.dim() == (self.names.len(), self.names.len() + 1) => {
                for (said, mut right) in said.rows().into_iter().zip(values.rows_mut()) {
                    right
                        .iter_mut()
                        .zip(dirichlet::apply(factors, said))
                        .for_each(|(right, share)| *right = share);
                }
            }
            Correction::TopLabel(maps) if maps.len() == self.names.len() => {
                for (said, mut right) in said.rows().into_iter().zip(values.rows_mut()) {
                    let top = most_probable(said);
                    let own = maps[top].at(said[top]);
                    // Added up, not what is left of the sum: the others may be far smaller than rounding.
                    let others = said.iter().enumerate().filter(|(class, _)| *class != top);
                    let rest: f64 = others.map(|(_, share)| share).sum();
                    let even = (1.0 - own) / (maps.len() - 1).max(1) as f64;
                    for (class, right) in right.iter_mut().enumerate() {
                        *right = match class == top {
                            true => own,
                            false if rest > 0.0 => (1.0 - own) * (said[class] / rest),
                            false => even,
                        };
                    }
                }
            }
            Correction::Columns(_) | Correction::Dirichlet(_) | Correction::TopLabel(_) => {
                return Err(Error::corrupt("the calibrator has not a correction for each class"));
            }
        }
        Probabilities::new(values, self.names.clone())
    }

    /// The two probabilities of the second class that Venn-Abers gives each row, the lower one first.
    ///
    /// # Errors
    /// When the method is another one, there are more than two classes, or a class is not among those that were seen.
    pub fn interval(&self, said: &Probabilities) -> Result<Vec<(f64, f64)>> {
        let said = columns_in(said, &self.names)?;
        match &self.correction {
            Correction::Columns(maps) => match maps.as_slice() {
                [Map::VennAbers(map)] if self.names.len() == 2 => {
                    Ok(said.values().column(1).iter().map(|share| map.pair(*share)).collect())
                }
                _ => Err(no_interval()),
            },
            _ => Err(no_interval()),
        }
    }

    /// What the probabilities' logarithms are divided by, for the method of that name.
    pub fn temperature(&self) -> Option<f64> {
        match self.correction {
            Correction::Temperature(inverse) => Some(1.0 / inverse),
            _ => None,
        }
    }

    /// Slope and intercept of each logistic function of the log-odds, for the sigmoid method.
    pub fn sigmoids(&self) -> Vec<(f64, f64)> {
        let Correction::Columns(maps) = &self.correction else { return Vec::new() };
        let of = |map: &Map| match map {
            Map::Sigmoid { slope, intercept } => Some((*slope, *intercept)),
            _ => None,
        };
        maps.iter().filter_map(of).collect()
    }

    /// The factors of `ln p` and `-ln(1 - p)` and the intercept of each function, for the beta method.
    pub fn betas(&self) -> Vec<[f64; 3]> {
        let Correction::Columns(maps) = &self.correction else { return Vec::new() };
        let of = |map: &Map| match map {
            Map::Beta { a, b, c } => Some([*a, *b, *c]),
            _ => None,
        };
        maps.iter().filter_map(of).collect()
    }

    /// The class names.
    pub fn names(&self) -> &[String] {
        &self.names
    }
}

fn no_interval() -> Error {
    Error::unsupported(
        "two probabilities for each row are given by the method `VennAbers` for two classes alone",
    )
}

pub(super) fn log(share: f64) -> f64 {
    share.clamp(f64::EPSILON, 1.0).ln()
}

fn log_odds(share: f64) -> f64 {
    let share = share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    share.ln() - (-share).ln_1p()
}

impl Map {
    fn fit(
        method: CalibrationMethod,
        said: &[f64],
        positive: &[bool],
        weights: Option<&[f64]>,
        ctx: &Context,
    ) -> Result<Self> {
        match method {
            CalibrationMethod::Isotonic => {
                let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
                let truth = |row: usize| f64::from(u8::from(positive[row]));
                let points = tied(said.len(), |row| (said[row], truth(row), weight(row)));
                let fitted: Vec<f64> =
                    pooled(&points, true).into_iter().map(|share| share.clamp(0.0, 1.0)).collect();
                Ok(Map::Isotonic(Stairs::try_from(corners(&points, &fitted))?))
            }
            CalibrationMethod::Beta => beta(said, positive, weights, ctx),
            CalibrationMethod::VennAbers => Ok(Map::VennAbers(VennAbers::fit(said, positive, weights)?)),
            CalibrationMethod::Spline => {
                let (targets, start) = smoothed(positive, weights);
                let odds: Vec<f64> = said.iter().map(|share| log_odds(*share)).collect();
                Ok(Map::Spline(Spline::fit(&odds, &targets, weights, start, ctx)?))
            }
            CalibrationMethod::Sigmoid
            | CalibrationMethod::Temperature
            | CalibrationMethod::Dirichlet
            | CalibrationMethod::TopLabel => sigmoid(said, positive, weights, ctx),
        }
    }

    fn at(&self, share: f64) -> f64 {
        match self {
            Map::Sigmoid { slope, intercept } => expit(slope * log_odds(share) + intercept),
            Map::Isotonic(stairs) => interpolate(&stairs.thresholds, &stairs.values, share).clamp(0.0, 1.0),
            Map::Beta { a, b, c } => {
                let share = share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
                expit(a * share.ln() - b * (-share).ln_1p() + c)
            }
            Map::VennAbers(map) => merged(map.pair(share)),
            Map::Spline(spline) => spline.at(log_odds(share)),
        }
    }
}

/// The weights of the negative and of the positive rows.
fn sides(positive: &[bool], weights: Option<&[f64]>) -> [f64; 2] {
    let side = |wanted: bool| {
        reduce::sum_by(positive.len(), |row| match positive[row] == wanted {
            true => weights.map_or(1.0, |weights| weights[row]),
            false => 0.0,
        })
    };
    [side(false), side(true)]
}

/// Platt's targets, which are never 0 or 1, and the intercept of a constant.
fn smoothed(positive: &[bool], weights: Option<&[f64]>) -> (Vec<f64>, f64) {
    let [negatives, positives] = sides(positive, weights);
    let (low, high) = (1.0 / (negatives + 2.0), (positives + 1.0) / (positives + 2.0));
    let targets = positive.iter().map(|&positive| if positive { high } else { low }).collect();
    (targets, ((positives + 1.0) / (negatives + 1.0)).ln())
}

/// The class with the largest probability, the first of several.
fn most_probable(said: ndarray::ArrayView1<'_, f64>) -> usize {
    (1..said.len()).fold(0, |top, class| if said[class] > said[top] { class } else { top })
}

/// For each class a sigmoid of the rows where it is the most probable; a class that never is has that of all rows.
fn top_labels(
    said: &Probabilities,
    codes: &[usize],
    weights: Option<&[f64]>,
    ctx: &Context,
) -> Result<Vec<Map>> {
    let tops: Vec<usize> = said.values().rows().into_iter().map(most_probable).collect();
    let of_rows = |rows: &[usize]| {
        let shares: Vec<f64> = rows.iter().map(|&row| said.values()[[row, tops[row]]]).collect();
        let right: Vec<bool> = rows.iter().map(|&row| codes[row] == tops[row]).collect();
        let weights: Option<Vec<f64>> = weights.map(|weights| rows.iter().map(|&row| weights[row]).collect());
        sigmoid(&shares, &right, weights.as_deref(), ctx)
    };
    let counted = |row: &usize| weights.is_none_or(|weights| weights[*row] > 0.0);
    let all: Vec<usize> = (0..codes.len()).filter(counted).collect();
    let map = |class: usize| {
        let own: Vec<usize> = all.iter().copied().filter(|&row| tops[row] == class).collect();
        of_rows(if own.is_empty() { &all } else { &own })
    };
    (0..said.names().len()).map(map).collect()
}

fn sigmoid(said: &[f64], positive: &[bool], weights: Option<&[f64]>, ctx: &Context) -> Result<Map> {
    let (targets, start) = smoothed(positive, weights);
    let rows: Vec<[f64; 2]> = said.iter().map(|share| [log_odds(*share), 1.0]).collect();
    let [slope, intercept] = Logistic { rows: &rows, targets: &targets, weights }.fit([0.0, start], ctx)?;
    Ok(Map::Sigmoid { slope, intercept })
}

/// The best of the functions that rise: both factors >= 0.
fn beta(said: &[f64], positive: &[bool], weights: Option<&[f64]>, ctx: &Context) -> Result<Map> {
    let targets: Vec<f64> = positive.iter().map(|&positive| f64::from(u8::from(positive))).collect();
    let [negatives, positives] = sides(positive, weights);
    // The intercept of a constant; a class without rows must not make it infinite.
    let start = ((positives + 1e-9) / (negatives + 1e-9)).ln();
    let parts: Vec<[f64; 3]> = said
        .iter()
        .map(|share| {
            let share = share.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
            [share.ln(), -(-share).ln_1p(), 1.0]
        })
        .collect();
    let targets = &targets[..];
    let [a, b, c] = Logistic { rows: &parts, targets, weights }.fit([1.0, 1.0, start], ctx)?;
    if a >= 0.0 && b >= 0.0 {
        return Ok(Map::Beta { a, b, c });
    }
    // The problem is convex, so the best with both factors >= 0 has one that is 0.
    let alone = |column: usize| -> Result<([f64; 2], f64)> {
        let rows: Vec<[f64; 2]> = parts.iter().map(|row| [row[column], 1.0]).collect();
        let problem = Logistic { rows: &rows, targets, weights };
        let mut factors = problem.fit([1.0, start], ctx)?;
        if factors[0] < 0.0 {
            factors = [0.0, start];
        }
        let loss = perennial_numeric::optimize::Objective::value_gradient(&problem, &factors, &mut [0.0; 2]);
        Ok((factors, loss))
    };
    let (first, second) = (alone(0)?, alone(1)?);
    Ok(match first.1 <= second.1 {
        true => Map::Beta { a: first.0[0], b: 0.0, c: first.0[1] },
        false => Map::Beta { a: 0.0, b: second.0[0], c: second.0[1] },
    })
}

/// One over the temperature, from e^-10 to e^10, by halving: the slope of the log loss rises with it.
fn inverse_temperature(
    said: &Probabilities,
    codes: &[usize],
    weights: Option<&[f64]>,
    ctx: &Context,
) -> Result<f64> {
    let logs = said.values().mapv(log);
    let slope = |inverse: f64| {
        reduce::sum_by(codes.len(), |row| {
            let weight = weights.map_or(1.0, |weights| weights[row]);
            let logs = logs.row(row);
            let most = logs.iter().fold(f64::NEG_INFINITY, |most: f64, log| most.max(*log));
            let (sum, mean) = logs.iter().fold((0.0, 0.0), |(sum, mean), log| {
                let share = (inverse * (log - most)).exp();
                (sum + share, mean + share * log)
            });
            weight * (mean / sum - logs[codes[row]])
        })
    };
    let (mut low, mut high) = (-10.0_f64, 10.0_f64);
    for step in 0..60 {
        ctx.step(step, 60)?;
        let middle = 0.5 * (low + high);
        if slope(middle.exp()) < 0.0 { low = middle } else { high = middle }
    }
    Ok((0.5 * (low + high)).exp())
}
