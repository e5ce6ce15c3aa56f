//! Hypothesis tests.
//!
//! Each gives a [`TestResult`]: the statistic, the p-value, and how large the effect is.

mod anova;
mod chi_squared;
mod correlation;
mod exact;
mod kolmogorov_smirnov;
mod missing;
mod rank;
mod t;

pub use anova::{anova, bartlett, brown_forsythe, friedman, kruskal_wallis, tukey_hsd};
pub use chi_squared::{goodness_of_fit, independence, mcnemar};
pub use correlation::{pearson, spearman};
pub use exact::{binomial, fisher_exact};
pub use kolmogorov_smirnov::{ks_bootstrapped, ks_one_sample, ks_two_sample};
pub use missing::little_mcar;
pub use rank::{mann_whitney, wilcoxon};
pub use t::{one_sample_t, paired_t, two_sample_t, welch_t};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::special::Tails;

/// What a hypothesis test found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestResult {
    /// The name of the test.
    pub test: String,
    /// The test statistic.
    pub statistic: f64,
    /// The probability of a statistic at least so extreme, were there no effect.
    pub p_value: f64,
    /// Degrees of freedom: two for F, one for t and chi-squared, none otherwise.
    pub df: Vec<f64>,
    /// How large the effect is, where there is a measure for it.
    pub effect: Option<Effect>,
}

/// The size of an effect, free of the size of the sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// The name of the measure, such as "Cohen's d".
    pub name: String,
    /// Its value.
    pub value: f64,
}

impl TestResult {
    fn new(test: &str, statistic: f64, p_value: f64) -> Self {
        TestResult {
            test: test.to_owned(),
            statistic,
            p_value: p_value.min(1.0),
            df: Vec::new(),
            effect: None,
        }
    }

    fn df(mut self, df: &[f64]) -> Self {
        self.df = df.to_vec();
        self
    }

    fn effect(mut self, name: &str, value: f64) -> Self {
        self.effect = Some(Effect { name: name.to_owned(), value });
        self
    }
}

impl fmt::Display for TestResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: statistic = {:.4}", self.test, self.statistic)?;
        if !self.df.is_empty() {
            let df: Vec<String> =
                self.df.iter().map(|df| format!("{}", (df * 100.0).round() / 100.0)).collect();
            write!(f, ", df = {}", df.join(" and "))?;
        }
        match self.p_value {
            p if p < 1e-4 => write!(f, ", p = {p:.2e}")?,
            p => write!(f, ", p = {p:.4}")?,
        }
        if let Some(Effect { name, value }) = &self.effect {
            write!(f, ", {name} = {value:.3}")?;
        }
        Ok(())
    }
}

/// What the test looks for: any difference, or the first sample being smaller or larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Alternative {
    /// Any difference.
    #[default]
    TwoSided,
    /// The first is smaller.
    Less,
    /// The first is larger.
    Greater,
}

impl Alternative {
    /// The p-value of a statistic with these tails, from a symmetric distribution if two-sided.
    fn p_value(self, tails: Tails) -> f64 {
        match self {
            Alternative::TwoSided => (2.0 * tails.lower.min(tails.upper)).min(1.0),
            Alternative::Less => tails.lower,
            Alternative::Greater => tails.upper,
        }
    }
}

/// How the distribution of a statistic without effect is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Exactly where that is affordable and right, by the limit otherwise.
    #[default]
    Auto,
    /// By counting every arrangement.
    Exact,
    /// By the limit for large samples.
    Asymptotic,
}
