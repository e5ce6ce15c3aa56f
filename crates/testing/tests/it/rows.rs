//! Steps of texts and of maps of names: the sound ones pass, and each fault fails the check that it is about.

use std::collections::BTreeSet;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use ndarray::{Array2, Axis};
use perennial_core::{
    Capabilities, Error, Estimator, Features, FitTransform, Matrix, NoTarget, OutputSchema, Param, Result,
    Rows, Train, Transformer,
};
use perennial_testing::{Field, Fields, Report, Tags, Text, check, check_texts};
use serde::{Deserialize, Serialize};

/// What is wrong with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Fault {
    None,
    BatchMean,
    BlamesAnotherSetting,
    FitTransformDiffers,
    IgnoresWeights,
    LosesStateInSave,
    OrderOfRows,
    PanicsOnEmptyText,
    RandomOrder,
    TakesMissing,
    TellsOtherColumns,
    UnknownIsNan,
    UntypedAtUse,
}

/// Counts words between spaces: the first `most` of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Words {
    most: usize,
    fault: Fault,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct WordsModel {
    words: Vec<String>,
    fault: Fault,
    #[serde(skip)]
    more: f64,
}

const MOST: Param = Param::integer("most", "how many words are counted").at_least(1.0);

fn words_of(text: &Text) -> impl Iterator<Item = &str> {
    text.as_deref().unwrap_or_default().split_whitespace()
}

impl Estimator for Words {
    type Input = [Text];
    type Target = NoTarget;
    type Model = WordsModel;

    fn fit_on(&self, train: &Train<'_, [Text], NoTarget>) -> Result<WordsModel> {
        let fault = self.fault;
        MOST.check_count(self.most).map_err(|error| match fault {
            Fault::BlamesAnotherSetting => Error::invalid_param("least", self.most, "1"),
            _ => error,
        })?;
        let counts = |row: &usize| train.weight(*row) > 0.0 || fault == Fault::IgnoresWeights;
        let live: Vec<&Text> = (0..train.x.n_rows()).filter(counts).map(|row| &train.x[row]).collect();
        let mut words: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        for text in live {
            train.ctx.check()?;
            let own = words_of(text).filter(|word| seen.insert((*word).to_owned()));
            words.extend(own.map(str::to_owned));
        }
        match fault {
            Fault::OrderOfRows => {}
            Fault::RandomOrder => {
                let keys = RandomState::new();
                words.sort_by_key(|word| {
                    let mut hasher = keys.build_hasher();
                    hasher.write(word.as_bytes());
                    hasher.finish()
                });
            }
            _ => words.sort_unstable(),
        }
        words.truncate(self.most);
        if words.is_empty() {
            return Err(Error::insufficient_data("no text has a word"));
        }
        let more = if fault == Fault::LosesStateInSave { 1.0 } else { 0.0 };
        Ok(WordsModel { words, fault, more })
    }

    fn capabilities(&self) -> Capabilities {
        let accepts = Capabilities::new().weights();
        if self.fault == Fault::TakesMissing { accepts } else { accepts.missing() }
    }
}

impl FitTransform for Words {
    fn fit_transform_on(&self, train: &Train<'_, [Text], NoTarget>) -> Result<(WordsModel, Matrix)> {
        let model = self.fit_on(train)?;
        let mut output = model.counts(train.x);
        if self.fault == Fault::FitTransformDiffers {
            output[[0, 0]] += 0.5;
        }
        let output = model.named(output)?;
        Ok((model, output))
    }

    fn transform_schema(&self, x: &[Text]) -> Result<OutputSchema<Matrix>> {
        if self.fault != Fault::TellsOtherColumns {
            return Ok(OutputSchema::after_fit(self, "the words decide"));
        }
        let output = Matrix::from(Array2::zeros((x.n_rows(), 1))).with_names(["words"])?;
        Ok(OutputSchema::Known { output, sources: None })
    }
}

