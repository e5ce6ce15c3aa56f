//! Adjusting p-values for many tests at once.

use perennial_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How to adjust p-values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Adjustment {
    /// Family-wise error, any dependence; the bluntest.
    Bonferroni,
    /// Family-wise error, any dependence; never worse than Bonferroni (Holm, 1979).
    Holm,
    /// Family-wise error of independent tests (Šidák, 1967).
    Sidak,
    /// False discovery rate of independent or positively dependent tests (Benjamini and Hochberg, 1995).
    #[default]
    BenjaminiHochberg,
    /// False discovery rate, any dependence (Benjamini and Yekutieli, 2001).
    BenjaminiYekutieli,
}

/// The adjusted p-values, in the order given: reject where one is at most the level wanted.
///
/// ```
/// use perennial_statistics::multiple::{Adjustment, adjust};
///
/// let adjusted = adjust(&[0.01, 0.04, 0.03], Adjustment::Holm)?;
/// assert_eq!(adjusted, [0.03, 0.06, 0.06]);
/// # Ok::<(), perennial_core::Error>(())
/// ```
///
/// # Errors
/// If a p-value is not in `[0, 1]`.
pub fn adjust(p: &[f64], adjustment: Adjustment) -> Result<Vec<f64>> {
    if let Some(row) = p.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::malformed(format!("p-value {row} is {}; expected a number from 0 to 1", p[row])));
    }
    let n = p.len() as f64;
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&i, &j| p[i].total_cmp(&p[j]));
    let mut adjusted = vec![0.0; p.len()];
    match adjustment {
        Adjustment::Bonferroni => adjusted = p.iter().map(|p| (n * p).min(1.0)).collect(),
        Adjustment::Sidak => adjusted = p.iter().map(|p| -(n * (-p).ln_1p()).exp_m1()).collect(),
        Adjustment::Holm => {
            let mut least = 0.0_f64;
            for (rank, &i) in order.iter().enumerate() {
                least = least.max((n - rank as f64) * p[i]).min(1.0);
                adjusted[i] = least;
            }
        }
        Adjustment::BenjaminiHochberg | Adjustment::BenjaminiYekutieli => {
            let dependence = match adjustment {
                Adjustment::BenjaminiYekutieli => (1..=p.len()).map(|i| 1.0 / i as f64).sum(),
                _ => 1.0,
            };
            let mut most = 1.0_f64;
            for (rank, &i) in order.iter().enumerate().rev() {
                most = most.min(p[i] * n * dependence / (rank + 1) as f64);
                adjusted[i] = most;
            }
        }
    }
    Ok(adjusted)
}
