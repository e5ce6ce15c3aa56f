//! The nearest centres of the same points again and again, while the centres move less and less.

use super::points::{BLOCK, Points};
use super::tiles::Packed;
use crate::reduce;
use crate::simd::{self, Kernel};

/// With fewer products for a point the search takes no longer than its bounds.
const WORTH: usize = 1024;
/// Where points are enlarged by more than this, squares of what they are as given come near to 0.
const VANISHING: f64 = 1e140;
/// Points of a block that are tried before all of them are.
const TRIED: usize = 64;
/// Where more than one point of so many is open, the block is searched whole.
const SHARE: usize = 3;
/// One centre of so many is taken for one that moved far; of fewer centres none.
const FAR: usize = 8;
const MANY: usize = 32;
/// What roots and sums of `f64` may err by.
const ROUNDING: f64 = 1e-9;

/// What is known of the nearest centres of [`Points`] from one search to the next: how far each centre is at most, and how near
/// any other can be at least (Hamerly, "Making k-means even faster", 2010). Empty before the first search.
#[derive(Clone, Debug, Default)]
pub struct Bounds {
    centres: Vec<f64>,
    known: Vec<Known>,
}

/// What is known of a point, in the scale of the panels.
#[derive(Clone, Copy, Debug)]
struct Known {
    upper: f64,
    lower: f64,
    nearest: u32,
}

impl Known {
    const NOTHING: Known = Known { upper: f64::INFINITY, lower: 0.0, nearest: 0 };

    /// Whether no other centre can be as near.
    #[inline(always)]
    fn is_sure(&self) -> bool {
        self.upper < self.lower
    }
}

impl Points<'_> {
    /// As [`nearest`](Points::nearest), where the same points are asked about again: what `bounds` tell is not searched.
    ///
    /// ```
    /// use perennial_numeric::neighbors::{Bounds, Points};
    ///
    /// let points = Points::new(&[0.0, 1.0, 5.0, 6.0], 1);
    /// let (mut nearest, mut bounds) = (vec![0; 4], Bounds::default());
    /// points.nearest_again(&[0.4, 5.5], &mut nearest, &mut bounds);
    /// points.nearest_again(&[0.5, 5.5], &mut nearest, &mut bounds);
    /// assert_eq!(nearest, [0, 0, 1, 1]);
    /// ```
    ///
    /// # Panics
    /// As [`nearest`](Points::nearest).
    pub fn nearest_again(&self, centres: &[f64], nearest: &mut [u32], bounds: &mut Bounds) {
        let width = self.width();
        if centres.len() < WORTH || self.scale() > VANISHING {
            return self.nearest(centres, nearest);
        }
        assert_eq!(nearest.len(), self.n_points(), "there must be one place for each point");
        let moves = Moves::new(&bounds.centres, centres, width, self.scale());
        if moves.is_none() || bounds.known.len() != self.n_points() {
            bounds.known.clear();
            bounds.known.resize(self.n_points(), Known::NOTHING);
        }
        let packed = self.pack_centres(centres);
        let far = moves.as_ref().filter(|moves| !moves.far.is_empty()).map(|moves| {
            let of_centre = |&centre: &u32| &centres[centre as usize * width..][..width];
            let centres: Vec<f64> = moves.far.iter().flat_map(of_centre).copied().collect();
            (self.pack_centres(&centres), centres)
        });
        reduce::fill_chunks(&mut bounds.known, BLOCK, |first, known| {
            let block = Block { points: self, packed: &packed, centres, first };
            let open = moves.as_ref().and_then(|moves| {
                block.open(known, moves).or_else(|| block.open_beside(known, moves, far.as_ref()?))
            });
            match open {
                Some(open) => block.search_some(known, &open),
                None => block.search_all(known),
            }
        });
        reduce::fill_chunks(nearest, BLOCK, |first, nearest| {
            nearest.iter_mut().zip(&bounds.known[first..]).for_each(|(to, known)| *to = known.nearest);
        });
        centres.clone_into(&mut bounds.centres);
    }
}

/// How far centres have moved.
struct Moves {
    each: Vec<f64>,
    /// The centre that moved most, and how far any other has moved.
    most: usize,
    others: f64,
    /// Those that moved most, ascending, and how far any other has moved.
    far: Vec<u32>,
    rest: f64,
}

impl Moves {
    fn new(before: &[f64], now: &[f64], width: usize, scale: f64) -> Option<Self> {
        if before.len() != now.len() {
            return None;
        }
        let pairs = before.chunks_exact(width).zip(now.chunks_exact(width));
        let each: Vec<f64> = pairs.map(|(a, b)| apart(a, b).sqrt() * scale * (1.0 + ROUNDING)).collect();
        let mut order: Vec<u32> = (0..each.len() as u32).collect();
        order.sort_by(|&a, &b| each[b as usize].total_cmp(&each[a as usize]));
        let nth = |place: usize| order.get(place).map_or(0.0, |&centre| each[centre as usize]);
        let (most, others) = (*order.first()? as usize, nth(1));
        let n_far = if each.len() < MANY { 0 } else { each.len() / FAR };
        let rest = nth(n_far);
        order.truncate(n_far);
        order.sort_unstable();
        Some(Moves { each, most, others, far: order, rest })
    }

