//! Models in use: risk that is monitored, order that is tested, requests that are replayed, distributions that are promised.

use perennial_core::{CancelToken, Classes, Context, Rows, Values};
use perennial_evaluation::conformal::{
    BinaryRisk, FwerProcedure, LearnThenTest, PredictiveSystem, RiskMonitoring, test_exchangeability,
};
use perennial_evaluation::metric::{MeanAbsoluteError, R2, Recall, RocAuc};
use perennial_evaluation::{Metric, Replay};
use perennial_numeric::random::Random;

use crate::conformal::{close, repeated};
use crate::toys::{names, two};

#[test]
fn bounds_of_the_risk_are_those_of_mapie() {
    // mapie 1.6: conjugate_mixture_empirical_bernstein_bound(losses, v_opt=1, alpha=2 a, bound_side="lower"), which gives
    // each side a, and hoeffding_bound(tested, 0.025).
    let losses: Vec<f64> =
        (0..200).map(|i| f64::from(i * 37 % 101) / 100.0 * if i < 60 { 0.3 } else { 0.9 }).collect();
    for (delta, bounds) in [
        (0.05, [0.0, 0.0, 0.019397851824348028, 0.14429901629247488, 0.2711316580232248]),
        (0.1, [0.0, 0.0, 0.03829116124902299, 0.15747862625022474, 0.27932176971350986]),
    ] {
        let tested: Vec<f64> = (0..300).map(|i| f64::from(i * 13 % 7) / 10.0).collect();
        // One scale is as good as another.
        for scale in [1.0, 1e3] {
            let of = |losses: &[f64]| losses.iter().map(|loss| loss * scale).collect::<Vec<f64>>();
            let mut monitoring =
                RiskMonitoring::new().delta(delta).bound(scale).against(&of(&tested)).unwrap();
            if delta == 0.05 {
                close((monitoring.allowed().unwrap() - 0.05) / scale, 0.3790766942366352, 1e-12);
            }
            let mut from = 0;
            for (to, bound) in [1, 10, 50, 100, 200].into_iter().zip(bounds) {
                monitoring.update(&of(&losses[from..to])).unwrap();
                close(monitoring.lower_bound() / scale, bound, 1e-9);
                from = to;
            }
            assert_eq!(monitoring.n_rows(), 200);
        }
    }
}

#[test]
fn alarms_of_the_risk_are_rare_without_harm_and_certain_with_it() {
    let run = |mut random: Random, harm: f64| {
        let mut lose = |share: f64, n: usize| -> Vec<f64> {
            (0..n).map(|_| f64::from(u8::from(random.uniform() < share))).collect()
        };
        let mut monitoring =
            RiskMonitoring::new().tolerance(0.0).delta(0.2).against(&lose(0.2, 300)).unwrap();
        monitoring.update(&lose(0.2 + harm, 1500)).unwrap();
        f64::from(u8::from(monitoring.alarm().is_some()))
    };
    let (mean, error) = repeated(200, |random| run(random, 0.0));
    assert!(mean < 0.2 + 3.5 * error, "{mean} +- {error}");
    assert_eq!(run(Random::new(3), 0.3), 1.0);
    // All of delta is for the losses in use where the limit is agreed on.
    let mut agreed = RiskMonitoring::new().limit(0.25).unwrap();
    agreed.update(&[1.0; 100]).unwrap();
    let row = agreed.alarm().unwrap();
    let mut tested = RiskMonitoring::new().tolerance(0.0).against(&[0.0; 1_000_000]).unwrap();
    tested.update(&[1.0; 100]).unwrap();
    assert!(row < 20 && agreed.lower_bound() > tested.lower_bound());
    // Saved it goes on; wrong losses change nothing.
    let mut read: RiskMonitoring = serde_json::from_str(&serde_json::to_string(&agreed).unwrap()).unwrap();
    assert!(read.update(&[0.5, 1.5]).is_err() && read.update(&[f64::NAN]).is_err());
    assert_eq!(read, agreed);
    assert!(RiskMonitoring::new().update(&[0.1]).unwrap_err().to_string().contains("`against`"));
    assert!(
        RiskMonitoring::new().against(&[]).is_err()
            && RiskMonitoring::new().delta(0.0).against(&[0.0]).is_err()
    );
}

