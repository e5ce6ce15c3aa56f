//! Pictures of what features add to one answer, or to many, side by side.

use perennial_core::Result;
use perennial_reporting::{Chart, Series};

use super::explained::Explained;

/// Parts of each side of a force plot that are shown by themselves.
const FORCES: usize = 3;
/// More lines than this cover each other.
const MOST_LINES: usize = 200;
/// More columns of a heat map than this are too narrow.
const MOST_COLUMNS: usize = 60;

impl Explained {
    /// What pushes one answer up and what down (a force plot): the parts of each side in a line of their own, from the base to
    /// where they would leave the answer, the largest first. The note names what is in them.
    ///
    /// # Errors
    /// When the row was not kept: of more than 1,000 rows only some are.
    pub fn force(&self, row: usize) -> Result<Chart> {
        let mut parts = self.parts(row)?;
        parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        let answer = self.base + parts.iter().map(|part| part.1).sum::<f64>();
        let mut chart = Chart::rows(format!("What pushes the answer for row {row}"), ["raises", "lowers"]);
        let mut notes = Vec::new();
        for (place, sign) in [1.0, -1.0].into_iter().enumerate() {
            let mut side: Vec<(String, f64)> =
                parts.iter().filter(|part| sign * part.1 > 0.0).cloned().collect();
            if side.len() > FORCES + 1 {
                let rest = side.split_off(FORCES);
                side.push((format!("{} others", rest.len()), rest.iter().map(|part| part.1).sum()));
            }
            let mut from = self.base;
            for (label, added) in side {
                let to = from + added;
                notes.push(format!("{label}: {added:+.4}"));
                chart = chart.series(Series::xy(label, &[to], &[place as f64]).bounds(&[from], &[to]));
                from = to;
            }
        }
        notes.push(format!("base {:.4}, answer {answer:.4}", self.base));
        let ends = [self.base, answer, self.base, answer];
        Ok(chart
            .x("answer")
            .series(Series::xy("base and answer", &ends, &[0.0, 0.0, 1.0, 1.0]))
            .note(notes.join("; ")))
    }

    /// How answers come about, a line for each row (a decision plot): from the base at the bottom, past what each feature adds, those
    /// that matter most last, to the answer at the top. Lines that turn alike are rows that are answered for the same reasons.
    /// Of more than 200 rows that many are drawn, taken evenly.
    pub fn decision(&self) -> Chart {
        let shown = self.shown();
        let hidden = &self.features[shown.len()..];
        let mut labels = vec!["answer".to_owned()];
        labels.extend(shown.iter().map(|feature| feature.name.clone()));
        if !hidden.is_empty() {
            labels.push(format!("{} others", hidden.len()));
        }
        let last = labels.len();
        labels.push("base".to_owned());
        let lines = self.rows.len().min(MOST_LINES);
        let (mut x, mut y) = (Vec::new(), Vec::new());
        for line in 0..lines {
            let place = line * self.rows.len() / lines;
            let mut at = self.base;
            let mut step = |at: f64, row: usize| {
                x.push(at);
                y.push(row as f64);
            };
            step(at, last);
            if !hidden.is_empty() {
                step(at, last - 1);
                at += hidden.iter().map(|feature| feature.added[place]).sum::<f64>();
            }
            for (number, feature) in shown.iter().enumerate().rev() {
                step(at, number + 1);
                at += feature.added[place];
            }
            step(at, 0);
            // Ends the line.
            step(f64::NAN, 0);
        }
        Chart::rows("How answers come about", labels).x("answer").joined().series(Series::xy("", &x, &y))
    }

    /// What features add to answers, a column for each row and a line for each feature (a heat map), rows in the order of their
    /// answers; the first line is the answer less the base. Of more than 60 rows that many are shown, taken evenly.
    pub fn heatmap(&self) -> Chart {
        let shown = self.shown();
        let beyond: Vec<f64> = (0..self.rows.len())
            .map(|place| self.features.iter().map(|feature| feature.added[place]).sum())
            .collect();
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by(|&a, &b| beyond[a].total_cmp(&beyond[b]));
        let n_columns = order.len().min(MOST_COLUMNS);
        let places: Vec<usize> =
            (0..n_columns).map(|column| order[column * order.len() / n_columns]).collect();
        let mut labels = vec!["answer less base".to_owned()];
        labels.extend(shown.iter().map(|feature| feature.name.clone()));
        let line = |of: &dyn Fn(usize) -> f64| places.iter().map(|&place| of(place)).collect::<Vec<f64>>();
        let mut values = vec![line(&|place| beyond[place])];
        values.extend(shown.iter().map(|feature| line(&|place| feature.added[place])));
        let columns = places.iter().map(|&place| self.rows[place].to_string());
        Chart::heatmap("What features add to answers", labels, columns, values)
            .diverging()
            .x("rows by their answers, the lowest left")
    }
}
