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

#[test]
fn special_functions_between_the_fixtures() {
    // Computed with 30 digits (mpmath) at the exact value of each argument.
    let mut score = Score::default();
    for (x, truth) in [
        (1e-3, -1_000.575_571_931_810_3),
        (0.3, -3.502_524_222_200_133),
        (0.993_384_810_682_330_3, -0.588_150_133_371_637_9),
        (1.25, -0.227_453_533_376_265_4),
        (1.7, 0.208_547_874_873_493_94),
        (1.976_937_970_864_942_4, 0.407_802_361_129_508_1),
        (3.224_146_481_518_449_3, 1.007_645_766_749_188),
        (-0.7, -2.073_952_793_628_704),
        (-3.25, 4.466_275_872_350_28),
    ] {
        score.check(&format!("digamma({x})"), special::digamma(x), truth, 14.0);
    }
    for (x, truth) in [
        (1e-12, -5.772_156_649_007_104e-13),
        (1e-5, -5.772_074_402_712_67e-6),
        (0.01, -0.005_690_307_946_069_646),
        (0.3, -0.108_174_809_507_860_47),
        (-0.2, 0.152_059_678_399_837_6),
    ] {
        score.check(&format!("ln_gamma_1p({x})"), special::ln_gamma_1p(x), truth, 13.0);
    }
    for (a, x, lower, upper) in [
        (0.911_100_440_268_394_2, 1e-12, 1.207_785_735_237_450_5e-11, 0.999_999_999_987_922_1),
        (1e-3, 0.5, 0.999_439_933_343_529_3, 5.600_666_564_707_5e-4),
        (0.5, 1.5, 0.916_735_483_336_449_6, 0.083_264_516_663_550_4),
        (314.811_077_575_877_5, 432.919_116_885_889_8, 0.999_999_998_934_739, 1.065_260_945_296_975_8e-9),
        (3e4, 29_500.0, 0.001_859_754_166_067_958, 0.998_140_245_833_932),
    ] {
        let tails = special::gamma_tails(a, x);
        score.check(&format!("P({a}, {x})"), tails.lower, lower, 12.5);
        score.check(&format!("Q({a}, {x})"), tails.upper, upper, 12.5);
    }
    for (a, b, x, lower, upper) in [
        (0.01, 2.0, 0.5, 0.998_057_957_914_221_1, 0.001_942_042_085_778_919),
        (0.5, 5e5, 2.5e-5, 0.999_999_426_786_054, 5.732_139_460_343_163e-7),
        (
            62.582_312_008_189_11,
            0.127_519_635_910_804_84,
            0.75,
            1.794_003_998_358_699_5e-10,
            0.999_999_999_820_599_6,
        ),
        (500.0, 0.3, 0.9999, 0.551_647_279_794_049_2, 0.448_352_720_205_950_8),
    ] {
        let tails = special::beta_tails(a, b, x, 1.0 - x);
        score.check(&format!("I({a}, {b}, {x})"), tails.lower, lower, 12.5);
        score.check(&format!("1 - I({a}, {b}, {x})"), tails.upper, upper, 12.5);
    }
    score.finish("special functions between the fixtures");
}

#[test]
fn far_tails_of_a_huge_gamma_are_shares() {
    // Far beyond the mean Q(a, x) is x^a e^-x / (Gamma(a) (x - a)), with Stirling for Gamma.
    for (a, x) in [(6.5e27, 8.2e175), (1e8, 1e12), (1e15, 1e17), (1e8, 1e200)] {
        let tails = Gamma::new(a, 1.0).unwrap().tails(x);
        assert_eq!((tails.lower, tails.upper), (1.0, 0.0), "{a} {x}");
        let expected = a * (x / a).ln() - x + a - 0.5 * (std::f64::consts::TAU * a).ln() + (a / (x - a)).ln();
        let error = ((tails.ln_upper - expected) / expected).abs();
        assert!(error < 1e-13, "{a} {x}: {} is not {expected}", tails.ln_upper);
    }
}