#[test]
fn procedures_are_those_of_mapie() {
    // mapie 1.6: mapie.risk_control.fwer_control, delta = 0.1.
    let p_values = [0.001, 0.02, 0.2, 0.04, 0.003, 0.012, 0.3, 0.015, 0.02];
    let sequence = |n_starts| FwerProcedure::FixedSequence { n_starts };
    for (procedure, passing) in [
        (FwerProcedure::Bonferroni, vec![0, 4]),
        (FwerProcedure::Holm, vec![0, 1, 4, 5, 7, 8]),
        (sequence(1), vec![0, 1]),
        (sequence(3), vec![0, 1]),
        (sequence(4), vec![0, 1, 4, 5]),
    ] {
        assert_eq!(procedure.passing(&p_values, 0.1).unwrap(), passing, "{procedure:?}");
    }
    assert!(
        sequence(0).passing(&p_values, 0.1).is_err() && FwerProcedure::Holm.passing(&[1.5], 0.1).is_err()
    );
    assert!(FwerProcedure::Holm.passing(&[], 0.1).unwrap().is_empty());
    // Precision is kept below its risk by the rows that are flagged alone.
    let mut random = Random::new(4);
    let scores: Vec<f64> = (0..2000).map(|_| random.uniform()).collect();
    let positive: Vec<bool> = scores.iter().map(|score| random.uniform() < *score).collect();
    let thresholds = [0.2, 0.6, 0.8, 2.0];
    let losses = BinaryRisk::FalseDiscovery.losses(&scores, &positive, &thresholds).unwrap();
    assert_eq!(
        losses.column(2).iter().filter(|loss| !loss.is_nan()).count(),
        scores.iter().filter(|s| **s >= 0.8).count()
    );
    // Above 0.6 a fifth is wrong, above 0.8 a tenth; of what flags nothing nothing is known.
    assert_eq!(LearnThenTest::new(0.25).choose(&losses).unwrap(), [1, 2]);
    assert_eq!(LearnThenTest::new(0.15).choose(&losses).unwrap(), [2]);
    assert!(BinaryRisk::Error.losses(&[], &[], &[0.5]).is_err());
}

#[test]
fn orders_are_told_apart_as_often_as_promised() {
    let (mean, error) = repeated(400, |mut random| {
        let scores: Vec<f64> = (0..40).map(|_| random.normal()).collect();
        f64::from(u8::from(test_exchangeability(&scores, 99, 3).unwrap().p_value <= 0.1))
    });
    assert!((mean - 0.1).abs() < 3.5 * error, "{mean} +- {error}");
    // The largest change by hand: 0, 0 against 3 is 2 standard errors sqrt(2/3) of deviation sqrt 2.
    let found = test_exchangeability(&[0.0, 0.0, 3.0], 50, 1).unwrap();
    close(found.statistic, 3.0_f64.sqrt(), 1e-12);
    assert_eq!(found.change, 2);
    assert_eq!(test_exchangeability(&[1e300, 1e300, 1e300], 50, 1).unwrap().p_value, 1.0);
    assert!(
        test_exchangeability(&[1.0], 9, 1).is_err() && test_exchangeability(&[1.0, f64::NAN], 9, 1).is_err()
    );
    assert!(test_exchangeability(&[1.0, 2.0], 0, 1).is_err());
}

