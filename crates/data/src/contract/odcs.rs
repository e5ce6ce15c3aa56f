//! Contracts as files of the Open Data Contract Standard, version 3.1 (Bitol, Linux Foundation, 2025), and back.

use perennial_core::{Error, Result, ResultExt};
use serde_json::{Map, Value, json};

use super::expect::Expect;
use super::json_form::{number, rule_of};
use super::report::Severity;
use super::rule::{Rule, Statistic};
use super::scalar::Counts;
use super::{ColumnContract, Contract, yaml};
use crate::ColumnType;

/// The name under which rules stand that the standard has no words for.
const ENGINE: &str = "perennial";

/// Custom properties, which the standard leaves to whoever writes a contract.
const EXTRA_COLUMNS: &str = "perennial.extraColumns";
const MAX_QUARANTINED: &str = "perennial.maxQuarantined";
const SEVERITY: &str = "perennial.severity";

impl Contract {
    /// The contract as a YAML file of the Open Data Contract Standard 3.1, with one object of this name. Columns become properties;
    /// rules that the standard has no words for become `custom` quality of the engine `perennial`, which
    /// [`from_odcs`](Contract::from_odcs) reads again. How old the newest row may be is the service level `freshness`, and when labels are final one of
    /// ours. Whether there may be other columns, severities of columns and `max_quarantined` are
    /// custom properties.
    ///
    /// ```
    /// use perennial_data::{ColumnContract, ColumnType, Contract, Rule};
    ///
    /// let contract = Contract::new()
    ///     .with(ColumnContract::new("age", ColumnType::Integer).min(0.0))
    ///     .rule(Rule::row_count(1..));
    /// let text = contract.to_odcs("people", "1.0.0")?;
    /// assert!(text.contains("apiVersion: \"v3.1.0\""));
    /// let (again, left_out) = Contract::from_odcs(&text, "people")?;
    /// assert!(left_out.is_empty());
    /// // It is there, of that type, not missing, at least 0, and alone; and the number of rows.
    /// assert_eq!(again.rules().len(), 6);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// When a bound is infinite or NaN, which YAML of JSON values cannot hold, or a column whose age counts has a name that could be read as a list
    /// of elements, with a comma or with white space at its ends.
    pub fn to_odcs(&self, object: &str, version: &str) -> Result<String> {
        let properties = self.columns.iter().map(property).collect::<Result<Vec<_>>>()?;
        let mut quality = Vec::new();
        if self.min_rows > 0 {
            quality.push(json!({"metric": "rowCount", "mustBeGreaterOrEqualTo": self.min_rows}));
        }
        for rule in &self.rules {
            quality.push(of_rule(rule)?);
        }
        let mut schema = json!({"name": object, "logicalType": "object", "physicalType": "table", "properties": properties});
        if !quality.is_empty() {
            schema["quality"] = Value::Array(quality);
        }
        let mut custom = vec![json!({"property": EXTRA_COLUMNS, "value": self.extra_columns})];
        if self.max_quarantined != 1.0 {
            custom.push(json!({"property": MAX_QUARANTINED, "value": number(self.max_quarantined)?}));
        }
        schema["customProperties"] = Value::Array(custom);
        let mut document = json!({
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": object,
            "name": object,
            "version": version,
            "status": "active",
            "schema": [schema],
        });
        let levels = self.service_levels(object)?;
        if !levels.is_empty() {
            document["slaProperties"] = Value::Array(levels);
        }
        Ok(yaml::write(&document))
    }

