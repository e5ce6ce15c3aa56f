//! The best split of a node.

use perennial_numeric::simd::{self, Kernel};

use super::categories::{Categories, best_set};
use super::derivatives::Scale;
use super::histogram::{Histogram, Sums, unpack};
use crate::binned::{Bins, MISSING};
use crate::boosting::settings::Settings;

/// A way to split a node.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    /// How much more both children explain than their parent, in squared units of the first derivative by units of the
    /// second.
    pub(crate) gain: f64,
    pub(crate) feature: u32,
    pub(crate) cut: Cut,
    pub(crate) missing_left: bool,
    pub(crate) left: Sums,
    pub(crate) right: Sums,
}

/// Which bins go left.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cut {
    /// Those up to this one.
    UpTo(u8),
    /// The bins whose bits are set. The last bin, of rare categories, is never among them.
    OneOf([u64; 4]),
}

impl Split {
    /// Whether it is to be taken instead of another: it gains more, or the same by an earlier column.
    pub(crate) fn beats(&self, other: &Split) -> bool {
        self.gain > other.gain || (self.gain == other.gain && self.feature < other.feature)
    }

    /// Whether each code goes left.
    pub(crate) fn goes_left(&self) -> [bool; 256] {
        let mut left = [false; 256];
        for code in 0..=254_u8 {
            left[usize::from(code)] = match &self.cut {
                Cut::UpTo(last) => code <= *last,
                Cut::OneOf(bits) => bits[usize::from(code) / 64] >> (code % 64) & 1 == 1,
            };
        }
        left[usize::from(MISSING)] = self.missing_left;
        left
    }
}

/// How good two children are: the sum of what each takes off the loss, in squared units of the first derivative.
pub(crate) trait Gain {
    fn of(&self, left: Sums, right: Sums) -> f64;
}

/// Newton steps with an L2 penalty and nothing else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plain {
    pub(crate) l2: f64,
}

impl Gain for Plain {
    #[inline(always)]
    fn of(&self, left: Sums, right: Sums) -> f64 {
        let (a, b) = (f64::from(left.gradient), f64::from(right.gradient));
        let c = f64::from(left.hessian) + self.l2;
        let d = f64::from(right.hessian) + self.l2;
        // a^2 / c + b^2 / d by one division.
        (a * a * d + b * b * c) / (c * d)
    }
}

/// Newton steps with all penalties and bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Full {
    /// In units of the first derivative.
    pub(crate) l1: f64,
    /// In units of the second derivative.
    pub(crate) l2: f64,
    /// The strength of the pull to the output of the parent, in rows; 0 for none.
    pub(crate) smoothing: f64,
    /// Outputs and bounds are in units of the first derivative by units of the second.
    pub(crate) parent_output: f64,
    /// Rows for each unit of the second derivative.
    pub(crate) rows_by_hessian: f64,
    pub(crate) bounds: (f64, f64),
    /// The largest magnitude of a step, in units of outputs.
    pub(crate) most_step: f64,
    /// 1 where the right output must not be below the left one, -1 where not above, 0 where they are free.
    pub(crate) direction: i8,
}

impl Full {
    /// The rules of these settings, without a parent, bounds or a direction.
    pub(crate) fn of_settings(settings: &Settings, scale: Scale) -> Self {
        Full {
            l1: settings.l1 / scale.gradient,
            l2: settings.l2 / scale.hessian,
            smoothing: settings.path_smoothing,
            parent_output: 0.0,
            rows_by_hessian: 0.0,
            bounds: (f64::NEG_INFINITY, f64::INFINITY),
            most_step: settings.most_step_in(scale.output()),
            direction: 0,
        }
    }

    /// What a node adds to the score of its rows.
    pub(crate) fn output(&self, sums: Sums) -> f64 {
        let gradient = f64::from(sums.gradient);
        let hessian = f64::from(sums.hessian) + self.l2;
        let n_rows = f64::from(sums.hessian) * self.rows_by_hessian;
        self.bounded(gradient, hessian, n_rows)
    }

