//! A tree of cells over points in the plane or in space, for sums over all pairs (Barnes and Hut, 1986).

/// The most points of a cell that is not divided.
const LEAF: usize = 6;

/// A cell and what lies in it. Cells stand in the order of a walk that goes down first.
#[derive(Clone, Copy, Debug)]
struct Cell<const D: usize> {
    centre: [f32; D],
    mass: f32,
    /// The square of its width over that of the largest angle at which it counts as one point.
    reach: f32,
    /// The cell that follows when this one is not entered.
    skip: u32,
    /// Its points, where it is a leaf; empty otherwise.
    start: u32,
    end: u32,
}

/// The tree.
#[derive(Debug)]
pub(super) struct SpaceTree<const D: usize> {
    cells: Vec<Cell<D>>,
    /// The points in the order of the cells, and which they are.
    points: Vec<[f32; D]>,
    pub(super) order: Vec<u32>,
}

impl<const D: usize> SpaceTree<D> {
    pub(super) fn new(points: &[[f32; D]], angle: f32) -> Self {
        let (mut low, mut high) = ([f32::INFINITY; D], [f32::NEG_INFINITY; D]);
        for point in points {
            for d in 0..D {
                (low[d], high[d]) = (low[d].min(point[d]), high[d].max(point[d]));
            }
        }
        let width = (0..D).map(|d| high[d] - low[d]).fold(f32::MIN_POSITIVE, f32::max);
        let bits = 60 / D.max(1) as u32;
        let bits = bits.min(20);
        let unit = ((1u64 << bits) as f32 - 1.0) / width;
        let code = |point: &[f32; D]| {
            let mut code = 0u64;
            let cells: [u64; D] = std::array::from_fn(|d| ((point[d] - low[d]) * unit) as u64);
            for bit in (0..bits).rev() {
                for cell in cells {
                    code = code << 1 | (cell >> bit & 1);
                }
            }
            code
        };
        let mut keyed: Vec<(u64, u32)> = points.iter().zip(0..).map(|(point, i)| (code(point), i)).collect();
        keyed.sort_unstable();
        let order: Vec<u32> = keyed.iter().map(|key| key.1).collect();
        let points: Vec<[f32; D]> = order.iter().map(|&i| points[i as usize]).collect();
        let mut tree = SpaceTree { cells: Vec::with_capacity(points.len()), points, order };
        let codes: Vec<u64> = keyed.into_iter().map(|key| key.0).collect();
        tree.grow(&codes, 0, codes.len(), bits, width * width / (angle * angle).max(1e-12));
        tree
    }

    /// The cell of the points from `start` to `end`, which agree above the lowest `bits` of each side.
    fn grow(&mut self, codes: &[u64], start: usize, end: usize, bits: u32, reach: f32) {
        let at = self.cells.len();
        let n = (end - start) as f32;
        let mut centre = [0.0f32; D];
        for point in &self.points[start..end] {
            (0..D).for_each(|d| centre[d] += point[d]);
        }
        centre.iter_mut().for_each(|value| *value /= n);
        let leaf = end - start <= LEAF || bits == 0;
        let (first, last) = if leaf { (start, end) } else { (0, 0) };
        self.cells.push(Cell { centre, mass: n, reach, skip: 0, start: first as u32, end: last as u32 });
        if !leaf {
            let shift = (bits - 1) * D as u32;
            let mut from = start;
            while from < end {
                let part = codes[from] >> shift;
                let to = from + codes[from..end].partition_point(|code| code >> shift == part);
                self.grow(codes, from, to, bits - 1, reach / 4.0);
                from = to;
            }
        }
        self.cells[at].skip = self.cells.len() as u32;
    }

    /// Calls `term` with differences and masses that stand for all points but the one itself, seen from the point
    /// at `place` in the order.
    #[inline(always)]
    pub(super) fn around(&self, place: usize, mut term: impl FnMut([f32; D], f32, f32)) {
        let point = self.points[place];
        let mut at = 0;
        while let Some(cell) = self.cells.get(at) {
            let difference: [f32; D] = std::array::from_fn(|d| point[d] - cell.centre[d]);
            let distance: f32 = difference.iter().map(|value| value * value).sum();
            if cell.reach < distance {
                term(difference, distance, cell.mass);
                at = cell.skip as usize;
                continue;
            }
            for (other, point_there) in
                (cell.start..).zip(&self.points[cell.start as usize..cell.end as usize])
            {
                if other as usize != place {
                    let difference: [f32; D] = std::array::from_fn(|d| point[d] - point_there[d]);
                    term(difference, difference.iter().map(|value| value * value).sum(), 1.0);
                }
            }
            at += 1;
        }
    }
}
