//! Which rows are near each other, where some columns are categories.

use std::ops::Range;

use ndarray::{ArrayRef2, Axis};
use perennial_core::{Classes, Context, FeatureKind, Features, Result};
use perennial_numeric::neighbors::{Index, Metric, Search};
use perennial_numeric::reduce;

use super::nominal::Nominal;
use crate::cells::rows_of;
use crate::moments::Moments;

/// Rows whose neighbours are looked for between two looks at whether the work was cancelled.
const AT_ONCE: usize = 1024;

/// The distances of one class. Where columns are categories, codes are compared as they stand: a column for each category would
/// take as many times the memory as there are categories.
pub(super) struct Space<'a> {
    x: &'a ArrayRef2<f64>,
    categorical: Vec<bool>,
    compared: Option<Compared>,
}

/// How rows are compared pair by pair.
enum Compared {
    Mixed(Mixed),
    Nominal(Nominal),
}

/// What distances are made of where columns are categories.
struct Mixed {
    /// A power of two by which numbers are multiplied, so that their squares stay in range.
    unit: f64,
    /// The squared distance of two categories, in these units.
    apart: f64,
}

/// The nearest rows of some rows, `k` for each.
pub(super) struct Near {
    k: usize,
    rows: Vec<u32>,
}

impl Near {
    pub(super) fn get(&self, place: usize) -> &[u32] {
        &self.rows[place * self.k..(place + 1) * self.k]
    }
}

impl<'a> Space<'a> {
    pub(super) fn new(x: &'a ArrayRef2<f64>, y: &Classes, features: &Features, members: &[usize]) -> Self {
        let is_category = |column| matches!(features.kind(column), FeatureKind::Categorical { .. });
        let categorical: Vec<bool> = (0..features.len()).map(is_category).collect();
        let compared = match (categorical.contains(&true), categorical.contains(&false)) {
            (false, _) => None,
            (true, true) => Some(Compared::Mixed(Mixed::of(x, &categorical, members))),
            (true, false) => Some(Compared::Nominal(Nominal::of(x, y))),
        };
        Space { x, categorical, compared }
    }

    /// The nearest rows of all for some rows, which may be among them.
    pub(super) fn among_all(&self, ctx: &Context, rows: &[usize], k: usize) -> Result<Near> {
        if let Some(compared) = &self.compared {
            let all: Vec<usize> = (0..self.x.nrows()).collect();
            return self.search(compared, ctx, rows, &all, k, false);
        }
        let found = Index::new(self.x, Metric::Euclidean, Search::Auto)?.nearest_in(
            ctx,
            &self.x.select(Axis(0), rows),
            k,
        )?;
        Ok(Near { k, rows: found.into_parts().0 })
    }

    /// The nearest others among some rows, by their places in the list.
    pub(super) fn among_members(&self, ctx: &Context, members: &[usize], k: usize) -> Result<Near> {
        if let Some(compared) = &self.compared {
            return self.search(compared, ctx, members, members, k, true);
        }
        let rows = self.x.select(Axis(0), members);
        let found = Index::new(&rows, Metric::Euclidean, Search::Auto)?.nearest_others(ctx, &rows, k)?;
        Ok(Near { k, rows: found.into_parts().0 })
    }

