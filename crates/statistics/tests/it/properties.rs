//! What must hold everywhere: round trips, shares that add up, no panic.

use perennial_numeric::random::Random;
use perennial_statistics::describe::Moments;
use perennial_statistics::distribution::*;
use perennial_statistics::special;
use perennial_statistics::test::ks_one_sample;
use proptest::prelude::*;

fn all(a: f64, b: f64) -> Vec<(&'static str, Box<dyn Distribution>)> {
    vec![
        ("normal", Box::new(Normal::new(a, b).unwrap())),
        ("t", Box::new(StudentT::new(a).unwrap())),
        ("chi2", Box::new(ChiSquared::new(a).unwrap())),
        ("f", Box::new(FisherF::new(a, b).unwrap())),
        ("beta", Box::new(Beta::new(a, b).unwrap())),
        ("gamma", Box::new(Gamma::new(a, b).unwrap())),
        ("kolmogorov", Box::new(Kolmogorov)),
    ]
}

proptest! {
    #[test]
    fn quantiles_invert_the_tails(ln_a in -2.0..9.0_f64, ln_b in -2.0..9.0_f64, ln_p in -60.0..-0.01_f64) {
        let p = ln_p.exp();
        for (name, d) in all(ln_a.exp(), ln_b.exp()) {
            let x = d.quantile(p);
            let tails = d.tails(x);
            // What half a step in x does to the logarithm of the share.
            let blur = (d.ln_pdf(x) - tails.ln_lower).exp() * x.abs() * 4.0 * f64::EPSILON;
            let error = (tails.ln_lower - ln_p).abs();
            prop_assert!(error < 1e-12 * ln_p.abs().max(1.0) + blur || x < 1e-300, "{name}: quantile {x} of {p} is off by {error:e}");
            let y = d.isf(p);
            if y.is_infinite() {
                prop_assert!(d.ln_sf(f64::MAX) > ln_p, "{name}: isf of {p} is infinite");
                continue;
            }
            let tails = d.tails(y);
            let blur = (d.ln_pdf(y) - tails.ln_upper).exp() * y.abs() * 4.0 * f64::EPSILON;
            let error = (tails.ln_upper - ln_p).abs();
            // Close to 1 a beta quantile has no more digits to give.
            let crowded = name == "beta" && y > 0.99;
            prop_assert!(error < 1e-12 * ln_p.abs().max(1.0) + blur || y < 1e-300 || crowded, "{name}: isf {y} of {p} is off by {error:e}");
        }
    }

    #[test]
    fn shares_add_up_and_densities_integrate(ln_a in -1.0..6.0_f64, ln_b in -1.0..6.0_f64, p in 0.02..0.98_f64) {
        for (name, d) in all(ln_a.exp(), ln_b.exp()) {
            let x = d.quantile(p);
            prop_assert!((d.cdf(x) + d.sf(x) - 1.0).abs() < 4e-16);
            // The slope of the distribution function is the density.
            let h = 0.001 * (d.quantile(p + 0.01) - x);
            let slope = (d.cdf(x + h) - d.cdf(x - h)) / (2.0 * h);
            let density = d.pdf(x);
            prop_assert!((slope / density - 1.0).abs() < 1e-3 || name == "beta" && x > 0.999, "{name} at {x}: slope {slope}, density {density}");
        }
    }

    #[test]
    fn discrete_masses_sum_to_the_tails(n in 1_u64..60, p in 0.0..=1.0_f64, rate in 0.01..40.0_f64) {
        let distributions: [Box<dyn Distribution>; 2] = [Box::new(Binomial::new(n, p).unwrap()), Box::new(Poisson::new(rate).unwrap())];
        for d in distributions {
            let mut sum = 0.0;
            for k in 0..=n {
                let k = k as f64;
                sum += d.pdf(k);
                prop_assert!((d.cdf(k) - sum).abs() < 1e-13);
                prop_assert!(d.quantile(d.cdf(k)) <= k || d.cdf(k) == 1.0);
                prop_assert!(d.isf(d.sf(k)) <= k || d.sf(k) == 0.0);
            }
        }
    }

    #[test]
    fn nothing_panics_or_hangs(a in prop::num::f64::ANY, b in prop::num::f64::ANY, x in prop::num::f64::ANY, p in 0.0..=1.0_f64) {
        let (a, b) = (a.abs(), b.abs());
        if let (Ok(t), Ok(f), Ok(beta), Ok(gamma)) = (StudentT::new(a), FisherF::new(a, b), Beta::new(a, b), Gamma::new(a, b)) {
            let distributions: [&dyn Distribution; 4] = [&t, &f, &beta, &gamma];
            for d in distributions {
                for share in [d.cdf(x), d.sf(x), d.cdf(d.quantile(p))] {
                    prop_assert!((0.0..=1.0).contains(&share) || x.is_nan(), "{share}");
                }
                d.ln_pdf(x);
                prop_assert!(d.quantile(2.0).is_nan());
            }
        }
    }

    #[test]
    fn merging_in_any_cut_gives_the_same(x in prop::collection::vec(-1e3..1e3_f64, 2..200), cut in 0_usize..200) {
        let cut = cut.min(x.len());
        let whole = Moments::of(&x);
        let mut parts = Moments::of(&x[..cut]);
        parts.merge(&Moments::of(&x[cut..]));
        prop_assert_eq!(parts.count(), whole.count());
        prop_assert_eq!((parts.min(), parts.max()), (whole.min(), whole.max()));
        prop_assert!((parts.mean() - whole.mean()).abs() < 1e-10);
        prop_assert!((parts.variance() / whole.variance() - 1.0).abs() < 1e-10);
        prop_assert!((parts.skewness() - whole.skewness()).abs() < 1e-8);
        prop_assert!((parts.excess_kurtosis() - whole.excess_kurtosis()).abs() < 1e-8);
    }
}

