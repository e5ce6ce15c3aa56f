//! Least squares with a function of one number that never turns: pooling adjacent violators.

/// All rows of one value: their mean and their weight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The value.
    pub x: f64,
    /// The weighted mean of the target there.
    pub y: f64,
    /// The weight.
    pub weight: f64,
}

impl Point {
    fn add(&mut self, y: f64, weight: f64) {
        let sum = self.weight + weight;
        // The mean of two numbers, without their sum, which could overflow.
        self.y = self.y * (self.weight / sum) + y * (weight / sum);
        self.weight = sum;
    }
}

/// The rows that have weight, those of one value taken together, in rising order of the values.
///
/// ```
/// use perennial_numeric::isotonic::{pooled, tied};
///
/// let points = tied(4, |row| ([1.0, 2.0, 2.0, 3.0][row], [1.0, 4.0, 2.0, 0.0][row], 1.0));
/// assert_eq!(points.len(), 3);
/// assert_eq!(pooled(&points, true), [1.0, 2.0, 2.0]);
/// ```
pub fn tied(n_rows: usize, row: impl Fn(usize) -> (f64, f64, f64)) -> Vec<Point> {
    let mut rows: Vec<(Point, usize)> = Vec::with_capacity(n_rows);
    for number in 0..n_rows {
        let (x, y, weight) = row(number);
        if weight > 0.0 {
            // -0 and 0 are one value.
            rows.push((Point { x: x + 0.0, y, weight }, number));
        }
    }
    rows.sort_by(|(a, first), (b, second)| a.x.total_cmp(&b.x).then(first.cmp(second)));
    let mut points: Vec<Point> = Vec::new();
    for (point, _) in rows {
        match points.last_mut() {
            Some(last) if last.x == point.x => last.add(point.y, point.weight),
            _ => points.push(point),
        }
    }
    points
}

/// The values of least squares at points in rising order that never fall; or that never rise (Barlow, Bartholomew,
/// Bremner and Brunk, 1972).
pub fn pooled(points: &[Point], increasing: bool) -> Vec<f64> {
    let sign = if increasing { 1.0 } else { -1.0 };
    let mut blocks: Vec<(Point, usize)> = Vec::with_capacity(points.len());
    for point in points {
        let mut block = (*point, 1);
        while let Some((before, n)) = blocks.last().copied() {
            if sign * before.y < sign * block.0.y {
                break;
            }
            blocks.pop();
            let mut joined = before;
            if before.y == block.0.y {
                joined.weight += block.0.weight;
            } else {
                joined.add(block.0.y, block.0.weight);
            }
            block = (joined, n + block.1);
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(block, n)| std::iter::repeat_n(block.y, n)).collect()
}

/// The points that a piecewise straight line needs: inside a level part only its ends.
pub fn corners(points: &[Point], fitted: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let keep = |i: &usize| {
        let i = *i;
        i == 0 || i + 1 == fitted.len() || fitted[i - 1] != fitted[i] || fitted[i] != fitted[i + 1]
    };
    let kept: Vec<usize> = (0..fitted.len()).filter(keep).collect();
    (kept.iter().map(|&i| points[i].x).collect(), kept.iter().map(|&i| fitted[i]).collect())
}

/// The straight line between rising thresholds, level beyond them.
///
/// # Panics
/// When there are no thresholds, or fewer values.
pub fn interpolate(thresholds: &[f64], values: &[f64], x: f64) -> f64 {
    let above = thresholds.partition_point(|threshold| *threshold < x);
    if above == thresholds.len() {
        return values[above - 1];
    }
    if above == 0 || thresholds[above] == x {
        return values[above];
    }
    let (low, high) = (thresholds[above - 1], thresholds[above]);
    // Halves, because the difference of two numbers near the limit overflows.
    let share = (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
    values[above - 1] * (1.0 - share) + values[above] * share
}
