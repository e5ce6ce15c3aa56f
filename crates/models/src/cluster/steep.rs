//! Clusters between steep falls and rises of a reachability plot.
//!
//! Ankerst, Breunig, Kriegel and Sander (1999), section 4.3, with the corrections of Schubert and Gertz (2018).

use perennial_core::{Clusters, Result};

/// The reachability in the order of the rows, infinite after the last.
pub(super) struct Plot<'a> {
    rows: &'a [u32],
    before: &'a [Option<u32>],
    reach: Vec<f64>,
    /// What a level is multiplied with to be one step lower.
    share: f64,
    /// So many places that are not steep may be within a steep area.
    patience: usize,
    least: usize,
}

/// A steep fall: its first and last place, and the highest level since.
struct Fall {
    first: usize,
    last: usize,
    highest: f64,
}

impl<'a> Plot<'a> {
    /// `reach` and `before` are by row.
    pub(super) fn new(
        rows: &'a [u32],
        reach: &[f64],
        before: &'a [Option<u32>],
        xi: f64,
        patience: usize,
        least: usize,
    ) -> Self {
        let reach = rows.iter().map(|&row| reach[row as usize]).chain([f64::INFINITY]).collect();
        Plot { rows, before, reach, share: 1.0 - xi, patience, least }
    }

    /// How a level compares with the next; NaN where both are infinite or 0.
    fn ratio(&self, place: usize) -> f64 {
        self.reach[place] / self.reach[place + 1]
    }

    fn rises_steeply(&self, place: usize) -> bool {
        self.ratio(place) <= self.share
    }

    fn falls_steeply(&self, place: usize) -> bool {
        self.ratio(place) >= 1.0 / self.share
    }

    /// The last place of a steep area: it may be flat for a while, but must not turn.
    fn area(&self, first: usize, steep: impl Fn(usize) -> bool, turns: impl Fn(usize) -> bool) -> usize {
        let (mut last, mut flat) = (first, 0);
        for place in first..self.rows.len() {
            if steep(place) {
                (last, flat) = (place, 0);
            } else if turns(place) {
                break;
            } else {
                flat += 1;
                if flat > self.patience {
                    break;
                }
            }
        }
        last
    }

    /// The first and last places of the clusters, those within others before them.
    pub(super) fn clusters(&self) -> Vec<(u32, u32)> {
        let mut falls: Vec<Fall> = Vec::new();
        let mut found = Vec::new();
        let (mut next, mut highest) = (0, 0.0f64);
        for place in 0..self.rows.len() {
            let (rises, falls_here) = (self.rises_steeply(place), self.falls_steeply(place));
            if place < next || !(rises || falls_here) {
                continue;
            }
            highest = self.reach[next..=place].iter().copied().fold(highest, f64::max);
            // A cluster must not be higher inside than where it begins.
            falls.retain(|fall| highest.is_finite() && highest <= self.reach[fall.first] * self.share);
            falls.iter_mut().for_each(|fall| fall.highest = fall.highest.max(highest));
            let last = if falls_here {
                let last = self.area(place, |p| self.falls_steeply(p), |p| self.ratio(p) < 1.0);
                falls.push(Fall { first: place, last, highest: 0.0 });
                last
            } else {
                let last = self.area(place, |p| self.rises_steeply(p), |p| self.ratio(p) > 1.0);
                let own = falls.iter().rev().filter_map(|fall| self.between(fall, place, last));
                found.extend(own.map(|(first, last)| (first as u32, last as u32)));
                last
            };
            next = last + 1;
            highest = self.reach[next];
        }
        found
    }

    /// The cluster between a fall and a rise.
    fn between(&self, fall: &Fall, rise: usize, last: usize) -> Option<(usize, usize)> {
        let (mut first, mut last) = (fall.first, last);
        let (start, end) = (self.reach[first], self.reach[last + 1]);
        if end * self.share < fall.highest {
            return None;
        }
        if start * self.share >= end {
            // It begins where it is as low as it ends.
            while first < fall.last && self.reach[first + 1] > end {
                first += 1;
            }
        } else if end * self.share >= start {
            // It ends where it is as low as it begins.
            while last > rise && self.reach[last - 1] > start {
                last -= 1;
            }
        }
        let (first, last) = self.reached_from_inside(first, last)?;
        let fits = last - first + 1 >= self.least && first <= fall.last && last >= rise;
        fits.then_some((first, last))
    }

    /// Leaves off rows at the end that were not reached from the cluster, as long as the end is no lower than the start.
    fn reached_from_inside(&self, first: usize, mut last: usize) -> Option<(usize, usize)> {
        while first < last {
            let from = self.before[self.rows[last] as usize];
            let inside = || from.is_some_and(|from| self.rows[first..last].contains(&from));
            if self.reach[first] > self.reach[last] || inside() {
                return Some((first, last));
            }
            last -= 1;
        }
        None
    }
}

/// Numbers clusters by their first rows; rows below 0 are noise.
pub(super) fn by_first_rows(mut labels: Vec<i32>) -> Result<Clusters> {
    let most = labels.iter().copied().max().unwrap_or(-1).max(-1);
    let (mut numbers, mut next) = (vec![-1; (most + 1) as usize], 0);
    for label in labels.iter_mut().filter(|label| **label >= 0) {
        let number = &mut numbers[*label as usize];
        if *number < 0 {
            *number = next;
            next += 1;
        }
        *label = *number;
    }
    Clusters::of(labels, next as u32)
}
