//! Charts draw anything they are given.

use perennial_reporting::{Chart, Document, Mark, Series};

fn every_kind(values: &[f64]) -> Vec<Chart> {
    let series = || Series::values("a", values).bounds(values, values);
    let edges: Vec<f64> = (0..=values.len()).map(|edge| edge as f64).collect();
    vec![
        Chart::line("line").series(series()).series(series()),
        Chart::line("times").time().series(series()),
        Chart::line("rows").series(series()).background(series()),
        Chart::scatter("scatter").series(series()),
        Chart::bar("bar", values.iter().map(|value| value.to_string())).series(series()),
        Chart::histogram("histogram", &edges).series(series()),
        Chart::heatmap("heat", ["r"], values.iter().map(|value| value.to_string()), vec![values.to_vec()])
            .diverging(),
        Chart::calibration("calibration").series(series()),
    ]
}

#[test]
fn odd_numbers_give_pictures_without_odd_coordinates() {
    let odd: [&[f64]; 7] = [
        &[],
        &[1.0],
        &[f64::NAN, f64::NAN],
        &[f64::NAN, 1.0, f64::INFINITY, f64::NEG_INFINITY],
        &[f64::MAX, f64::MIN, 0.0],
        &[5e-324, 0.0],
        &[3.0, 3.0, 3.0],
    ];
    for values in odd {
        for chart in every_kind(values) {
            let svg = chart.to_svg();
            for bad in ["=\"NaN", "=\"inf", "=\"-inf", "M NaN", "NaN ", "infL"] {
                assert!(!svg.contains(bad), "{} of {values:?} has {bad}: {svg}", chart.title);
            }
            assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
        }
    }
}

#[test]
fn pictures_of_a_million_points_stay_small_and_keep_their_peak() {
    let mut values: Vec<f64> = (0..1_000_000).map(|i| f64::from(i % 1000) / 1000.0).collect();
    values[765_432] = 50.0;
    for chart in every_kind(&values) {
        let size = chart.to_svg().len();
        assert!(size < 400_000, "{} has {size} bytes", chart.title);
    }
    let svg = Chart::line("peak").series(Series::values("a", &values)).to_svg();
    assert!(svg.contains(" 20L"), "the highest point must touch the top of the picture");
}

#[test]
fn the_same_chart_gives_the_same_bytes_and_survives_json() {
    let chart = Chart::heatmap("h", ["a", "b"], ["c"], vec![vec![0.5], vec![-1.0]]).diverging();
    let back: Chart = serde_json::from_str(&serde_json::to_string(&chart).unwrap()).unwrap();
    assert_eq!(back, chart);
    assert_eq!(back.to_svg(), chart.to_svg());
    let Mark::Heatmap { diverging, .. } = back.mark else { panic!("another kind of chart") };
    assert!(diverging);
}

#[test]
fn markdown_escapes_what_would_be_markup() {
    let mut document = Document::new("a*b");
    document.table(["x|y"], [["<b>"]]);
    document.code("```\nrm\n```");
    let text = document.to_markdown();
    assert!(
        text.contains("# a\\*b")
            && text.contains("x\\|y")
            && text.contains("\\<b\\>")
            && text.contains("````\n```")
    );
}

#[test]
fn bounds_that_are_not_numbers_draw_no_band() {
    let series = Series::xy("s", &[0.0, 1.0, 2.0], &[1.0, 2.0, 3.0])
        .bounds(&[0.5, f64::NAN, 2.5], &[1.5, f64::NAN, f64::INFINITY]);
    let svg = Chart::line("t").series(series).to_svg();
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
}

#[test]
fn small_numbers_keep_their_digits() {
    for (number, text) in
        [(0.000_45, "0.00045"), (0.000_123_46, "0.0001235"), (0.05, "0.05"), (-0.001_234_6, "-0.001235")]
    {
        assert_eq!(perennial_reporting::format_number(number), text);
    }
}

