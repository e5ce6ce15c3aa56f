//! Inductive Venn-Abers prediction.

use perennial_core::{Error, Result};
use perennial_numeric::isotonic::tied;
use serde::{Deserialize, Serialize};

/// Two probabilities for every score: of the isotonic regression with the new row as a negative one, and as a
/// positive one (Vovk, Petej and Fedorova, 2015). One of them is valid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub(super) struct VennAbers {
    scores: Vec<f64>,
    negative: Vec<f64>,
    positive: Vec<f64>,
}

#[derive(Deserialize)]
struct Parts {
    scores: Vec<f64>,
    negative: Vec<f64>,
    positive: Vec<f64>,
}

impl TryFrom<Parts> for VennAbers {
    type Error = Error;

    fn try_from(Parts { scores, negative, positive }: Parts) -> Result<Self> {
        let sound = scores.len() == negative.len()
            && scores.len() == positive.len()
            && scores.windows(2).all(|pair| pair[0] < pair[1])
            && negative.iter().zip(&positive).all(|(low, high)| 0.0 <= *low && low <= high && *high <= 1.0);
        if !sound {
            return Err(Error::corrupt("the probabilities of the Venn-Abers predictor do not hold together"));
        }
        Ok(VennAbers { scores, negative, positive })
    }
}

impl VennAbers {
    pub(super) fn fit(scores: &[f64], positive: &[bool], weights: Option<&[f64]>) -> Result<Self> {
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row]);
        let points = tied(scores.len(), |row| (scores[row], f64::from(u8::from(positive[row])), weight(row)));
        let mut weights = vec![0.0];
        let mut sums = vec![0.0];
        for (place, point) in points.iter().enumerate() {
            weights.push(weights[place] + point.weight);
            // A mean times its weight: rounded to the whole number that it is where weights are whole.
            let sum = point.y * point.weight;
            let whole = sum.round();
            let exact = (sum - whole).abs() < 1e-6 * whole.max(1.0) && point.weight.fract() == 0.0;
            sums.push(sums[place] + if exact { whole } else { sum });
        }
        let diagram = Diagram::new(&weights, &sums);
        let of = |label: f64| (0..points.len()).map(|place| diagram.value(place, label)).collect();
        let (negative, positive): (Vec<f64>, Vec<f64>) = (of(0.0), of(1.0));
        let positive = positive.into_iter().zip(&negative).map(|(high, low)| high.max(*low)).collect();
        let scores = points.iter().map(|point| point.x).collect();
        VennAbers::try_from(Parts { scores, negative, positive })
    }

    /// The probability if the row is negative, and if it is positive.
    pub(super) fn pair(&self, score: f64) -> (f64, f64) {
        // Between two scores a negative row joins those below it, and a positive one those above.
        let not_above = self.scores.partition_point(|other| *other <= score);
        let below = self.scores.partition_point(|other| *other < score);
        let low = not_above.checked_sub(1).map_or(0.0, |place| self.negative[place]);
        let high = self.positive.get(below).copied().unwrap_or(1.0);
        (low, high)
    }
}

/// The one probability with the least regret in log loss (Vovk, Petej and Fedorova, 2015).
pub(super) fn merged((low, high): (f64, f64)) -> f64 {
    (high / (1.0 - low + high)).clamp(0.0, 1.0)
}

/// Cumulative weights and sums, and the corners of the greatest convex minorant up to and from each place.
struct Diagram<'a> {
    weights: &'a [f64],
    sums: &'a [f64],
    before: Vec<usize>,
    after: Vec<usize>,
}

impl<'a> Diagram<'a> {
    fn new(weights: &'a [f64], sums: &'a [f64]) -> Self {
        let last = weights.len() - 1;
        let mut diagram = Diagram { weights, sums, before: vec![0; last + 1], after: vec![last; last + 1] };
        for place in 1..=last {
            let mut corner = place - 1;
            while corner > 0 && diagram.slope(diagram.before[corner], corner) >= diagram.slope(corner, place)
            {
                corner = diagram.before[corner];
            }
            diagram.before[place] = corner;
        }
        for place in (0..last).rev() {
            let mut corner = place + 1;
            while corner < last
                && diagram.slope(place, corner) >= diagram.slope(corner, diagram.after[corner])
            {
                corner = diagram.after[corner];
            }
            diagram.after[place] = corner;
        }
        diagram
    }

    fn slope(&self, from: usize, to: usize) -> f64 {
        (self.sums[to] - self.sums[from]) / (self.weights[to] - self.weights[from])
    }

    /// The isotonic value at a point to which one row with this label was added.
    fn value(&self, point: usize, label: f64) -> f64 {
        let last = self.weights.len() - 1;
        let (mut from, mut to) = (point, point + 1);
        loop {
            let value =
                (self.sums[to] - self.sums[from] + label) / (self.weights[to] - self.weights[from] + 1.0);
            if to < last && value >= self.slope(to, self.after[to]) {
                to = self.after[to];
            } else if from > 0 && self.slope(self.before[from], from) >= value {
                from = self.before[from];
            } else {
                return value.clamp(0.0, 1.0);
            }
        }
    }
}
