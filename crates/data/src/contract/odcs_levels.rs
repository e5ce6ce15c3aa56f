//! Service levels of the Open Data Contract Standard: how old rows may be, and when labels are final.

use perennial_core::{Error, Result};
use serde_json::{Value, json};

use super::json_form::number;
use super::{Contract, Fresh, Mature};

/// Service levels: that of the newest row, also under its other name, and ours of labels.
const FRESHNESS: [&str; 2] = ["freshness", "latency"];
const LABEL_MATURITY: &str = "perennial.labelMaturity";

impl Contract {
    /// The service levels of an object of this name.
    pub(super) fn service_levels(&self, object: &str) -> Result<Vec<Value>> {
        let mut levels = Vec::new();
        if let Some(Fresh { time, max_age_days }) = &self.fresh {
            let (value, element) = (number(*max_age_days)?, element_of(object, &[time.as_str()])?);
            levels.push(json!({"property": FRESHNESS[0], "value": value, "unit": "d", "element": element}));
        }
        if let Some(Mature { time, label, delay_days }) = &self.mature {
            let element = element_of(object, &[time.as_str(), label.as_str()])?;
            let value = number(*delay_days)?;
            levels.push(json!({"property": LABEL_MATURITY, "value": value, "unit": "d", "element": element}));
        }
        Ok(levels)
    }

    /// The contract with a service level; an error says why it is left out, and nothing where it is of another object.
    pub(super) fn service_level(
        self,
        level: &Value,
        object: &str,
        is_alone: bool,
    ) -> std::result::Result<Self, Option<String>> {
        let word = |name: &str| level.get(name).and_then(Value::as_str);
        let property = word("property").unwrap_or_default();
        let wrong = |what: &str| Some(format!("the service level `{property}` {what}"));
        let is_label = property == LABEL_MATURITY;
        if !FRESHNESS.contains(&property) && !is_label {
            return Err(wrong("is not understood"));
        }
        let element = word("element").ok_or_else(|| wrong("names no element"))?;
        let columns =
            columns_of(element, object, is_alone, is_label).map_err(|what| what.and_then(&wrong))?;
        let days = match word("unit").unwrap_or("d") {
            "m" | "min" | "minute" | "minutes" => 1.0 / 1440.0,
            "h" | "hr" | "hrs" | "hour" | "hours" => 1.0 / 24.0,
            "d" | "day" | "days" => 1.0,
            "w" | "week" | "weeks" => 7.0,
            "y" | "yr" | "year" | "years" => 365.0,
            other => return Err(wrong(&format!("has the unit `{other}`, which is not understood"))),
        };
        let value = level.get("value").and_then(Value::as_f64).ok_or_else(|| wrong("has no number"))?;
        let is_second = if is_label { self.mature.is_some() } else { self.fresh.is_some() };
        match (is_label, &columns[..]) {
            (true, [_, _]) | (false, [_]) if is_second => Err(wrong("is a second one; a contract holds one")),
            (true, [time, label]) => Ok(self.mature(*time, *label, value * days)),
            (false, [time]) => Ok(self.fresh(*time, value * days)),
            _ => Err(wrong("names more or fewer columns than it needs")),
        }
    }
}

/// The columns of an object that an element names, one or a list; an error says what is wrong, and nothing where they are of another object.
fn columns_of<'a>(
    element: &'a str,
    object: &str,
    is_alone: bool,
    is_list: bool,
) -> std::result::Result<Vec<&'a str>, Option<&'static str>> {
    let of_object = |part: &'a str| -> Option<&'a str> { part.strip_prefix(object)?.strip_prefix('.') };
    let parts: Vec<&str> = element.split(',').map(str::trim).collect();
    // The name of one column may have commas, and white space at its ends.
    let is_one = !is_list && (parts.len() == 1 || parts.iter().any(|&part| of_object(part).is_none()));
    if let Some(column) = of_object(element).filter(|_| is_one) {
        return Ok(vec![column]);
    }
    let mut columns = Vec::with_capacity(parts.len());
    for part in parts {
        match of_object(part) {
            Some(column) => columns.push(column),
            None if is_alone && !part.contains('.') && part != object => columns.push(part),
            None if part == object => return Err(Some("names no column, by which there is an age")),
            None if !part.contains('.') => return Err(Some("names no object, of which there are several")),
            None => return Err(None),
        }
    }
    Ok(columns)
}

/// The element that names columns of an object, and is read as these.
fn element_of(object: &str, columns: &[&str]) -> Result<String> {
    let elements: Vec<String> = columns.iter().map(|column| format!("{object}.{column}")).collect();
    let element = elements.join(", ");
    let is_read = columns_of(&element, object, true, columns.len() > 1).is_ok_and(|found| found == columns);
    match is_read {
        true => Ok(element),
        false => Err(Error::unsupported(format!(
            "the element `{element}` of a service level could be read as other columns; rename those with a comma, or with white space at the ends"
        ))),
    }
}
