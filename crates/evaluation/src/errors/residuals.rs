use std::fmt;

use perennial_core::{Error, Matrix, Param, Result, Rows, Values};
use perennial_numeric::reduce;
use perennial_statistics::describe::quantile_sorted;
use perennial_statistics::multiple::{Adjustment, adjust};
use perennial_statistics::test::{Alternative, kruskal_wallis, one_sample_t, spearman};
use serde::{Deserialize, Serialize};

use crate::metric::paired_values;

/// Something that the residuals, truth less prediction, should not show.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResidualPattern {
    /// They are not 0 on average: all answers are too low or too high.
    Bias {
        /// Their mean.
        mean: f64,
    },
    /// They go with the answers: high answers are too low or too high.
    Trend {
        /// The rank correlation of residuals and answers.
        correlation: f64,
    },
    /// Their size goes with the answers: some answers are less sure than others, and intervals should say so.
    Spread {
        /// The rank correlation of the sizes of the residuals and the answers.
        correlation: f64,
    },
    /// Rows that follow each other err alike: something that lasts is not in the features.
    Succession {
        /// The correlation of each residual with the next.
        correlation: f64,
    },
    /// They depend on a feature: the model could learn more from it.
    Feature {
        /// The feature.
        name: String,
        /// The part of its values, by quantiles, where they are farthest from 0 on average.
        above: f64,
        /// The end of that part.
        up_to: f64,
        /// Their mean there.
        mean: f64,
    },
}

impl fmt::Display for ResidualPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = |number: f64| if number > 0.0 { "low" } else { "high" };
        match self {
            ResidualPattern::Bias { mean } => {
                write!(f, "the answers are too {} by {:.4} on average", way(*mean), mean.abs())
            }
            ResidualPattern::Trend { correlation } => {
                write!(f, "high answers are too {} (rank correlation {correlation:.2})", way(*correlation))
            }
            ResidualPattern::Spread { correlation } => {
                let more = if *correlation > 0.0 { "high" } else { "low" };
                write!(f, "{more} answers are less sure than others (rank correlation {correlation:.2})")
            }
            ResidualPattern::Succession { correlation } => {
                write!(f, "rows that follow each other err alike (correlation {correlation:.2})")
            }
            ResidualPattern::Feature { name, above, up_to, mean } => write!(
                f,
                "where `{name}` is in ({above}, {up_to}] the answers are too {} by {:.4} on average",
                way(*mean),
                mean.abs()
            ),
        }
    }
}

/// What the residuals show, beyond what chance would.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResidualPatterns {
    /// Each pattern with its p-value, adjusted for all that were looked for (Benjamini and Hochberg, 1995); the surest first.
    pub patterns: Vec<(ResidualPattern, f64)>,
    /// How many patterns were looked for.
    pub n_tested: usize,
}

impl fmt::Display for ResidualPatterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.patterns.is_empty() {
            return write!(f, "no pattern in the residuals ({} looked for)", self.n_tested);
        }
        for (place, (pattern, p)) in self.patterns.iter().enumerate() {
            let line = if place == 0 { "" } else { "\n" };
            write!(f, "{line}{pattern}, p = {p:.2e}")?;
        }
        Ok(())
    }
}

/// Parts of a feature, by quantiles.
const PARTS: usize = 8;
const LEVEL: Param = Param::real("level", "false discovery rate").above(0.0).at_most(0.5);

