//! Steps learn the same of a column in any unit.

use perennial_core::{Estimator, Matrix, NoTarget, Result, Transformer};
use perennial_preprocessing::{Bins, KBinsDiscretizer, OutputDistribution, QuantileTransformer};

/// Powers of two next to 1e-12, 1 and 1e12: products with them are exact.
fn units() -> [f64; 4] {
    [2.0_f64.powi(-40), 1.0, 2.0_f64.powi(40), 2.0_f64.powi(-1000)]
}

/// Numbers from 0.1 to about 100, some of them several times.
fn column(unit: f64) -> Matrix {
    let value = |row: usize| (((row * 7919) % 997) as f64 * 0.1 + 0.1) * unit;
    Matrix::from(ndarray::Array2::from_shape_fn((1500, 1), |(row, _)| value(row)))
}

#[test]
fn bins_do_not_depend_on_the_unit() -> Result<()> {
    for bins in [Bins::Quantile, Bins::Uniform, Bins::KMeans] {
        let step = KBinsDiscretizer::new().n_bins(40).bins(bins.clone());
        let expected = step.fit(&column(1.0), &NoTarget)?.transform(&column(1.0))?;
        assert_eq!(step.fit(&column(1.0), &NoTarget)?.edges("x0")?.len(), 39, "{bins:?}");
        for unit in units() {
            let model = step.fit(&column(unit), &NoTarget)?;
            assert_eq!(model.transform(&column(unit))?, expected, "{bins:?} {unit}");
        }
    }
    Ok(())
}

#[test]
fn a_huge_number_does_not_join_the_bins_of_others() -> Result<()> {
    let mut x = column(1.0).dense()?.to_owned();
    x[[3, 0]] = 1e15;
    let model = KBinsDiscretizer::new().n_bins(10).fit(&Matrix::from(x), &NoTarget)?;
    assert_eq!(model.edges("x0")?.len(), 9);
    Ok(())
}

#[test]
fn what_rounding_sets_apart_is_no_bin() -> Result<()> {
    // 0.3 in two ways, and a column far from zero whose numbers differ in their last bits alone.
    for (low, high) in [(0.3, 0.1 + 0.2), (1e9, 1e9 + 2e-7), (-3e-13, -0.3 * 1e-12)] {
        let cells = (0..60).map(|row| if row % 2 == 0 { low } else { high }).collect();
        let x = Matrix::from(ndarray::Array2::from_shape_vec((60, 1), cells).unwrap());
        for bins in [Bins::Quantile, Bins::Uniform, Bins::KMeans] {
            let model = KBinsDiscretizer::new().bins(bins).fit(&x, &NoTarget)?;
            assert_eq!(model.edges("x0")?.len(), 0, "{low} {high}");
        }
    }
    Ok(())
}

#[test]
fn normal_scores_do_not_depend_on_the_unit() -> Result<()> {
    let step = QuantileTransformer::new().n_quantiles(200).output_distribution(OutputDistribution::Normal);
    let expected = step.fit(&column(1.0), &NoTarget)?.transform(&column(1.0))?;
    let middle = expected.dense()?.iter().filter(|score| score.abs() < 5.0).count();
    assert!(middle > 1480, "{middle} rows have a place between the ends");
    for unit in units() {
        let made = step.fit(&column(unit), &NoTarget)?.transform(&column(unit))?;
        assert_eq!(made, expected, "{unit}");
    }
    Ok(())
}

/// Beyond 5e14 what rounding may leave of an edge is more than the gap between whole numbers, which are not rounded.
#[test]
fn large_whole_numbers_are_told_apart() -> Result<()> {
    let ids = Matrix::from(ndarray::Array2::from_shape_fn((5, 1), |(row, _)| 6e15 + 10.0 * row as f64));
    let model = KBinsDiscretizer::new().bins(Bins::Uniform).fit(&ids, &NoTarget)?;
    assert_eq!(model.edges("x0")?.len(), 4);
    let bins = model.transform(&ids)?;
    assert_eq!(bins.dense()?.column(0).to_vec(), [0.0, 1.0, 2.0, 3.0, 4.0]);
    Ok(())
}
