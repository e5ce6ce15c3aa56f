//! Where to search.

use std::ops::RangeInclusive;

use perennial_core::{Error, Param, Result};
use perennial_numeric::random::Random;
use serde::{Deserialize, Serialize};

use crate::{Setting, Trial};

/// The values that one setting may take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Dimension {
    /// Real numbers from `low` to `high`.
    Real {
        /// The lowest value.
        low: f64,
        /// The highest value.
        high: f64,
        /// Whether ratios count, not differences.
        log: bool,
    },
    /// Whole numbers from `low` to `high`.
    Integer {
        /// The lowest value.
        low: i64,
        /// The highest value.
        high: i64,
        /// Whether ratios count, not differences.
        log: bool,
    },
    /// One of these names.
    Choice(Vec<String>),
    /// A parameter that does not say where to search; a search refuses it.
    Undeclared,
}

/// The settings to search, with the values that each may take.
///
/// ```
/// use perennial_core::Param;
/// use perennial_tuning::Space;
///
/// const ALPHA: Param = Param::real("alpha", "strength of the penalty").at_least(0.0).search_log(1e-4, 1e2);
///
/// let space = Space::new()
///     .param(&ALPHA)
///     .real("momentum", 0.0..=0.99)
///     .integer("max_depth", 2..=12)
///     .choice("criterion", ["gini", "entropy"]);
/// assert_eq!(space.names().count(), 4);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Space {
    dimensions: Vec<(String, Dimension)>,
}

impl Space {
    /// A space without settings.
    pub fn new() -> Self {
        Space::default()
    }

    /// A real setting.
    #[must_use]
    pub fn real(self, name: &str, range: RangeInclusive<f64>) -> Self {
        self.with(name, Dimension::Real { low: *range.start(), high: *range.end(), log: false })
    }

    /// A real setting of which ratios count: 0.01 is as far from 0.1 as 0.1 is from 1.
    #[must_use]
    pub fn log_real(self, name: &str, range: RangeInclusive<f64>) -> Self {
        self.with(name, Dimension::Real { low: *range.start(), high: *range.end(), log: true })
    }

    /// A whole-number setting.
    #[must_use]
    pub fn integer(self, name: &str, range: RangeInclusive<i64>) -> Self {
        self.with(name, Dimension::Integer { low: *range.start(), high: *range.end(), log: false })
    }

    /// A whole-number setting of which ratios count.
    #[must_use]
    pub fn log_integer(self, name: &str, range: RangeInclusive<i64>) -> Self {
        self.with(name, Dimension::Integer { low: *range.start(), high: *range.end(), log: true })
    }

    /// One of several names.
    #[must_use]
    pub fn choice<S: Into<String>>(self, name: &str, choices: impl IntoIterator<Item = S>) -> Self {
        self.with(name, Dimension::Choice(choices.into_iter().map(Into::into).collect()))
    }

    /// A parameter of an estimator, searched where its declaration says.
    #[must_use]
    pub fn param(self, param: &Param) -> Self {
        let dimension = match param.search {
            None => Dimension::Undeclared,
            Some((low, high, log)) if param.integer => {
                Dimension::Integer { low: low.ceil() as i64, high: high.floor() as i64, log }
            }
            Some((low, high, log)) => Dimension::Real { low, high, log },
        };
        self.with(param.name, dimension)
    }

    fn with(mut self, name: &str, dimension: Dimension) -> Self {
        self.dimensions.push((name.to_owned(), dimension));
        self
    }

    /// The names of the settings, in the order in which they were declared.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.dimensions.iter().map(|(name, _)| name.as_str())
    }

    /// The values that a setting may take.
    pub fn dimension(&self, name: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|(known, _)| known == name).map(|(_, dimension)| dimension)
    }

    /// Refuses a space that cannot be searched.
    ///
    /// # Errors
    /// When there are no settings, a name occurs twice, or a range is empty, not finite, or, on a logarithmic
    /// scale, not positive.
    pub fn check(&self) -> Result<()> {
        if self.dimensions.is_empty() {
            return Err(Error::empty("the space has no settings"));
        }
        for (place, (name, dimension)) in self.dimensions.iter().enumerate() {
            if self.dimensions[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(Error::invalid_name(format!(
                    "setting `{name}` is declared twice; declare it once"
                )));
            }
            dimension.check(name)?;
        }
        Ok(())
    }

    /// Refuses settings that the space does not have, lacks, or has elsewhere.
    pub(crate) fn check_trial(&self, trial: &Trial) -> Result<()> {
        for (name, dimension) in &self.dimensions {
            let value = match dimension {
                Dimension::Choice(_) => trial.choice(name).map(Setting::from)?,
                Dimension::Integer { .. } => Setting::Integer(trial.integer(name)?),
                _ => Setting::Real(trial.real(name)?),
            };
            let known = match (dimension, &value) {
                (Dimension::Choice(choices), Setting::Choice(choice)) => choices.contains(choice),
                (_, Setting::Real(value)) => value.is_finite(),
                _ => true,
            };
            if !known {
                return Err(Error::invalid_param(name, value.to_string(), "a value that the space has"));
            }
        }
        match trial.values().keys().find(|name| self.dimension(name).is_none()) {
            None => Ok(()),
            Some(name) => Err(Error::unknown(format!("the space has no setting `{name}`"))),
        }
    }

    /// A candidate drawn at random.
    pub(crate) fn draw(&self, number: usize, random: &mut Random) -> Trial {
        let draw = |(name, dimension): &(String, Dimension)| (name.clone(), dimension.draw(random));
        Trial::new(number, self.dimensions.iter().map(draw).collect::<Vec<_>>())
    }

    /// The values of each setting on a grid of `points` per number.
    pub(crate) fn grid(&self, points: usize) -> Vec<(String, Vec<Setting>)> {
        self.dimensions.iter().map(|(name, dimension)| (name.clone(), dimension.grid(points))).collect()
    }
}

