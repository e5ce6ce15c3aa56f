//! What a chart shows, as data.

use serde::{Deserialize, Serialize};

/// A chart as data: it can be saved, compared, and drawn as SVG.
///
/// The same chart always gives the same bytes. Large data is thinned when drawn, so a picture stays small.
///
/// ```
/// use perennial_reporting::{Chart, Series};
///
/// let days: Vec<f64> = (0..30).map(f64::from).collect();
/// let rides: Vec<f64> = days.iter().map(|day| 100.0 + 10.0 * day.sin()).collect();
/// let chart = Chart::line("Rides per day").x("day").y("rides").series(Series::xy("2011", &days, &rides));
/// assert!(chart.to_svg().starts_with("<svg"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// What the chart shows, in a few words.
    pub title: String,
    /// The name of the horizontal axis.
    pub x_label: String,
    /// The name of the vertical axis.
    pub y_label: String,
    /// Whether the horizontal axis counts seconds since 1970.
    pub time: bool,
    /// Places of the horizontal axis and what is written there instead of round numbers; for lines, points and fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub x_ticks: Vec<(f64, String)>,
    /// As `x_ticks`, for the vertical axis.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub y_ticks: Vec<(f64, String)>,
    /// What is drawn.
    pub mark: Mark,
    /// What the caller wants said below the chart.
    pub note: Option<String>,
}

/// What is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mark {
    /// Lines through points, with a band around them where there are bounds. Beside series with a name, those without are pale
    /// and behind.
    Line(Vec<Series>),
    /// Single points.
    Scatter(Vec<Series>),
    /// One group of bars per label, one bar per series.
    Bar {
        /// The labels in order.
        labels: Vec<String>,
        /// `y` holds one value per label.
        series: Vec<Series>,
    },
    /// Bars that touch; several series are drawn over each other.
    Histogram {
        /// The edges of the bins, one more than there are bins.
        edges: Vec<f64>,
        /// `y` holds one count or share per bin.
        series: Vec<Series>,
    },
    /// Coloured cells.
    Heatmap {
        /// The labels of the rows, top to bottom.
        rows: Vec<String>,
        /// The labels of the columns, left to right.
        columns: Vec<String>,
        /// One value per cell, row by row; NaN is left blank.
        values: Vec<Vec<f64>>,
        /// Whether 0 is the middle of the colours, as for correlations.
        diverging: bool,
    },
    /// A row for each label, top to bottom. A point with bounds is a bar from the one to the other; points without lie beside
    /// each other where there are many.
    Rows {
        /// The labels in order.
        labels: Vec<String>,
        /// `x` says where a point stands in its row, `y` is the number of the row, from 0.
        series: Vec<Series>,
        /// Whether lines join the points of a series, from row to row; a point that is not finite ends a line.
        #[serde(default)]
        joined: bool,
    },
    /// Coloured cells over two axes of numbers, such as the answers of a model for two features, and points on them.
    Field {
        /// The edges of the columns, rising; one more than there are columns.
        x_edges: Vec<f64>,
        /// The edges of the rows, rising; one more than there are rows.
        y_edges: Vec<f64>,
        /// One value per cell, row by row from the lowest; NaN is left blank.
        values: Vec<Vec<f64>>,
        /// Points over the cells.
        series: Vec<Series>,
    },
    /// Observed rates against predicted probabilities, beside the diagonal of perfect calibration.
    Calibration(Vec<Series>),
}

/// Named numbers.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Series {
    /// What the numbers are, for the legend.
    pub name: String,
    /// The points.
    pub points: Vec<Point>,
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where it stands from left to right; the position of the label or bin in bar charts and histograms.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// The lower and upper bound of the value, where known.
    pub bounds: Option<(f64, f64)>,
}

impl Series {
    /// Points from two lists of the same length; what is longer is cut.
    pub fn xy(name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        let points = x.iter().zip(y).map(|(&x, &y)| Point { x, y, bounds: None }).collect();
        Series { name: name.into(), points }
    }

    /// Values at 0, 1, 2, ...
    pub fn values(name: impl Into<String>, y: &[f64]) -> Self {
        let points = y.iter().enumerate().map(|(x, &y)| Point { x: x as f64, y, bounds: None }).collect();
        Series { name: name.into(), points }
    }

    /// Gives each point a lower and an upper bound.
    #[must_use]
    pub fn bounds(mut self, low: &[f64], high: &[f64]) -> Self {
        for ((point, &low), &high) in self.points.iter_mut().zip(low).zip(high) {
            point.bounds = Some((low, high));
        }
        self
    }
}

impl Chart {
    fn new(title: impl Into<String>, mark: Mark) -> Self {
        let (x_label, y_label) = (String::new(), String::new());
        let (x_ticks, y_ticks) = (Vec::new(), Vec::new());
        Chart { title: title.into(), x_label, y_label, time: false, x_ticks, y_ticks, mark, note: None }
    }

    /// A line chart; add series to it.
    pub fn line(title: impl Into<String>) -> Self {
        Chart::new(title, Mark::Line(Vec::new()))
    }

    /// A scatter chart; add series to it.
    pub fn scatter(title: impl Into<String>) -> Self {
        Chart::new(title, Mark::Scatter(Vec::new()))
    }