    /// The output of a node with these sums; the L2 penalty is in `hessian` already.
    pub(crate) fn bounded(&self, gradient: f64, hessian: f64, n_rows: f64) -> f64 {
        let step = if hessian > 0.0 { -shrunk(gradient, self.l1) / hessian } else { 0.0 };
        let step = step.clamp(-self.most_step, self.most_step);
        let step = if self.smoothing > 0.0 {
            let share = n_rows / (n_rows + self.smoothing);
            step * share + self.parent_output * (1.0 - share)
        } else {
            step
        };
        step.clamp(self.bounds.0, self.bounds.1)
    }

    fn score(&self, sums: Sums, output: f64) -> f64 {
        self.score_at(f64::from(sums.gradient), f64::from(sums.hessian) + self.l2, output)
    }

    /// What an output takes off the loss of a node with these sums; the L2 penalty is in `hessian` already.
    pub(crate) fn score_at(&self, gradient: f64, hessian: f64, output: f64) -> f64 {
        -(2.0 * gradient * output + hessian * output * output + 2.0 * self.l1 * output.abs())
    }

    /// Whether the direction forbids these outputs of the left and the right child.
    pub(crate) fn forbids(&self, left: f64, right: f64) -> bool {
        match self.direction {
            1 => left > right,
            -1 => left < right,
            _ => false,
        }
    }

    /// What one node, which says `said`, takes off the loss where it is not split and its children would be pulled to it.
    pub(crate) fn alone(&self, sums: Sums, said: f64) -> f64 {
        self.score(sums, self.kept(said, self.output(sums)))
    }

    /// The output of a node that is not split: without a pull what its own sums say, with one what it was pulled to already.
    pub(crate) fn kept(&self, said: f64, own: f64) -> f64 {
        if self.smoothing > 0.0 { said.clamp(self.bounds.0, self.bounds.1) } else { own }
    }
}

impl Gain for Full {
    fn of(&self, left: Sums, right: Sums) -> f64 {
        let (a, b) = (self.output(left), self.output(right));
        if self.forbids(a, b) { f64::NEG_INFINITY } else { self.score(left, a) + self.score(right, b) }
    }
}

/// A number taken towards 0 by a penalty.
fn shrunk(value: f64, penalty: f64) -> f64 {
    value.signum() * (value.abs() - penalty).max(0.0)
}

/// What a split must leave on each side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Least {
    /// Of second derivatives, in units; at least 1.
    pub(crate) hessian: i32,
    /// Of rows; looked at where rows are counted.
    pub(crate) n_rows: u64,
}

/// The histogram of one column, with what is known of the node.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) histogram: &'a Histogram,
    /// The number of rows of each bin, where they are counted.
    pub(crate) counts: Option<&'a Histogram>,
    pub(crate) n_bins: usize,
    pub(crate) totals: Sums,
    pub(crate) least: Least,
}

/// A candidate: what both children explain, and where the cut is.
struct Candidate {
    value: f64,
    cut: Cut,
    missing_left: bool,
    left: Sums,
}