    /// The contract that a YAML (or JSON) file of the Open Data Contract Standard 3 has for one of its objects, as rules, and what
    /// was left out because it is not understood, in words: a contract that says less than its source should be looked at.
    ///
    /// Of properties these are understood: `logicalType` (a `string` may be text or category, a `number` whole or real),
    /// `required`, `unique`, `primaryKey`, the bounds, lengths and pattern of `logicalTypeOptions`, and quality by the metrics
    /// `nullValues`, `invalidValues`, `duplicateValues` and `rowCount`; of service levels `freshness` and `latency` of a column of the object, in minutes, hours,
    /// days, weeks or years of 365 days. A severity of `warning` warns. Other columns are let in, unless
    /// [`to_odcs`](Contract::to_odcs) wrote that there are none.
    ///
    /// # Errors
    /// When the text is no such file, or has no object of that name.
    pub fn from_odcs(text: &str, object: &str) -> Result<(Self, Vec<String>)> {
        let wrong = |what: String| Error::malformed(format!("the data contract {what}"));
        let document = yaml::parse(text).map_err(|what| wrong(format!("is not understood: {what}")))?;
        if document.get("kind").and_then(Value::as_str) != Some("DataContract") {
            return Err(wrong(
                "has no `kind: DataContract`; give a file of the Open Data Contract Standard".to_owned(),
            ));
        }
        let version = document.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        if !version.starts_with("v3.") {
            return Err(wrong(format!("has the `apiVersion` `{version}`; convert it to `v3.1.0`")));
        }
        let objects = document.get("schema").and_then(Value::as_array).cloned().unwrap_or_default();
        let name_of = |value: &Value| value.get("name").and_then(Value::as_str).map(str::to_owned);
        let Some(found) = objects.iter().find(|found| name_of(found).as_deref() == Some(object)) else {
            let known: Vec<String> = objects.iter().filter_map(name_of).collect();
            return Err(wrong(format!("has no object `{object}`; there are: {}", known.join(", "))));
        };
        let mut read = Read { rules: Vec::new(), left_out: Vec::new() };
        let mut keys: Vec<(i64, String)> = Vec::new();
        let mut names: Vec<String> = Vec::new();
        for property in found.get("properties").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = name_of(property) else {
                return Err(wrong(format!("has a property without a name in `{object}`")));
            };
            if property.get("primaryKey") == Some(&Value::Bool(true)) {
                let position = property.get("primaryKeyPosition").and_then(Value::as_i64).unwrap_or(i64::MAX);
                keys.push((position, name.clone()));
            }
            let first = read.rules.len();
            read.property(&name, property);
            read.severity(first, &name, property);
            names.push(name);
        }
        keys.sort();
        if !keys.is_empty() {
            read.rules.push(Rule::unique(keys.into_iter().map(|(_, name)| name)));
        }
        read.quality(None, found);
        // The rules are no column contracts, beside which any column would be one too many.
        if custom(found, EXTRA_COLUMNS) == Some(&Value::Bool(false)) {
            read.rules.push(Rule::columns_set(names));
        }
        let mut contract = Contract::new().extra_columns(true);
        if let Some(share) = custom(found, MAX_QUARANTINED).and_then(Value::as_f64) {
            contract = contract.max_quarantined(share);
        }
        let mut contract = read.rules.into_iter().fold(contract, Contract::rule);
        for level in document.get("slaProperties").and_then(Value::as_array).into_iter().flatten() {
            match contract.clone().service_level(level, object, objects.len() == 1) {
                Ok(held) => contract = held,
                Err(Some(what)) => read.left_out.push(what),
                Err(None) => {}
            }
        }
        Ok((contract, read.left_out))
    }
}

fn property(column: &ColumnContract) -> Result<Value> {
    let logical = match column.column_type {
        ColumnType::Text | ColumnType::Category => "string",
        ColumnType::Integer => "integer",
        ColumnType::Real => "number",
        ColumnType::Boolean => "boolean",
        ColumnType::Date => "date",
        ColumnType::DateTime => "timestamp",
    };
    let mut words = Map::new();
    words.insert("name".into(), json!(column.name));
    words.insert("logicalType".into(), json!(logical));
    words.insert("required".into(), json!(!column.nullable));
    words.insert("unique".into(), json!(column.unique));
    if column.severity != Severity::Fail {
        words.insert("customProperties".into(), json!([{"property": SEVERITY, "value": column.severity}]));
    }
    let mut options = Map::new();
    for (word, end) in [("minimum", column.min), ("maximum", column.max)] {
        if let Some(end) = end {
            options.insert(word.into(), number(end)?);
        }
    }
    if !options.is_empty() {
        words.insert("logicalTypeOptions".into(), Value::Object(options));
    }
    if let Some(allowed) = &column.allowed {
        let mut quality = Map::new();
        quality.insert("metric".into(), json!("invalidValues"));
        quality.insert("arguments".into(), json!({"validValues": allowed}));
        quality.insert("mustBe".into(), json!(0));
        words.insert("quality".into(), json!([quality]));
    }
    Ok(Value::Object(words))
}

/// A rule in words of the standard where it has them.
fn of_rule(rule: &Rule) -> Result<Value> {
    let mut words = match &rule.expect {
        Expect::RowCount { range: Counts { min: Some(min), max: Some(max) } } => {
            json!({"metric": "rowCount", "mustBeBetween": [min, max]})
        }
        Expect::RowCount { range: Counts { min: Some(min), max: None } } => {
            json!({"metric": "rowCount", "mustBeGreaterOrEqualTo": min})
        }
        Expect::RowCount { range: Counts { min: None, max: Some(max) } } => {
            json!({"metric": "rowCount", "mustBeLessOrEqualTo": max})
        }
        Expect::Unique { columns } if rule.mostly == 1.0 && rule.severity != Severity::Quarantine => {
            json!({"metric": "duplicateValues", "arguments": {"properties": columns}, "mustBe": 0})
        }
        _ => {
            let text = serde_json::to_string(rule).map_err(Error::other).context("writing a rule")?;
            return Ok(json!({"type": "custom", "engine": ENGINE, "implementation": text}));
        }
    };
    if rule.severity == Severity::Warn {
        words["severity"] = json!("warning");
    }
    Ok(words)
}

