//! The terms of a text.

use perennial_core::{Error, Param, Result};
use serde::{Deserialize, Serialize};

/// The longest terms, in words or characters.
const MOST: usize = 1000;
pub(super) const MIN_WORD_LENGTH: Param =
    Param::integer("min_word_length", "how many letters a word has at least").at_least(1.0).at_most(1000.0);

/// What a term is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Analyzer {
    /// A word, or some in a row: letters, digits and underscores side by side, at least two of them unless told otherwise.
    #[default]
    Word,
    /// Some characters in a row, spaces included.
    Char,
    /// Some characters in a row within a word, at whose ends there is a space.
    CharWb,
}

/// How texts become terms.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Analysis {
    pub(super) analyzer: Analyzer,
    pub(super) ngram_range: (usize, usize),
    pub(super) lowercase: bool,
    /// In order.
    #[serde(deserialize_with = "ordered")]
    pub(super) stop_words: Vec<String>,
    #[serde(default = "two")]
    pub(super) min_word_length: usize,
}

/// The letters of the shortest words, unless told otherwise.
fn two() -> usize {
    2
}

/// Words as somebody wrote them, in order.
fn ordered<'de, D: serde::Deserializer<'de>>(words: D) -> std::result::Result<Vec<String>, D::Error> {
    Vec::deserialize(words).map(in_order)
}

pub(super) fn in_order(mut words: Vec<String>) -> Vec<String> {
    words.sort_unstable();
    words.dedup();
    words
}

impl Default for Analysis {
    fn default() -> Self {
        Analysis {
            analyzer: Analyzer::Word,
            ngram_range: (1, 1),
            lowercase: true,
            stop_words: Vec::new(),
            min_word_length: two(),
        }
    }
}

impl Analysis {
    pub(super) fn check(&self) -> Result<()> {
        let (least, most) = self.ngram_range;
        if !(1 <= least && least <= most && most <= MOST) {
            return Err(Error::invalid_param(
                "ngram_range",
                self.ngram_range,
                "two lengths from 1 to 1000, the shorter first",
            ));
        }
        MIN_WORD_LENGTH.check_count(self.min_word_length)?;
        if self.min_word_length != two() && self.analyzer != Analyzer::Word {
            return Err(Error::invalid_param(
                "min_word_length",
                self.min_word_length,
                "2, as it was, as terms are characters and not words",
            ));
        }
        if !self.stop_words.is_empty() && self.analyzer != Analyzer::Word {
            return Err(Error::invalid_param(
                "stop_words",
                &self.stop_words,
                "none, as terms are characters and not words",
            ));
        }
        Ok(())
    }

    /// Gives each term of a text as often as it is there. `memory` is kept from text to text.
    pub(super) fn terms(&self, text: &str, memory: &mut Memory, mut give: impl FnMut(&str)) {
        let lower;
        let text = match self.lowercase {
            true => {
                lower = text.to_lowercase();
                &*lower
            }
            false => text,
        };
        match self.analyzer {
            Analyzer::Word => self.words(text, memory, give),
            Analyzer::Char => {
                single_spaces(text, &mut memory.term);
                let text = std::mem::take(&mut memory.term);
                self.characters(&text, memory, &mut give);
                memory.term = text;
            }
            Analyzer::CharWb => {
                for word in text.split_whitespace() {
                    let padded = format!(" {word} ");
                    self.inside(&padded, memory, &mut give);
                }
            }
        }
    }

