//! Looking for what may be wrong.

use std::collections::BTreeMap;

use super::fix::{Changed, alike, quoted};
use super::text::{amount, is_amount, one_slip_apart, says_missing, trimmed, with_one_left_out};
use super::{Decision, Fix, Proposal, Review};
use crate::spelling::key;
use crate::{Category, Column, ColumnType, Contract, Scalar, Table};

/// A rare spelling has at most this share of the rows of the frequent one.
const RARE: f64 = 0.05;
/// Fewer letters than this are too few to call a slip.
const LEAST_LETTERS: usize = 5;
/// From this share of the cells on, texts that are numbers are numbers that were typed as texts.
const MOSTLY: f64 = 0.9;

/// Proposals to repair a table; nothing is repaired.
///
/// | proposal | what was seen |
/// |---|---|
/// | `trim` | white space at the ends of texts, or more than one space inside |
/// | `missing` | texts that say "nothing", such as `n/a`, and numbers such as -999 that lie far from all others |
/// | `number` | texts of which at least 90 % are numbers, with marks of thousands, signs of money or percent; the mark before the decimals is that of the whole column |
/// | `number-point`, `number-comma` | such texts where no cell says which mark that is (`1,500`), or cells disagree (`1,5` and `1.5`): one of the two is to be accepted |
/// | `merge` | texts that differ in case, punctuation and white space alone: the most frequent is kept |
/// | `typo` | rare texts that are one letter away from a frequent one (at least five letters, no digits) |
/// | `mixed` | texts of which at least 10 % are numbers and at least 10 % are none; the fewer of the two would be missing |
/// | `impossible` | numbers below 0 where the name says an age, a count, a price or the like, ages above 130, and what a contract rules out |
/// | `future` | days after the moment that [`AutoClean::now`] gives |
/// | `drop` | columns with one value alone, without any, or the same as another |
/// | `identifier` | words and whole numbers of which each row of 20 or more has its own: codes without white space, numbers in sequence or with `id` or `key` at the end of their name |
/// | `repeated`, `alike` | rows that are the same, also when case, punctuation and white space do not count |
/// | `near` | rows whose texts are the same to 90 %, where all other cells are the same; texts of 30 letters and more in one column that are; in tables of up to 100,000 rows and 32 MiB |
///
/// Each is looked for in the table that the proposals before it would leave, but for `mixed`, `identifier` and `near`, which are for people to decide. [`AutoClean`] takes
/// a contract and the time.
pub fn auto_clean(table: &Table) -> Review {
    AutoClean::new().propose(table)
}

/// Looks for repairs as [`auto_clean`] does, knowing more than the table.
///
/// | setting | default | meaning |
/// |---|---|---|
/// | `now` | none | the moment after which days have not come, in microseconds since 1970-01-01 UTC |
/// | `contract` | none | a contract whose columns say which numbers there may be |
///
/// ```
/// use perennial_data::clean::AutoClean;
/// use perennial_data::{Column, Table};
///
/// let ages: Vec<i64> = (0..30).map(|row| if row == 4 { -3 } else { 20 + row }).collect();
/// let days = (0..30).map(|row| 19_700 + row);
/// let table = Table::new([("age", Column::integer(ages)), ("day", Column::date(days))])?;
/// let review = AutoClean::new().now(19_720 * 86_400_000_000).propose(&table);
/// let ids: Vec<&str> = review.proposals().iter().map(|proposal| proposal.id.as_str()).collect();
/// assert_eq!(ids, ["impossible:age", "future:day"]);
/// assert_eq!((review.proposals()[0].rows, review.proposals()[1].rows), (1, 9));
/// # Ok::<(), perennial_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AutoClean {
    pub(super) now: Option<i64>,
    contract: Option<Contract>,
}

impl AutoClean {
    /// Knowing the table alone.
    pub fn new() -> Self {
        AutoClean::default()
    }

    /// The moment after which days have not come, in microseconds since 1970-01-01 UTC.
    #[must_use]
    pub fn now(mut self, now: i64) -> Self {
        self.now = Some(now);
        self
    }

    /// A contract whose columns say which numbers there may be.
    #[must_use]
    pub fn contract(mut self, contract: &Contract) -> Self {
        self.contract = Some(contract.clone());
        self
    }

    /// The least and the largest number that the contract lets a column have, where it says one of them.
    pub(super) fn range_of(&self, name: &str) -> Option<(Option<Scalar>, Option<Scalar>)> {
        let column = self.contract.as_ref()?.columns().iter().find(|column| column.name() == name)?;
        let (min, max) = column.range();
        (min.is_some() || max.is_some()).then(|| (min.map(Scalar::Real), max.map(Scalar::Real)))
    }

