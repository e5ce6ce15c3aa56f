use ndarray::Array2;
use perennial_core::{Error, Result};

use super::TestResult;
use crate::check::{at_least, finite};
use crate::describe::{Moments, median, ranks, sorted, tie_sizes};
use crate::distribution::{ChiSquared, Distribution, FisherF, StudentizedRange};

fn check<G: AsRef<[f64]>>(groups: &[G], least: usize) -> Result<()> {
    if groups.len() < 2 {
        return Err(Error::insufficient_data(format!(
            "there are {} groups; at least 2 are needed",
            groups.len()
        )));
    }
    for (i, group) in groups.iter().enumerate() {
        let what = format!("group {i}");
        at_least(&what, group.as_ref(), least)?;
        finite(&what, group.as_ref())?;
    }
    Ok(())
}

/// Sums of squares between and within groups, and their degrees of freedom.
fn decompose<G: AsRef<[f64]>>(groups: &[G]) -> Result<(f64, f64, f64, f64)> {
    check(groups, 1)?;
    // Shifted by a value of the data, so that large common offsets cost no digits.
    let origin = groups[0].as_ref()[0];
    let parts: Vec<Moments> = groups
        .iter()
        .map(|group| Moments::of(&group.as_ref().iter().map(|v| v - origin).collect::<Vec<_>>()))
        .collect();
    let n: f64 = parts.iter().map(|m| m.count() as f64).sum();
    let grand = parts.iter().map(|m| m.mean() * m.count() as f64).sum::<f64>() / n;
    let between = parts.iter().map(|m| m.count() as f64 * (m.mean() - grand).powi(2)).sum();
    let within = parts.iter().map(Moments::sum_of_squares).sum();
    let k = groups.len() as f64;
    if n <= k {
        return Err(Error::insufficient_data("every group has one value; at least one group needs two"));
    }
    Ok((between, within, k - 1.0, n - k))
}

/// Do the means of groups differ? One-way analysis of variance (Fisher, 1925). The effect is eta squared.
///
/// ```
/// use perennial_statistics::test::anova;
///
/// let result = anova(&[vec![1.0, 2.0, 3.0], vec![2.0, 3.0, 4.0], vec![5.0, 6.0, 7.0]])?;
/// assert!((result.statistic - 13.0).abs() < 1e-12);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If there are fewer than two groups, one is empty, all have one value, a value is not finite,
/// or no group varies.
pub fn anova<G: AsRef<[f64]>>(groups: &[G]) -> Result<TestResult> {
    let (between, within, df1, df2) = decompose(groups)?;
    if !(within > 0.0) {
        return Err(Error::singular("no group varies, so the spread within groups cannot be estimated"));
    }
    let f = (between / df1) / (within / df2);
    Ok(TestResult::new("One-way ANOVA", f, FisherF::new(df1, df2)?.sf(f))
        .df(&[df1, df2])
        .effect("eta squared", between / (between + within)))
}

/// Do the variances of groups differ? Robust: ANOVA of distances to the median (Brown and Forsythe, 1974).
///
/// # Errors
/// As [`anova`].
pub fn brown_forsythe<G: AsRef<[f64]>>(groups: &[G]) -> Result<TestResult> {
    check(groups, 1)?;
    let distances: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| {
            let centre = median(group.as_ref())?;
            Ok(group.as_ref().iter().map(|v| (v - centre).abs()).collect())
        })
        .collect::<Result<_>>()?;
    let mut result = anova(&distances)?;
    result.test = "Brown-Forsythe test".to_owned();
    Ok(result)
}

/// Do the variances of normal groups differ? (Bartlett, 1937.)
///
/// # Errors
/// If there are fewer than two groups, one has fewer than two values or does not vary, or a value
/// is not finite.
pub fn bartlett<G: AsRef<[f64]>>(groups: &[G]) -> Result<TestResult> {
    check(groups, 2)?;
    let parts: Vec<(f64, f64)> =
        groups.iter().map(|g| (g.as_ref().len() as f64 - 1.0, Moments::of(g.as_ref()).variance())).collect();
    if let Some(i) = parts.iter().position(|(_, variance)| !(*variance > 0.0)) {
        return Err(Error::singular(format!("group {i} does not vary; leave it out")));
    }
    let k = parts.len() as f64;
    let df: f64 = parts.iter().map(|(df, _)| df).sum();
    let pooled = parts.iter().map(|(df, variance)| df * variance).sum::<f64>() / df;
    let excess: f64 = parts.iter().map(|(df, variance)| df * (pooled / variance).ln()).sum();
    let inverse: f64 = parts.iter().map(|(df, _)| 1.0 / df).sum();
    let statistic = excess / (1.0 + (inverse - 1.0 / df) / (3.0 * (k - 1.0)));
    Ok(TestResult::new("Bartlett's test", statistic, ChiSquared::new(k - 1.0)?.sf(statistic)).df(&[k - 1.0]))
}

