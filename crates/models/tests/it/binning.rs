//! Columns in bins, against counts.

use ndarray::{Array1, Array2};
use perennial_core::{Error, Estimator, Feature, Features, Matrix, NoTarget, Rows, Train, Transformer};
use perennial_models::Binner;
use perennial_models::binned::{Binned, Binning, Bins};
use perennial_numeric::random::Random;
use proptest::prelude::*;

fn column(values: &[f64]) -> Matrix {
    Array1::from(values.to_vec()).insert_axis(ndarray::Axis(1)).into()
}

fn categories(values: &[f64], n: u32) -> Matrix {
    let features = Features::try_from(vec![Feature::categorical("colour", n)]).unwrap();
    column(values).with_features(features).unwrap()
}

fn bin(x: &Matrix, max_bins: usize) -> (Binning, Binned) {
    let binning = Binner::new().max_bins(max_bins).fit(x, &NoTarget).unwrap();
    let binned = binning.transform(x).unwrap();
    (binning, binned)
}

fn cuts(binning: &Binning) -> Vec<f64> {
    match binning.column(0) {
        Bins::Numeric { cuts } => cuts.clone(),
        Bins::Categorical { .. } => panic!("numbers"),
    }
}

/// The weight of each bin.
fn loads(binned: &Binned, weights: Option<&[f64]>) -> Vec<f64> {
    let mut loads = vec![0.0; binned.binning().column(0).n_bins()];
    for (row, &code) in binned.column(0).iter().enumerate() {
        loads[code as usize] += weights.map_or(1.0, |weights| weights[row]);
    }
    loads
}

#[test]
fn few_distinct_values_keep_a_bin_each() {
    let mut random = Random::new(1);
    let levels: Vec<f64> = (0..255).map(|_| random.normal() * 1e6).collect();
    let values: Vec<f64> = (0..3000).map(|row| levels[row % 255]).collect();
    let (binning, binned) = bin(&column(&values), 255);
    assert_eq!(binning.column(0).n_bins(), 255);
    for (a, &value) in values[..255].iter().enumerate() {
        for (b, &other) in values[..255].iter().enumerate() {
            let (code, other_code) = (binned.column(0)[a], binned.column(0)[b]);
            assert_eq!(value.total_cmp(&other), code.cmp(&other_code));
        }
    }
    assert_eq!(bin(&column(&[5.0, -1.0, 3.0]), 255).1.column(0), [2, 0, 1]);
    assert_eq!(bin(&column(&[7.0; 4]), 255).1.column(0), [0; 4]);
}

#[test]
fn bins_hold_about_the_same_weight() {
    let mut random = Random::new(2);
    let values: Vec<f64> = (0..25_500).map(|_| random.normal()).collect();
    let loads_plain = loads(&bin(&column(&values), 255).1, None);
    assert_eq!(loads_plain.len(), 255);
    assert!(loads_plain.iter().all(|load| (load - 100.0).abs() <= 1.0), "{loads_plain:?}");
    // Weights: the heavy half of the values gets most of the bins.
    let weights: Vec<f64> = values.iter().map(|&value| if value > 0.0 { 3.0 } else { 1.0 }).collect();
    let x = column(&values);
    let binning = Train::new(&x, &NoTarget).weights(&weights).fit(&Binner::new().max_bins(64)).unwrap();
    let loads = loads(&binning.transform(&x).unwrap(), Some(&weights));
    let mean = weights.iter().sum::<f64>() / 64.0;
    assert_eq!(loads.len(), 64);
    assert!(loads.iter().all(|load| (load - mean).abs() <= 6.0), "{loads:?}");
}

#[test]
fn a_frequent_value_has_a_bin_of_its_own() {
    let mut random = Random::new(3);
    let values: Vec<f64> = (0..20_000).map(|row| if row % 10 < 7 { 0.0 } else { random.normal() }).collect();
    let (binning, binned) = bin(&column(&values), 50);
    let zeros = binned.column(0)[0];
    let same = |row: &usize| binned.column(0)[*row] == zeros;
    assert!((0..values.len()).filter(same).all(|row| values[row] == 0.0));
    let loads = loads(&binned, None);
    assert!(binning.column(0).n_bins() >= 48);
    let largest = loads.iter().enumerate().filter(|(bin, _)| *bin != zeros as usize).map(|(_, &load)| load);
    assert!(largest.fold(0.0, f64::max) <= 6000.0 / 49.0 * 1.6, "{loads:?}");
}

#[test]
fn many_frequent_values_among_rare_ones_are_all_kept_apart() {
    // 200 frequent values and a rare one after each: no more than 255 bins, and no bin of many frequent values.
    let mut values = Vec::new();
    for level in 0..200 {
        values.extend([f64::from(level); 100]);
        values.push(f64::from(level) + 0.5);
    }
    let (_, binned) = bin(&column(&values), 255);
    let loads = loads(&binned, None);
    assert!(loads.iter().all(|&load| load <= 202.0), "{loads:?}");
}

