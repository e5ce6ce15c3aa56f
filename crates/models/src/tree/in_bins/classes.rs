//! Any number of classes.

use std::sync::LazyLock;

use super::super::structure::{Summary, Value};
use super::by_bin::ByBin;
use super::{Bounds, Learning, Row, Sample, Sides};

/// How the impurity of classes is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassCriterion {
    Gini,
    Entropy,
}

/// A target of classes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ManyClasses {
    pub(crate) criterion: ClassCriterion,
    pub(crate) n_classes: usize,
}

#[derive(Debug)]
pub(crate) struct ClassTotals {
    n_rows: u32,
    weight: f64,
    of: Vec<f64>,
    /// The sum of the criterion's term over the classes.
    sum: f64,
}

/// The rows of a column, bin by bin. Time grows with the rows and not with the classes.
#[derive(Debug, Default)]
pub(crate) struct ClassTable {
    /// The class and the weight of each row.
    rows: ByBin<(u32, f64)>,
    left: Vec<f64>,
    right: Vec<f64>,
}

/// `w log2(w)`; 0 where `w` is. Counts are looked up.
fn w_log_w(w: f64) -> f64 {
    static TABLE: LazyLock<Vec<f64>> = LazyLock::new(|| {
        (0..4096).map(f64::from).map(|w| if w > 0.0 { w * w.log2() } else { 0.0 }).collect()
    });
    if w <= 0.0 {
        return 0.0;
    }
    match TABLE.get(w as usize) {
        Some(&known) if w.fract() == 0.0 => known,
        _ => w * w.log2(),
    }
}

impl ClassCriterion {
    fn term(self, weight: f64) -> f64 {
        match self {
            ClassCriterion::Gini => weight * weight,
            ClassCriterion::Entropy => w_log_w(weight),
        }
    }

    /// Minus the impurity of a side times its weight, but for a constant.
    fn purity(self, weight: f64, sum: f64) -> f64 {
        match self {
            ClassCriterion::Gini => sum / weight,
            ClassCriterion::Entropy => sum - w_log_w(weight),
        }
    }
}

impl Learning for ManyClasses {
    type Row = Sample;
    type Totals = ClassTotals;
    type Table = ClassTable;
    type Sides<'a> = ClassSides<'a>;

    fn totals(&self, samples: &[Sample]) -> ClassTotals {
        let mut of = vec![0.0; self.n_classes];
        samples.iter().for_each(|sample| of[sample.class as usize] += sample.weight);
        let sum = of.iter().map(|&weight| self.criterion.term(weight)).sum();
        ClassTotals { n_rows: samples.len() as u32, weight: of.iter().sum(), of, sum }
    }

    fn is_pure(&self, totals: &ClassTotals) -> bool {
        totals.of.iter().filter(|weight| **weight > 0.0).count() < 2
    }

    fn summary(&self, totals: &ClassTotals, _: Bounds) -> Summary {
        let value: Vec<f64> = totals.of.iter().map(|weight| weight / totals.weight).collect();
        let impurity = match self.criterion {
            ClassCriterion::Gini => 1.0 - value.iter().map(|share| share * share).sum::<f64>(),
            ClassCriterion::Entropy => -value.iter().map(|&share| w_log_w(share)).sum::<f64>(),
        };
        let n_rows = u64::from(totals.n_rows);
        Summary { n_rows, weight: totals.weight, measure: impurity.max(0.0), value: Value::Many(value) }
    }

    fn fill(&self, table: &mut ClassTable, _: &ClassTotals, samples: &[Sample], codes: &[u8], bins: &[u8]) {
        table.rows.fill(samples.iter().map(|sample| (sample.class, sample.weight)), codes, bins);
    }

