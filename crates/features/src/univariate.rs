//! Choosing columns by what each alone says about the target.

use perennial_core::{Capabilities, Error, Estimator, FitTransform, Matrix, Param, Result, Train};
use perennial_statistics::multiple::{Adjustment, adjust};
use serde::{Deserialize, Serialize};

use crate::from_model::best_first;
use crate::scores::{ColumnScores, FClassification, FRegression, ScoreColumns};
use crate::select::SelectModel;

/// Which columns are kept.
#[derive(Clone, Copy)]
enum Rule {
    KBest(usize),
    Percentile(f64),
    Fpr(f64),
    Fdr(f64),
    Fwe(f64),
}

impl Rule {
    fn kept(self, found: &ColumnScores) -> Result<Vec<usize>> {
        Ok(match self {
            Rule::KBest(k) => {
                let mut kept = best_first(&found.scores);
                kept.truncate(k);
                kept.sort_unstable();
                kept
            }
            Rule::Percentile(percentile) => above(&found.scores, percentile),
            Rule::Fpr(alpha) => places(p_values(found)?, |p| p < alpha),
            Rule::Fdr(alpha) => {
                places(&adjust(p_values(found)?, Adjustment::BenjaminiHochberg)?, |p| p <= alpha)
            }
            Rule::Fwe(alpha) => places(&adjust(p_values(found)?, Adjustment::Bonferroni)?, |p| p < alpha),
        })
    }

    /// Why nothing is kept.
    fn none(self) -> String {
        match self {
            Rule::KBest(_) => "there is no column to keep".to_owned(),
            Rule::Percentile(share) => format!("no column is among the best {share} %; raise `percentile`"),
            Rule::Fpr(alpha) | Rule::Fdr(alpha) | Rule::Fwe(alpha) => {
                format!(
                    "no column says anything about the target at the level {alpha}; raise `alpha`, or choose by `SelectKBest`"
                )
            }
        }
    }
}

fn p_values(found: &ColumnScores) -> Result<&[f64]> {
    found.p_values.as_deref().ok_or_else(|| {
        Error::unsupported(
            "these scores have no p-values; choose by `SelectKBest` or `SelectPercentile`, or by F or chi-squared",
        )
    })
}

fn places(p_values: &[f64], small: impl Fn(f64) -> bool) -> Vec<usize> {
    (0..p_values.len()).filter(|&column| small(p_values[column])).collect()
}

/// The places of the largest scores.
fn above(scores: &[f64], percentile: f64) -> Vec<usize> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = scores.len().saturating_sub(1) as f64 * ((100.0 - percentile) / 100.0);
    let (low, part) = (place.floor() as usize, place.fract());
    let (Some(below), next) = (sorted.get(low), sorted.get(low + 1)) else { return Vec::new() };
    let threshold = next.map_or(*below, |next| below + (next - below) * part);
    let mut kept: Vec<usize> = (0..scores.len()).filter(|&column| scores[column] > threshold).collect();
    let most = (scores.len() as f64 * percentile / 100.0) as usize;
    let ties = (0..scores.len()).filter(|&column| scores[column] == threshold);
    kept.extend(ties.take(most.saturating_sub(kept.len())));
    kept.sort_unstable();
    kept
}

fn select<S: ScoreColumns>(
    score_func: &S,
    train: &Train<'_, Matrix, S::Target>,
    rule: Rule,
) -> Result<SelectModel> {
    let found = score_func.scores(train)?.checked(train.x.n_cols())?;
    let kept = rule.kept(&found)?;
    let ColumnScores { scores, p_values } = found;
    Ok(SelectModel::kept_by(train.x.features(), kept, scores, rule.none())?.with_p_values(p_values))
}

const K: Param = Param::integer("k", "how many columns to keep").at_least(1.0);
const PERCENTILE: Param =
    Param::real("percentile", "how many columns in a hundred to keep").above(0.0).at_most(100.0);