#[test]
fn distributions_are_those_of_crepes() {
    // crepes 0.9.1: ConformalPredictiveSystem().fit(truth - said).predict_p(.., smoothing=False), which counts the row itself
    // whole and not by half, and predict_percentiles([5, 20], [80, 95]).
    let truth: Values = (0..50).map(|i| f64::from(i * 37 % 101) / 10.0).collect();
    let said: Values = (0..50).map(|i| 5.0 + f64::from(i * 13 % 7) / 3.0).collect();
    let system = PredictiveSystem::new(&truth, &said).unwrap();
    let asked = Values::from(vec![4.0, 6.0, 7.5]);
    let below = system.probability_below(&asked, &[3.03, 6.01, 12.02]).unwrap();
    for (below, theirs) in below.iter().zip([0.5294117647058824, 0.6078431372549019, 0.9803921568627451]) {
        close(below + 0.5 / 51.0, theirs, 1e-12);
    }
    let quantiles = system.quantiles(&asked, &[0.05, 0.2, 0.8, 0.95]).unwrap();
    let theirs = [-1.7000000000000002, -0.033333333333333215, 6.366666666666667, 8.033333333333331];
    for (row, point) in [0.0, 2.0, 3.5].into_iter().enumerate() {
        quantiles
            .values()
            .row(row)
            .iter()
            .zip(theirs)
            .for_each(|(ours, theirs)| close(*ours, theirs + point, 1e-12));
    }
    let intervals = system.intervals(&asked, 0.9).unwrap();
    close(intervals.low[1], 0.2999999999999998, 1e-12);
    close(intervals.high[1], 10.033333333333331, 1e-12);
    // Units and groups: the errors of the one group are ten times those of the other.
    let (truth, said) = (Values::from(vec![1.0, -1.0, 10.0, -10.0]), Values::from(vec![0.0; 4]));
    let groups = ["a", "a", "b", "b"].map(String::from);
    let system = PredictiveSystem::by(&truth, &said, &groups).unwrap();
    let of = |group: &str| {
        let ends =
            system.quantiles_with(&vec![0.0].into(), &[0.4, 0.6], None, Some(&[group.to_owned()])).unwrap();
        (ends.values()[[0, 0]], ends.values()[[0, 1]])
    };
    assert_eq!((of("a"), of("b")), ((-1.0, 1.0), (-10.0, 10.0)));
    let united = PredictiveSystem::with(&truth, &said, Some(&[1.0, 1.0, 10.0, 10.0]), None).unwrap();
    let below =
        united.probability_below_with(&vec![0.0; 2].into(), &[1.0, 30.0], Some(&[10.0, 10.0]), None).unwrap();
    assert_eq!(below, [0.5, 0.9]);
    assert!(
        system.probability_below(&vec![0.0].into(), &[0.0]).unwrap_err().to_string().contains("`a`, `b`")
    );
    assert!(PredictiveSystem::with(&truth, &said, Some(&[1.0, 0.0, 1.0, 1.0]), None).is_err());
    let far = united.quantiles_with(&vec![0.0].into(), &[0.01, 0.99], Some(&[1.0]), None).unwrap();
    assert_eq!(far.values()[[0, 1]], f64::INFINITY);
    // Errors that were measured in units are not taken for errors without, nor the other way round.
    assert!(united.intervals(&vec![0.0].into(), 0.5).unwrap_err().to_string().contains("unit of each row"));
    assert!(united.intervals_with(&vec![0.0].into(), 0.5, Some(&[2.0]), None).is_ok());
    assert!(system.intervals_with(&vec![0.0].into(), 0.5, Some(&[2.0]), None).is_err());
    assert!(united.intervals_with(&vec![0.0].into(), -0.5, Some(&[2.0]), None).is_err());
}

