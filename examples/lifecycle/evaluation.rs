//! What the model is worth on rows it has not seen.

use perennial::evaluation::metric::{MeanAbsoluteError, Metric as _};
use perennial::evaluation::{IntervalOptions, SliceOptions, SliceReport, Slices, score_slices};
use perennial::prelude::*;
use perennial::problem::{Judgement, Measurement, ProblemSpec, Verdict};
use perennial::reporting::{Chart, Document, Level, Point, Series, format_number};
use perennial::statistics::interval::Interval;

/// The mean absolute error on all rows, by slice, and against what was asked.
pub(crate) struct Evaluated {
    pub(crate) overall: Interval,
    pub(crate) slices: SliceReport,
    pub(crate) judgements: Vec<Judgement>,
}

impl Evaluated {
    pub(crate) fn new(spec: &ProblemSpec, test: &Table, truth: &Values, answers: &Values) -> Result<Self> {
        // Hours that follow each other err together, so whole days are resampled.
        let options = IntervalOptions::new().blocks(24).seed(1);
        let overall = MeanAbsoluteError.interval(truth, answers, &options)?;
        let texts = |name: &str| -> Result<Vec<String>> {
            let column = test.column(name)?;
            Ok((0..test.n_rows())
                .map(|row| column.cell(row).map_or_else(String::new, |cell| cell.into_owned()))
                .collect())
        };
        let slices = Slices::new().by("hour", &texts("hour")?).by("weather", &texts("weather")?);
        let slices = score_slices(&MeanAbsoluteError, truth, answers, &slices, &SliceOptions::new().seed(1))?;
        let mut measured =
            vec![Measurement { metric: MeanAbsoluteError.name(), slice: None, interval: overall }];
        for condition in spec.success().iter().filter_map(|criterion| criterion.slice()) {
            let holds = condition.holds(test)?;
            let rows: Vec<usize> = (0..holds.len()).filter(|&row| holds[row]).collect();
            let interval = MeanAbsoluteError.interval(
                &truth.take(&rows)?,
                &answers.take(&rows)?,
                &IntervalOptions::new().seed(1),
            )?;
            measured.push(Measurement {
                metric: MeanAbsoluteError.name(),
                slice: Some(condition.to_string()),
                interval,
            });
        }
        Ok(Evaluated { overall, slices, judgements: spec.judge(&measured) })
    }

    /// All that was measured, for the artifact.
    pub(crate) fn measured(&self) -> Vec<(Option<String>, Interval)> {
        let slices = self.slices.slices.iter().map(|slice| (Some(slice.name.clone()), slice.interval));
        std::iter::once((None, self.overall)).chain(slices).collect()
    }

    pub(crate) fn to_document(
        &self,
        spec: &ProblemSpec,
        truth: &Values,
        answers: &Values,
    ) -> Result<Document> {
        let mut page = Document::new("The evaluation");
        page.facts(spec.facts());
        page.section("What was asked");
        for judgement in &self.judgements {
            let level = match judgement.verdict {
                Verdict::Pass => Level::Good,
                Verdict::Fail => Level::Problem,
                Verdict::Inconclusive => Level::Warning,
            };
            let measured =
                judgement.measured.map_or_else(String::new, |interval| format!(" (measured {interval})"));
            page.alert(level, format!("{}: {}{measured}", judgement.criterion, judgement.verdict));
        }
        page.section("Errors by hour and weather");
        for group in ["hour", "weather"] {
            page.chart(self.bars(group));
        }
        page.section("Answers and truth");
        let hours: Vec<f64> = (0..truth.n_rows().min(24 * 10)).map(|hour| hour as f64).collect();
        let first = |values: &Values| values.as_slice()[..hours.len()].to_vec();
        let chart = Chart::line("The first ten days").x("hour").y("rentals");
        page.chart(chart.series(Series::xy("truth", &hours, &first(truth))).series(Series::xy(
            "answer",
            &hours,
            &first(answers),
        )));
        let errors: Vec<f64> =
            truth.as_slice().iter().zip(answers.as_slice()).map(|(truth, answer)| answer - truth).collect();
        let chart = Chart::scatter("Errors by answer").x("answer").y("answer minus truth");
        page.chart(chart.series(Series::xy("", answers.as_slice(), &errors)));
        page.section("All slices");
        page.table(
            ["slice", "hours", "mean absolute error", "low", "high", "rest", "adjusted p"],
            self.slices.slices.iter().map(|slice| {
                let numbers = [
                    slice.interval.estimate,
                    slice.interval.low,
                    slice.interval.high,
                    slice.rest,
                    slice.adjusted_p_value,
                ];
                [vec![slice.name.clone(), slice.support.to_string()], numbers.map(format_number).to_vec()]
                    .concat()
            }),
        );
        Ok(page)
    }

    /// The slices of one column as bars with their intervals, in the order of the column.
    fn bars(&self, group: &str) -> Chart {
        let mut slices: Vec<_> =
            self.slices.slices.iter().filter(|slice| slice.name.starts_with(group)).collect();
        let label = |name: &str| name.trim_start_matches(group).trim_start_matches([' ', '=']).to_owned();
        slices.sort_by_key(|slice| (label(&slice.name).parse::<i64>().unwrap_or(0), slice.name.clone()));
        let points = slices.iter().enumerate().map(|(i, slice)| Point {
            x: i as f64,
            y: slice.interval.estimate,
            bounds: Some((slice.interval.low, slice.interval.high)),
        });
        let series = Series { name: String::new(), points: points.collect() };
        let chart = Chart::bar(
            format!("Mean absolute error by {group}"),
            slices.iter().map(|slice| label(&slice.name)),
        );
        chart.x(group).y("rentals").series(series)
    }
}