/// Looks for what the residuals still depend on: their mean, the answers, the order of the rows, and each feature of `x`.
///
/// `level` is the share of false findings among the patterns that are given, such as 0.05. Tests are of ranks but for the
/// mean, so a few wild residuals decide nothing.
///
/// ```
/// use ndarray::Array2;
/// use perennial_core::{Matrix, Values};
/// use perennial_evaluation::errors::residual_patterns;
///
/// // The truth has a square that the answers lack.
/// let x = Matrix::from(Array2::from_shape_fn((300, 1), |(row, _)| (row * 37 % 300) as f64 / 100.0)).with_names(["a"])?;
/// let truth: Values = x.dense()?.column(0).iter().map(|a| 5.0 * a + a * a).collect();
/// let answer: Values = x.dense()?.column(0).iter().map(|a| 8.0 * a - 1.5).collect();
/// let found = residual_patterns(&truth, &answer, &x, 0.05)?;
/// assert!(found.to_string().contains("where `a` is in"));
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// When there are fewer than 20 rows, the lengths differ, a number is not finite, or `x` is sparse.
pub fn residual_patterns(
    truth: &Values,
    prediction: &Values,
    x: &Matrix,
    level: f64,
) -> Result<ResidualPatterns> {
    LEVEL.check(level)?;
    let (truth, prediction) = paired_values(truth, prediction)?;
    let n = truth.len();
    if x.n_rows() != n {
        return Err(Error::length_mismatch("the features", n, x.n_rows()));
    }
    if n < 20 {
        return Err(Error::insufficient_data(format!(
            "{n} rows are too few to see a pattern in; at least 20 are needed"
        )));
    }
    let residuals: Vec<f64> = truth.iter().zip(prediction).map(|(t, p)| t - p).collect();
    let sizes: Vec<f64> = residuals.iter().map(|residual| residual.abs()).collect();
    let mut tested = Vec::new();
    // A test is not defined where nothing varies; then there is nothing to see.
    if let Ok(test) = one_sample_t(&residuals, 0.0, Alternative::TwoSided) {
        tested.push((ResidualPattern::Bias { mean: reduce::mean(&residuals) }, test.p_value));
    } else if residuals.iter().any(|residual| *residual != 0.0) {
        tested.push((ResidualPattern::Bias { mean: reduce::mean(&residuals) }, 0.0));
    }
    let correlated = |a: &[f64], b: &[f64]| spearman(a, b, Alternative::TwoSided).ok();
    if let Some(test) = correlated(&residuals, prediction) {
        tested.push((ResidualPattern::Trend { correlation: test.statistic }, test.p_value));
    }
    if let Some(test) = correlated(&sizes, prediction) {
        tested.push((ResidualPattern::Spread { correlation: test.statistic }, test.p_value));
    }
    if let Some(test) = correlated(&residuals[1..], &residuals[..n - 1]) {
        tested.push((ResidualPattern::Succession { correlation: test.statistic }, test.p_value));
    }
    let values = x.dense()?;
    let of_features = reduce::map_each(x.n_cols(), |column| {
        by_feature(x.features().name(column), &values.column(column).to_vec(), &residuals)
    });
    tested.extend(of_features.into_iter().flatten());
    tested.retain(|(_, p)| p.is_finite());
    let p_values: Vec<f64> = tested.iter().map(|(_, p)| p.clamp(0.0, 1.0)).collect();
    let adjusted = adjust(&p_values, Adjustment::BenjaminiHochberg)?;
    let n_tested = tested.len();
    let mut patterns: Vec<(ResidualPattern, f64)> = tested
        .into_iter()
        .zip(adjusted)
        .map(|((pattern, _), adjusted)| (pattern, adjusted))
        .filter(|(_, adjusted)| *adjusted <= level)
        .collect();
    patterns.sort_by(|a, b| a.1.total_cmp(&b.1));
    Ok(ResidualPatterns { patterns, n_tested })
}

/// Whether residuals differ between the parts of a feature (Kruskal and Wallis, 1952), and where they are worst.
fn by_feature(name: &str, column: &[f64], residuals: &[f64]) -> Option<(ResidualPattern, f64)> {
    let mut sorted: Vec<f64> = column.iter().copied().filter(|value| value.is_finite()).collect();
    sorted.sort_by(f64::total_cmp);
    let (least, _) = (sorted.first()?, sorted.last()?);
    let mut edges: Vec<f64> =
        (1..=PARTS).map(|part| quantile_sorted(&sorted, part as f64 / PARTS as f64)).collect();
    edges.dedup();
    let mut groups = vec![Vec::new(); edges.len()];
    for (value, residual) in column.iter().zip(residuals).filter(|(value, _)| value.is_finite()) {
        groups[edges.partition_point(|edge| edge < value).min(edges.len() - 1)].push(*residual);
    }
    let start = |part: usize| if part == 0 { least.next_down() } else { edges[part - 1] };
    let parts: Vec<(f64, f64, Vec<f64>)> = groups
        .into_iter()
        .enumerate()
        .filter(|(_, group)| !group.is_empty())
        .map(|(part, group)| (start(part), edges[part], group))
        .collect();
    let groups: Vec<&[f64]> = parts.iter().map(|(_, _, group)| group.as_slice()).collect();
    let test = kruskal_wallis(&groups).ok()?;
    let (above, up_to, mean) = parts
        .iter()
        .map(|(above, up_to, group)| (*above, *up_to, reduce::mean(group)))
        .max_by(|a, b| a.2.abs().total_cmp(&b.2.abs()))?;
    Some((ResidualPattern::Feature { name: name.to_owned(), above, up_to, mean }, test.p_value))
}
