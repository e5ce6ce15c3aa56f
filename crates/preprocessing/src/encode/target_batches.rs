//! Encoders of the target that learn from batches: its mean first, then the sums of each category.

use ndarray::ArrayView2;
use perennial_core::{Error, Result, Train};
use perennial_data::Table;

use super::statistics::{EncodingTarget, Sums, codes};
use super::target::{About, Encoded, TargetEncoder, TargetModel, check_origins};
use crate::batches::{BoxLearning, FitBatches, Learning};
use crate::categories::Unknown;
use crate::category_parts::{ColumnParts, TableParts};
use crate::decided::list;
use crate::moments::PartMoments;

impl<Y: EncodingTarget> FitBatches for TargetEncoder<Y> {
    fn learning(&self) -> Result<BoxLearning<'_, Self>> {
        self.check()?;
        Ok(two_passes(|own, all, about| self.code(own, all, about), self.unknown))
    }

    fn hands_on(&self) -> Result<()> {
        keeps_rows_apart()
    }
}

/// That no step can learn in batches from what an encoder of the target makes.
pub(super) fn keeps_rows_apart() -> Result<()> {
    Err(Error::unsupported(
        "a target encoder keeps each training row from its own target, which needs all rows at once; let no step follow it in batches, or fit on a table in memory",
    ))
}

/// Learning in which a category becomes `code(its sums, those of all rows, what else there is to know)`.
pub(super) fn two_passes<'a, Y: EncodingTarget>(
    code: impl Fn(Sums, Sums, About) -> f64 + Sync + 'a,
    unknown: Unknown,
) -> Box<dyn Learning<Table, Y, TargetModel> + 'a> {
    Box::new(TwoPasses {
        code,
        unknown,
        classes: None,
        labels: Vec::new(),
        means: Vec::new(),
        origins: None,
        parts: TableParts::default(),
    })
}

/// What is known between the batches.
struct TwoPasses<F> {
    code: F,
    unknown: Unknown,
    /// Those of the first batch.
    classes: Option<Vec<String>>,
    labels: Vec<Option<String>>,
    /// Of the target, for each output.
    means: Vec<PartMoments>,
    /// The means, once all batches were given.
    origins: Option<Vec<f64>>,
    parts: TableParts<Vec<Sums>>,
}

impl<Y: EncodingTarget, F: Fn(Sums, Sums, About) -> f64 + Sync> Learning<Table, Y, TargetModel>
    for TwoPasses<F>
{
    fn add(&mut self, batch: &Train<'_, Table, Y>) -> Result<()> {
        let names = batch.y.class_names();
        check_classes(self.classes.get_or_insert_with(|| names.to_vec()), names)?;
        let mut outputs = batch.y.outputs();
        let Some(origins) = &self.origins else {
            let names: Vec<Option<String>> = outputs.iter().map(|(label, _)| label.clone()).collect();
            if self.means.is_empty() {
                self.means.resize_with(names.len(), PartMoments::default);
                self.labels = names;
            } else if self.labels != names {
                return Err(Error::malformed("the batches have targets of other classes than the first one"));
            }
            return self.means.iter_mut().zip(&outputs).try_for_each(|(mean, (_, values))| {
                mean.add(&ArrayView2::from(values.as_chunks::<1>().0), batch.weights)
            });
        };
        outputs.iter_mut().zip(origins).for_each(|((_, values), origin)| {
            values.iter_mut().for_each(|value| *value -= origin);
        });
        self.parts.add(batch.x, |_, row, sums| {
            let weight = batch.weight(row);
            if weight > 0.0 {
                sums.resize(outputs.len(), Sums::default());
                sums.iter_mut().zip(&outputs).for_each(|(sums, (_, values))| sums.add(weight, values[row]));
            }
        })
    }

    fn end_pass(&mut self) -> Result<Option<TargetModel>> {
        let Some(origins) = &self.origins else {
            let means = std::mem::take(&mut self.means).into_iter();
            let origins = means.map(|mean| Ok(mean.finish(1)?.mean[0])).collect::<Result<Vec<f64>>>()?;
            check_origins(&origins)?;
            self.origins = Some(origins);
            return Ok(None);
        };
        let column = |column: ColumnParts<Vec<Sums>>| {
            let name = column.name.clone();
            let (levels, each, missing) = column.in_order(|sums| !sums.is_empty());
            let n_categories = levels.len() + usize::from(!missing.is_empty());
            let of_output = |(output, &origin): (usize, &f64)| {
                let sums = each.iter().chain([&missing]).map(|sums| sums.get(output).copied());
                let sums: Vec<Sums> = sums.map(Option::unwrap_or_default).collect();
                let is_alone = self.labels[output].is_none();
                let about = About { origin, n_categories, is_alone };
                codes(&sums, &|own, all| (self.code)(own, all, about))
            };
            Encoded { name, codes: origins.iter().enumerate().map(of_output).collect(), levels }
        };
        let columns = std::mem::take(&mut self.parts).0.into_iter().map(column).collect();
        TargetModel::new(columns, self.labels.clone(), self.unknown).map(Some)
    }
}

/// Refuses classes that are not those of the first batch: codes of other lists of names are of other classes.
fn check_classes(first: &[String], names: &[String]) -> Result<()> {
    if first == names {
        return Ok(());
    }
    let beyond = |names: &[String], others: &[String]| {
        let beyond: Vec<String> =
            names.iter().filter(|name| !others.contains(name)).map(|name| format!("`{name}`")).collect();
        list(beyond.into_iter())
    };
    let (new, gone) = (beyond(names, first), beyond(first, names));
    let differ = match (new.as_str(), gone.as_str()) {
        ("none", "none") => "the same classes in another order than the first one".to_owned(),
        _ => format!("other classes than the first one (more: {new}; without: {gone})"),
    };
    Err(Error::malformed(format!(
        "a batch has {differ}; give all batches one list of all classes, by `Classes::new(codes, names)`"
    )))
}
