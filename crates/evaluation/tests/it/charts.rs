//! Pictures of single results. With `CHARTS` set to a folder they are written there, to be looked at.

use ndarray::Array2;
use perennial_core::{Context, Error, Matrix, Result, Rows};
use perennial_evaluation::decision::{OutcomeValues, ThresholdRule, decision_curve};
use perennial_evaluation::explain::{Grid, Score, accumulated_effects, partial_dependence};
use perennial_evaluation::metric::ranking::det_curve;
use perennial_evaluation::{CriticalDifferences, IntervalOptions, charts};
use perennial_numeric::random::Random;
use perennial_reporting::{Chart, Mark};

fn drawn(name: &str, chart: &Chart) -> String {
    let svg = chart.to_svg();
    if let Ok(folder) = std::env::var("CHARTS") {
        std::fs::write(std::path::Path::new(&folder).join(format!("{name}.svg")), &svg).unwrap();
    }
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    svg
}

/// Scores of positive rows are one deviation higher.
fn scored() -> (Vec<f64>, Vec<bool>) {
    let mut random = Random::new(4);
    let positive: Vec<bool> = (0..600).map(|_| random.uniform() < 0.3).collect();
    let scores =
        positive.iter().map(|yes| 1.0 / (1.0 + (0.9 - f64::from(u8::from(*yes)) - random.normal()).exp()));
    (scores.collect(), positive)
}

#[test]
fn errors_of_both_kinds_lie_on_a_line() {
    let (scores, positive) = scored();
    let curve = det_curve(&scores, &positive, None).unwrap();
    let chart = charts::det(&[("model", &curve)]);
    assert!(drawn("det", &chart).contains("10 %"));
    let Mark::Line(series) = &chart.mark else { panic!("another kind of chart") };
    // Two normal sides of equal spread: a line with a slope of about -1.
    let points = &series[0].points;
    let n = points.len() as f64;
    let mean = |of: fn(&perennial_reporting::Point) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|p| p.x), mean(|p| p.y));
    let slope = points.iter().map(|p| (p.x - x) * (p.y - y)).sum::<f64>()
        / points.iter().map(|p| (p.x - x).powi(2)).sum::<f64>();
    assert!((slope + 1.0).abs() < 0.15, "{slope}");
}

#[test]
fn bars_of_ranks_reach_as_far_as_they_do_not_differ() {
    let mut random = Random::new(6);
    let scores: Vec<Vec<f64>> =
        (0..15).map(|_| [0.8, 0.79, 0.7, 0.5].map(|mean| mean + 0.02 * random.normal()).to_vec()).collect();
    let names = ["boosting", "forest", "ridge", "dummy"];
    let ranked = CriticalDifferences::new(&names, &scores, true, 0.95).unwrap();
    let chart = charts::critical_differences(&ranked);
    drawn("critical", &chart);
    let Mark::Rows { labels, series, .. } = &chart.mark else { panic!("another kind of chart") };
    assert!(labels[3].starts_with("dummy (4"));
    for (bar, point) in series[0].points.iter().zip(&series[1].points) {
        let (from, to) = bar.bounds.unwrap();
        assert!(from == point.x && (to - from - ranked.critical_difference).abs() < 1e-12);
    }
    // The first two are one clique, so the bar of the first holds the point of the second.
    assert!(ranked.cliques.contains(&(0, 1)));
    assert!(series[0].points[0].bounds.unwrap().1 > series[1].points[1].x);
}

#[test]
fn net_benefit_is_drawn_beside_everybody_and_nobody() {
    let (scores, positive) = scored();
    let thresholds: Vec<f64> = (1..60).map(|percent| f64::from(percent) / 100.0).collect();
    let curve = decision_curve(&scores, &positive, None, &thresholds).unwrap();
    let svg = drawn("net_benefit", &charts::net_benefit(&curve));
    assert!(svg.contains("everybody") && svg.contains("nobody") && svg.contains("by the model"));
}

