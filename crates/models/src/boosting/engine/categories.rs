//! The best set of categories.

use std::ops::Range;

use super::derivatives::Scale;
use super::histogram::Sums;
use super::split::place;
use crate::boosting::settings::Settings;

/// How categories are split.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Categories {
    /// With up to so many categories in a node, each stands against the rest.
    pub(crate) one_hot: usize,
    pub(crate) smoothing: f64,
    pub(crate) l2: f64,
    pub(crate) most_left: usize,
    /// In [0, 1) where one set alone is looked at, that which it stands for.
    pub(crate) draw: Option<f64>,
}

impl Categories {
    pub(crate) fn of_settings(settings: &Settings, scale: Scale, draw: Option<f64>) -> Self {
        Categories {
            one_hot: settings.max_cat_to_onehot,
            smoothing: settings.category_smoothing / scale.hessian,
            l2: settings.category_l2 / scale.hessian,
            most_left: settings.max_categories,
            draw,
        }
    }
}

/// Sums of derivatives of some rows.
pub(crate) trait Summed: Copy + Default {
    fn plus(self, other: Self) -> Self;
    /// The first derivative by the second, to which `smoothing` is added.
    fn ratio(self, smoothing: f64) -> f64;
}

impl Summed for Sums {
    fn plus(self, other: Self) -> Self {
        Sums {
            gradient: self.gradient.wrapping_add(other.gradient),
            hessian: self.hessian.wrapping_add(other.hessian),
        }
    }

    fn ratio(self, smoothing: f64) -> f64 {
        f64::from(self.gradient) / (f64::from(self.hessian) + smoothing)
    }
}

/// The categories with the lowest, or the highest, ratio of derivatives (Fisher, 1958), or with few categories one against the
/// rest: what they gain, which they are and their sums. `used` are the categories of a node; `both` gives what a set and its rest
/// explain with so much added to the L2 penalty. Gains that differ by less than the share `tie` are equal; the first is taken.
pub(crate) fn best_set<S: Summed>(
    used: &mut [(usize, S)],
    rules: &Categories,
    tie: f64,
    both: impl Fn(&[(usize, S)], S, f64) -> f64,
) -> Option<(f64, Vec<usize>, S)> {
    // With the place of the best in the order of their ratios.
    let mut best: Option<(f64, Range<usize>, S)> = None;
    let mut consider = |chosen: &[(usize, S)], place: Range<usize>, left: S, l2: f64| {
        let value = both(chosen, left, l2);
        let bar = best.as_ref().map_or(f64::NEG_INFINITY, |best| best.0 + tie * best.0.abs());
        if value > bar && value < f64::INFINITY {
            best = Some((value, place, left));
        }
    };
    if used.len() <= rules.one_hot {
        let drawn = rules.draw.map(|draw| place(draw, used.len()));
        for at in (0..used.len()).filter(|&at| drawn.is_none_or(|drawn| at == drawn)) {
            consider(&used[at..=at], at..at + 1, used[at].1, 0.0);
        }
        return best.map(|best| named(used, best));
    }
    used.sort_by(|a, b| {
        let ratio = |sums: S| sums.ratio(rules.smoothing);
        ratio(a.1).total_cmp(&ratio(b.1)).then(a.0.cmp(&b.0))
    });
    let most = rules.most_left.min(used.len().div_ceil(2)).min(used.len() - 1);
    let drawn = rules.draw.map(|draw| 1 + place(draw, most));
    for reversed in [false, true] {
        if reversed {
            used.reverse();
        }
        let mut left = S::default();
        for n in 1..=most {
            left = left.plus(used[n - 1].1);
            if drawn.is_none_or(|drawn| n == drawn) {
                let place = if reversed { used.len() - n..used.len() } else { 0..n };
                consider(&used[..n], place, left, rules.l2);
            }
        }
    }
    used.reverse();
    best.map(|best| named(used, best))
}

/// A set by its categories instead of its place.
fn named<S>(used: &[(usize, S)], (value, place, left): (f64, Range<usize>, S)) -> (f64, Vec<usize>, S) {
    (value, used[place].iter().map(|&(category, _)| category).collect(), left)
}