    /// Proposals to repair a table, see [`auto_clean`].
    pub fn propose(&self, table: &Table) -> Review {
        let numbers = (0..table.n_rows()).collect();
        let mut search = Search { table: table.clone(), numbers, proposals: Vec::new() };
        let names: Vec<String> = table.names().map(str::to_owned).collect();
        for name in &names {
            search.texts(name);
            search.sentinels(name);
            search.impossible(name, self);
        }
        search.columns(&names);
        search.identifiers(&names);
        search.rows();
        search.near(&names);
        Review { proposals: search.proposals }
    }
}

/// What a text is with a decimal point, and with a decimal comma.
type Readings = (Option<f64>, Option<f64>);

pub(super) struct Search {
    pub(super) table: Table,
    /// The row of the table that was looked at first, for each row that is left.
    numbers: Vec<usize>,
    proposals: Vec<Proposal>,
}

impl Search {
    /// Proposes what is for people to decide; what comes next is looked for as if it were not done.
    pub(super) fn propose_aside(&mut self, kind: &str, of: &str, because: String, fix: Fix) {
        let before = self.table.clone();
        self.propose(kind, of, because, fix);
        self.table = before;
    }

    pub(super) fn propose(&mut self, kind: &str, of: &str, because: String, fix: Fix) {
        // What cannot be carried out is not proposed.
        let Ok((table, changed)) = fix.repair(&self.table) else { return };
        self.table = table;
        self.note(kind, of, because, fix, changed);
    }

    /// Proposes what changes these rows of the table, which stays as it is.
    pub(super) fn note(&mut self, kind: &str, of: &str, because: String, fix: Fix, changed: Changed) {
        let first_rows = changed.first.iter().map(|&row| self.numbers[row]).collect();
        let id = if of.is_empty() { kind.to_owned() } else { format!("{kind}:{of}") };
        let (decision, reason) = (Decision::Open, String::new());
        let rows = changed.count;
        self.proposals.push(Proposal { id, decision, reason, because, rows, first_rows, fix });
    }

    /// The texts of a column, each with its number of rows; nothing where the column holds none.
    pub(super) fn counted(&self, name: &str) -> Option<Vec<(String, usize)>> {
        let column = self.table.column(name).ok()?;
        if !matches!(column.column_type(), ColumnType::Text | ColumnType::Category) {
            return None;
        }
        let category = column.to_category().ok()?;
        let counts = counts(&category);
        Some(category.levels().map(str::to_owned).zip(counts).filter(|(_, count)| *count > 0).collect())
    }

    fn texts(&mut self, name: &str) {
        let column = || name.to_owned();
        let Some(levels) = self.counted(name) else { return };
        let odd: Vec<&str> =
            levels.iter().map(|(level, _)| level.as_str()).filter(|level| trimmed(level) != *level).collect();
        if !odd.is_empty() {
            let because = format!("there is white space that says nothing, as in {}", quoted(&odd));
            self.propose("trim", name, because, Fix::Trim { column: column() });
        }
        let Some(levels) = self.counted(name) else { return };
        let missing: Vec<String> =
            levels.iter().filter(|(level, _)| says_missing(level)).map(|(level, _)| level.clone()).collect();
        if !missing.is_empty() {
            let because = format!("there are words for \"nothing\": {}", quoted(&missing));
            self.propose("missing", name, because, Fix::Missing { column: column(), values: missing });
        }
        let Some(levels) = self.counted(name) else { return };
        if self.numbers(name, &levels) {
            return;
        }
        self.mixed(name, &levels);
        if let Some((because, values)) = variants(&levels) {
            self.propose("merge", name, because, Fix::Replace { column: column(), values });
        }
        let Some(levels) = self.counted(name) else { return };
        if let Some((because, values)) = slips(&levels) {
            self.propose("typo", name, because, Fix::Replace { column: column(), values });
        }
    }

