//! Bets against rows that come in any order as likely.

use perennial_evaluation::conformal::{Betting, ExchangeabilityMartingale};
use perennial_numeric::random::Random;

use crate::conformal::{close, repeated};

#[test]
fn wealth_is_rare_while_rows_come_in_any_order() {
    // A twentieth of all series at most ever reach a wealth of 20; ties do not change that.
    for ties in [false, true] {
        let (mean, error) = repeated(800, |mut random| {
            let mut martingale = ExchangeabilityMartingale::new().seed(random.below(1 << 40) as u64);
            for _ in 0..200 {
                let draw = random.normal();
                martingale.update(if ties { draw.round() } else { draw }).unwrap();
            }
            f64::from(u8::from(martingale.p_value() <= 0.05))
        });
        assert!(mean < 0.05 + 3.5 * error, "{mean} +- {error}");
    }
}

#[test]
fn wealth_grows_where_scores_change() {
    for sign in [1.0, -1.0] {
        let mut random = Random::new(8);
        let mut martingale = ExchangeabilityMartingale::new();
        for _ in 0..300 {
            martingale.update(random.normal()).unwrap();
        }
        assert!(martingale.p_value() > 0.02, "{}", martingale.p_value());
        for _ in 0..700 {
            martingale.update(random.normal() + 2.0 * sign).unwrap();
        }
        assert!(martingale.p_value() < 1e-6 && martingale.log_wealth().is_finite());
        assert_eq!(martingale.n_rows(), 1000);
    }
}

#[test]
fn steps_by_hand() {
    let mut martingale = ExchangeabilityMartingale::new().jump(1.0);
    let first = martingale.update(5.0).unwrap();
    assert!((0.0..=1.0).contains(&first));
    // Bets are even, so what one side wins the other loses.
    close(martingale.log_wealth(), 0.0, 1e-15);
    // One of two, then one of three, is larger; with itself a random part of a half and of a third.
    let second = martingale.update(1.0).unwrap();
    assert!((0.5..=1.0).contains(&second));
    let third = martingale.update(3.0).unwrap();
    assert!((1.0 / 3.0..=2.0 / 3.0).contains(&third));
    let before = martingale.clone();
    assert!(martingale.update(f64::NAN).is_err() && martingale.update(f64::INFINITY).is_err());
    assert_eq!(martingale, before);
    assert!(ExchangeabilityMartingale::new().jump(0.0).update(1.0).is_err());
    // Saved in the middle it goes on as it would have.
    let mut read: ExchangeabilityMartingale =
        serde_json::from_str(&serde_json::to_string(&before).unwrap()).unwrap();
    assert_eq!(read.update(2.0).unwrap(), martingale.update(2.0).unwrap());
    // Without spreading, wealth is the mean of what the three bets alone would have won.
    let (mut slow, mut wins) = (ExchangeabilityMartingale::new().jump(1e-300), [1.0_f64; 3]);
    for score in [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0] {
        let p_value = slow.update(score).unwrap();
        wins.iter_mut().zip([1.0, 0.0, -1.0]).for_each(|(win, side)| *win *= 1.0 + side * (p_value - 0.5));
    }
    close(slow.log_wealth(), (wins.iter().sum::<f64>() / 3.0).ln(), 1e-12);
}

#[test]
fn plugged_in_wealth_is_rare_while_rows_come_in_any_order() {
    let (mean, error) = repeated(800, |mut random| {
        let plug_in = Betting::PlugIn { n_bins: 8 };
        let mut martingale =
            ExchangeabilityMartingale::new().betting(plug_in).seed(random.below(1 << 40) as u64);
        for _ in 0..200 {
            martingale.update(random.normal()).unwrap();
        }
        f64::from(u8::from(martingale.p_value() <= 0.05))
    });
    assert!(mean < 0.05 + 3.5 * error, "{mean} +- {error}");
}

#[test]
fn plugged_in_wealth_sees_what_has_no_direction() {
    // Errors with their sign, three times as large after 500 rows: no p-value is larger or smaller in the mean.
    let wealth = [Betting::Jumper, Betting::PlugIn { n_bins: 10 }].map(|betting| {
        let mut random = Random::new(8);
        let mut martingale = ExchangeabilityMartingale::new().betting(betting);
        for row in 0..1500 {
            martingale.update(random.normal() * if row < 500 { 1.0 } else { 3.0 }).unwrap();
        }
        martingale.p_value()
    });
    assert!(wealth[0] > 0.01 && wealth[1] < 1e-6, "{wealth:?}");

    // By hand: of two bins each begins with one.
    let mut martingale = ExchangeabilityMartingale::new().betting(Betting::PlugIn { n_bins: 2 });
    let (mut counts, mut log_wealth) = ([1.0_f64; 2], 0.0);
    for score in [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0] {
        let bin = usize::from(martingale.update(score).unwrap() >= 0.5);
        log_wealth += (2.0 * counts[bin] / (counts[0] + counts[1])).ln();
        counts[bin] += 1.0;
    }
    close(martingale.log_wealth(), log_wealth, 1e-12);
    let one_bin = ExchangeabilityMartingale::new().betting(Betting::PlugIn { n_bins: 1 }).update(1.0);
    assert!(one_bin.unwrap_err().to_string().contains("n_bins"));
}
