//! Linear models of texts.

use std::collections::BTreeMap;
use std::fs;

use perennial::core::{Classes, Csr, Error, Estimator, Matrix, Predictor, Result};
use perennial::models::LogisticRegression;

use crate::measure::{Bench, Record};

/// Training rows; the others are held out.
const TRAIN: usize = 40_000;

/// The logistic regression of the peer's `tfidf_logreg` alone: the words are weighed before the clock starts.
pub(crate) fn text_logreg(bench: &Bench) -> Result<Record> {
    let path = bench.path("text_50k.tsv");
    let text = fs::read_to_string(&path).map_err(|error| Error::io(path.display(), error))?;
    let (labels, texts): (Vec<&str>, Vec<&str>) =
        text.lines().filter_map(|line| line.split_once('\t')).unzip();
    if texts.len() <= TRAIN {
        return Err(Error::insufficient_data(format!("{} texts; more than {TRAIN} are needed", texts.len())));
    }
    let words = Words::of(&texts[..TRAIN]);
    let (x, test_x) = (words.weigh(&texts[..TRAIN])?, words.weigh(&texts[TRAIN..])?);
    let all = Classes::from_labels(labels.iter().copied());
    let codes = |rows: std::ops::Range<usize>| Classes::new(all.codes()[rows].to_vec(), all.shared_names());
    let (y, test_y) = (codes(0..TRAIN)?, codes(TRAIN..texts.len())?);
    let about = format!("text_50k ({TRAIN} rows of {} words, tf-idf, CSR)", words.places.len());
    let settings = LogisticRegression::new().max_iter(200).tolerance(1e-4);
    let mut fitted = bench.fit("multinomial L2 C=1, tol 1e-4", &about, || settings.fit(&x, &y))?;
    let found = fitted.predict(|model| model.predict(&test_x))?;
    let right = found.codes().iter().zip(test_y.codes()).filter(|(a, b)| a == b).count();
    let (n_iterations, gradient) = (fitted.model.n_iterations() as f64, fitted.model.gradient_norm());
    let share = right as f64 / test_y.codes().len() as f64;
    Ok(fitted.record.quality("acc", share).quality("iters", n_iterations).quality("gradient", gradient))
}

/// Words of at least two texts, and how seldom they are.
struct Words<'a> {
    places: BTreeMap<&'a str, usize>,
    weights: Vec<f64>,
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.chars().count() > 1)
}

impl<'a> Words<'a> {
    fn of(texts: &[&'a str]) -> Self {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for text in texts {
            let mut own: Vec<&str> = words(text).collect();
            own.sort_unstable();
            own.dedup();
            own.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        }
        counts.retain(|_, count| *count >= 2);
        let weight = |count: usize| ((1.0 + texts.len() as f64) / (1.0 + count as f64)).ln() + 1.0;
        let weights = counts.values().map(|&count| weight(count)).collect();
        let places = counts.keys().enumerate().map(|(place, word)| (*word, place)).collect();
        Words { places, weights }
    }

    /// Counts times weights, each row at unit length.
    fn weigh(&self, texts: &[&str]) -> Result<Matrix> {
        let (mut ends, mut columns, mut values) = (vec![0], Vec::new(), Vec::new());
        for text in texts {
            let mut counts: BTreeMap<usize, f64> = BTreeMap::new();
            for place in words(text).filter_map(|word| self.places.get(word)) {
                *counts.entry(*place).or_default() += 1.0;
            }
            let own: Vec<(usize, f64)> =
                counts.into_iter().map(|(place, count)| (place, count * self.weights[place])).collect();
            let length = own.iter().map(|(_, value)| value * value).sum::<f64>().sqrt();
            for (place, value) in own {
                columns.push(place as u32);
                values.push(value / length);
            }
            ends.push(values.len());
        }
        Ok(Csr::new(self.places.len(), ends, columns, values)?.into())
    }
}