    /// Texts that are numbers. One mark stands before the decimals of all cells of a column, so it is looked for in those that can
    /// be read with one of them alone, such as `2,25`. Where there are none, or they disagree, each reading is a proposal
    /// of its own, and somebody has to choose.
    fn numbers(&mut self, name: &str, levels: &[(String, usize)]) -> bool {
        let all: usize = levels.iter().map(|(_, count)| count).sum();
        let read: Vec<Readings> =
            levels.iter().map(|(level, _)| (amount(level, '.'), amount(level, ','))).collect();
        let first = |wanted: &dyn Fn(&Readings) -> bool| {
            read.iter().position(wanted).map(|place| levels[place].0.as_str())
        };
        let point = first(&|(point, comma)| point.is_some() && comma.is_none());
        let comma = first(&|(point, comma)| point.is_none() && comma.is_some());
        let open = first(&|(point, comma)| point.is_some() && comma.is_some() && point != comma);
        let (marks, why, ids): (&[char], String, [&str; 2]) = match (point, comma, open) {
            (Some(point), None, _) => {
                (&['.'], format!(" with a decimal point, as in `{point}`"), ["number"; 2])
            }
            (None, Some(comma), _) => {
                (&[','], format!(" with a decimal comma, as in `{comma}`"), ["number"; 2])
            }
            (None, None, None) => (&['.'], String::new(), ["number"; 2]),
            (None, None, Some(open)) => {
                let (a, b) = (amount(open, '.').unwrap_or_default(), amount(open, ',').unwrap_or_default());
                let why = format!(
                    " that no cell says how to read: `{open}` is {a} with a decimal point and {b} with a decimal comma; accept one reading alone"
                );
                (&['.', ','], why, ["number-point", "number-comma"])
            }
            (Some(point), Some(comma), _) => {
                let why = format!(
                    " that contradict each other: `{point}` has a decimal point and `{comma}` a decimal comma; accept one reading alone, or repair the cells first"
                );
                (&['.', ','], why, ["number-point", "number-comma"])
            }
        };
        let mut found = false;
        for (&decimal, id) in marks.iter().zip(ids) {
            let is_read = |level: &str| amount(level, decimal).is_some();
            let n_read: usize =
                levels.iter().filter(|(level, _)| is_read(level)).map(|(_, count)| count).sum();
            if n_read == 0 || (n_read as f64) < MOSTLY * all as f64 {
                continue;
            }
            let rest: Vec<&str> =
                levels.iter().map(|(level, _)| level.as_str()).filter(|level| !is_read(level)).collect();
            let others =
                if rest.is_empty() { String::new() } else { format!("; {} would be missing", quoted(&rest)) };
            let because = format!("{n_read} of {all} texts are numbers{why}{others}");
            let fix = Fix::ToNumber { column: name.to_owned(), decimal };
            match marks.len() {
                1 => self.propose(id, name, because, fix),
                // They are texts until somebody chooses.
                _ => self.propose_aside(id, name, because, fix),
            }
            found = true;
        }
        found
    }

    /// Numbers that stand for "missing": repeated, at one end, and far from all others.
    fn sentinels(&mut self, name: &str) {
        let Ok(column) = self.table.column(name) else { return };
        let Some(mut cells) = cells(column) else { return };
        cells.sort_by(f64::total_cmp);
        let (Some(&least), Some(&most)) = (cells.first(), cells.last()) else { return };
        let mut values = Vec::new();
        for end in [least, most] {
            let rest: Vec<f64> =
                cells.iter().copied().filter(|cell| *cell != end && !values.contains(cell)).collect();
            let (Some(&low), Some(&high)) = (rest.first(), rest.last()) else { continue };
            let count = cells.len() - rest.len();
            let gap = if end == least { low - end } else { end - high };
            if count >= 2 && is_sentinel(end) && high > low && gap > high - low {
                values.push(end);
            }
        }
        if !values.is_empty() {
            let values: Vec<String> = values.iter().map(ToString::to_string).collect();
            let because =
                format!("there are numbers that come again and lie far from all others: {}", quoted(&values));
            self.propose("missing", name, because, Fix::Missing { column: name.to_owned(), values });
        }
    }

    fn columns(&mut self, names: &[String]) {
        let mut seen: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for name in names {
            let Ok(column) = self.table.column(name) else { continue };
            let n_rows = column.n_rows();
            let same_as = |first: &&String| self.table.column(first).is_ok_and(|first| first == column);
            let because = if n_rows > 0 && column.null_count() == n_rows {
                Some("it has no value".to_owned())
            } else if n_rows < 2 {
                None
            } else if self.n_values(name) == Some(1) {
                Some("it has one value alone".to_owned())
            } else {
                // The first rows say which columns may be the same; the columns say which are.
                let start = (0..n_rows.min(100)).fold(0, |hash, row| mix(hash, column.cell(row).as_deref()));
                let alike = seen.entry(start).or_default();
                let first = alike.iter().find(same_as).map(|first| format!("it is the same as `{first}`"));
                if first.is_none() {
                    alike.push(name.clone());
                }
                first
            };
            if let Some(because) = because {
                self.propose("drop", name, because, Fix::DropColumn { column: name.clone() });
            }
        }
    }

    /// How many different values a column has, "missing" being one.
    pub(super) fn n_values(&self, name: &str) -> Option<usize> {
        Some(alike(&self.table.select(&[name]).ok()?, false).ok()?.n_keys)
    }