impl Scan<'_> {
    fn right(&self, left: Sums) -> Sums {
        Sums {
            gradient: self.totals.gradient.wrapping_sub(left.gradient),
            hessian: self.totals.hessian.wrapping_sub(left.hessian),
        }
    }

    /// Whether a row is in a bin, as far as is known: rows whose derivatives round to 0 are seen where rows are counted.
    #[inline(always)]
    fn is_used(&self, bin: usize) -> bool {
        self.histogram[bin] != 0 || self.counts.is_some_and(|counts| counts[bin] != 0)
    }

    fn n_rows(&self) -> u64 {
        self.counts.map_or(0, |counts| counts.iter().sum())
    }

    /// The best threshold of a column of numbers.
    pub(crate) fn numeric(&self, feature: u32, gain: &impl Gain) -> Option<Split> {
        simd::widest(Numeric { scan: self, feature, gain })
    }

    #[inline(always)]
    fn numeric_scan(&self, feature: u32, gain: &impl Gain) -> Option<Split> {
        let missing = self.histogram[usize::from(MISSING)];
        let has_missing = self.is_used(usize::from(MISSING));
        let prefix = running_sums(self.histogram, self.n_bins);
        let counts =
            self.counts.map(|counts| (running_sums(counts, self.n_bins), counts[usize::from(MISSING)]));
        let n_rows = self.n_rows();
        let mut best: Option<Candidate> = None;
        // Missing values on the right, where all present values may be on the left; then on the left.
        let passes = [(false, 0, self.n_bins - usize::from(!has_missing)), (true, missing, self.n_bins - 1)];
        let n_passes = if has_missing { 2 } else { 1 };
        for (missing_left, extra, n) in passes.into_iter().take(n_passes) {
            let mut values = [f64::NEG_INFINITY; 256];
            for (value, &sum) in values[..n].iter_mut().zip(&prefix[..n]) {
                let left = unpack(sum.wrapping_add(extra));
                let right = self.right(left);
                let fits = (left.hessian >= self.least.hessian) & (right.hessian >= self.least.hessian);
                let both = gain.of(left, right);
                *value = if fits { both } else { f64::NEG_INFINITY };
            }
            if let Some((counts, n_missing)) = &counts {
                for bin in 0..n {
                    let left = counts[bin] + if missing_left { *n_missing } else { 0 };
                    if left < self.least.n_rows || n_rows - left < self.least.n_rows {
                        values[bin] = f64::NEG_INFINITY;
                    }
                }
            }
            let (bin, value) = largest(&values, n);
            if value > best.as_ref().map_or(f64::NEG_INFINITY, |best| best.value) {
                let left = unpack(prefix[bin].wrapping_add(extra));
                best = Some(Candidate { value, cut: Cut::UpTo(bin as u8), missing_left, left });
            }
        }
        best.map(|best| self.split(feature, best))
    }

    /// The threshold drawn between the lowest and the highest bin of the node; `draw` is in [0, 1).
    pub(crate) fn numeric_at(&self, feature: u32, draw: f64, gain: &impl Gain) -> Option<Split> {
        let present = &self.histogram[..self.n_bins];
        let first = present.iter().position(|&sum| sum != 0)?;
        let last = present.iter().rposition(|&sum| sum != 0)?;
        let missing = self.histogram[usize::from(MISSING)];
        let has_missing = self.is_used(usize::from(MISSING));
        // Where values are missing, all others may be on one side.
        let n_places = last - first + usize::from(missing != 0);
        if n_places == 0 {
            return None;
        }
        let bin = first + place(draw, n_places);
        let sum = present[..=bin].iter().fold(0_u64, |sum, &own| sum.wrapping_add(own));
        let n_rows = self.n_rows();
        let mut best: Option<Candidate> = None;
        for (missing_left, extra) in
            [(false, 0), (true, missing)].into_iter().take(1 + usize::from(has_missing))
        {
            let left = unpack(sum.wrapping_add(extra));
            let right = self.right(left);
            let counted = self.counts.is_none_or(|counts| {
                let missing = if missing_left { counts[usize::from(MISSING)] } else { 0 };
                let n_left = counts[..=bin].iter().sum::<u64>() + missing;
                n_left >= self.least.n_rows && n_rows - n_left >= self.least.n_rows
            });
            if !(counted && left.hessian >= self.least.hessian && right.hessian >= self.least.hessian) {
                continue;
            }
            let value = gain.of(left, right);
            if value > best.as_ref().map_or(f64::NEG_INFINITY, |best| best.value) {
                best = Some(Candidate { value, cut: Cut::UpTo(bin as u8), missing_left, left });
            }
        }
        best.map(|best| self.split(feature, best))
    }

    /// A threshold as a split.
    #[inline(always)]
    fn split(&self, feature: u32, best: Candidate) -> Split {
        let right = self.right(best.left);
        // Where no value was missing, missing values will follow the heavier side.
        let has_missing = self.is_used(usize::from(MISSING));
        let missing_left = if has_missing { best.missing_left } else { best.left.hessian >= right.hessian };
        Split { gain: best.value, feature, cut: best.cut, missing_left, left: best.left, right }
    }

    /// The best set of categories; see [`best_set`]. Missing values count as a category.
    pub(crate) fn categorical(
        &self,
        feature: u32,
        bins: &Bins,
        rules: &Categories,
        gain: impl Fn(f64) -> Full,
    ) -> Option<Split> {
        let last = bins.n_bins() - 1;
        let used = (0..=last).chain([usize::from(MISSING)]).filter(|&bin| self.histogram[bin] != 0);
        let mut used: Vec<(usize, Sums)> = used.map(|bin| (bin, unpack(self.histogram[bin]))).collect();
        if used.len() < 2 {
            return None;
        }
        let n_rows = self.n_rows();
        let both = |chosen: &[(usize, Sums)], left: Sums, l2: f64| {
            let right = self.right(left);
            let n_left: u64 =
                self.counts.map_or(0, |counts| chosen.iter().map(|&(bin, _)| counts[bin]).sum());
            let counted = self.counts.is_none()
                || (n_left >= self.least.n_rows && n_rows - n_left >= self.least.n_rows);
            let fits = left.hessian >= self.least.hessian && right.hessian >= self.least.hessian && counted;
            if fits { gain(l2).of(left, right) } else { f64::NEG_INFINITY }
        };
        // Whole numbers have the same sums in any order.
        let (gain, mut chosen, mut left) = best_set(&mut used, rules, 0.0, both)?;
        // Categories that were never seen go where the rare ones are: right. Missing values go with them where that
        // can be, as in other libraries.
        let missing = usize::from(MISSING);
        if chosen.contains(&last) || (chosen.contains(&missing) && !self.is_used(last)) {
            let others = |bin: &usize| self.is_used(*bin) && !chosen.contains(bin);
            chosen = (0..=last).chain([missing]).filter(others).collect();
            left = self.right(left);
        }
        let right = self.right(left);
        let missing_left = chosen.contains(&missing);
        let mut bits = [0; 4];
        chosen.iter().filter(|&&bin| bin != missing).for_each(|&bin| bits[bin / 64] |= 1 << (bin % 64));
        Some(Split { gain, feature, cut: Cut::OneOf(bits), missing_left, left, right })
    }
}