/// The value of a custom property of an element.
fn custom<'a>(element: &'a Value, property: &str) -> Option<&'a Value> {
    let all = element.get("customProperties").and_then(Value::as_array)?;
    all.iter().find(|custom| custom.get("property").and_then(Value::as_str) == Some(property))?.get("value")
}

/// What was read so far.
struct Read {
    rules: Vec<Rule>,
    left_out: Vec<String>,
}

impl Read {
    fn property(&mut self, name: &str, property: &Value) {
        self.rules.push(Rule::exists(name));
        let logical = property.get("logicalType").and_then(Value::as_str);
        let types: &[ColumnType] = match logical {
            Some("string") => &[ColumnType::Text, ColumnType::Category],
            Some("integer") => &[ColumnType::Integer],
            Some("number") => &[ColumnType::Real, ColumnType::Integer],
            Some("boolean") => &[ColumnType::Boolean],
            Some("date") => &[ColumnType::Date],
            Some("timestamp") => &[ColumnType::DateTime],
            Some(other) => {
                self.left_out
                    .push(format!("property `{name}` is of the logical type `{other}`, which no column has"));
                &[]
            }
            None => &[],
        };
        if !types.is_empty() {
            self.rules.push(Rule::types(name, types.iter().copied()));
        }
        if property.get("required") == Some(&Value::Bool(true)) {
            self.rules.push(Rule::present(name));
        }
        if property.get("unique") == Some(&Value::Bool(true)) {
            self.rules.push(Rule::unique([name]));
        }
        for (word, value) in
            property.get("logicalTypeOptions").and_then(Value::as_object).into_iter().flatten()
        {
            match rule_of(name, word, value) {
                _ if matches!(word.as_str(), "timezone" | "defaultTimezone" | "format") => {}
                Ok(rule) => self.rules.push(rule),
                Err(what) => self.left_out.push(format!("property `{name}` {what}")),
            }
        }
        self.quality(Some(name), property);
    }

    /// The severity of a column holds for the rules that were made of its property, where they do not say another. That a
    /// column is there and of its type sets no rows aside, and fails.
    fn severity(&mut self, first: usize, name: &str, property: &Value) {
        let Some(value) = custom(property, SEVERITY) else { return };
        match serde_json::from_value(value.clone()) {
            Ok(Severity::Fail) => {}
            Ok(severity) => {
                for rule in self.rules[first..].iter_mut().filter(|rule| rule.severity == Severity::Fail) {
                    let whole = matches!(rule.expect, Expect::Exists { .. } | Expect::Types { .. });
                    let kept = whole && severity == Severity::Quarantine;
                    rule.severity = if kept { Severity::Fail } else { severity };
                }
            }
            Err(_) => self
                .left_out
                .push(format!("property `{name}` has the severity {value}, which is not understood")),
        }
    }

    fn quality(&mut self, column: Option<&str>, element: &Value) {
        let place = column.map_or("the object".to_owned(), |name| format!("property `{name}`"));
        for check in element.get("quality").and_then(Value::as_array).into_iter().flatten() {
            match quality(column, check) {
                Ok(Some(rule)) => self.rules.push(rule),
                Ok(None) => {}
                Err(what) => self.left_out.push(format!("the quality of {place} {what}")),
            }
        }
    }
}

