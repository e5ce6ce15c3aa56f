//! Words of texts and how telling they are, as scikit-learn's `TfidfVectorizer` counts them by default.

use std::collections::{BTreeMap, BTreeSet};

use perennial::core::{Csr, Feature, Features, Matrix, Result};
use perennial::data::Column;

/// Words of two letters, digits or more, in small letters.
fn words(text: &str) -> Vec<String> {
    let small = text.to_lowercase();
    let words = small.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| word.chars().nth(1).is_some()).map(str::to_owned).collect()
}

fn texts(column: &Column) -> Result<Vec<Vec<String>>> {
    Ok(column.as_text()?.map(|text| words(text.unwrap_or_default())).collect())
}

/// How often each word of the rows to learn from stands in a text, times `1 + ln((1 + rows) / (1 + rows with it))`; each row of length one.
pub(crate) fn tf_idf(train: &Column, test: &Column) -> Result<(Matrix, Matrix)> {
    let (train, test) = (texts(train)?, texts(test)?);
    let mut known: BTreeMap<&str, (u32, f64)> = BTreeMap::new();
    for text in &train {
        for word in text.iter().collect::<BTreeSet<_>>() {
            known.entry(word).or_default().1 += 1.0;
        }
    }
    for (place, (_, found)) in known.iter_mut().enumerate() {
        *found = (place as u32, 1.0 + ((1.0 + train.len() as f64) / (1.0 + found.1)).ln());
    }
    let features = known.keys().map(|word| Feature::numeric(*word)).collect::<Vec<_>>();
    let features: Features = features.try_into()?;
    let matrix = |texts: &[Vec<String>]| -> Result<Matrix> {
        let (mut starts, mut places, mut values) = (vec![0], Vec::new(), Vec::new());
        for text in texts {
            let mut row: BTreeMap<u32, f64> = BTreeMap::new();
            for (place, weight) in text.iter().filter_map(|word| known.get(word.as_str())) {
                *row.entry(*place).or_default() += weight;
            }
            let length = row.values().map(|value| value * value).sum::<f64>().sqrt();
            places.extend(row.keys());
            values.extend(row.values().map(|value| value / length));
            starts.push(places.len());
        }
        Matrix::from_sparse(Csr::new(features.len(), starts, places, values)?, features.clone())
    };
    Ok((matrix(&train)?, matrix(&test)?))
}
