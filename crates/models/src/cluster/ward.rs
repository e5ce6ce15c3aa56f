//! Ward's linkage on the centroids themselves: no matrix of distances is needed.
//!
//! Chains of nearest neighbours (Murtagh, 1983): from any cluster go on to its nearest, until two are the nearest of each
//! other; those are merged, at some time or other, by the plain method too. Each step passes over the centroids that
//! are left, which lie column by column in panels, so that the passes run on vectors.

use perennial_core::{Context, Result};
use perennial_numeric::{reduce, simd};

use super::merges::Joint;

/// Clusters of a panel: as many distances as stay in registers.
const LANES: usize = 16;
/// Panels of one task; below two tasks a pass is not worth sharing.
const TASK: usize = 1 << 15;
/// Merges between two looks at the context.
const LOOK: usize = 64;

/// The clusters that are left, and places without one, whose coordinates are infinite.
struct Panels {
    width: usize,
    /// For each panel the sizes of its clusters, then their centroids column by column.
    numbers: Vec<f64>,
    /// By place: a row of the cluster; [`u32::MAX`] where there is none.
    rows: Vec<u32>,
}

impl Panels {
    fn new(cells: &[f64], width: usize, sizes: Option<&[f64]>) -> Self {
        let n_rows = cells.len() / width;
        let mut panels = Panels::empty(n_rows, width);
        for (row, cells) in cells.chunks_exact(width).enumerate() {
            let size = sizes.map_or(1.0, |sizes| sizes[row]);
            panels.put(row, row as u32, size, cells.iter().copied());
        }
        panels
    }

    fn empty(n_places: usize, width: usize) -> Self {
        let n_panels = n_places.div_ceil(LANES);
        let mut numbers = vec![f64::INFINITY; n_panels * LANES * (width + 1)];
        numbers.chunks_exact_mut(LANES * (width + 1)).for_each(|panel| panel[..LANES].fill(1.0));
        Panels { width, numbers, rows: vec![u32::MAX; n_panels * LANES] }
    }

    /// Where the size of a place is; its coordinates follow in steps of a panel's lanes.
    fn at(&self, place: usize) -> usize {
        place / LANES * LANES * (self.width + 1) + place % LANES
    }

    fn put(&mut self, place: usize, row: u32, size: f64, centroid: impl Iterator<Item = f64>) {
        let at = self.at(place);
        self.rows[place] = row;
        self.numbers[at] = size;
        for (column, value) in centroid.enumerate() {
            self.numbers[at + (column + 1) * LANES] = value;
        }
    }

    /// The size and the centroid of a cluster.
    fn get(&self, place: usize) -> (f64, Vec<f64>) {
        let at = self.at(place);
        (self.numbers[at], (1..=self.width).map(|column| self.numbers[at + column * LANES]).collect())
    }

    fn clear(&mut self, place: usize) {
        self.put(place, u32::MAX, 1.0, std::iter::repeat_n(f64::INFINITY, self.width));
    }

    /// The nearest other cluster and the squared distance; of several the first.
    fn nearest(&mut self, place: usize) -> (f64, usize) {
        let (size, centroid) = self.get(place);
        // It must not find itself.
        let own = self.at(place) + LANES;
        self.numbers[own] = f64::INFINITY;
        let stride = LANES * (self.width + 1);
        let n_panels = self.numbers.len() / stride;
        let scan = |panels: std::ops::Range<usize>| {
            let first = panels.start;
            let numbers = &self.numbers[first * stride..panels.end * stride];
            let (distance, found) = simd::widest(Scan { numbers, size, centroid: &centroid });
            (distance, first * LANES + found)
        };
        let nearer = |a: (f64, usize), b: (f64, usize)| if b.0 < a.0 { b } else { a };
        let task = (TASK / (LANES * (self.width + 1))).max(1);
        let found = match n_panels < 2 * task {
            true => Some(scan(0..n_panels)),
            false => reduce::map_reduce(n_panels, task, scan, nearer),
        };
        self.numbers[own] = centroid[0];
        found.unwrap_or((f64::INFINITY, place))
    }