/// A quality check as a rule; nothing where it is a text for people.
fn quality(column: Option<&str>, check: &Value) -> std::result::Result<Option<Rule>, String> {
    let word = |name: &str| check.get(name).and_then(Value::as_str);
    match word("type") {
        Some("text") => return Ok(None),
        Some("custom") if word("engine") == Some(ENGINE) => {
            let text = word("implementation").unwrap_or_default();
            return serde_json::from_str(text).map(Some).map_err(|error| format!("is no rule: {error}"));
        }
        None | Some("library") => {}
        Some(other) => return Err(format!("is of type `{other}`, which is not understood")),
    }
    let metric = word("metric").or(word("rule")).ok_or("has no metric")?;
    let arguments = check.get("arguments");
    let range = Operator::of(check)?;
    let percent = word("unit") == Some("percent");
    let mut rule = match (metric, column) {
        ("rowCount", None) if !percent => {
            let count = |end: f64| (end >= 0.0 && end.fract() == 0.0).then_some(end as usize);
            let end = |end: Option<f64>| {
                end.map(|end| count(end).ok_or("compares a count with what is none")).transpose()
            };
            Expect::RowCount { range: Counts { min: end(range.least())?, max: end(range.most())? } }.into()
        }
        ("nullValues", Some(column)) => {
            let scale = if percent { 100.0 } else { 1.0 };
            let of = if percent { Statistic::MissingShare } else { Statistic::Missing };
            let bound = |end: Option<(f64, bool)>| match end {
                None => std::ops::Bound::Unbounded,
                Some((end, true)) => std::ops::Bound::Excluded(end / scale),
                Some((end, false)) => std::ops::Bound::Included(end / scale),
            };
            Rule::statistic(column, of, (bound(range.min), bound(range.max)))
        }
        ("invalidValues", Some(column)) => {
            let share = range.share(percent).ok_or(
                "allows a number of invalid values, of which only none or a percentage is understood",
            )?;
            let valid = arguments.and_then(|arguments| arguments.get("validValues"));
            let pattern = arguments.and_then(|arguments| arguments.get("pattern"));
            let (word, value) = match (valid, pattern) {
                (Some(values), None) => ("enum", values),
                (None, Some(pattern)) => ("pattern", pattern),
                _ => return Err("has not one of `validValues` and `pattern`".to_owned()),
            };
            rule_of(column, word, value)?.mostly(share)
        }
        ("duplicateValues", column) => {
            let share = range
                .share(percent)
                .ok_or("allows a number of duplicates, of which only none or a percentage is understood")?;
            let columns: Vec<String> = match column {
                Some(column) => vec![column.to_owned()],
                None => {
                    let names =
                        arguments.and_then(|arguments| arguments.get("properties")).and_then(Value::as_array);
                    names.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
                }
            };
            if columns.is_empty() {
                return Err("names no properties".to_owned());
            }
            Rule::unique(columns).mostly(share)
        }
        _ => return Err(format!("has the metric `{metric}`, which is not understood there")),
    };
    if word("severity") == Some("warning") {
        rule = rule.warn();
    }
    Ok(Some(rule))
}

/// What a metric must be: ends, and whether each is left out.
#[derive(Default)]
struct Operator {
    min: Option<(f64, bool)>,
    max: Option<(f64, bool)>,
}

impl Operator {
    fn of(check: &Value) -> std::result::Result<Self, String> {
        let mut range = Operator::default();
        let words = check.as_object().ok_or("is no list of words")?;
        for (word, value) in words.iter().filter(|(word, _)| word.starts_with("must")) {
            let number = || value.as_f64().ok_or_else(|| format!("has a `{word}` that is no number"));
            match word.as_str() {
                "mustBe" => range = Operator { min: Some((number()?, false)), max: Some((number()?, false)) },
                "mustBeGreaterThan" => range.min = Some((number()?, true)),
                "mustBeGreaterOrEqualTo" => range.min = Some((number()?, false)),
                "mustBeLessThan" => range.max = Some((number()?, true)),
                "mustBeLessOrEqualTo" => range.max = Some((number()?, false)),
                "mustBeBetween" => {
                    let ends: Vec<f64> =
                        value.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
                    let [min, max] = ends[..] else {
                        return Err("has a `mustBeBetween` that is no pair of numbers".into());
                    };
                    range = Operator { min: Some((min, false)), max: Some((max, false)) };
                }
                _ => return Err(format!("has the operator `{word}`, which is not understood")),
            }
        }
        match (range.min, range.max) {
            (None, None) => Err("says not what the metric must be".to_owned()),
            _ => Ok(range),
        }
    }

    /// The ends of whole numbers.
    fn least(&self) -> Option<f64> {
        self.min.map(|(end, left_out)| if left_out { end.floor() + 1.0 } else { end.ceil() })
    }

    fn most(&self) -> Option<f64> {
        self.max.map(|(end, left_out)| if left_out { end.ceil() - 1.0 } else { end.floor() })
    }

    /// The share that must be right where at most so many may be wrong: none, or a percentage.
    fn share(&self, percent: bool) -> Option<f64> {
        if self.min.is_some_and(|(end, left_out)| end > 0.0 || (end == 0.0 && left_out)) {
            return None;
        }
        match self.max? {
            (end, false) if percent && (0.0..=100.0).contains(&end) => Some(1.0 - end / 100.0),
            _ if !percent && self.most() == Some(0.0) => Some(1.0),
            _ => None,
        }
    }
}