    /// By the first principal direction of their class shares (Coppersmith, Hong and Hosking, 1999).
    fn arrange(&self, table: &mut ClassTable, totals: &ClassTotals, categories: &mut [u8]) {
        let shares = |bin: u8| {
            let mut of = vec![0.0; self.n_classes];
            table.rows.of(bin).iter().for_each(|&(class, weight)| of[class as usize] += weight);
            let weight: f64 = of.iter().sum();
            of.iter_mut().zip(&totals.of).for_each(|(own, all)| *own = *own / weight - all / totals.weight);
            (weight, of)
        };
        let points: Vec<(f64, Vec<f64>)> = categories.iter().map(|&bin| shares(bin)).collect();
        let scores = principal_scores(&points, self.n_classes);
        let mut order: Vec<(f64, u8)> = scores.into_iter().zip(categories.iter().copied()).collect();
        order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        categories.iter_mut().zip(order).for_each(|(bin, (_, next))| *bin = next);
    }

    fn sides<'a>(&'a self, table: &'a mut ClassTable, totals: &'a ClassTotals) -> ClassSides<'a> {
        table.left.clear();
        table.left.resize(self.n_classes, 0.0);
        table.right.clear();
        table.right.extend_from_slice(&totals.of);
        ClassSides {
            criterion: self.criterion,
            rows: &table.rows,
            left: &mut table.left,
            right: &mut table.right,
            totals,
            n_left: 0,
            left_weight: 0.0,
            sums: [0.0, totals.sum],
        }
    }

    fn clear(&self, table: &mut ClassTable, bins: &[u8]) {
        table.rows.clear(bins);
    }
}

/// The places of weighted, centred points along the direction in which they spread most, by the power method.
fn principal_scores(points: &[(f64, Vec<f64>)], n_classes: usize) -> Vec<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = |point: &(f64, Vec<f64>)| point.0 * dot(&point.1, &point.1);
    let farthest = points.iter().reduce(|a, b| if spread(b) > spread(a) { b } else { a });
    let mut direction = farthest.map_or_else(Vec::new, |point| point.1.clone());
    for _ in 0..32 {
        let mut next = vec![0.0; n_classes];
        for (weight, point) in points {
            let score = weight * dot(point, &direction);
            next.iter_mut().zip(point).for_each(|(sum, share)| *sum += score * share);
        }
        let length = dot(&next, &next).sqrt();
        if length.is_nan() || length <= 0.0 {
            break;
        }
        direction = next.into_iter().map(|part| part / length).collect();
    }
    points.iter().map(|(_, point)| dot(point, &direction)).collect()
}

/// The weights of the classes on both sides, and the sums of their terms.
#[derive(Debug)]
pub(crate) struct ClassSides<'a> {
    criterion: ClassCriterion,
    rows: &'a ByBin<(u32, f64)>,
    left: &'a mut [f64],
    right: &'a mut [f64],
    totals: &'a ClassTotals,
    n_left: u32,
    left_weight: f64,
    sums: [f64; 2],
}

impl ClassSides<'_> {
    #[inline]
    fn move_weight(&mut self, class: u32, weight: f64) {
        let (left, right) = (&mut self.left[class as usize], &mut self.right[class as usize]);
        match self.criterion {
            ClassCriterion::Gini => {
                self.sums[0] += weight * (2.0 * *left + weight);
                self.sums[1] -= weight * (2.0 * *right - weight);
            }
            ClassCriterion::Entropy => {
                self.sums[0] += w_log_w(*left + weight) - w_log_w(*left);
                self.sums[1] += w_log_w(*right - weight) - w_log_w(*right);
            }
        }
        *left += weight;
        *right -= weight;
        self.left_weight += weight;
        self.n_left += 1;
    }
}

impl Sides for ClassSides<'_> {
    fn move_left(&mut self, bin: u8) {
        for &(class, weight) in self.rows.of(bin) {
            self.move_weight(class, weight);
        }
    }

    fn move_row(&mut self, row: impl Row) {
        self.move_weight(row.class(), row.weight());
    }

    fn n_left(&self) -> u32 {
        self.n_left
    }

    fn gain(&self) -> f64 {
        let purity = |weight: f64, sum: f64| self.criterion.purity(weight, sum);
        let whole = purity(self.totals.weight, self.totals.sum);
        let right_weight = self.totals.weight - self.left_weight;
        purity(self.left_weight, self.sums[0]) + purity(right_weight, self.sums[1]) - whole
    }

    fn means(&self) -> [f64; 2] {
        [0.0; 2]
    }
}