#[test]
fn replays_score_what_was_known() {
    let asked = [5, 0, 3, 12, 14, 19];
    let known = [Some(11), Some(1), Some(3), Some(25), None, Some(19)];
    let truth = Values::from(vec![1.0, 2.0, 3.0, 4.0, f64::MAX, 6.0]);
    let seen = std::sync::Mutex::new(Vec::new());
    let replay = Replay::new(&asked, &known).window(10);
    let answer = |rows: &[usize], from: i64| {
        seen.lock().unwrap().push((rows.to_vec(), from));
        Ok(rows.iter().map(|&row| row as f64).collect::<Values>())
    };
    let replayed = replay.run(&MeanAbsoluteError, &truth, answer).unwrap();
    assert_eq!(*seen.lock().unwrap(), [(vec![1, 2, 0], 0), (vec![3, 4, 5], 10)]);
    let windows = &replayed.windows;
    assert_eq!(
        windows.iter().map(|w| (w.from, w.n_requests, w.n_known, w.n_seen)).collect::<Vec<_>>(),
        [(0, 3, 3, 2), (10, 3, 2, 2), (20, 0, 0, 1)]
    );
    // Each is off by one.
    assert_eq!(windows[0].score.unwrap().estimate, 1.0);
    assert_eq!(windows[1].seen.unwrap().estimate, 1.0);
    assert!(windows[2].score.is_none() && windows[2].seen.is_none());
    assert_eq!((replayed.n_open, replayed.median_delay), (1, Some(1)));
    assert!(replayed.to_string().contains("nothing is known"));
    assert_eq!(replay.known_before(11), [1, 2]);
    // The score by hand, of an error that is no mean: what was seen in a window are its rows in any order.
    let long: Vec<i64> = (0..60).collect();
    let late: Vec<Option<i64>> = long.iter().map(|time| Some(time + 7)).collect();
    let truth: Values = (0..60).map(|i| f64::from(i * 7 % 11)).collect();
    let said = |rows: &[usize], _: i64| Ok(rows.iter().map(|&row| (row % 5) as f64).collect::<Values>());
    let replayed = Replay::new(&long, &late).window(20).run(&R2, &truth, said).unwrap();
    let rows: Vec<usize> = (13..33).collect();
    let of = |rows: &[usize]| -> (Values, Values) {
        (rows.iter().map(|&row| truth.as_slice()[row]).collect(), said(rows, 0).unwrap())
    };
    let (t, p) = of(&rows);
    close(replayed.windows[1].seen.unwrap().estimate, R2.score(&t, &p).unwrap(), 1e-12);

    // A metric of a class that does not exist is an error; windows that lack a class have no score.
    let classes = Classes::new(vec![0; 60], names(&["no", "yes"])).unwrap();
    let same = |rows: &[usize], _: i64| classes.take(rows);
    let replay = Replay::new(&long, &late).window(20);
    assert!(replay.run(&Recall::of("maybe"), &classes, same).unwrap_err().to_string().contains("maybe"));
    let said = |rows: &[usize], _: i64| Ok(two(&vec![0.5; rows.len()]));
    let undefined = replay.run(&RocAuc::new(), &classes, said).unwrap();
    assert!(undefined.windows.iter().all(|window| window.score.is_none()));
    let said = |rows: &[usize], _: i64| Ok(rows.iter().map(|&row| (row % 5) as f64).collect::<Values>());

    let token = CancelToken::new();
    token.cancel();
    let cancelled = Context::new().with_cancel(token);
    assert!(Replay::new(&long, &late).context(cancelled).run(&R2, &truth, said).is_err());
    let message = |asked: &[i64], known: &[Option<i64>], window: i64| {
        let truth = Values::from(vec![0.0; 2]);
        Replay::new(asked, known)
            .window(window)
            .run(&MeanAbsoluteError, &truth, said)
            .unwrap_err()
            .to_string()
    };
    assert!(message(&[1, 2], &[Some(0), None], 1).contains("before the request"));
    assert!(message(&[1, 2], &[None], 1).contains("1"));
    assert!(message(&[1, 2], &[None, None], 0).contains("window"));
    assert!(message(&[i64::MIN, i64::MAX], &[None, None], 1).contains("longer"));
}
