//! The best place to cut one column of one node.

use super::monotone::Bounds;

/// The rank of a missing value; it comes after all others.
pub(crate) const MISSING: u32 = u32::MAX;
/// Gains that differ by less than this share are equal, so that the order of columns and thresholds decides
/// between them and not the rounding.
pub(crate) const TIE: f64 = 1e-12;

/// A row in the sorted order of one column. Equal values have equal ranks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub(crate) rank: u32,
    pub(crate) row: u32,
}

/// Rows move from the right side of a cut to its left side.
pub(crate) trait Tally {
    fn move_left(&mut self, row: u32);
    /// How much less impurity, times weight, both sides have than the whole.
    fn gain(&self) -> f64;
    /// What both sides say, where that is one number.
    fn means(&self) -> [f64; 2];
}

/// What a cut must respect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// The fewest rows of a side.
    pub(crate) min_leaf: usize,
    /// 1 where the answers may not fall along the column, -1 where they may not rise.
    pub(crate) direction: i8,
    pub(crate) bounds: Bounds,
}

/// A cut of a column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) gain: f64,
    pub(crate) column: u32,
    /// How many of the entries with a value go left; they are the first of the node.
    pub(crate) n_left: u32,
    /// Where missing values go; `None` when the node has none in this column.
    pub(crate) missing_left: Option<bool>,
    /// What both sides say.
    pub(crate) means: [f64; 2],
}

impl Cut {
    /// Whether this is better than `other`, which comes earlier.
    pub(crate) fn beats(&self, other: &Cut) -> bool {
        self.gain > bar(other.gain)
    }
}

fn bar(gain: f64) -> f64 {
    gain + TIE * gain.abs()
}

/// The best cut of the `entries` of a node in the order of `column`, within the terms.
pub(crate) fn best_cut<T: Tally>(
    entries: &[Entry],
    column: usize,
    terms: Terms,
    tally: impl Fn() -> T,
) -> Option<Cut> {
    let n_present = match entries.last() {
        Some(last) if last.rank == MISSING => entries.partition_point(|entry| entry.rank != MISSING),
        _ => entries.len(),
    };
    let (present, missing) = entries.split_at(n_present);
    if missing.is_empty() && present.first()?.rank == present.last()?.rank {
        return None;
    }
    let mut sweep = Sweep { present, n_rows: entries.len(), terms, best: None };
    sweep.run(tally(), 0, !missing.is_empty());
    let missing_left = if missing.is_empty() {
        None
    } else {
        let right = sweep.best.map_or(f64::NEG_INFINITY, |best| best.gain);
        let mut tally = tally();
        missing.iter().for_each(|entry| tally.move_left(entry.row));
        sweep.run(tally, missing.len(), false);
        Some(sweep.best.is_some_and(|best| best.gain > right))
    };
    let Found { gain, n_left, means } = sweep.best?;
    Some(Cut { gain: gain.max(0.0), column: column as u32, n_left: n_left as u32, missing_left, means })
}

/// The entries of a column of categories, which come in the order of their codes, in the order of the means of what
/// `place` says of their rows (Fisher, 1958); missing values come last.
pub(crate) fn by_means(entries: &[Entry], place: impl Fn(u32) -> (f64, f64)) -> Vec<Entry> {
    let n_present = entries.partition_point(|entry| entry.rank != MISSING);
    let (present, missing) = entries.split_at(n_present);
    let mean = |group: &[Entry]| {
        let (mut weight, mut sum) = (0.0, 0.0);
        for entry in group {
            let (own, value) = place(entry.row);
            weight += own;
            sum += own * value;
        }
        sum / weight
    };
    let mut groups: Vec<(f64, &[Entry])> =
        present.chunk_by(|a, b| a.rank == b.rank).map(|group| (mean(group), group)).collect();
    groups.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranked = (0..)
        .zip(groups)
        .flat_map(|(rank, (_, group))| group.iter().map(move |entry| Entry { rank, row: entry.row }));
    ranked.chain(missing.iter().copied()).collect()
}

#[derive(Clone, Copy)]
struct Found {
    gain: f64,
    /// How many entries with a value go left.
    n_left: usize,
    means: [f64; 2],
}

struct Sweep<'a> {
    present: &'a [Entry],
    n_rows: usize,
    terms: Terms,
    best: Option<Found>,
}

impl Sweep<'_> {
    /// Tries all cuts, with `before` rows on the left already; the last one leaves only missing values on the right.
    fn run<T: Tally>(&mut self, mut tally: T, before: usize, last: bool) {
        let mut bar = self.best.map_or(f64::NEG_INFINITY, |best| bar(best.gain));
        let Terms { min_leaf, direction, bounds } = self.terms;
        let (low, high) = (min_leaf, self.n_rows.saturating_sub(min_leaf));
        let mut consider = |tally: &T, n_left: usize| {
            let gain = tally.gain();
            if gain > bar && gain < f64::INFINITY {
                let means = if direction == 0 { [0.0; 2] } else { tally.means() };
                if bounds.admit(direction, means) {
                    bar = self::bar(gain);
                    self.best = Some(Found { gain, n_left, means });
                }
            }
        };
        for (index, pair) in self.present.windows(2).enumerate() {
            tally.move_left(pair[0].row);
            let n_left = before + index + 1;
            if pair[0].rank != pair[1].rank && n_left >= low && n_left <= high {
                consider(&tally, index + 1);
            }
        }
        if let (true, Some(entry)) = (last, self.present.last()) {
            tally.move_left(entry.row);
            let n_left = before + self.present.len();
            if n_left >= low && n_left <= high {
                consider(&tally, self.present.len());
            }
        }
    }
}