const ALPHA: Param = Param::real("alpha", "the level of the tests").above(0.0).at_most(1.0);

/// Settings that keep columns by a rule of one number.
macro_rules! selections {
    ($($(#[$docs:meta])* $name:ident: $rule:ident($setting:ident: $kind:ty = $default:expr), $param:ident, $check:ident;)*) => {$(
        $(#[$docs])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name<S> {
            score_func: S,
            $setting: $kind,
        }

        impl<S: Default> Default for $name<S> {
            fn default() -> Self {
                $name { score_func: S::default(), $setting: $default }
            }
        }

        impl<S> $name<S> {
            /// The numeric settings.
            pub const PARAMS: &'static [Param] = &[$param];

            /// By these scores, such as [`Chi2`](crate::Chi2) or [`MutualInformation`](crate::MutualInformation).
            pub fn new(score_func: S, $setting: $kind) -> Self {
                $name { score_func, $setting }
            }
        }

        impl $name<FRegression> {
            /// By the correlation with a numeric target.
            pub fn regression($setting: $kind) -> Self {
                $name { score_func: FRegression, $setting }
            }
        }

        impl $name<FClassification> {
            /// By the difference of the classes.
            pub fn classification($setting: $kind) -> Self {
                $name { score_func: FClassification, $setting }
            }
        }

        impl<S: ScoreColumns> Estimator for $name<S> {
            type Input = Matrix;
            type Target = S::Target;
            type Model = SelectModel;

            fn fit_on(&self, train: &Train<'_, Matrix, S::Target>) -> Result<SelectModel> {
                $param.$check(self.$setting)?;
                select(&self.score_func, train, Rule::$rule(self.$setting))
            }

            fn capabilities(&self) -> Capabilities {
                self.score_func.capabilities()
            }
        }

        impl<S: ScoreColumns> FitTransform for $name<S> {}
    )*};
}

selections! {
    /// Keeps the `k` columns with the largest scores: F unless it is [`new`](SelectKBest::new) with others.
    ///
    /// Of a numeric target, F is that of the correlation; of classes, that of one-way analysis of variance.
    /// Columns that say nothing score 0; of equals the first are kept, and columns keep their order. F and chi-squared take row weights and
    /// sparse rows.
    ///
    /// | name | default | range | meaning |
    /// |---|---|---|---|
    /// | `score_func` | F | | what each column says about the target ([`ScoreColumns`]) |
    /// | `k` | 10 | >= 1 | how many columns to keep; all, when there are fewer |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Transformer, Values};
    /// use perennial_features::SelectKBest;
    ///
    /// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
    /// let y = Values::from(vec![1.1, 1.9, 3.2, 3.9]);
    /// let kept = SelectKBest::regression(1).fit(&x, &y)?.transform(&x)?;
    /// assert_eq!(kept.features().names().collect::<Vec<_>>(), ["signal"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    SelectKBest: KBest(k: usize = 10), K, check_count;

    /// Keeps the share of the columns with the largest scores, which are those of [`SelectKBest`].
    ///
    /// As in scikit-learn: the columns whose score is above the percentile of all scores, interpolated, and of those at it the first,
    /// until the share is reached.
    ///
    /// | name | default | range | meaning |
    /// |---|---|---|---|
    /// | `score_func` | F | | what each column says about the target ([`ScoreColumns`]) |
    /// | `percentile` | 10 | above 0, to 100 | how many columns in a hundred to keep |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Transformer, Values};
    /// use perennial_features::SelectPercentile;
    ///
    /// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
    /// let y = Values::from(vec![1.1, 1.9, 3.2, 3.9]);
    /// let kept = SelectPercentile::regression(50.0).fit(&x, &y)?.transform(&x)?;
    /// assert_eq!(kept.features().names().collect::<Vec<_>>(), ["signal"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    SelectPercentile: Percentile(percentile: f64 = 10.0), PERCENTILE, check;

    /// Keeps the columns whose p-value is below `alpha`: of columns that say nothing, that share is kept by chance.
    ///
    /// | name | default | range | meaning |
    /// |---|---|---|---|
    /// | `score_func` | F | | what each column says about the target ([`ScoreColumns`]), with p-values |
    /// | `alpha` | 0.05 | above 0, to 1 | the level of each test |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_features::SelectFpr;
    ///
    /// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
    /// let model = SelectFpr::regression(0.05).fit(&x, &Values::from(vec![1.1, 1.9, 3.2, 3.9]))?;
    /// assert_eq!(model.kept().collect::<Vec<_>>(), ["signal"]);
    /// assert!(model.p_values().is_some_and(|p| p[0] > 0.5 && p[1] < 0.01));
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    SelectFpr: Fpr(alpha: f64 = 0.05), ALPHA, check;

    /// Keeps columns such that of those that are kept, at most a share `alpha` is expected to say nothing (Benjamini and Hochberg, 1995).
    ///
    /// | name | default | range | meaning |
    /// |---|---|---|---|
    /// | `score_func` | F | | what each column says about the target ([`ScoreColumns`]), with p-values |
    /// | `alpha` | 0.05 | above 0, to 1 | the false discovery rate |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_features::SelectFdr;
    ///
    /// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
    /// let model = SelectFdr::regression(0.05).fit(&x, &Values::from(vec![1.1, 1.9, 3.2, 3.9]))?;
    /// assert_eq!(model.kept().collect::<Vec<_>>(), ["signal"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    SelectFdr: Fdr(alpha: f64 = 0.05), ALPHA, check;

    /// Keeps columns such that with probability 1 - `alpha`, each of those that are kept says something (Bonferroni): those whose p-value is
    /// below `alpha` over the number of columns.
    ///
    /// | name | default | range | meaning |
    /// |---|---|---|---|
    /// | `score_func` | F | | what each column says about the target ([`ScoreColumns`]), with p-values |
    /// | `alpha` | 0.05 | above 0, to 1 | the family-wise error rate |
    ///
    /// ```
    /// use ndarray::array;
    /// use perennial_core::{Estimator, Matrix, Values};
    /// use perennial_features::SelectFwe;
    ///
    /// let x = Matrix::from(array![[0.1, 1.0], [0.3, 2.0], [0.2, 3.0], [0.1, 4.0]]).with_names(["noise", "signal"])?;
    /// let model = SelectFwe::regression(0.05).fit(&x, &Values::from(vec![1.1, 1.9, 3.2, 3.9]))?;
    /// assert_eq!(model.kept().collect::<Vec<_>>(), ["signal"]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    SelectFwe: Fwe(alpha: f64 = 0.05), ALPHA, check;
}

#[cfg(test)]
mod tests {
    use super::above;

    /// scikit-learn 1.9.1: `SelectPercentile(percentile=p)` on the same scores.
    #[test]
    fn the_same_columns_as_scikit_learn() {
        let scores = [3.0, 1.0, 3.0, 7.0, 0.0, 3.0, 9.0];
        let ties = [1.0, 1.0, 1.0, 1.0];
        assert_eq!(above(&scores, 10.0), [6]);
        assert_eq!(above(&scores, 30.0), [3, 6]);
        assert_eq!(above(&scores, 50.0), [0, 3, 6]);
        assert_eq!(above(&scores, 60.0), [0, 2, 3, 6]);
        assert_eq!(above(&scores, 100.0), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(above(&ties, 50.0), [0, 1]);
        // Distinct scores, where the place of the percentile is a whole number or next to one.
        for (n, percentile, first) in [(6_u32, 80.0, 2), (11, 80.0, 3), (11, 90.0, 2), (51, 42.0, 29)] {
            let rising: Vec<f64> = (1..=n).map(f64::from).collect();
            assert_eq!(
                above(&rising, percentile),
                (first..n as usize).collect::<Vec<_>>(),
                "{n} {percentile}"
            );
        }
    }
}