    /// The bounds after the moves.
    #[inline(always)]
    fn apply(&self, known: &mut Known) {
        let own = known.nearest as usize;
        known.upper += self.each[own];
        known.lower -= if own == self.most { self.others } else { self.each[self.most] };
    }

    /// The bounds after the moves, the lower one of centres that did not move far.
    #[inline(always)]
    fn apply_rest(&self, known: &mut Known) {
        known.upper += self.each[known.nearest as usize];
        known.lower -= self.rest;
    }
}

/// The squared distance.
#[inline(always)]
fn apart(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut lanes = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            lanes[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    lanes.iter().sum::<f64>() + rest
}

/// Some consecutive points.
struct Block<'a> {
    points: &'a Points<'a>,
    packed: &'a Packed,
    centres: &'a [f64],
    first: usize,
}

impl Block<'_> {
    /// Moves the bounds, and lists the points that they leave open; `None`, and nothing is moved, where those are many.
    fn open(&self, known: &mut [Known], moves: &Moves) -> Option<Vec<u32>> {
        self.tried(known, moves, false)?;
        let mut open = Vec::new();
        simd::widest(Test { block: self, step: 1, known, moves, among_rest: false, open: Some(&mut open) });
        Some(open)
    }

    /// Tries a few points; `None` where many of them stay open.
    fn tried(&self, known: &[Known], moves: &Moves, among_rest: bool) -> Option<()> {
        let step = (known.len() / TRIED).max(1);
        let mut tried: Vec<Known> = known.iter().copied().step_by(step).collect();
        let n_open =
            simd::widest(Test { block: self, step, known: &mut tried, moves, among_rest, open: None });
        (n_open * SHARE <= tried.len()).then_some(())
    }

    /// As [`open`](Block::open), where the centres that moved far are measured and the bounds tell of the others.
    fn open_beside(
        &self,
        known: &mut [Known],
        moves: &Moves,
        (far, centres): &(Packed, Vec<f64>),
    ) -> Option<Vec<u32>> {
        self.tried(known, moves, true)?;
        let mut which = vec![0; known.len()];
        let (mut best, mut second) = (vec![0.0; known.len()], vec![0.0; known.len()]);
        self.points.find_block(far, centres, self.first, [&mut best, &mut second], &mut which);
        let mut open = Vec::new();
        for (place, known) in known.iter_mut().enumerate() {
            let of_far =
                self.bounds(far, place, moves.far[which[place] as usize], best[place], second[place]);
            // Of a point that had to be measured the sums tell nothing.
            let nearest_far = if best[place].is_finite() { self.least(far, place, best[place]) } else { 0.0 };
            moves.apply_rest(known);
            if of_far.nearest == known.nearest {
                *known = Known {
                    upper: known.upper.min(of_far.upper),
                    lower: known.lower.min(of_far.lower),
                    ..*known
                };
            } else {
                // Its own centre, where that moved far, is no rival of itself, and the bound only looser.
                known.lower = known.lower.min(nearest_far);
            }
            if !known.is_sure() {
                known.upper = self.measured(self.first + place, known.nearest);
                if !known.is_sure() {
                    open.push(place as u32);
                }
            }
        }
        Some(open)
    }

    fn centre(&self, centre: u32) -> &[f64] {
        let width = self.points.width();
        &self.centres[centre as usize * width..][..width]
    }

    /// How far a point is from a centre at most.
    #[inline(always)]
    fn measured(&self, point: usize, centre: u32) -> f64 {
        apart(self.points.point(point), self.centre(centre)).sqrt() * self.points.scale() * (1.0 + ROUNDING)
    }

    fn search_all(&self, known: &mut [Known]) {
        let mut nearest = vec![0; known.len()];
        let (mut best, mut second) = (vec![0.0; known.len()], vec![0.0; known.len()]);
        self.points.find_block(self.packed, self.centres, self.first, [&mut best, &mut second], &mut nearest);
        for (place, known) in known.iter_mut().enumerate() {
            *known = self.bounds(self.packed, place, nearest[place], best[place], second[place]);
        }
    }

    fn search_some(&self, known: &mut [Known], open: &[u32]) {
        let width = self.points.width();
        let mut cells = Vec::new();
        for open in open.chunks(self.packed.few(width)) {
            cells.clear();
            for &place in open {
                cells.extend_from_slice(self.points.point(self.first + place as usize));
            }
            let mut nearest = vec![0; open.len()];
            let (mut best, mut second) = (vec![0.0; open.len()], vec![0.0; open.len()]);
            self.points.find_few(self.packed, self.centres, &cells, [&mut best, &mut second], &mut nearest);
            for (index, &place) in open.iter().enumerate() {
                let place = place as usize;
                known[place] = self.bounds(self.packed, place, nearest[index], best[index], second[index]);
            }
        }
    }

    /// What the sums of the two nearest of some centres tell of a point.
    fn bounds(&self, packed: &Packed, place: usize, nearest: u32, best: f32, second: f32) -> Known {
        let length = self.points.squared_length(self.first + place);
        let upper = (length + 2.0 * (f64::from(best) + f64::from(packed.slack))).max(0.0);
        Known { upper: (upper * (1.0 + ROUNDING)).sqrt(), lower: self.least(packed, place, second), nearest }
    }

    /// How near a point can be at least to a centre with this sum.
    fn least(&self, packed: &Packed, place: usize, sum: f32) -> f64 {
        let length = self.points.squared_length(self.first + place);
        let square = (length + 2.0 * (f64::from(sum) - f64::from(packed.slack))).max(0.0);
        (square * (1.0 - ROUNDING)).sqrt()
    }
}