#[test]
fn boundaries_hold_other_features_at_their_medians() {
    let mut random = Random::new(9);
    let x = Array2::from_shape_fn((200, 3), |(_, column)| if column == 1 { 7.0 } else { random.normal() });
    let groups: Vec<String> = x
        .rows()
        .into_iter()
        .map(|row| if row[0] * row[2] > 0.0 { "same" } else { "other" }.to_owned())
        .collect();
    let x = Matrix::from(x).with_names(["a", "b", "c"]).unwrap();
    let ask = |x: &Matrix| -> Result<Vec<f64>> {
        let x = x.dense()?;
        assert!(x.column(1).iter().all(|b| *b == 7.0));
        Ok(x.rows().into_iter().map(|row| 1.0 / (1.0 + (-3.0 * row[0] * row[2]).exp())).collect())
    };
    let chart = charts::decision_boundary(&x, &groups, ["a", "c"], ask).unwrap();
    let svg = drawn("boundary", &chart);
    assert!(svg.contains("same") && svg.len() < 120_000, "{}", svg.len());
    let Mark::Field { values, x_edges, series, .. } = &chart.mark else { panic!("another kind of chart") };
    assert_eq!((values.len(), x_edges.len(), series.len()), (80, 81, 2));
    // Low a and low c, and high of both.
    assert!(values[0][0] > 0.9 && values[79][79] > 0.9 && values[0][79] < 0.1);

    let refused = |features, groups: &[String]| {
        charts::decision_boundary(&x, groups, features, ask).unwrap_err().to_string()
    };
    assert!(refused(["a", "a"], &groups).contains("twice"));
    assert!(refused(["a", "d"], &groups).contains('d'));
    assert!(refused(["a", "c"], &groups[1..]).contains("199"));
    let failing =
        charts::decision_boundary(&x, &groups, ["a", "c"], |_| Err(Error::empty("the model is empty")));
    assert!(failing.is_err());
    let none = charts::decision_boundary(&x.take(&[]).unwrap(), &[], ["a", "c"], ask);
    assert!(none.unwrap_err().to_string().contains("no rows"));
    // A single row and a constant feature have a field all the same.
    let one = charts::decision_boundary(&x.take(&[0]).unwrap(), &groups[..1], ["a", "b"], |x| {
        Ok(vec![0.5; x.n_rows()])
    });
    drawn("single", &one.unwrap());
}

#[test]
fn answers_are_drawn_by_feature_by_group_and_by_threshold() {
    let x = Matrix::from(Array2::from_shape_fn((200, 2), |(row, column)| ((row * (column + 3)) % 17) as f64))
        .with_names(["a", "b"])
        .unwrap();
    let score =
        Score::new("score", |x: &Matrix| Ok(x.dense()?.rows().into_iter().map(|r| r[0] * r[1]).collect()));
    let effect = partial_dependence(&score, &x, "a", &Grid::default(), &Context::new()).unwrap();
    let chart = charts::partial_dependence(&effect);
    let Mark::Line(lines) = &chart.mark else { panic!("another kind of chart") };
    assert_eq!(lines.iter().filter(|line| line.name.is_empty()).count(), 50);
    assert_eq!(lines[50].points.last().unwrap().y, *effect.rows.row(199).to_vec().last().unwrap());
    assert!(drawn("dependence", &chart).contains("How the answer moves with a"));
    let effect = accumulated_effects(&score, &x, "a", 8).unwrap();
    drawn("effects", &charts::accumulated_effects(&effect));

    let (scores, positive) = scored();
    let values = OutcomeValues::gains(5.0, -1.0, 0.0, 0.0);
    let chart = charts::value_by_threshold(&scores, &positive, None, &values.into()).unwrap();
    let Mark::Line(series) = &chart.mark else { panic!("another kind of chart") };
    let best = series[0].points.iter().map(|point| point.y).fold(f64::NEG_INFINITY, f64::max);
    let rule =
        ThresholdRule::value(values).choose(&scores, &positive, &IntervalOptions::new().replicates(50));
    assert!((best - rule.unwrap().value.estimate).abs() < 1e-12);
    // The lowest threshold calls everybody, the highest nobody.
    let (first, last) = (series[0].points[0], *series[0].points.last().unwrap());
    assert!(first.x < last.x && (first.y - series[1].points[0].y).abs() < 1e-12 && last.y == 0.0);
    drawn("value", &chart);
    assert!(chart.note.as_ref().is_some_and(|note| note.starts_with("worth most at")));
    assert!(
        charts::value_by_threshold(
            &[0.5],
            &[true, false],
            None,
            &OutcomeValues::gains(1.0, 0.0, 0.0, 0.0).into()
        )
        .is_err()
    );
}