    /// The same clusters without empty places between, and the new places.
    fn packed(&self) -> (Panels, Vec<u32>) {
        let n_left = self.rows.iter().filter(|row| **row != u32::MAX).count();
        let (mut packed, mut places) = (Panels::empty(n_left, self.width), vec![u32::MAX; self.rows.len()]);
        let left = (0..self.rows.len()).filter(|&place| self.rows[place] != u32::MAX);
        for (next, place) in left.enumerate() {
            let (size, centroid) = self.get(place);
            packed.put(next, self.rows[place], size, centroid.into_iter());
            places[place] = next as u32;
        }
        (packed, places)
    }
}

struct Scan<'a> {
    numbers: &'a [f64],
    size: f64,
    centroid: &'a [f64],
}

impl simd::Kernel for Scan<'_> {
    type Output = (f64, usize);

    #[inline(always)]
    fn run(self) -> (f64, usize) {
        let Scan { numbers, size, centroid } = self;
        let (mut best, mut which) = ([f64::INFINITY; LANES], [0.0; LANES]);
        for (index, panel) in numbers.chunks_exact(LANES * (centroid.len() + 1)).enumerate() {
            let panel = panel.as_chunks::<LANES>().0;
            let mut sums = [0.0; LANES];
            for (column, value) in panel[1..].iter().zip(centroid) {
                for lane in 0..LANES {
                    let difference = column[lane] - value;
                    sums[lane] += difference * difference;
                }
            }
            let index = index as f64;
            for lane in 0..LANES {
                // Twice what the sum of squares within the clusters grows by.
                let other = panel[0][lane];
                let distance = sums[lane] * (2.0 * (size * other) / (size + other));
                let nearer = distance < best[lane];
                best[lane] = if nearer { distance } else { best[lane] };
                which[lane] = if nearer { index } else { which[lane] };
            }
        }
        let mut found = (best[0], which[0] as usize * LANES);
        for lane in 1..LANES {
            let place = which[lane] as usize * LANES + lane;
            if best[lane] < found.0 || (best[lane] == found.0 && place < found.1) {
                found = (best[lane], place);
            }
        }
        found
    }
}

/// The merges of rows of `width` numbers, each as heavy as its size, by rows of the clusters that become one.
pub(super) fn ward(ctx: &Context, cells: &[f64], width: usize, sizes: Option<&[f64]>) -> Result<Vec<Joint>> {
    let n_rows = cells.len() / width;
    let mut panels = Panels::new(cells, width, sizes);
    let mut joints: Vec<Joint> = Vec::with_capacity(n_rows.saturating_sub(1));
    // Places, and how near each is to the one before.
    let mut chain: Vec<(f64, u32)> = Vec::new();
    let mut start = 0;
    while joints.len() + 1 < n_rows {
        if joints.len().is_multiple_of(LOOK) {
            ctx.step(joints.len(), n_rows)?;
        }
        let Some(&(least, top)) = chain.last() else {
            while panels.rows[start] == u32::MAX {
                start += 1;
            }
            chain.push((f64::INFINITY, start as u32));
            continue;
        };
        let (distance, nearest) = panels.nearest(top as usize);
        // Only nearer ones go on, so that a chain ends among equal distances too.
        if distance < least {
            chain.push((distance, nearest as u32));
            continue;
        }
        chain.pop();
        let Some((_, before)) = chain.pop() else { break };
        let ((n_a, a), (n_b, b)) = (panels.get(before as usize), panels.get(top as usize));
        joints.push((least.sqrt(), panels.rows[before as usize], panels.rows[top as usize]));
        let (row, size) = (panels.rows[before as usize], n_a + n_b);
        let centroid = a.iter().zip(&b).map(|(a, b)| a + (b - a) * (n_b / size));
        panels.put(before as usize, row, size, centroid);
        panels.clear(top as usize);
        let n_left = n_rows - joints.len();
        if n_left * 4 < panels.rows.len() * 3 && n_left > 4 * LANES {
            let (packed, places) = panels.packed();
            panels = packed;
            chain.iter_mut().for_each(|(_, place)| *place = places[*place as usize]);
            start = 0;
        }
    }
    Ok(joints)
}
