//! Adding up the histograms of a node.

use perennial_numeric::reduce;
use rayon::prelude::*;

use super::{Grower, SERIAL};
use crate::boosting::engine::derivatives::{OfRows, Whole};
use crate::boosting::engine::groups::Group;
use crate::boosting::engine::histogram::{self, Histogram};

/// Rows in one part when rows are shared out.
const MIN_PART: usize = 16_384;

impl Grower<'_> {
    /// Adds up the histograms of rows.
    pub(super) fn build(&self, rows: &[u32], all: bool, histograms: &mut [Histogram]) {
        match &self.derivatives.of_rows {
            OfRows::Counted(of_rows) => self.build_of(of_rows, rows, all, histograms),
            OfRows::Both(of_rows) => self.build_of(of_rows, rows, all, histograms),
        }
    }

    fn build_of<D: Whole>(&self, of_rows: &[D], rows: &[u32], all: bool, histograms: &mut [Histogram]) {
        let groups = self.shared.groups;
        let add = |group: &Group, part: std::ops::Range<usize>, histograms: &mut [Histogram]| {
            histograms.as_flattened_mut().fill(0);
            match all {
                true => histogram::add_all(group, part.start, &of_rows[part], histograms),
                false => histogram::add(group, &rows[part], of_rows, histograms),
            }
        };
        // Few columns and many rows: rows are shared out too.
        let n_threads = rayon::current_num_threads();
        let n_parts = (2 * n_threads).div_ceil(groups.len().max(1)).min(rows.len() / MIN_PART).max(1);
        if n_threads == 1 || n_parts == 1 {
            self.per_group(rows.len(), histograms, |group, histograms| {
                if group.has_one_of(&self.columns) {
                    add(group, 0..rows.len(), histograms);
                }
            });
        } else {
            let size = rows.len().div_ceil(n_parts);
            let parts = reduce::map_each(groups.len() * n_parts, |task| {
                let group = &groups.get(task / n_parts);
                let first = (task % n_parts) * size;
                let mut histograms = vec![[0; 256]; group.width];
                add(group, first.min(rows.len())..(first + size).min(rows.len()), &mut histograms);
                histograms
            });
            let mut parts = parts.into_iter();
            for group in groups.iter() {
                let into = &mut histograms[group.first..group.first + group.width];
                for (part, from) in parts.by_ref().take(n_parts).enumerate() {
                    match part {
                        0 => into.copy_from_slice(&from),
                        _ => histogram::merge(into, &from),
                    }
                }
            }
        }
    }

    /// Works on the histograms of each group, in parallel where that pays.
    pub(super) fn per_group<T: Send>(
        &self,
        n_rows: usize,
        histograms: &mut [Histogram],
        work: impl Fn(&Group, &mut [Histogram]) -> T + Sync,
    ) -> Vec<T> {
        self.per_group_pair(n_rows, histograms, &mut [], |group, histograms, _| work(group, histograms))
    }

    /// Works on two histograms of each group, in parallel where that pays.
    pub(super) fn per_group_pair<T: Send>(
        &self,
        n_rows: usize,
        few: &mut [Histogram],
        many: &mut [Histogram],
        work: impl Fn(&Group, &mut [Histogram], &mut [Histogram]) -> T + Sync,
    ) -> Vec<T> {
        let (mut few, mut many) = (few, many);
        let mut tasks = Vec::with_capacity(self.shared.groups.len());
        for group in self.shared.groups.iter() {
            let few = few.split_off_mut(..group.width).unwrap_or_default();
            let many = many.split_off_mut(..group.width).unwrap_or_default();
            tasks.push((group, few, many));
        }
        if n_rows * self.columns.len() < SERIAL {
            return tasks.into_iter().map(|(group, few, many)| work(group, few, many)).collect();
        }
        tasks.into_par_iter().map(|(group, few, many)| work(group, few, many)).collect()
    }
}
