//! Distributions and special functions against values computed with 60 digits.

use perennial_statistics::distribution::*;
use perennial_statistics::special;

use crate::fixtures::{Score, load, number, numbers};

fn build(name: &str, p: &[f64]) -> Box<dyn Distribution> {
    match name {
        "norm" => Box::new(Normal::standard()),
        "t" => Box::new(StudentT::new(p[0]).unwrap()),
        "chi2" => Box::new(ChiSquared::new(p[0]).unwrap()),
        "f" => Box::new(FisherF::new(p[0], p[1]).unwrap()),
        "beta" => Box::new(Beta::new(p[0], p[1]).unwrap()),
        "gamma" => Box::new(Gamma::new(p[0], 1.0).unwrap()),
        "binom" => Box::new(Binomial::new(p[0] as u64, p[1]).unwrap()),
        "poisson" => Box::new(Poisson::new(p[0]).unwrap()),
        "kolmogorov_limit" => Box::new(Kolmogorov),
        other => panic!("no distribution called {other}"),
    }
}

#[test]
fn tails_keep_their_digits() {
    let Some(file) = load("distributions.json") else { return };
    let mut scores: std::collections::BTreeMap<&str, Score> = Default::default();
    for case in file["cases"].as_array().unwrap() {
        let (name, x) = (case["dist"].as_str().unwrap(), number(&case["x"]));
        let params = numbers(&case["params"]);
        if name == "studentized_range" {
            let range = StudentizedRange::new(params[0] as usize, params[1]).unwrap();
            let error = range.cdf(x) - number(&case["expected"]["cdf"]);
            assert!(error.abs() < 1e-10, "studentized range at {x} {params:?}: off by {error:e}");
            continue;
        }
        let exact = name == "ks_exact_two_sided";
        let tails = if exact {
            KolmogorovSmirnov::new(params[0] as usize).unwrap().tails(x)
        } else {
            build(name, &params).tails(x)
        };
        let want = |key: &str| number(&case["expected"][key]);
        let (cdf, sf) = (want("cdf"), want("sf"));
        let score = scores.entry(name).or_default();
        let mut check = |key: &str, computed: f64, truth: f64, target: f64| {
            let target = if exact { 10.0 } else { target };
            score.check(&format!("{name}{params:?}({x}) {key}"), computed, truth, target);
        };
        let target = |p: f64| if p < 1e-30 { 11.0 } else { 13.0 };
        if name == "beta" && sf < 0.0 {
            // The reference lost all of its 60 digits here: the true value is about 1e-303.
            assert!(tails.upper >= 0.0 && tails.upper < 1e-300);
            assert_eq!((tails.lower, tails.ln_lower), (1.0, -tails.upper));
            continue;
        }
        for (key, value, truth) in [("cdf", tails.lower, cdf), ("sf", tails.upper, sf)] {
            if truth > 0.0 && truth < f64::MIN_POSITIVE {
                assert!(
                    (value - truth).abs() <= 5e-324,
                    "{name}({x}): a subnormal is off by more than one step"
                );
            } else {
                check(key, value, truth, target(truth));
            }
        }
        // Where the other side is below 1e-30 the reference, too, took a logarithm of a rounded 1;
        // the logarithm is minus that side to all digits.
        let logarithm = |key: &str, other: f64| if other < 1e-30 { -other } else { want(key) };
        check("logcdf", tails.ln_lower, logarithm("logcdf", sf), if sf < 1e-30 { 11.0 } else { 13.0 });
        check("logsf", tails.ln_upper, logarithm("logsf", cdf), if cdf < 1e-30 { 11.0 } else { 13.0 });
        if cdf > 1e-3 && sf > 1e-3 {
            assert!(
                (tails.lower + tails.upper - 1.0).abs() <= 2.0 * f64::EPSILON,
                "{name}({x}): shares do not add up"
            );
        }
    }
    for (name, score) in scores {
        score.finish(name);
    }
}

#[test]
fn quantiles_keep_their_digits() {
    let Some(file) = load("distributions.json") else { return };
    let mut score = Score::default();
    for case in file["ppf"].as_array().unwrap() {
        let (name, p) = (case["dist"].as_str().unwrap(), number(&case["p"]));
        let params = numbers(&case["params"]);
        let computed = build(name, &params).quantile(p);
        score.check(&format!("{name}{params:?} ppf({p})"), computed, number(&case["expected"]["ppf"]), 11.0);
    }
    score.finish("ppf");
}

#[test]
fn special_functions_keep_their_digits() {
    let Some(file) = load("distributions.json") else { return };
    let mut score = Score::default();
    for case in file["special"].as_array().unwrap() {
        let (name, x, truth) = (case["fn"].as_str().unwrap(), number(&case["x"]), number(&case["expected"]));
        let computed = match name {
            "erf" => special::erf(x),
            "erfc" => special::erfc(x),
            "lgamma" => special::ln_gamma(x),
            "gamma" => special::gamma(x),
            "digamma" => special::digamma(x),
            "log1p" => x.ln_1p(),
            "expm1" => x.exp_m1(),
            "sigmoid" => special::expit(x),
            "softplus" => special::softplus(x),
            "log_ndtr" => special::normal_tails(x).ln_lower,
            other => panic!("no function called {other}"),
        };
        let near_root = name == "digamma" && (computed - truth).abs() <= 2e-16;
        let subnormal = truth > 0.0 && truth < f64::MIN_POSITIVE && (computed - truth).abs() <= 5e-324;
        if !near_root && !subnormal {
            score.check(&format!("{name}({x})"), computed, truth, 12.5);
        }
    }
    for case in file["logsumexp"].as_array().unwrap() {
        let x = numbers(&case["x"]);
        score.check(
            &format!("log_sum_exp({x:?})"),
            special::log_sum_exp(&x),
            number(&case["expected"]),
            13.0,
        );
    }
    score.finish("special functions");
}
