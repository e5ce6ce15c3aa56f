//! Pictures of how what features add spreads, between groups and over time.

use perennial_core::{Error, Result};
use perennial_numeric::reduce;
use perennial_reporting::{Chart, Series};
use perennial_statistics::test::{Alternative, welch_t};

use super::explained::{Explained, ExplainedFeature};
use crate::interval::two_sided_t;

/// Points of each side of a violin.
const STEPS: usize = 40;
/// How far a violin reaches to each side of its line, of the distance of lines.
const HALF: f64 = 0.42;
/// Moments at which a change is looked for.
const MOMENTS: usize = 50;
/// Fewer rows than this on a side tell no change.
const LEAST: usize = 20;
const LEVEL: f64 = 0.95;

impl Explained {
    /// How what each feature adds to answers is spread (a violin plot): the outline is as wide as such additions are frequent, by a normal kernel as
    /// wide as Silverman's rule (1986) says, each feature in its own scale.
    pub fn violin(&self) -> Chart {
        let shown = self.shown();
        let names = shown.iter().map(|feature| feature.name.clone());
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for (row, feature) in shown.iter().enumerate() {
            let outline = outline(&feature.added);
            let sides = outline.iter().map(|(at, height)| (*at, -height));
            for (at, height) in sides.chain(outline.iter().rev().copied()).chain(outline.first().copied()) {
                x.push(at);
                y.push(row as f64 + HALF * height);
            }
            // Ends the line.
            x.push(f64::NAN);
            y.push(row as f64);
        }
        Chart::rows("How what features add is spread", names)
            .x("what it adds to the answer")
            .joined()
            .series(Series::xy("", &x, &y))
    }

    /// How much more each feature adds to the answers of a group than to those of all others, with 95 % intervals (Welch, 1947): where answers for the group
    /// are higher or lower, it says which features make them so. `group` says of each row that was explained whether it is of the group.
    ///
    /// # Errors
    /// When there is no entry for a row that was kept, or fewer than two of those are of the group or of the others.
    pub fn group_difference(&self, group: &[bool]) -> Result<Chart> {
        if let Some(row) = self.rows.iter().find(|row| **row >= group.len()) {
            return Err(Error::length_mismatch("the group", row + 1, group.len()));
        }
        let side = |feature: &ExplainedFeature, own: bool| -> Vec<f64> {
            let rows = self.rows.iter().zip(&feature.added);
            rows.filter(|(row, _)| group[**row] == own).map(|(_, added)| *added).collect()
        };
        let sizes = [true, false].map(|own| self.rows.iter().filter(|row| group[**row] == own).count());
        if sizes.iter().any(|size| *size < 2) {
            return Err(Error::insufficient_data(format!(
                "{} of the rows that were kept are of the group and {} are not; a difference needs 2 of each",
                sizes[0], sizes[1]
            )));
        }
        let mut found: Vec<(&str, f64, f64)> = Vec::new();
        for feature in &self.features {
            let (own, others) = (side(feature, true), side(feature, false));
            let [(mean, variance), (of_others, others_variance)] =
                [reduce::mean_variance(&own, 1), reduce::mean_variance(&others, 1)];
            let [a, b] = [variance / sizes[0] as f64, others_variance / sizes[1] as f64];
            // A share, since squares of tiny or huge variances leave the range of f64.
            let share = a / (a + b);
            let [m, n] = sizes.map(|size| size as f64 - 1.0);
            let df = 1.0 / (share * share / m + (1.0 - share).powi(2) / n);
            let df = if df.is_nan() { 1.0 } else { df };
            found.push((feature.name.as_str(), mean - of_others, two_sided_t(df, LEVEL)? * (a + b).sqrt()));
        }
        found.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        found.truncate(self.shown().len());
        let part = |of: fn(&(&str, f64, f64)) -> f64| found.iter().map(of).collect::<Vec<f64>>();
        let rows: Vec<f64> = (0..found.len()).map(|row| row as f64).collect();
        Ok(Chart::rows("What features add to a group and not to others", found.iter().map(|part| part.0))
            .x("difference of the means of what it adds")
            .series(
                Series::xy("95 % interval", &part(|of| of.1), &rows)
                    .bounds(&part(|of| of.1 - of.2), &part(|of| of.1 + of.2)),
            )
            .series(Series::xy("difference", &part(|of| of.1), &rows)))
    }

