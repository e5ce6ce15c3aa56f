//! The normal distribution.

/// The value that a standard normal number stays below with probability `p`, 0 < `p` < 1 (AS 241, PPND16).
///
/// Its logarithm is that of `libm`, which gives the same bits on every machine.
///
/// ```
/// assert_eq!(perennial_numeric::special::normal_quantile(0.5), 0.0);
/// ```
pub fn normal_quantile(p: f64) -> f64 {
    let q = p - 0.5;
    if q.abs() <= 0.425 {
        return q * ratio(0.180625 - q * q, &CENTRE);
    }
    let r = (-libm::log(if q < 0.0 { p } else { 1.0 - p })).sqrt();
    let value = if r <= 5.0 { ratio(r - 1.6, &SHOULDER) } else { ratio(r - 5.0, &TAIL) };
    if q < 0.0 { -value } else { value }
}

/// [`normal_quantile`] of each number in place, with the same bits; NaN stays.
///
/// The middle, where most numbers are, runs on vectors where it is inlined into a [kernel](crate::simd::Kernel).
///
/// ```
/// let mut shares = [0.5, f64::NAN, 0.999];
/// perennial_numeric::special::normal_quantiles(&mut shares);
/// assert_eq!((shares[0], shares[2]), (0.0, perennial_numeric::special::normal_quantile(0.999)));
/// ```
#[inline(always)]
pub fn normal_quantiles(shares: &mut [f64]) {
    const LANES: usize = 16;
    for block in shares.chunks_mut(LANES) {
        let mut values = [0.0; LANES];
        let mut middle = true;
        for (value, &p) in values.iter_mut().zip(&*block) {
            let q = p - 0.5;
            *value = q * ratio(0.180625 - q * q, &CENTRE);
            middle &= q.abs() <= 0.425;
        }
        if !middle {
            for (value, &p) in values.iter_mut().zip(&*block) {
                if !((p - 0.5).abs() <= 0.425) {
                    *value = if p.is_nan() { p } else { normal_quantile(p) };
                }
            }
        }
        block.copy_from_slice(&values[..block.len()]);
    }
}

/// The ratio of two polynomials of degree 7; coefficients from the constant up.
#[inline(always)]
fn ratio(x: f64, [top, bottom]: &[[f64; 8]; 2]) -> f64 {
    let polynomial = |coefficients: &[f64; 8]| coefficients.iter().rev().fold(0.0, |sum, c| sum * x + c);
    polynomial(top) / polynomial(bottom)
}

#[allow(clippy::excessive_precision, reason = "the coefficients as they were published")]
mod coefficients {
    pub(super) const CENTRE: [[f64; 8]; 2] = [
        [
            3.387_132_872_796_366_608_0,
            1.331_416_678_917_843_774_5e2,
            1.971_590_950_306_551_442_7e3,
            1.373_169_376_550_946_112_5e4,
            4.592_195_393_154_987_145_7e4,
            6.726_577_092_700_870_085_3e4,
            3.343_057_558_358_812_810_5e4,
            2.509_080_928_730_122_672_7e3,
        ],
        [
            1.0,
            4.231_333_070_160_091_125_2e1,
            6.871_870_074_920_579_083_0e2,
            5.394_196_021_424_751_107_7e3,
            2.121_379_430_158_659_586_7e4,
            3.930_789_580_009_271_061_0e4,
            2.872_908_573_572_194_267_4e4,
            5.226_495_278_852_854_561_0e3,
        ],
    ];
    pub(super) const SHOULDER: [[f64; 8]; 2] = [
        [
            1.423_437_110_749_683_577_34,
            4.630_337_846_156_545_295_90,
            5.769_497_221_460_691_405_50,
            3.647_848_324_763_204_605_04,
            1.270_458_252_452_368_382_58,
            2.417_807_251_774_506_117_70e-1,
            2.272_384_498_926_918_458_33e-2,
            7.745_450_142_783_414_076_40e-4,
        ],
        [
            1.0,
            2.053_191_626_637_758_821_87,
            1.676_384_830_183_803_849_40,
            6.897_673_349_851_000_045_50e-1,
            1.481_039_764_274_800_745_90e-1,
            1.519_866_656_361_645_719_66e-2,
            5.475_938_084_995_344_946_00e-4,
            1.050_750_071_644_416_843_24e-9,
        ],
    ];
    pub(super) const TAIL: [[f64; 8]; 2] = [
        [
            6.657_904_643_501_103_777_20,
            5.463_784_911_164_114_369_90,
            1.784_826_539_917_291_335_80,
            2.965_605_718_285_048_912_30e-1,
            2.653_218_952_657_612_309_30e-2,
            1.242_660_947_388_078_438_60e-3,
            2.711_555_568_743_487_578_15e-5,
            2.010_334_399_292_288_132_65e-7,
        ],
        [
            1.0,
            5.998_322_065_558_879_376_90e-1,
            1.369_298_809_227_358_053_10e-1,
            1.487_536_129_085_061_485_25e-2,
            7.868_691_311_456_132_591_00e-4,
            1.846_318_317_510_054_681_80e-5,
            1.421_511_758_316_445_888_70e-7,
            2.044_263_103_389_939_785_64e-15,
        ],
    ];
}
use coefficients::{CENTRE, SHOULDER, TAIL};

#[cfg(test)]
mod tests {
    use super::normal_quantile;

    #[test]
    fn normal_quantile_agrees_with_published_values() {
        // Quantiles from tables computed with 30 digits.
        let truth = [
            (0.25, -0.674_489_750_196_081_7),
            (0.975, 1.959_963_984_540_054_2),
            (0.001, -3.090_232_306_167_813_5),
            (1e-10, -6.361_340_902_404_056),
            (1e-15, -7.941_345_326_170_997),
        ];
        for (p, quantile) in truth {
            assert!((normal_quantile(p) - quantile).abs() < 2e-15 * f64::abs(quantile), "{p}");
        }
    }
}