/// The scan of a column of numbers.
struct Numeric<'a, G> {
    scan: &'a Scan<'a>,
    feature: u32,
    gain: &'a G,
}

impl<G: Gain> Kernel for Numeric<'_, G> {
    type Output = Option<Split>;

    #[inline(always)]
    fn run(self) -> Option<Split> {
        self.scan.numeric_scan(self.feature, self.gain)
    }
}

/// One of `n` places, in equal parts of [0, 1).
pub(super) fn place(draw: f64, n: usize) -> usize {
    ((draw * n as f64) as usize).min(n - 1)
}

#[inline(always)]
pub(super) fn running_sums(histogram: &Histogram, n_bins: usize) -> Histogram {
    let mut sums = [0; 256];
    let mut sum = 0_u64;
    for (out, &value) in sums[..n_bins].iter_mut().zip(&histogram[..n_bins]) {
        sum = sum.wrapping_add(value);
        *out = sum;
    }
    sums
}

/// The first of the largest values among the first `n`.
#[inline(always)]
fn largest(values: &[f64; 256], n: usize) -> (usize, f64) {
    let mut lanes = [f64::NEG_INFINITY; 8];
    for block in values[..n.next_multiple_of(8)].as_chunks::<8>().0 {
        for (lane, &value) in lanes.iter_mut().zip(block) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    let value = lanes.into_iter().fold(f64::NEG_INFINITY, f64::max);
    (values.iter().position(|&other| other == value).unwrap_or(0), value)
}
