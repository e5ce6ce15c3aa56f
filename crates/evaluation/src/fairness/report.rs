//! The rates of decisions by groups.

use std::fmt;

use perennial_core::{Classes, Error, Result, Rows};
use perennial_statistics::interval::Interval;
use serde::{Deserialize, Serialize};

use super::frame::{FairnessOptions, MIN_SUPPORT, enough_groups};
use super::gaps::{Apart, Gap, difference, gap, score_share, with_ratio};
use super::sensitive::{Grouped, SensitiveFeatures};
use crate::align::{check_rows_of, codes_in, positive_class};
use crate::calibration::weighted_share;
use crate::stack::all_names;

/// The rates of one group, with exact intervals at a level that holds for all groups together (Bonferroni; with weights for
/// the number of rows that they are worth); nothing where the group has no such rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRates {
    /// The group.
    pub group: String,
    /// How many rows with weight it has.
    pub support: usize,
    /// The share that is given the positive class.
    pub selection_rate: Interval,
    /// The share of its positive rows that are given the positive class.
    pub true_positive_rate: Option<Interval>,
    /// The share of its other rows that are given the positive class.
    pub false_positive_rate: Option<Interval>,
}

/// How decisions fall on groups and their intersections.
///
/// ```
/// use perennial_core::Classes;
/// use perennial_evaluation::fairness::{FairnessOptions, FairnessReport, SensitiveFeatures};
///
/// let truth = Classes::from_labels((0..400).map(|row| row % 2));
/// let given = Classes::from_labels((0..400).map(|row| i32::from(row % 2 == 1 && (row < 200 || row % 4 == 1))));
/// let group: Vec<String> = (0..400).map(|row| if row < 200 { "a" } else { "b" }.to_owned()).collect();
/// let sensitive = SensitiveFeatures::new().by("group", &group);
/// let report = FairnessReport::measure(&truth, &given, Some("1"), &sensitive, &FairnessOptions::new())?;
/// assert_eq!(report.demographic_parity.difference.estimate, 0.25);
/// assert_eq!(report.equal_opportunity.unwrap().ratio.unwrap().estimate, 0.5);
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FairnessReport {
    /// The class whose giving is judged.
    pub positive: String,
    /// The groups with enough rows, by name.
    pub groups: Vec<GroupRates>,
    /// The groups with too few rows, and how many they have.
    pub skipped: Vec<(String, usize)>,
    /// How far selection rates are apart.
    pub demographic_parity: Gap,
    /// How far true positive rates are apart; nothing where fewer than two groups have positive rows.
    pub equal_opportunity: Option<Gap>,
    /// How far true or false positive rates are apart, whichever are further, of those that two groups have.
    pub equalized_odds: Option<Gap>,
}

/// What the rows of one group count to: by truth and answer.
type Counts = [[f64; 2]; 2];

fn selection_rate(counts: &Counts) -> f64 {
    (counts[0][1] + counts[1][1]) / counts.iter().flatten().sum::<f64>()
}

fn rate(counts: &Counts, truth: usize) -> f64 {
    counts[truth][1] / (counts[truth][0] + counts[truth][1])
}