#[test]
fn large_shapes_meet_the_expansion() {
    // On both sides of the switch at 1e8 the functions agree.
    for z in [-6.0, -2.0, -0.1, 0.0, 0.3, 3.0] {
        let [small, large] =
            [0.999_999e8, 1.000_001e8].map(|a: f64| special::gamma_tails(a, a + z * a.sqrt()));
        assert!((small.ln_lower / large.ln_lower - 1.0).abs() < 1e-7, "gamma at {z}");
        assert!((small.ln_upper / large.ln_upper - 1.0).abs() < 1e-7, "gamma at {z}");
        let [small, large] = [0.999_999e8, 1.000_001e8].map(|a: f64| {
            let x = 0.5 + z * (0.125 / a).sqrt();
            special::beta_tails(a, a, x, 1.0 - x)
        });
        assert!((small.ln_lower / large.ln_lower - 1.0).abs() < 1e-7, "beta at {z}");
    }
}

#[test]
fn samples_follow_their_distribution() {
    for (a, b) in [(0.4, 0.7), (3.0, 8.0)] {
        for (name, d) in all(a, b) {
            let mut random = Random::new(9);
            let x: Vec<f64> = (0..2000).map(|_| d.sample(&mut random)).collect();
            let result = ks_one_sample(&x, |x| d.cdf(x), Default::default()).unwrap();
            assert!(result.p_value > 1e-3, "{name}({a}, {b}): {result}");
        }
    }
    let binomial = Binomial::new(40, 0.3).unwrap();
    let mut random = Random::new(9);
    let x: Vec<f64> = (0..4000).map(|_| binomial.sample(&mut random)).collect();
    let moments = Moments::of(&x);
    assert!(
        (moments.mean() - binomial.mean()).abs() < 0.2
            && (moments.variance() / binomial.variance() - 1.0).abs() < 0.1
    );
}

#[test]
fn settings_are_checked() {
    for bad in [f64::NAN, f64::INFINITY, 0.0, -1.0] {
        assert!(StudentT::new(bad).is_err() && ChiSquared::new(bad).is_err() && Poisson::new(bad).is_err());
        assert!(
            FisherF::new(1.0, bad).is_err() && Beta::new(bad, 1.0).is_err() && Gamma::new(1.0, bad).is_err()
        );
        assert!(Normal::new(0.0, bad).unwrap_err().to_string().contains("standard_deviation"));
    }
    assert!(
        Binomial::new(3, 1.1).is_err()
            && KolmogorovSmirnov::new(0).is_err()
            && StudentizedRange::new(1, 3.0).is_err()
    );
}

#[test]
fn studentized_range_quantiles_match_the_tables() {
    // Two groups: the range is sqrt(2) |t|.
    let q = StudentizedRange::new(2, 10.0).unwrap().quantile(0.95);
    assert!((q - 2.0_f64.sqrt() * StudentT::new(10.0).unwrap().quantile(0.975)).abs() < 1e-9);
    // Tables give 3.88 for three groups and 10 degrees of freedom.
    assert!((StudentizedRange::new(3, 10.0).unwrap().quantile(0.95) - 3.88).abs() < 0.005);
}