#[test]
fn rows_hold_bars_and_points() {
    let points = Series::xy("low", &[0.5, 0.5, -1.0, f64::NAN, 2.0], &[0.0, 0.0, 1.0, 0.0, 7.0]);
    let steps = Series::xy("step", &[3.0], &[1.0]).bounds(&[1.0], &[3.0]);
    let chart = Chart::rows("Rows", ["a <b>", "c"]).x("what it adds").series(points).series(steps);
    let svg = chart.to_svg();
    // Points that are not finite, or of no row, are left out; of two at one place the second stands aside.
    assert_eq!(svg.matches("h0").count(), 3);
    assert!(svg.contains("a &lt;b&gt;") && !svg.contains("NaN") && svg.contains("what it adds"));
    assert_eq!(svg, chart.to_svg());
    let none: [&str; 0] = [];
    assert!(Chart::rows("None", none).to_svg().contains("no data"));
}

#[test]
fn rows_can_be_joined() {
    let gap = f64::NAN;
    let series = Series::xy("", &[5.0, 6.0, gap, 5.5, 7.0], &[0.0, 1.0, gap, 0.0, 1.0]);
    let svg = Chart::rows("Ways", ["first", "second"]).series(series).joined().to_svg();
    // Two lines of two points, on an axis that does not begin at 0.
    let path = svg.split("<path d=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!((path.matches('M').count(), path.matches('L').count()), (2, 2), "{path}");
    assert!(!svg.contains("NaN") && !svg.contains(">0<"), "{svg}");
}

#[test]
fn fields_join_cells_of_one_colour() {
    let values = vec![vec![0.0, 0.0, 1.0], vec![f64::NAN, 0.5, 1.0]];
    let chart = Chart::field("Field", &[0.0, 1.0, 2.0, 3.0], &[10.0, 20.0, 30.0], values).series(Series::xy(
        "in <it>",
        &[1.5, 99.0, f64::NAN],
        &[15.0, 15.0, 15.0],
    ));
    let svg = chart.to_svg();
    // Three colours; two cells that touch are one rectangle, and a cell without a value none.
    assert_eq!(svg.matches("<path").count(), 3, "{svg}");
    assert_eq!(svg.matches('z').count() - svg.matches("size").count(), 4, "{svg}");
    // The point that lies within, and that of the legend.
    assert_eq!(svg.matches("<circle").count(), 2);
    assert!(svg.contains("in &lt;it&gt;") && !svg.contains("NaN"));
    for (x, y) in [
        (vec![], vec![0.0, 1.0]),
        (vec![0.0, f64::INFINITY], vec![0.0, 1.0]),
        (vec![0.0; 900], vec![0.0, 1.0]),
    ] {
        assert!(Chart::field("None", &x, &y, vec![vec![1.0]]).to_svg().contains("no data"));
    }
}

#[test]
fn ticks_can_be_words() {
    let chart = Chart::line("Line")
        .x_ticks([(0.0, "begin"), (1.0, "end"), (9.0, "outside")])
        .y_ticks([(0.5, "half")])
        .series(Series::xy("a", &[0.0, 1.0], &[0.0, 1.0]));
    let svg = chart.to_svg();
    assert!(svg.contains("begin") && svg.contains("end") && svg.contains("half") && !svg.contains("outside"));
    assert!(!svg.contains(">0.2<") && !svg.contains(">0.5<"));
    let json = serde_json::to_string(&chart).unwrap();
    assert_eq!(serde_json::from_str::<Chart>(&json).unwrap(), chart);
    // Charts that were saved before there were labels of one's own.
    let old = serde_json::to_string(&Chart::rows("Rows", ["a"])).unwrap().replace(",\"joined\":false", "");
    assert_eq!(serde_json::from_str::<Chart>(&old).unwrap(), Chart::rows("Rows", ["a"]));
}

#[test]
fn lines_behind_are_pale_and_have_no_name() {
    let line = |y: f64| Series::xy("row", &[0.0, 1.0], &[y, y]);
    let chart =
        Chart::line("rows").series(Series::xy("mean", &[0.0, 1.0], &[1.0, 1.0])).background(line(9.0));
    let svg = chart.clone().background(line(-9.0)).to_svg();
    assert_eq!(svg.matches("stroke-opacity=\"0.25\"").count(), 2);
    assert!(!svg.contains("row<") && svg.contains(">-10<"), "{svg}");
    // Many of them, drawn first, take neither the name nor the first colour of the line in front.
    let behind = (0..9).fold(Chart::line("rows"), |chart, y| chart.background(line(f64::from(y))));
    let alone = Chart::line("rows").series(Series::xy("mean", &[0.0, 1.0], &[1.0, 1.0])).to_svg();
    let colour = |svg: &str| {
        svg.split("stroke-width=\"1.6\"")
            .next()
            .and_then(|before| before.rsplit("stroke=").next().map(str::to_owned))
    };
    let svg = behind.series(Series::xy("mean", &[0.0, 1.0], &[1.0, 1.0])).to_svg();
    assert!(svg.contains(">mean<") && colour(&svg) == colour(&alone), "{svg}");
    let back: Chart = serde_json::from_str(&serde_json::to_string(&chart).unwrap()).unwrap();
    assert_eq!(back, chart);
}

#[test]
fn notes_stand_below_pictures_that_stand_alone() {
    let plain = Chart::line("Line").series(Series::xy("a", &[0.0, 1.0], &[0.0, 1.0]));
    let svg = plain.to_svg();
    assert!(svg.contains("viewBox=\"0 0 720 368\""), "{svg}");
    let noted = plain.clone().note("all <of> it").to_svg();
    assert!(
        noted.contains("viewBox=\"0 0 720 388\"") && noted.contains(">all &lt;of&gt; it</text></svg>"),
        "{noted}"
    );
    // What a long note says goes on in a second line.
    let long = plain.clone().note("word ".repeat(40)).to_svg();
    assert!(long.contains("viewBox=\"0 0 720 404\"") && long.matches("word word").count() > 2, "{long}");
    assert_eq!(plain.clone().note(" ").to_svg(), svg);
    // A page writes it itself, once.
    let mut page = Document::new("page");
    page.chart(plain.note("all of it"));
    assert_eq!(page.to_html().matches("all of it").count(), 1);
}

#[test]
fn heat_maps_name_both_axes() {
    let chart = Chart::heatmap("h", ["a"], ["b"], vec![vec![0.5]]);
    let named = chart.clone().x("given").y("true").to_svg();
    assert!(named.contains(">given<") && named.contains(">true<"), "{named}");
    assert_eq!(chart.to_svg().matches("<text").count() + 1, named.matches("<text").count());
}

#[test]
fn dots_are_seen_over_bars() {
    let bars = Series::xy("interval", &[2.0, 3.0], &[0.0, 1.0]).bounds(&[1.0, 1.0], &[2.0, 3.0]);
    let dots = Series::xy("truth", &[1.5], &[0.0]);
    let of = |series: &[&Series]| {
        series.iter().fold(Chart::rows("r", ["a", "b"]), |chart, one| chart.series((*one).clone())).to_svg()
    };
    let both = of(&[&bars, &dots]);
    // The bar of the row that has a dot is pale.
    assert_eq!(both.matches("fill-opacity=\"0.35\"").count(), 1, "{both}");
    assert_eq!(both.matches("fill-opacity=\"0.9\"").count(), 1, "{both}");
    assert!(both.contains("stroke-opacity=\"1\""), "{both}");
    let (bars, dots) = (of(&[&bars]), of(&[&dots]));
    assert!(!bars.contains("fill-opacity=\"0.35\"") && dots.contains("stroke-opacity=\"0.65\""));
}