impl Dimension {
    fn check(&self, name: &str) -> Result<()> {
        let (low, high, log) = match self {
            Dimension::Undeclared => {
                return Err(Error::unsupported(format!(
                    "parameter `{name}` does not say where to search; give a range by `real` or `integer`"
                )));
            }
            Dimension::Choice(choices) if choices.is_empty() => {
                return Err(Error::empty(format!("setting `{name}` has no choices")));
            }
            Dimension::Choice(_) => return Ok(()),
            Dimension::Real { low, high, log } => (*low, *high, *log),
            Dimension::Integer { low, high, log } => (*low as f64, *high as f64, *log),
        };
        if !(low <= high && low.is_finite() && high.is_finite()) {
            let expected = "a range from a finite number to one that is not smaller";
            return Err(Error::invalid_param(name, format!("{low} to {high}"), expected));
        }
        if log && !(low > 0.0) {
            let expected = "a range of positive numbers on a logarithmic scale";
            return Err(Error::invalid_param(name, format!("{low} to {high}"), expected));
        }
        Ok(())
    }

    fn draw(&self, random: &mut Random) -> Setting {
        match self {
            Dimension::Real { low, high, log } => Setting::Real(between(*low, *high, *log, random.uniform())),
            Dimension::Integer { low, high, log: false } => {
                let width = high.abs_diff(*low).saturating_add(1);
                Setting::Integer(low.saturating_add_unsigned(random.below(width as usize) as u64))
            }
            Dimension::Integer { low, high, log: true } => {
                // Each whole number gets the share of the numbers that round to it.
                let value = between(*low as f64 - 0.5, *high as f64 + 0.5, true, random.uniform()).round();
                Setting::Integer((value as i64).clamp(*low, *high))
            }
            Dimension::Choice(choices) => Setting::Choice(choices[random.below(choices.len())].clone()),
            Dimension::Undeclared => Setting::Real(f64::NAN),
        }
    }

    fn grid(&self, points: usize) -> Vec<Setting> {
        let share = |point: usize| if points < 2 { 0.5 } else { point as f64 / (points - 1) as f64 };
        let mut values: Vec<Setting> = match self {
            Dimension::Real { low, high, log } => {
                (0..points).map(|point| Setting::Real(between(*low, *high, *log, share(point)))).collect()
            }
            Dimension::Integer { low, high, .. } if high.abs_diff(*low) < points as u64 => {
                (*low..=*high).map(Setting::Integer).collect()
            }
            Dimension::Integer { low, high, log } => {
                let value = |point| between(*low as f64, *high as f64, *log, share(point)).round() as i64;
                (0..points).map(|point| Setting::Integer(value(point).clamp(*low, *high))).collect()
            }
            Dimension::Choice(choices) => choices.iter().cloned().map(Setting::Choice).collect(),
            Dimension::Undeclared => Vec::new(),
        };
        values.dedup();
        values
    }

    /// Where a value lies between the ends, from 0 to 1, on the scale of the search; `None` for choices.
    pub(crate) fn position(&self, value: &Setting) -> Option<f64> {
        let (low, high, log) = match self {
            Dimension::Real { low, high, log } => (*low, *high, *log),
            Dimension::Integer { low, high, log } => (*low as f64, *high as f64, *log),
            Dimension::Choice(_) | Dimension::Undeclared => return None,
        };
        let value = match value {
            Setting::Real(value) => *value,
            Setting::Integer(value) => *value as f64,
            Setting::Choice(_) => return None,
        };
        let scale = |number: f64| if log { number.ln() } else { number };
        let width = scale(high) - scale(low);
        (width > 0.0).then(|| (scale(value) - scale(low)) / width)
    }
}

/// The number at `share` of the way from `low` to `high`; the ends are exact.
fn between(low: f64, high: f64, log: bool, share: f64) -> f64 {
    let value = if log {
        (low.ln() * (1.0 - share) + high.ln() * share).exp()
    } else {
        low * (1.0 - share) + high * share
    };
    match share {
        0.0 => low,
        1.0 => high,
        _ => value.clamp(low, high),
    }
}