    fn words(&self, text: &str, memory: &mut Memory, mut give: impl FnMut(&str)) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let last = self.min_word_length.saturating_sub(1);
        let words = text.split(|c: char| !is_word(c)).filter(|word| word.chars().nth(last).is_some());
        let known = |word: &&str| self.stop_words.binary_search_by(|stop| stop.as_str().cmp(word)).is_err();
        let words = words.filter(known);
        let (least, most) = self.ngram_range;
        if most == 1 {
            words.for_each(give);
            return;
        }
        // Where each of the words starts and ends.
        memory.ends.clear();
        let start = text.as_ptr() as usize;
        memory.ends.extend(words.map(|word| {
            let first = word.as_ptr() as usize - start;
            (first, first + word.len())
        }));
        for length in least..=most.min(memory.ends.len()) {
            for window in memory.ends.windows(length) {
                memory.term.clear();
                for (place, &(first, end)) in window.iter().enumerate() {
                    if place > 0 {
                        memory.term.push(' ');
                    }
                    memory.term.push_str(&text[first..end]);
                }
                give(&memory.term);
            }
        }
    }

    /// All runs of characters of the lengths.
    fn characters(&self, text: &str, memory: &mut Memory, give: &mut impl FnMut(&str)) {
        let (least, most) = self.ngram_range;
        let starts = memory.starts(text);
        for length in least..=most.min(starts.len() - 1) {
            starts.windows(length + 1).for_each(|window| give(&text[window[0]..window[length]]));
        }
    }

    /// All runs of characters of a word; a word that is too short for a length is given once, whole.
    fn inside(&self, word: &str, memory: &mut Memory, give: &mut impl FnMut(&str)) {
        let (least, most) = self.ngram_range;
        let starts = memory.starts(word);
        let n = starts.len() - 1;
        for length in least..=most {
            if length >= n {
                give(word);
                break;
            }
            starts.windows(length + 1).for_each(|window| give(&word[window[0]..window[length]]));
        }
    }
}

/// Room that is used again for each text.
#[derive(Default)]
pub(super) struct Memory {
    term: String,
    ends: Vec<(usize, usize)>,
    starts: Vec<usize>,
}

impl Memory {
    /// Where each character starts, and where the last one ends.
    fn starts(&mut self, text: &str) -> &[usize] {
        self.starts.clear();
        self.starts.extend(text.char_indices().map(|(start, _)| start));
        self.starts.push(text.len());
        &self.starts
    }
}

/// One space for several white characters in a row.
fn single_spaces(text: &str, out: &mut String) {
    out.clear();
    let mut waiting = None;
    for c in text.chars() {
        match (c.is_whitespace(), waiting) {
            (true, None) => waiting = Some(c),
            (true, Some(_)) => waiting = Some(' '),
            (false, _) => {
                out.extend(waiting.take());
                out.push(c);
            }
        }
    }
    out.extend(waiting);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(analysis: &Analysis, text: &str) -> Vec<String> {
        let mut found = Vec::new();
        analysis.terms(text, &mut Memory::default(), |term| found.push(term.to_owned()));
        found
    }

    #[test]
    fn words_and_their_pairs() {
        let analysis = Analysis { ngram_range: (1, 2), ..Analysis::default() };
        assert_eq!(
            terms(&analysis, "The Cat's, a_b é1!"),
            ["the", "cat", "a_b", "é1", "the cat", "cat a_b", "a_b é1"]
        );
        let without = Analysis { stop_words: vec!["cat".to_owned()], ..analysis };
        assert_eq!(terms(&without, "the cat sat"), ["the", "sat", "the sat"]);
        assert!(terms(&without, "").is_empty() && terms(&without, "a b c").is_empty());
        let short = Analysis { min_word_length: 1, ..Analysis::default() };
        assert_eq!(terms(&short, "C and R, x_1"), ["c", "and", "r", "x_1"]);
        let long = Analysis { min_word_length: 4, ..Analysis::default() };
        assert_eq!(terms(&long, "The car, öläö"), ["öläö"]);
        assert!(Analysis { min_word_length: 0, ..Analysis::default() }.check().is_err());
        assert!(Analysis { analyzer: Analyzer::Char, ..long }.check().is_err());
    }

    #[test]
    fn characters_with_and_without_the_ends_of_words() {
        let analysis = Analysis { analyzer: Analyzer::Char, ngram_range: (2, 3), ..Analysis::default() };
        assert_eq!(terms(&analysis, "Ab  c"), ["ab", "b ", " c", "ab ", "b c"]);
        assert!(terms(&analysis, "a").is_empty());
        let within = Analysis { analyzer: Analyzer::CharWb, ngram_range: (3, 5), ..Analysis::default() };
        // As scikit-learn: a word that is no longer than a length is there once.
        assert_eq!(
            terms(&within, "ab  cde"),
            [" ab", "ab ", " ab ", " cd", "cde", "de ", " cde", "cde ", " cde "]
        );
    }
}