impl FairnessReport {
    /// Measures the decisions; of two classes the second is positive, or the one named.
    ///
    /// # Errors
    /// When the lengths differ, a setting is out of range, no class has the name, or fewer than two groups have enough rows.
    pub fn measure(
        truth: &Classes,
        given: &Classes,
        positive: Option<&str>,
        sensitive: &SensitiveFeatures,
        options: &FairnessOptions,
    ) -> Result<Self> {
        MIN_SUPPORT.check_count(options.min_support)?;
        let weights = options.weights.as_deref();
        check_rows_of(truth.n_rows(), given.n_rows(), weights)?;
        let groups = Grouped::new(&sensitive.groups()?, truth.n_rows())?;
        // In terms of the largest of the group, so that squares stay in the range of f64; rates of groups are as they were.
        let mut largest = vec![0.0_f64; groups.names.len()];
        for (&group, &weight) in groups.of_row.iter().zip(weights.unwrap_or_default()) {
            largest[group] = largest[group].max(weight);
        }
        let weight = |row: usize| weights.map_or(1.0, |weights| weights[row] / largest[groups.of_row[row]]);
        let names = all_names([truth.names(), given.names()]).unwrap_or_default();
        let class = positive_class(&names, positive)?;
        let is = |classes: &Classes| -> Result<Vec<usize>> {
            Ok(codes_in(classes, &names)?.into_iter().map(|code| usize::from(code == class)).collect())
        };
        let (true_sides, given_sides) = (is(truth)?, is(given)?);
        let (supports, kept) = groups.supports(weights, options.min_support);
        enough_groups(&kept)?;
        let count = |drawn: &[u32]| {
            let mut counts = vec![Counts::default(); groups.names.len()];
            for (row, &times) in drawn.iter().enumerate() {
                counts[groups.of_row[row]][true_sides[row]][given_sides[row]] +=
                    f64::from(times) * weight(row);
            }
            counts
                .into_iter()
                .zip(&kept)
                .filter(|(_, kept)| **kept)
                .map(|(counts, _)| counts)
                .collect::<Vec<_>>()
        };
        let n_rows = truth.n_rows();
        let counts = count(&vec![1; n_rows]);
        let mut squares = vec![[0.0; 2]; groups.names.len()];
        (0..n_rows).for_each(|row| squares[groups.of_row[row]][true_sides[row]] += weight(row) * weight(row));
        let kept_squares: Vec<[f64; 2]> =
            squares.iter().zip(&kept).filter(|(_, kept)| **kept).map(|(squares, _)| *squares).collect();
        // An interval of each group that has such rows.
        let of_sides = |sides: &[usize], level: f64| -> Vec<Interval> {
            let sum = |of: &dyn Fn(usize) -> f64| sides.iter().map(|side| of(*side)).sum::<f64>();
            let rows = counts.iter().zip(&kept_squares).map(|(counts, squares)| {
                let all = sum(&|side| counts[side][0] + counts[side][1]);
                (all > 0.0).then(|| {
                    score_share(sum(&|side| counts[side][1]), all, sum(&|side| squares[side]), level)
                })
            });
            rows.flatten().collect()
        };
        let settings = options.interval();
        let of = |sides: &[usize], rates: &(dyn Fn(&[Counts]) -> Option<Apart> + Sync)| {
            gap(&settings, n_rows, |level| Ok(of_sides(sides, level)), |drawn| rates(&count(drawn)))
        };
        let of_truth =
            |counts: &[Counts], truth: usize| Apart::of(counts.iter().map(|counts| rate(counts, truth)));
        let demographic_parity = of(&[0, 1], &|counts| Apart::of(counts.iter().map(selection_rate)))?
            .ok_or_else(|| Error::insufficient_data("fewer than two groups have a selection rate"))?;
        let equal_opportunity = of(&[1], &|counts| of_truth(counts, 1))?;
        let of_odds = |counts: &[Counts]| Apart::wider(of_truth(counts, 1), of_truth(counts, 0));
        let families = |level: f64| Ok(vec![of_sides(&[1], level), of_sides(&[0], level)]);
        let equalized_odds = match (of_odds(&counts), difference(options.level, n_rows, families)?) {
            (Some(here), Some(difference)) => {
                Some(with_ratio(&settings, n_rows, here, difference, |drawn| of_odds(&count(drawn)))?)
            }
            _ => None,
        };
        // Each interval is wider, so that all of them hold together.
        let level = 1.0 - (1.0 - options.level) / counts.len() as f64;
        let of_group = |(group, counts): (usize, &Counts)| {
            let all = counts.iter().flatten().sum::<f64>();
            if !(all > 0.0) {
                return Err(Error::insufficient_data(format!(
                    "the rows of group `{}` have no weight; leave them out",
                    groups.names[group]
                )));
            }
            let of_truth = squares[group];
            let side = |truth: usize| {
                let all = counts[truth][0] + counts[truth][1];
                (all > 0.0).then(|| weighted_share(counts[truth][1], all, of_truth[truth], level))
            };
            Ok(GroupRates {
                group: groups.names[group].clone(),
                support: supports[group],
                selection_rate: weighted_share(
                    counts[0][1] + counts[1][1],
                    all,
                    of_truth[0] + of_truth[1],
                    level,
                ),
                true_positive_rate: side(1),
                false_positive_rate: side(0),
            })
        };
        let places = (0..kept.len()).filter(|&group| kept[group]);
        let small = (0..kept.len()).filter(|&group| !kept[group]);
        Ok(FairnessReport {
            positive: names[class].clone(),
            skipped: small.map(|group| (groups.names[group].clone(), supports[group])).collect(),
            groups: places.zip(&counts).map(of_group).collect::<Result<_>>()?,
            demographic_parity,
            equal_opportunity,
            equalized_odds,
        })
    }
}

/// Sentences, and a line for each group.
impl fmt::Display for FairnessReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}` given by group", self.positive)?;
        writeln!(f, "demographic parity: {}", self.demographic_parity)?;
        let shown = |gap: &Option<Gap>| gap.map_or("not defined".to_owned(), |gap| gap.to_string());
        writeln!(f, "equal opportunity: {}", shown(&self.equal_opportunity))?;
        write!(f, "equalized odds: {}", shown(&self.equalized_odds))?;
        let show = |rate: &Option<Interval>| rate.map_or("not defined".to_owned(), |rate| rate.to_string());
        for group in &self.groups {
            write!(
                f,
                "\n{}: selected {}, true positives {}, false positives {}, on {} rows",
                group.group,
                group.selection_rate,
                show(&group.true_positive_rate),
                show(&group.false_positive_rate),
                group.support
            )?;
        }
        for (group, support) in &self.skipped {
            write!(f, "\n{group}: skipped, its {support} rows are worth less than the least support")?;
        }
        Ok(())
    }
}