impl WordsModel {
    fn counts(&self, x: &[Text]) -> Array2<f64> {
        let mut counts = Array2::from_elem((x.len(), self.words.len()), self.more);
        for (mut cells, text) in counts.rows_mut().into_iter().zip(x) {
            if self.fault == Fault::PanicsOnEmptyText {
                assert!(text.as_deref() != Some(""), "no first letter");
            }
            for word in words_of(text) {
                match self.words.iter().position(|known| known == word) {
                    Some(place) => cells[place] += 1.0,
                    None if self.fault == Fault::UnknownIsNan => cells[0] = f64::NAN,
                    None => {}
                }
            }
        }
        if self.fault == Fault::BatchMean
            && let Some(mean) = counts.mean_axis(Axis(0))
        {
            counts -= &mean;
        }
        counts
    }

    fn named(&self, counts: Array2<f64>) -> Result<Matrix> {
        Matrix::from(counts).with_features(Features::named(self.words.iter().map(String::as_str))?)
    }
}

impl Transformer for WordsModel {
    type Input = [Text];
    type Output = Matrix;

    fn transform(&self, x: &[Text]) -> Result<Matrix> {
        let known = |text: &Text| words_of(text).any(|word| self.words.iter().any(|known| known == word));
        if self.fault == Fault::UntypedAtUse && !x.is_empty() && !x.iter().any(known) {
            return Err(Error::other("no word is known"));
        }
        self.named(self.counts(x))
    }
}

fn report(fault: Fault) -> Report {
    check_texts(&Words { most: 50, fault }, <[Text]>::to_vec, Tags::new().exact_solver().most_rows(600))
}

#[test]
fn a_sound_step_of_texts_passes() {
    let report = report(Fault::None);
    report.assert_passed();
    assert!(report.checks.len() > 25, "{report}");
}

#[test]
fn wrong_steps_of_texts_are_caught() {
    let mutants = [
        (Fault::BatchMean, "P01"),
        (Fault::BlamesAnotherSetting, "E01"),
        (Fault::FitTransformDiffers, "T01"),
        (Fault::IgnoresWeights, "W02"),
        (Fault::LosesStateInSave, "S01"),
        (Fault::OrderOfRows, "D05"),
        (Fault::PanicsOnEmptyText, "E03"),
        (Fault::RandomOrder, "D01"),
        (Fault::TakesMissing, "E17"),
        (Fault::TellsOtherColumns, "T03"),
        (Fault::UnknownIsNan, "E23"),
        (Fault::UntypedAtUse, "E03"),
    ];
    for (fault, id) in mutants {
        let report = report(fault);
        assert!(report.failed(id), "{fault:?} passed {id}: {report}");
    }
}

/// The sum of the numbers of a row.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sum {
    scale: f64,
}

impl Estimator for Sum {
    type Input = [Fields];
    type Target = NoTarget;
    type Model = Sum;

    fn fit_on(&self, _: &Train<'_, [Fields], NoTarget>) -> Result<Sum> {
        Param::real("scale", "what sums are multiplied by").at_least(0.0).at_most(1.0).check(self.scale)?;
        Ok(self.clone())
    }
}

impl FitTransform for Sum {}

impl Transformer for Sum {
    type Input = [Fields];
    type Output = Matrix;

    fn transform(&self, x: &[Fields]) -> Result<Matrix> {
        let mut sums = Array2::<f64>::zeros((x.len(), 1));
        for (row, fields) in x.iter().enumerate() {
            for (name, field) in fields {
                let Field::Number(number) = field else { continue };
                if !number.is_finite() {
                    return Err(Error::malformed(format!("`{name}` of row {row} is {number}")));
                }
                sums[[row, 0]] += self.scale * number;
            }
            if !sums[[row, 0]].is_finite() {
                return Err(Error::overflow("the sum of a row leaves the range of f64"));
            }
        }
        Matrix::from(sums).with_names(["sum"])
    }
}

check!(a_sound_step_of_records_passes, records, Sum { scale: 0.5 }, <[Fields]>::to_vec);
