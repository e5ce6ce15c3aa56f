//! Days and moments as people and programs write them.

use super::expect::Expect;
use super::rule::Rule;

/// What of `5/3/2024` is the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// The first number, as in most of the world.
    DayFirst,
    /// The second number, as in the United States.
    MonthFirst,
}

impl DateOrder {
    /// The usual formats, in the words of [`Rule::time_format`]: those of RFC 2822 (mail and HTTP), numbers with points, strokes and dashes, and months by
    /// their English names.
    pub fn formats(self) -> Vec<&'static str> {
        let named = [
            "%a, %d %b %Y %H:%M:%S %z",
            "%d %b %Y %H:%M:%S %z",
            "%a, %d %b %Y %H:%M:%S GMT",
            "%a, %d %b %Y %H:%M %z",
            "%d %b %Y",
            "%d %B %Y",
            "%b %d, %Y",
            "%B %d, %Y",
            "%Y/%m/%d",
            "%Y%m%d",
            // With points the day stands first everywhere.
            "%d.%m.%Y",
            "%d.%m.%Y %H:%M",
            "%d.%m.%Y %H:%M:%S",
        ];
        let ordered = match self {
            DateOrder::DayFirst => ["%d/%m/%Y", "%d-%m-%Y", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S"],
            DateOrder::MonthFirst => ["%m/%d/%Y", "%m-%d-%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S"],
        };
        named.into_iter().chain(ordered).collect()
    }
}

impl Rule {
    /// Texts are days or moments of ISO 8601, as by [`date`](Rule::date), or in one of several formats, each as by [`time_format`](Rule::time_format).
    /// [`DateOrder::formats`] are the usual ones; which of two numbers is the day has to be said, for no text tells it.
    ///
    /// ```
    /// use perennial_data::{Contract, DateOrder, Rule, Table};
    ///
    /// let days = ["2024-02-29", "29.2.2024", "29/02/2024", "Thu, 29 Feb 2024 12:00:00 +0100", "Feb 29, 2024", "02/29/2024", "soon"];
    /// let table = Table::builder().text("day", days).build()?;
    /// let of = |order: DateOrder| Contract::new().extra_columns(true).rule(Rule::dates("day", order.formats())).check(&table);
    /// assert_eq!(of(DateOrder::DayFirst).violations()[0].rows, [5, 6]);
    /// assert_eq!(of(DateOrder::MonthFirst).violations()[0].rows, [2, 6]);
    /// # Ok::<(), perennial_core::Error>(())
    /// ```
    pub fn dates<S: Into<String>>(column: impl Into<String>, formats: impl IntoIterator<Item = S>) -> Self {
        let formats = formats.into_iter().map(Into::into).collect();
        Expect::Dates { column: column.into(), formats }.into()
    }
}