    /// Compares every pair. With `others`, the lists are the same one and no row is its own neighbour.
    fn search(
        &self,
        compared: &Compared,
        ctx: &Context,
        queries: &[usize],
        among: &[usize],
        k: usize,
        others: bool,
    ) -> Result<Near> {
        let mut copy = Vec::new();
        let cells = rows_of(self.x, 0, self.x.nrows(), &mut copy);
        let n_cols = self.x.ncols();
        let row = |row: usize| &cells[row * n_cols..(row + 1) * n_cols];
        let mut found = vec![0_u32; queries.len() * k];
        for (group, out) in found.chunks_mut(AT_ONCE * k).enumerate() {
            ctx.check()?;
            reduce::fill_rows(out, k, 8, |first, out| {
                let mut best: Vec<(f64, u32)> = Vec::with_capacity(k + 1);
                for (place, out) in out.chunks_exact_mut(k).enumerate() {
                    let query = group * AT_ONCE + first + place;
                    best.clear();
                    for (other, &at) in among.iter().enumerate() {
                        if others && other == query {
                            continue;
                        }
                        let most = if best.len() < k { f64::INFINITY } else { best[k - 1].0 };
                        let distance = match compared {
                            Compared::Mixed(mixed) => {
                                mixed.distance(row(queries[query]), row(at), &self.categorical, most)
                            }
                            Compared::Nominal(nominal) => nominal.distance(queries[query], at, most),
                        };
                        // Of rows equally far the earlier ones stay.
                        if best.len() < k || distance < most {
                            let place = best.partition_point(|(known, _)| *known <= distance);
                            best.insert(place, (distance, other as u32));
                            best.truncate(k);
                        }
                    }
                    out.iter_mut().zip(&best).for_each(|(out, (_, other))| *out = *other);
                }
            });
        }
        Ok(Near { k, rows: found })
    }

    /// A row a share of the way from one row of a class to one of its neighbours.
    pub(super) fn between(
        &self,
        members: &[usize],
        (start, near): (usize, &[u32]),
        pick: usize,
        share: f64,
        out: &mut [f64],
    ) {
        let start = self.x.row(members[start]);
        let end = self.x.row(members[near[pick] as usize]);
        for (column, out) in out.iter_mut().enumerate() {
            *out = if self.categorical[column] {
                most_frequent(near.iter().map(|&near| self.x[[members[near as usize], column]]).collect())
            } else {
                // Each for itself, so that the gap between huge numbers does not leave the range.
                start[column] * (1.0 - share) + end[column] * share
            };
        }
    }
}

impl Mixed {
    /// Categories that differ are as far apart as the median deviation of the numbers of a class.
    fn of(x: &ArrayRef2<f64>, categorical: &[bool], members: &[usize]) -> Self {
        let numbers: Vec<usize> = (0..x.ncols()).filter(|&column| !categorical[column]).collect();
        let magnitude = numbers
            .iter()
            .flat_map(|&column| x.column(column))
            .fold(0.0_f64, |most, cell| most.max(cell.abs()));
        const TAME: Range<f64> = 1e-100..1e100;
        let unit = match magnitude == 0.0 || TAME.contains(&magnitude) {
            true => 1.0,
            false => libm::scalbn(1.0, -libm::ilogb(magnitude).max(-1000)),
        };
        let chosen = x.select(Axis(0), members).select(Axis(1), &numbers) * unit;
        let moments = Moments::of(&chosen, None);
        let mut deviations: Vec<f64> =
            (0..numbers.len()).map(|column| moments.variance(column).sqrt()).collect();
        deviations.sort_by(f64::total_cmp);
        let median = match deviations.len() {
            0 => None,
            // Of an even number the mean of the two in the middle.
            n => Some((deviations[(n - 1) / 2] + deviations[n / 2]) / 2.0).filter(|median| *median > 0.0),
        };
        // Without numbers that differ any distance does.
        let median = median.unwrap_or(unit);
        Mixed { unit, apart: median * median }
    }

    /// The squared distance of two rows, or any number of at least `most` where it is no less.
    fn distance(&self, a: &[f64], b: &[f64], categorical: &[bool], most: f64) -> f64 {
        let mut sum = 0.0;
        for ((a, b), categorical) in a.iter().zip(b).zip(categorical) {
            if *categorical {
                sum += if a == b { 0.0 } else { self.apart };
            } else {
                let gap = a * self.unit - b * self.unit;
                sum += gap * gap;
            }
            if sum >= most {
                break;
            }
        }
        sum
    }
}

/// The most frequent number, the smallest of equals.
fn most_frequent(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let runs = numbers.chunk_by(|a, b| a == b);
    runs.rev().max_by_key(|run| run.len()).map_or(0.0, |run| run[0])
}
