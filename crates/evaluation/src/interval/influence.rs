//! Intervals from what each row adds to a score.

use perennial_core::Result;

use super::{Dependence, IntervalOptions, of_units, two_sided_t};

impl IntervalOptions<'_> {
    /// How far Student's interval of a score reaches to each side, from what each row adds to it, which comes to 0 in all (the
    /// infinitesimal jackknife: Jaeckel, 1972). Nothing where rows are drawn anew, as blocks always are, or fewer than two rows or groups
    /// count.
    ///
    /// # Errors
    /// When the level is not in (0, 1), a weight is not acceptable, or the groups are not one for each row.
    pub(crate) fn of_influences(&self, influences: &[f64]) -> Result<Option<f64>> {
        if self.forced || matches!(self.dependence, Dependence::Blocks(_)) {
            return Ok(None);
        }
        let (rows, groups) = (self.counted(influences.len())?, self.groups_of(influences.len())?);
        let rows = rows.unwrap_or_else(|| (0..influences.len()).collect());
        let own = rows.iter().map(|&row| [influences[row], 0.0]).collect();
        let units = of_units(&rows, own, groups);
        if units.len() < 2 {
            return Ok(None);
        }
        let powers = units.iter().fold([0.0; 2], |[squares, fourths], [added, _]| {
            let square = added * added;
            [squares + square, fourths + square * square]
        });
        reach(powers, units.len() as f64, self.level).map(Some)
    }
}

/// How far Student's interval of a sum reaches to each side, from the sums of the squares and of the fourth powers of what each of so many
/// units adds to it.
///
/// The fewer of them the spread is known from, the further it reaches: the degrees of freedom are those of a variance whose own variance is
/// that of squares with such tails (Satterthwaite, 1946), and as many as the units less one at most.
pub(crate) fn reach([squares, fourths]: [f64; 2], n_units: f64, level: f64) -> Result<f64> {
    let most = n_units - 1.0;
    if !(squares > 0.0) {
        return two_sided_t(most, level).map(|_| squares);
    }
    // Never less than 1, but for fourth powers below the range of f64.
    let tails = (n_units * (fourths / squares / squares)).max(1.0);
    let df = (2.0 * n_units / (tails - 1.0 + 2.0 / most)).min(most);
    Ok(two_sided_t(df, level)? * (squares * (n_units / most)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::reach;

    /// What each unit adds is so little that its fourth power is 0.
    #[test]
    fn tails_of_numbers_near_0_are_those_of_equal_ones() {
        for unit in [1.0, 1e-70, 1e-100] {
            let of = |power: i32| 4.0 * f64::powi(unit, power);
            let found = reach([of(2), of(4)], 4.0, 0.95).unwrap();
            // Student's quantile with 3 degrees of freedom, times the root of 4 * 4 / 3.
            let expected = 3.182_446_305_284_263 * (16.0_f64 / 3.0).sqrt();
            assert!((found / unit - expected).abs() < 1e-6, "{unit}: {found}");
        }
    }
}