    /// What a feature adds to the answers of rows in their order (a monitoring plot), which must be that of time: drawn is the moment at
    /// which what it adds changes most surely, where a test at one of 49 moments (Welch, 1947, with p-values by Bonferroni) says that it does. Of
    /// contributions to the loss it says which feature made a model worse, and when (Lundberg and others, 2020).
    ///
    /// # Errors
    /// When no feature has this name.
    pub fn monitoring(&self, feature: &str) -> Result<Chart> {
        let found = self.features.iter().find(|other| other.name == feature).ok_or_else(|| {
            Error::unknown(format!("no feature is named `{feature}` among those that were explained"))
        })?;
        let rows: Vec<f64> = self.rows.iter().map(|&row| row as f64).collect();
        let n = rows.len();
        let moments: Vec<usize> = (1..MOMENTS).map(|part| part * n / MOMENTS).collect();
        let tested: Vec<(usize, f64, f64)> = moments
            .into_iter()
            .filter(|&moment| moment >= LEAST && n - moment >= LEAST)
            .filter_map(|moment| {
                let (p, statistic) = changed(found.added.split_at(moment))?;
                Some((moment, p, statistic))
            })
            .collect();
        // Of p-values below the least number the largest statistic tells.
        let surest = tested.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1).then(b.2.total_cmp(&a.2)));
        let change = surest.filter(|(_, p, _)| p * (tested.len() as f64) < 1.0 - LEVEL);
        let chart = Chart::scatter(format!("What {feature} adds over time"))
            .x("row")
            .y("what it adds to the answer")
            .series(Series::xy("rows", &rows, &found.added));
        Ok(match change {
            None => chart.note("No change that the rows are sure of."),
            Some((moment, p, _)) => {
                let (least, most) =
                    found.added.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), added| {
                        (least.min(*added), most.max(*added))
                    });
                let at = rows[moment];
                let line = (0..=STEPS).map(|step| least + (most - least) * step as f64 / STEPS as f64);
                let p = (p * tested.len() as f64).min(1.0);
                chart
                    .series(Series::xy("change", &[at; STEPS + 1], &line.collect::<Vec<f64>>()))
                    .note(format!("It changes at row {at}, p = {p:.2e}."))
            }
        })
    }
}

/// The p-value of a test of whether numbers change, and the size of its statistic; nothing where it cannot be made.
fn changed((before, after): (&[f64], &[f64])) -> Option<(f64, f64)> {
    let constant = |side: &[f64]| side.windows(2).all(|pair| pair[0] == pair[1]);
    if constant(before) && constant(after) {
        return (before.first() != after.first()).then_some((0.0, f64::INFINITY));
    }
    let test = welch_t(before, after, Alternative::TwoSided).ok()?;
    test.p_value.is_finite().then_some((test.p_value, test.statistic.abs()))
}

/// Places, and how frequent numbers are there as a share of the most frequent.
fn outline(values: &[f64]) -> Vec<(f64, f64)> {
    let (mean, variance) = reduce::mean_variance(values, 1);
    let width = 1.06 * variance.sqrt() * (values.len() as f64).powf(-0.2);
    if !(width > 0.0) {
        return vec![(mean, 0.0), (mean, 1.0)];
    }
    let (least, most) = values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(least, most), value| {
        (least.min(*value), most.max(*value))
    });
    let place = |step: usize| least + (most - least) * step as f64 / STEPS as f64;
    let height =
        |at: f64| values.iter().map(|value| (-0.5 * ((at - value) / width).powi(2)).exp()).sum::<f64>();
    let heights: Vec<(f64, f64)> = (0..=STEPS).map(|step| (place(step), height(place(step)))).collect();
    let highest = heights.iter().map(|(_, height)| *height).fold(f64::MIN_POSITIVE, f64::max);
    heights.into_iter().map(|(at, height)| (at, height / highest)).collect()
}
