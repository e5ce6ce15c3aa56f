//! Moments and quantiles against NIST StRD and exact rationals.

use perennial_statistics::describe::*;
use serde_json::Value;

use crate::fixtures::{Score, load, number, numbers};

fn series(case: &Value) -> Vec<f64> {
    if let Some(digits) = case["digits"].as_str() {
        return digits.bytes().map(|b| f64::from(b - b'0')).collect();
    }
    let recipe = &case["generate"];
    if recipe.is_null() {
        return numbers(&case["x"]);
    }
    let mut x = vec![number(&recipe["first"])];
    for _ in 0..recipe["times"].as_u64().unwrap() {
        x.extend(numbers(&recipe["then_alternate"]));
    }
    x
}

#[test]
fn nist_univariate() {
    let Some(file) = load("strd_univariate.json") else { return };
    let mut score = Score::default();
    for case in file["cases"].as_array().unwrap() {
        let (id, x) = (case["id"].as_str().unwrap(), series(case));
        let target = match id {
            "NumAcc3" => 9.0,
            "NumAcc4" => 8.0,
            _ => 13.0,
        };
        let want = |key: &str| number(&case["expected"][key]);
        let mut one_by_one = Moments::new();
        x.iter().for_each(|v| one_by_one.push(*v));
        for (way, moments) in [("of", Moments::of(&x)), ("push", one_by_one)] {
            let relaxed = if way == "push" { 1.0 } else { 0.0 };
            score.check(&format!("{id} {way} mean"), moments.mean(), want("mean"), 14.0 - relaxed);
            score.check(
                &format!("{id} {way} sd"),
                moments.standard_deviation(),
                want("sd"),
                target - relaxed,
            );
        }
        score.check(
            &format!("{id} lag1"),
            autocorrelation(&x, 1).unwrap(),
            want("lag1"),
            9.0_f64.min(target),
        );
        let moments = Moments::of(&x);
        assert!((moments.skewness() - want("skew_g1")).abs() < 1e-6, "{id} skewness {}", moments.skewness());
        score.check(
            &format!("{id} kurtosis"),
            moments.excess_kurtosis(),
            want("kurt_excess_g2"),
            target - 1.0,
        );
    }
    score.finish("NIST univariate");
}

#[test]
fn moments_of_one_sample() {
    let Some(file) = load("stat_tests.json") else { return };
    let mut score = Score::default();
    for case in file["cases"].as_array().unwrap() {
        let want = &case["expected"];
        if case["id"] == "one_sample" {
            let a = numbers(&case["a"]);
            let moments = Moments::of(&a);
            score.check("skew", moments.skewness(), number(&want["skew"]), 12.0);
            score.check("kurtosis", moments.excess_kurtosis(), number(&want["kurt_fisher"]), 12.0);
            let quartiles = quantiles(&a, &[0.25, 0.75]).unwrap();
            score.check("iqr", quartiles[1] - quartiles[0], number(&want["iqr"]), 12.0);
            let centre = median(&a).unwrap();
            let distances: Vec<f64> = a.iter().map(|v| (v - centre).abs()).collect();
            score.check("mad", median(&distances).unwrap(), number(&want["mad"]), 12.0);
        }
        if case["id"] == "quantile_methods" {
            let computed = quantiles(&numbers(&case["a"]), &numbers(&case["q"])).unwrap();
            for (got, truth) in computed.iter().zip(numbers(&want["linear"])) {
                score.check("quantile", *got, truth, 14.0);
            }
        }
        if case["fn"] == "two_sample" && !want["spearman"].is_null() {
            let (a, b) = (numbers(&case["a"]), numbers(&case["b"]));
            let n = a.len().min(b.len());
            let (a, b) = (&a[..n], &b[..n]);
            score.check("pearson", pearson(a, b).unwrap(), number(&want["pearson"][0]), 12.0);
            score.check("spearman", spearman(a, b).unwrap(), number(&want["spearman"]), 12.0);
            score.check("kendall", kendall(a, b).unwrap(), number(&want["kendall_b"]), 12.0);
        }
    }
    score.finish("describe");
}

#[test]
fn awkward_samples() {
    assert!(Moments::new().mean().is_nan() && Moments::of(&[]).max().is_nan());
    assert!(Moments::of(&[2.0]).variance().is_nan());
    assert_eq!(Moments::of(&[7.0; 9]).variance(), 0.0);
    assert!(Moments::of(&[1.0, f64::NAN]).mean().is_nan());
    assert!(quantiles(&[], &[0.5]).is_err());
    assert!(quantiles(&[1.0], &[1.5]).is_err());
    assert!(quantiles(&[1.0, f64::NAN], &[0.5]).unwrap_err().to_string().contains("NaN at row 1"));
    assert_eq!(
        quantiles(&[f64::NEG_INFINITY, f64::NEG_INFINITY, 1.0], &[0.25]).unwrap(),
        [f64::NEG_INFINITY]
    );
    assert!(pearson(&[1.0, 1.0], &[1.0, 2.0]).is_err());
    assert!(pearson(&[1.0, 2.0], &[1.0]).is_err());
    assert!(kendall(&[1.0, 1.0], &[1.0, 2.0]).is_err());
    assert!(autocorrelation(&[1.0, 2.0], 5).is_err());
    assert_eq!(ranks(&[]).unwrap(), [0.0; 0]);
    let json = serde_json::to_string(&Moments::new()).unwrap();
    assert_eq!(serde_json::from_str::<Moments>(&json).unwrap(), Moments::new());
}