#[test]
fn three_rows_missing_values_zeros_and_infinities() {
    let (binning, binned) = bin(&column(&[0.0, -0.0, f64::NAN]), 255);
    assert_eq!(binned.column(0), [0, 0, 255]);
    assert_eq!(binning.column(0).n_bins(), 1);
    let (_, binned) = bin(&column(&[f64::NAN, f64::NAN]), 255);
    assert_eq!(binned.column(0), [255, 255]);
    let (binning, binned) = bin(&column(&[-f64::MAX, f64::MAX, f64::MIN_POSITIVE]), 255);
    assert_eq!(binned.column(0), [0, 2, 1]);
    assert!(cuts(&binning).iter().all(|cut| cut.is_finite()));
    let next = 1.0_f64.next_up();
    assert_eq!(bin(&column(&[next, 1.0]), 255).1.column(0), [1, 0]);
    let refused = |x: &Matrix| Binner::new().fit(x, &NoTarget).unwrap_err();
    assert!(refused(&column(&[1.0, f64::INFINITY])).to_string().contains("inf"));
    let (binning, _) = bin(&column(&[1.0, 2.0]), 255);
    let error: Error = binning.transform(&column(&[f64::NEG_INFINITY])).unwrap_err();
    assert!(error.to_string().contains("-inf"));
}

#[test]
fn rare_categories_share_a_bin() {
    // Category c has 40 - c rows.
    let values: Vec<f64> = (0..40).flat_map(|c| vec![f64::from(c); 40 - c as usize]).collect();
    let (binning, binned) = bin(&categories(&values, 40), 10);
    assert_eq!(binning.column(0), &Bins::Categorical { kept: (0..9).collect() });
    for (&code, &value) in binned.column(0).iter().zip(&values) {
        assert_eq!(f64::from(code), value.min(9.0));
    }
    // Never seen, missing.
    let others = binning.transform(&categories(&[39.0, 77.0, f64::NAN, 3.0], 100)).unwrap();
    assert_eq!(others.column(0), [9, 9, 255, 3]);
    for wrong in [-1.0, 0.5, 1e9, 1e300] {
        let x = categories(&[0.0, wrong], 5);
        assert!(Binner::new().fit(&x, &NoTarget).unwrap_err().to_string().contains("colour"));
    }
}

#[test]
fn a_million_categories() {
    let n = 1_000_000_u32;
    let mut values: Vec<f64> = (0..n).map(f64::from).collect();
    values.extend([999_999.0, 70_000.0, 999_999.0]);
    let (binning, binned) = bin(&categories(&values, n), 255);
    let Bins::Categorical { kept } = binning.column(0) else { panic!("categories") };
    assert_eq!(kept.len(), 254);
    assert_eq!(kept[..4], [999_999, 70_000, 0, 1]);
    assert_eq!(binned.column(0)[values.len() - 3..], [0, 1, 0]);
    assert_eq!(binned.column(0)[0..3], [2, 3, 4]);
    assert_eq!(binned.column(0)[500_000], 254);
}

#[test]
fn taking_rows_takes_their_bins() {
    let mut random = Random::new(4);
    let x = Matrix::from(Array2::from_shape_fn((500, 7), |_| random.normal()));
    let (binning, binned) = bin(&x, 30);
    let rows: Vec<usize> = (0..900).map(|_| random.below(500)).collect();
    assert_eq!(binned.take(&rows).unwrap(), binning.transform(&x.take(&rows).unwrap()).unwrap());
    assert_eq!(binned.take(&[]).unwrap().n_rows(), 0);
    assert!(binned.take(&[500]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A value is in the bin whose number is that of the cuts below it; no cut separates equal values.
    #[test]
    fn the_bin_of_a_value_is_the_number_of_cuts_below_it(
        values in prop::collection::vec(prop_oneof![
            -5.0..5.0_f64, (-20..20_i32).prop_map(f64::from), prop::num::f64::NORMAL, Just(0.0), Just(-0.0),
        ], 1..700),
        others in prop::collection::vec(prop::num::f64::NORMAL | prop::num::f64::ZERO, 50),
        max_bins in 2..256_usize,
    ) {
        let (binning, binned) = bin(&column(&values), max_bins);
        let cuts = cuts(&binning);
        prop_assert!(cuts.len() < max_bins);
        prop_assert!(cuts.windows(2).all(|pair| pair[0] < pair[1]));
        let truth = |value: f64| cuts.partition_point(|&cut| cut < value) as u8;
        for (&code, &value) in binned.column(0).iter().zip(&values) {
            prop_assert_eq!(code, truth(value));
        }
        let points: Vec<f64> = others.into_iter().chain(cuts.iter().copied()).collect();
        let of_others = binning.transform(&column(&points)).unwrap();
        for (&code, &value) in of_others.column(0).iter().zip(&points) {
            prop_assert_eq!(code, truth(value));
        }
    }
}
