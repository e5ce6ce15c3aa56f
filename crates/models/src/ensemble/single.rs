//! A single row: all questions of a tree at once.

use perennial_numeric::at_once::{self, Ladder, MOST_COLUMNS, Question, Trees};

use super::blocks::Asked;
use super::coding::{Coding, MISSING};

/// Trees that are too few to be worth the codes of a row.
const FEW: usize = 16;
/// The place of codes that nothing asks for.
const NOWHERE: usize = MOST_COLUMNS;

/// Trees of few leaves, and the codes of a row that they ask for.
#[derive(Clone, Debug)]
pub(super) struct Single {
    /// The features whose values become ranks, with their cuts and the columns for trees that send missing values left and right.
    features: Vec<usize>,
    ladders: Vec<Ladder>,
    columns: Vec<[usize; 2]>,
    /// Each question about categories has a column of its own: which of the codings it is about, and where codes go.
    sets: Vec<(usize, [u8; 256])>,
    /// The column of the first of them.
    first_set: usize,
    trees: Trees,
    /// What leaves add, with the same number of places for each tree.
    values: Vec<f64>,
}

impl Single {
    /// `None` where walks are faster, or the trees do not fit.
    pub(super) fn new(codings: &[Coding], asked: &[Asked]) -> Option<Self> {
        if !at_once::is_fast() || asked.len() < FEW {
            return None;
        }
        let (mut features, mut ladders, mut columns) = (Vec::new(), Vec::new(), Vec::new());
        // The column of the blocks that each column here is.
        let mut known: Vec<u32> = Vec::new();
        for coding in codings {
            let Some((ladder, sides)) = coding.ladder() else { continue };
            features.push(coding.feature());
            ladders.push(ladder);
            columns.push(sides.map(|side| {
                side.map_or(NOWHERE, |column| {
                    known.push(column);
                    known.len() - 1
                })
            }));
        }
        let first_set = known.len();
        let mut sets = Vec::new();
        let mut trees = Vec::with_capacity(asked.len());
        for asked in asked {
            let mut questions = Vec::with_capacity(asked.questions.len());
            for question in &asked.questions {
                let column = if question.has_table() {
                    let coding =
                        codings.iter().position(|coding| coding.column() == Some(question.column))?;
                    sets.push((coding, asked.tables[question.table as usize]));
                    first_set + sets.len() - 1
                } else {
                    known.iter().position(|&column| column == question.column)?
                };
                questions.push(Question {
                    column: u8::try_from(column).ok().filter(|&column| usize::from(column) < MOST_COLUMNS)?,
                    at: question.at,
                    first: question.first,
                    n_left: question.jump,
                });
            }
            trees.push(questions);
        }
        let trees = Trees::new(&trees)?;
        let mut values = Vec::with_capacity(asked.len() * trees.width());
        for asked in asked {
            let end = values.len() + trees.width();
            values.extend_from_slice(&asked.values);
            values.resize(end, 0.0);
        }
        (first_set + sets.len() <= MOST_COLUMNS).then_some(Single {
            features,
            ladders,
            columns,
            sets,
            first_set,
            trees,
            values,
        })
    }

    /// Adds what the trees, of which the first is number `first_tree` of all, say of a row to its scores, tree by tree.
    pub(super) fn add(&self, codings: &[Coding], first_tree: usize, row: &[f64], scores: &mut [f64]) {
        let (mut values, mut ranks) = ([0.0; MOST_COLUMNS], [0; MOST_COLUMNS]);
        for (value, &feature) in values.iter_mut().zip(&self.features) {
            *value = row[feature];
        }
        at_once::ranks(&self.ladders, &values, &mut ranks);
        let mut codes = [0; MOST_COLUMNS + 1];
        for ((&[left, right], &rank), value) in self.columns.iter().zip(&ranks).zip(values) {
            codes[left] = rank;
            codes[right] = if value.is_nan() { MISSING } else { rank };
        }
        for ((coding, table), code) in self.sets.iter().zip(&mut codes[self.first_set..]) {
            let coding = &codings[*coding];
            *code = table[usize::from(coding.code(row[coding.feature()]))];
        }
        let Some(codes) = codes.first_chunk() else { return };
        if let [score] = scores {
            // It stays in a register.
            let mut sum = *score;
            self.trees.leaves(codes, |leaf| sum += self.values[leaf]);
            *score = sum;
            return;
        }
        let mut output = first_tree % scores.len();
        self.trees.leaves(codes, |leaf| {
            scores[output] += self.values[leaf];
            output = if output + 1 == scores.len() { 0 } else { output + 1 };
        });
    }
}