/// Moves bounds, measures the own centre where they do not tell, and counts or lists what stays open.
struct Test<'a> {
    block: &'a Block<'a>,
    /// From one point to the next.
    step: usize,
    known: &'a mut [Known],
    moves: &'a Moves,
    /// Among the centres that did not move far.
    among_rest: bool,
    open: Option<&'a mut Vec<u32>>,
}

impl Kernel for Test<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self) -> usize {
        let Test { block, step, known, moves, among_rest, mut open } = self;
        let mut n_open = 0;
        for (index, known) in known.iter_mut().enumerate() {
            match among_rest {
                true => moves.apply_rest(known),
                false => moves.apply(known),
            }
            if known.is_sure() {
                continue;
            }
            known.upper = block.measured(block.first + index * step, known.nearest);
            if !known.is_sure() {
                n_open += 1;
                if let Some(open) = &mut open {
                    open.push(index as u32);
                }
            }
        }
        n_open
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Searches with bounds and without while centres move, one of them far.
    fn agree(n_points: usize, width: usize, n_centres: usize, far: f64) {
        let mut random = Random::new(7);
        let mut cells: Vec<f64> = (0..n_points * width).map(|_| random.normal()).collect();
        // Some points twice, and some on centres.
        cells.copy_within(0..width * 3, width * 3);
        let points = Points::new(&cells, width);
        let mut centres = cells[..n_centres * width].to_vec();
        let (mut nearest, mut fresh) = (vec![0; n_points], vec![0; n_points]);
        let mut bounds = Bounds::default();
        for round in 0..12 {
            points.nearest_again(&centres, &mut nearest, &mut bounds);
            points.nearest(&centres, &mut fresh);
            assert_eq!(nearest, fresh, "round {round}");
            let size = 0.5_f64.powi(2 * round);
            centres.iter_mut().for_each(|value| *value += size * random.normal());
            let moved = round as usize % n_centres;
            centres[moved * width..][..width].iter_mut().for_each(|value| *value += far * size);
        }
    }

    #[test]
    fn bounds_change_no_answer() {
        agree(9000, 16, 64, 2.0);
        agree(5000, 129, 10, 0.0);
        agree(5000, 3, 400, 10.0);
        agree(4100, 1100, 1, 1.0);
        agree(4100, 600, 2, 1e6);
    }

    /// Points within a circle of centres, which turns by parts of the way from one centre to the next.
    #[test]
    fn bounds_tell_nothing_where_squares_vanish() {
        let (n_centres, step) = (512, std::f64::consts::TAU / 512.0);
        let at = |angle: f64, length: f64| [length * angle.cos(), length * angle.sin()];
        let mut random = Random::new(3);
        let cells: Vec<f64> = (0..5000)
            .flat_map(|_| at(random.uniform_in(0.0, 7.0), random.uniform_in(3e-201, 4.5e-201)))
            .collect();
        let points = Points::new(&cells, 2);
        let (mut nearest, mut fresh) = (vec![0; 5000], vec![0; 5000]);
        let mut bounds = Bounds::default();
        for turn in [0.0, 0.3, 0.7, 0.9] {
            let centres: Vec<f64> =
                (0..n_centres).flat_map(|centre| at((f64::from(centre) + turn) * step, 1e-200)).collect();
            points.nearest_again(&centres, &mut nearest, &mut bounds);
            points.nearest(&centres, &mut fresh);
            assert_eq!(nearest, fresh, "turned by {turn}");
        }
    }

    #[test]
    fn other_centres_or_points_begin_anew() {
        let mut random = Random::new(1);
        let cells: Vec<f64> = (0..500 * 32).map(|_| random.normal()).collect();
        let points = Points::new(&cells, 32);
        let (mut nearest, mut fresh) = (vec![0; 500], vec![0; 500]);
        let mut bounds = Bounds::default();
        for n_centres in [40, 50, 50, 33] {
            points.nearest_again(&cells[..n_centres * 32], &mut nearest, &mut bounds);
            points.nearest(&cells[..n_centres * 32], &mut fresh);
            assert_eq!(nearest, fresh);
        }
    }
}