    fn rows(&mut self) {
        for (kind, loosely) in [("repeated", false), ("alike", true)] {
            let firsts = alike(&self.table, loosely).map_or(Vec::new(), |rows| rows.firsts());
            let repeated = firsts.iter().filter(|first| !**first).count();
            if repeated > 0 && self.table.n_cols() > 0 {
                let because = format!("rows that come again: {repeated}");
                self.propose(kind, "", because, Fix::DropRepeatedRows { loosely });
                let mut first = firsts.iter();
                self.numbers.retain(|_| first.next().is_none_or(|first| *first));
            }
        }
    }
}

/// FNV-1a.
fn mix(hash: u64, text: Option<&str>) -> u64 {
    let next = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
    next(text.unwrap_or("\u{0}").bytes().fold(hash ^ 0xcbf2_9ce4_8422_2325, next), 0xff)
}

fn counts(category: &Category) -> Vec<usize> {
    let mut counts = vec![0; category.n_levels()];
    category.codes().flatten().for_each(|code| counts[code as usize] += 1);
    counts
}

/// The numbers of a column that are there and finite.
fn cells(column: &Column) -> Option<Vec<f64>> {
    match column.column_type() {
        ColumnType::Integer | ColumnType::Real => {
            let cells = column.as_real().ok()?;
            let there =
                |(row, cell): (usize, &f64)| (!column.is_null(row) && cell.is_finite()).then_some(*cell);
            Some(cells.iter().enumerate().filter_map(there).collect())
        }
        _ => None,
    }
}

/// -1, and numbers of nines such as -999 and 9999.
fn is_sentinel(value: f64) -> bool {
    let nines = value.abs().to_string();
    value == -1.0 || (nines.len() >= 2 && nines.bytes().all(|digit| digit == b'9'))
}

/// Texts that differ in case, punctuation and white space alone, each with the most frequent of them.
fn variants(levels: &[(String, usize)]) -> Option<(String, BTreeMap<String, String>)> {
    let mut kinds: BTreeMap<String, Vec<&(String, usize)>> = BTreeMap::new();
    for level in levels {
        let key = key(&level.0);
        if !key.is_empty() && !is_amount(&level.0) {
            kinds.entry(key).or_default().push(level);
        }
    }
    let mut values = BTreeMap::new();
    for alike in kinds.values().filter(|alike| alike.len() > 1) {
        let best = alike.iter().min_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)))?;
        alike.iter().filter(|level| level.0 != best.0).for_each(|level| {
            values.insert(level.0.clone(), best.0.clone());
        });
    }
    let first = values.iter().next()?;
    let because = format!(
        "texts differ in case or punctuation alone, such as `{}` and `{}` ({} in all)",
        first.0,
        first.1,
        values.len()
    );
    Some((because, values))
}

/// Rare texts that are one letter away from a frequent one, each with that one.
fn slips(levels: &[(String, usize)]) -> Option<(String, BTreeMap<String, String>)> {
    let eligible = |text: &str| text.chars().count() >= LEAST_LETTERS && !text.chars().any(char::is_numeric);
    let levels: Vec<&(String, usize)> = levels.iter().filter(|(text, _)| eligible(text)).collect();
    // By what is left without one letter, or without none: two texts that are a letter apart meet there.
    let mut meeting: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (place, (text, _)) in levels.iter().enumerate() {
        meeting.entry(text.clone()).or_default().push(place);
        let mut parts: Vec<String> = with_one_left_out(text).collect();
        parts.sort_unstable();
        parts.dedup();
        parts.into_iter().for_each(|part| meeting.entry(part).or_default().push(place));
    }
    let mut best: BTreeMap<usize, usize> = BTreeMap::new();
    for places in meeting.values() {
        // So many texts that are a letter apart are no slips but numbers of a kind.
        if places.len() > 50 {
            continue;
        }
        for (&rare, &frequent) in places.iter().flat_map(|a| places.iter().map(move |b| (a, b))) {
            let (few, many) = (levels[rare], levels[frequent]);
            let slip = few.1 as f64 <= RARE * many.1 as f64 && one_slip_apart(&few.0, &many.0);
            if slip {
                let kept = best.entry(rare).or_insert(frequent);
                if (many.1, &levels[*kept].0) > (levels[*kept].1, &many.0) {
                    *kept = frequent;
                }
            }
        }
    }
    let values: BTreeMap<String, String> =
        best.iter().map(|(&rare, &frequent)| (levels[rare].0.clone(), levels[frequent].0.clone())).collect();
    let first = values.iter().next()?;
    let because = format!(
        "rare texts are a letter away from a frequent one, such as `{}` from `{}` ({} in all)",
        first.0,
        first.1,
        values.len()
    );
    Some((because, values))
}