/// Do groups differ in location? By ranks (Kruskal and Wallis, 1952). The effect is epsilon squared.
///
/// # Errors
/// If there are fewer than two groups, one is empty, a value is not finite, or all are the same.
pub fn kruskal_wallis<G: AsRef<[f64]>>(groups: &[G]) -> Result<TestResult> {
    check(groups, 1)?;
    let all: Vec<f64> = groups.iter().flat_map(|g| g.as_ref().iter().copied()).collect();
    let n = all.len() as f64;
    let ranks = ranks(&all)?;
    let mut rest = ranks.as_slice();
    let mut between = 0.0;
    for group in groups {
        let (mine, others) = rest.split_at(group.as_ref().len());
        let mean = mine.iter().sum::<f64>() / mine.len() as f64;
        between += mine.len() as f64 * (mean - (n + 1.0) / 2.0).powi(2);
        rest = others;
    }
    let ties: f64 = tie_sizes(&sorted(&all)?).map(|t| t * t * t - t).sum();
    let correction = 1.0 - ties / (n * n * n - n);
    if !(correction > 0.0) {
        return Err(Error::singular("the values are all the same, so there is nothing to rank"));
    }
    let h = 12.0 * between / (n * (n + 1.0)) / correction;
    let df = groups.len() as f64 - 1.0;
    Ok(TestResult::new("Kruskal-Wallis test", h, ChiSquared::new(df)?.sf(h))
        .df(&[df])
        .effect("epsilon squared", h / (n - 1.0)))
}

/// Do treatments differ when each was tried in every block? By ranks within blocks (Friedman, 1937).
///
/// `blocks` holds one row for each block, with one value for each treatment: models on data
/// sets. The effect is Kendall's W.
///
/// # Errors
/// If there are fewer than two blocks or three treatments, blocks differ in length, a value is not
/// finite, or no block varies.
pub fn friedman<G: AsRef<[f64]>>(blocks: &[G]) -> Result<TestResult> {
    check(blocks, 3)?;
    let (n, k) = (blocks.len() as f64, blocks[0].as_ref().len());
    let mut rank_sums = vec![0.0; k];
    let mut ties = 0.0;
    for block in blocks {
        let block = block.as_ref();
        if block.len() != k {
            return Err(Error::length_mismatch("a block", k, block.len()));
        }
        rank_sums.iter_mut().zip(ranks(block)?).for_each(|(sum, rank)| *sum += rank);
        ties += tie_sizes(&sorted(block)?).map(|t| t * t * t - t).sum::<f64>();
    }
    let k = k as f64;
    let correction = 1.0 - ties / (n * k * (k * k - 1.0));
    if !(correction > 0.0) {
        return Err(Error::singular("no block varies, so there is nothing to rank"));
    }
    let between: f64 = rank_sums.iter().map(|sum| (sum - n * (k + 1.0) / 2.0).powi(2)).sum();
    let statistic = 12.0 * between / (n * k * (k + 1.0)) / correction;
    Ok(TestResult::new("Friedman test", statistic, ChiSquared::new(k - 1.0)?.sf(statistic))
        .df(&[k - 1.0])
        .effect("Kendall's W", statistic / (n * (k - 1.0))))
}

/// Which pairs of group means differ? p-values for all pairs at once (Tukey, 1949; Kramer, 1956).
///
/// The matrix is symmetric, groups x groups, with ones on its diagonal.
///
/// # Errors
/// As [`anova`].
pub fn tukey_hsd<G: AsRef<[f64]>>(groups: &[G]) -> Result<Array2<f64>> {
    let (_, within, _, df) = decompose(groups)?;
    if !(within > 0.0) {
        return Err(Error::singular("no group varies, so the spread within groups cannot be estimated"));
    }
    let range = StudentizedRange::new(groups.len(), df)?;
    let parts: Vec<Moments> = groups.iter().map(|group| Moments::of(group.as_ref())).collect();
    let mut p = Array2::ones((groups.len(), groups.len()));
    for (i, a) in parts.iter().enumerate() {
        for (j, b) in parts.iter().enumerate().skip(i + 1) {
            let error = (within / df * 0.5 * (1.0 / a.count() as f64 + 1.0 / b.count() as f64)).sqrt();
            let value = range.sf((a.mean() - b.mean()).abs() / error);
            p[[i, j]] = value;
            p[[j, i]] = value;
        }
    }
    Ok(p)
}