    /// A bar chart over these labels; add series with one value per label.
    pub fn bar<S: Into<String>>(title: impl Into<String>, labels: impl IntoIterator<Item = S>) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        Chart::new(title, Mark::Bar { labels, series: Vec::new() })
    }

    /// A histogram over bins with these edges; add series with one count or share per bin.
    pub fn histogram(title: impl Into<String>, edges: &[f64]) -> Self {
        Chart::new(title, Mark::Histogram { edges: edges.to_vec(), series: Vec::new() })
    }

    /// A chart with a row for each label; add series whose `y` is the number of the row.
    pub fn rows<S: Into<String>>(title: impl Into<String>, labels: impl IntoIterator<Item = S>) -> Self {
        let labels = labels.into_iter().map(Into::into).collect();
        Chart::new(title, Mark::Rows { labels, series: Vec::new(), joined: false })
    }

    /// A heat map with one value per cell.
    pub fn heatmap<S: Into<String>, T: Into<String>>(
        title: impl Into<String>,
        rows: impl IntoIterator<Item = S>,
        columns: impl IntoIterator<Item = T>,
        values: Vec<Vec<f64>>,
    ) -> Self {
        let rows = rows.into_iter().map(Into::into).collect();
        let columns = columns.into_iter().map(Into::into).collect();
        Chart::new(title, Mark::Heatmap { rows, columns, values, diverging: false })
    }

    /// Coloured cells between the edges of columns and rows; add series of points that lie over them.
    ///
    /// ```
    /// use perennial_reporting::{Chart, Series};
    ///
    /// let values = vec![vec![0.1, 0.4], vec![0.5, 0.9]];
    /// let chart = Chart::field("How likely", &[0.0, 1.0, 2.0], &[0.0, 5.0, 10.0], values)
    ///     .x("age")
    ///     .y("income")
    ///     .series(Series::xy("yes", &[0.5, 1.5], &[2.0, 8.0]));
    /// assert!(chart.to_svg().contains("income"));
    /// ```
    pub fn field(title: impl Into<String>, x_edges: &[f64], y_edges: &[f64], values: Vec<Vec<f64>>) -> Self {
        let (x_edges, y_edges) = (x_edges.to_vec(), y_edges.to_vec());
        Chart::new(title, Mark::Field { x_edges, y_edges, values, series: Vec::new() })
    }

    /// A calibration chart; add series of predicted probability and observed rate.
    pub fn calibration(title: impl Into<String>) -> Self {
        let chart = Chart::new(title, Mark::Calibration(Vec::new()));
        chart.x("predicted probability").y("observed rate")
    }

    /// Names the horizontal axis.
    #[must_use]
    pub fn x(mut self, label: impl Into<String>) -> Self {
        self.x_label = label.into();
        self
    }

    /// Names the vertical axis.
    #[must_use]
    pub fn y(mut self, label: impl Into<String>) -> Self {
        self.y_label = label.into();
        self
    }

    /// Writes these labels at these places of the horizontal axis.
    #[must_use]
    pub fn x_ticks<S: Into<String>>(mut self, ticks: impl IntoIterator<Item = (f64, S)>) -> Self {
        self.x_ticks = ticks.into_iter().map(|(place, label)| (place, label.into())).collect();
        self
    }

    /// Writes these labels at these places of the vertical axis.
    #[must_use]
    pub fn y_ticks<S: Into<String>>(mut self, ticks: impl IntoIterator<Item = (f64, S)>) -> Self {
        self.y_ticks = ticks.into_iter().map(|(place, label)| (place, label.into())).collect();
        self
    }

    /// Joins the points of each series of a chart of rows by lines.
    #[must_use]
    pub fn joined(mut self) -> Self {
        if let Mark::Rows { joined, .. } = &mut self.mark {
            *joined = true;
        }
        self
    }

    /// Adds a series without a name, which a line chart draws pale and behind those with one, such as a line for each row.
    #[must_use]
    pub fn background(self, line: Series) -> Self {
        self.series(Series { name: String::new(), ..line })
    }

    /// Reads the horizontal axis as seconds since 1970, in UTC.
    #[must_use]
    pub fn time(mut self) -> Self {
        self.time = true;
        self
    }

    /// Says something below the chart.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Puts 0 in the middle of the colours of a heat map.
    #[must_use]
    pub fn diverging(mut self) -> Self {
        if let Mark::Heatmap { diverging, .. } = &mut self.mark {
            *diverging = true;
        }
        self
    }

    /// Adds numbers. Heat maps have none to add.
    #[must_use]
    pub fn series(mut self, new: Series) -> Self {
        match &mut self.mark {
            Mark::Line(series) | Mark::Scatter(series) | Mark::Calibration(series) => series.push(new),
            Mark::Bar { series, .. }
            | Mark::Histogram { series, .. }
            | Mark::Rows { series, .. }
            | Mark::Field { series, .. } => series.push(new),
            Mark::Heatmap { .. } => {}
        }
        self
    }

    /// The chart as an SVG picture of its own, in colours that suit a white page.
    pub fn to_svg(&self) -> String {
        // XML cannot hold most control characters, not even escaped: one of them would void the picture.
        let forbidden =
            |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
        crate::svg::draw(self, true).into_string().replace(forbidden, "\u{fffd}")
    }
}
