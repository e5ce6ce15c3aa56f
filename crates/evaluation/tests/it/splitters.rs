//! The splitters beyond plain folds: those of scikit-learn split for split, ours by what they promise.

use perennial_core::{ClassOutputs, Classes, ErrorKind, Matrix, Values};
use perennial_evaluation::metric::MeanAbsoluteError;
use perennial_evaluation::split::*;
use perennial_evaluation::{Check, CrossValidation, SplitAudit, cross_validate};
use perennial_numeric::random::Random;
use proptest::prelude::*;

use crate::models::{Slope, line};

fn classes(codes: &[u32]) -> Classes {
    Classes::new(codes.to_vec(), (0..5).map(|class| class.to_string()).collect::<Vec<_>>()).unwrap()
}

fn tested(splits: &[Split]) -> Vec<&[usize]> {
    splits.iter().map(|split| &split.test[..]).collect()
}

fn pairs(splits: &[Split]) -> Vec<(&[usize], &[usize])> {
    splits.iter().map(|split| (&split.train[..], &split.test[..])).collect()
}

/// No row on both sides, none twice, and something on both.
fn check_apart(splits: &[Split], n_rows: usize) {
    assert!(!splits.is_empty());
    for split in splits {
        let mut side = vec![0; n_rows];
        split.train.iter().chain(&split.test).for_each(|&row| side[row] += 1);
        assert!(side.iter().all(|&count| count <= 1));
        assert!(!split.train.is_empty() && !split.test.is_empty());
    }
}

fn check_partition(splits: &[Split], n_rows: usize) {
    check_apart(splits, n_rows);
    let mut count = vec![0; n_rows];
    splits.iter().flat_map(|split| &split.test).for_each(|&row| count[row] += 1);
    assert!(count.iter().all(|&count| count == 1));
    assert!(splits.iter().all(|split| split.train.len() + split.test.len() == n_rows));
}

#[test]
fn splits_are_those_of_scikit_learn() {
    // sklearn.model_selection 1.9.1, numpy RandomState(3).
    let y =
        classes(&[0, 0, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0]);
    let groups = [7, 8, 1, 0, 5, 4, 1, 5, 4, 7, 6, 0, 0, 9, 2, 4, 5, 8, 8, 7, 5, 1, 1, 1, 5, 5, 7, 10, 4, 3];
    let inputs = SplitInputs::new(30).classes(&y).groups(&groups);
    // StratifiedGroupKFold(3) and (4).
    let splits = StratifiedGroupKFold::new(3).shuffle(false).split(&inputs).unwrap();
    assert_eq!(
        tested(&splits),
        [
            &[0, 2, 6, 9, 19, 21, 22, 23, 26, 27][..],
            &[4, 7, 10, 13, 14, 16, 20, 24, 25, 29],
            &[1, 3, 5, 8, 11, 12, 15, 17, 18, 28]
        ]
    );
    let splits = StratifiedGroupKFold::new(4).shuffle(false).split(&inputs).unwrap();
    assert_eq!(
        tested(&splits),
        [
            &[2, 6, 13, 21, 22, 23, 29][..],
            &[4, 7, 10, 14, 16, 20, 24, 25],
            &[0, 1, 9, 17, 18, 19, 26],
            &[3, 5, 8, 11, 12, 15, 27, 28]
        ]
    );
    // LeaveOneGroupOut(), the first three; LeavePGroupsOut(2), four of the 55.
    let splits = LeaveOneGroupOut.split(&inputs).unwrap();
    assert_eq!(tested(&splits)[..3], [&[3, 11, 12][..], &[2, 6, 21, 22, 23], &[14]]);
    let splits = LeavePGroupsOut::new(2).split(&inputs).unwrap();
    assert_eq!(splits.len(), 55);
    assert_eq!(
        [0, 1, 11, 44].map(|number| &splits[number].test[..]),
        [
            &[2, 3, 6, 11, 12, 21, 22, 23][..],
            &[3, 11, 12, 14],
            &[2, 6, 21, 22, 23, 29],
            &[4, 7, 16, 20, 24, 25, 27]
        ]
    );
    // LeavePOut(3), four of the 35.
    let splits = LeavePOut::new(3).split(&SplitInputs::new(7)).unwrap();
    assert_eq!(splits.len(), 35);
    assert_eq!(
        [0, 4, 17, 34].map(|number| pairs(&splits)[number]),
        [
            (&[3, 4, 5, 6][..], &[0, 1, 2][..]),
            (&[2, 3, 4, 5], &[0, 1, 6]),
            (&[0, 3, 4, 6], &[1, 2, 5]),
            (&[0, 1, 2, 3], &[4, 5, 6])
        ]
    );
    check_partition(&LeaveOneOut.split(&SplitInputs::new(7)).unwrap(), 7);
    // TimeSeriesSplit(3, test_size=2, max_train_size=4, gap=1) and (2, max_train_size=3).
    let splits = TimeSeriesSplit::new(3).test_size(2).max_train_size(4).gap(1);
    assert_eq!(
        pairs(&splits.split(&SplitInputs::new(13)).unwrap()),
        [(&[2, 3, 4, 5][..], &[7, 8][..]), (&[4, 5, 6, 7], &[9, 10]), (&[6, 7, 8, 9], &[11, 12])]
    );
    let splits = TimeSeriesSplit::new(2).max_train_size(3).split(&SplitInputs::new(8)).unwrap();
    assert_eq!(pairs(&splits), [(&[1, 2, 3][..], &[4, 5][..]), (&[3, 4, 5], &[6, 7])]);
    // PredefinedSplit.
    let splits = PredefinedSplit::new([2, -1, 0, 2, 0, 7, -1]).split(&SplitInputs::new(7)).unwrap();
    assert_eq!(
        pairs(&splits),
        [(&[0, 1, 3, 5, 6][..], &[2, 4][..]), (&[1, 2, 4, 5, 6], &[0, 3]), (&[0, 1, 2, 3, 4, 6], &[5])]
    );
}

#[test]
fn many_groups_are_placed_as_scikit_learn_places_them() {
    // StratifiedGroupKFold(5) of scikit-learn 1.9.1: the fold of each group, -1 where a group has no rows.
    const FOLDS: [i32; 73] = [
        4, 0, -1, 2, 1, -1, -1, -1, -1, 0, 4, -1, 3, 4, 4, 4, -1, 4, -1, -1, -1, 0, 4, 0, -1, -1, 1, -1, 0,
        1, 3, -1, 2, 0, -1, -1, 4, -1, 0, -1, -1, -1, -1, 0, -1, -1, -1, -1, 3, -1, 2, -1, -1, 1, 3, -1, 3,
        2, 2, -1, 1, -1, -1, 1, 1, 3, -1, -1, -1, 2, -1, 2, 3,
    ];
    let value = |i: u32| (i * i * 7 + i * 3) % 11;
    let y = classes(&(0..500).map(|i| u32::from(value(i) < 3) + u32::from(value(i) < 1)).collect::<Vec<_>>());
    let groups: Vec<u32> = (0..500).map(|i| (i * i * 31 + i * 17) % 73).collect();
    let inputs = SplitInputs::new(500).classes(&y).groups(&groups);
    let splits = StratifiedGroupKFold::new(5).shuffle(false).split(&inputs).unwrap();
    check_partition(&splits, 500);
    for (fold, split) in splits.iter().enumerate() {
        assert!(split.test.iter().all(|&row| FOLDS[groups[row] as usize] == fold as i32));
    }
}

#[test]
fn repeats_differ() {
    let inputs = SplitInputs::new(20);
    let splits = RepeatedKFold::new(KFold::new(4), 3).seed(5).split(&inputs).unwrap();
    assert_eq!(splits.len(), 12);
    splits.chunks(4).for_each(|repeat| check_partition(repeat, 20));
    assert!(splits[0] != splits[4] && splits[4] != splits[8]);
    assert_eq!(splits, Repeated::new(KFold::new(4), 3).seed(5).split(&inputs).unwrap());
    assert_ne!(splits, Repeated::new(KFold::new(4), 3).seed(6).split(&inputs).unwrap());
    for same in [KFold::new(4).seed(1), KFold::new(4).shuffle(false)] {
        let error = Repeated::new(same, 2).split(&inputs).unwrap_err();
        assert!(error.to_string().contains("the same splits at each repeat"), "{error}");
    }
    let json = serde_json::to_string(&RepeatedKFold::new(KFold::new(4), 3)).unwrap();
    assert_eq!(serde_json::from_str::<RepeatedKFold>(&json).unwrap(), Repeated::new(KFold::new(4), 3));
}

#[test]
fn shuffled_splits_keep_what_they_promise() {
    let codes: Vec<u32> = (0..100).map(|row| u32::from(row % 5 == 0)).collect();
    let groups: Vec<u32> = (0..100).map(|row| row / 7).collect();
    let y = classes(&codes);
    let inputs = SplitInputs::new(100).classes(&y).groups(&groups);
    let splits = StratifiedShuffleSplit::new(6, 0.2).seed(1).split(&inputs).unwrap();
    check_apart(&splits, 100);
    for split in &splits {
        let rare = split.test.iter().filter(|&&row| codes[row] == 1).count();
        assert_eq!((split.test.len(), split.train.len(), rare), (20, 80, 4));
    }
    assert_ne!(splits[0], splits[1]);
    let splits = GroupShuffleSplit::new(6, 0.2).seed(1).split(&inputs).unwrap();
    check_apart(&splits, 100);
    for split in &splits {
        assert!(split.test.iter().all(|&a| split.train.iter().all(|&b| groups[a] != groups[b])));
        // 3 of 15 groups, of which the last has two rows.
        assert!(split.test.len() == 21 || split.test.len() == 16);
    }
    assert_ne!(splits[0], splits[1]);
}

fn labels(n: usize, shares: &[f64], seed: u64) -> ClassOutputs {
    let mut random = Random::new(seed);
    let rows = (0..n).map(|_| {
        let has: Vec<usize> = (0..shares.len()).filter(|&label| random.uniform() < shares[label]).collect();
        has
    });
    ClassOutputs::from_sets(rows.collect::<Vec<_>>()).unwrap()
}

#[test]
fn each_label_has_its_share() {
    let y = labels(400, &[0.5, 0.2, 0.06, 0.03], 4);
    let inputs = SplitInputs::new(400).labels(&y);
    let uneven = |splits: &[Split]| -> f64 {
        let mut worst = 0.0_f64;
        for output in y.outputs() {
            let count = |rows: &[usize]| rows.iter().filter(|&&row| output.codes()[row] == 1).count() as f64;
            let all = count(&(0..400).collect::<Vec<_>>());
            for split in splits {
                worst = worst.max((count(&split.test) - all / 4.0).abs());
            }
        }
        worst
    };
    for shuffle in [true, false] {
        let splits = MultilabelStratifiedKFold::new(4).shuffle(shuffle).seed(2).split(&inputs).unwrap();
        check_partition(&splits, 400);
        assert!(splits.iter().all(|split| split.test.len().abs_diff(100) <= 2));
        assert!(uneven(&splits) <= 1.5, "{}", uneven(&splits));
    }
    // Plain folds are further off, which shows that the bound above means something.
    assert!(uneven(&KFold::new(4).seed(2).split(&inputs).unwrap()) > 3.0);
}

#[test]
fn numbers_are_spread_alike() {
    let mut random = Random::new(1);
    let values: Vec<f64> = (0..103).map(|_| random.normal().exp()).collect();
    let inputs = SplitInputs::new(103).values(&values);
    let splits = BinnedStratifiedKFold::new(5).seed(3).split(&inputs).unwrap();
    check_partition(&splits, 103);
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    for split in &splits {
        // Of the lowest tenth and of the highest fifth, each fold has its share.
        let below = |limit: f64| split.test.iter().filter(|&&row| values[row] < limit).count();
        assert!((1..=3).contains(&below(sorted[11])));
        assert!((16..=18).contains(&below(sorted[88])), "{}", below(sorted[88]));
    }
    // Constant targets and ties are one bin each.
    let ties: Vec<f64> = (0..30).map(|row| f64::from(row / 10)).collect();
    let splits = BinnedStratifiedKFold::new(5).split(&SplitInputs::new(30).values(&ties)).unwrap();
    assert!(splits.iter().all(|split| {
        (0..3).all(|value| split.test.iter().filter(|&&row| ties[row] == f64::from(value)).count() == 2)
    }));
    check_partition(&BinnedStratifiedKFold::new(2).split(&SplitInputs::new(9).values(&[1.0; 9])).unwrap(), 9);
    let error = BinnedStratifiedKFold::new(2).split(&SplitInputs::new(2).values(&[f64::NAN, 1.0]));
    assert!(error.unwrap_err().to_string().contains("NaN"));
}

proptest! {
    #[test]
    fn purged_folds_do_not_look_into_what_is_tested(
        times in prop::collection::vec(0_i64..60, 20..60),
        reach in prop::collection::vec(0_i64..4, 60),
        embargo in 0_i64..5,
        n_tested in 1_usize..3,
    ) {
        let n = times.len();
        let ends: Vec<i64> = times.iter().zip(&reach).map(|(time, reach)| time + reach).collect();
        let inputs = SplitInputs::new(n).times(&times).ends(&ends);
        let settings = CombinatorialPurgedKFold::new(5, n_tested).embargo(embargo);
        let Ok(splits) = settings.split(&inputs) else { return Ok(()) };
        check_apart(&splits, n);
        prop_assert_eq!(splits.len(), if n_tested == 1 { 5 } else { 10 });
        for split in &splits {
            for &a in &split.train {
                for &b in &split.test {
                    // Neither span begins within the other, nor the learned one soon after the tested one.
                    let apart = ends[a] < times[b] || times[a] > ends[b] + embargo;
                    prop_assert!(apart, "{} {}", a, b);
                }
            }
        }
        // With one fold tested, the folds test each row once.
        if n_tested == 1 {
            let single = PurgedKFold::new(5).embargo(embargo).split(&inputs).unwrap();
            prop_assert_eq!(&single, &splits);
            let mut all: Vec<usize> = single.into_iter().flat_map(|split| split.test).collect();
            all.sort_unstable();
            prop_assert_eq!(all, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn groups_in_time_are_apart_in_both(
        times in prop::collection::vec(0_i64..50, 40..80),
        groups in prop::collection::vec(0_u32..12, 80),
        gap in 0_usize..3,
    ) {
        let n = times.len();
        let inputs = SplitInputs::new(n).times(&times).groups(&groups[..n]);
        let Ok(splits) = GroupTimeSeriesSplit::new(3).gap(gap).split(&inputs) else { return Ok(()) };
        check_apart(&splits, n);
        for split in &splits {
            for &a in &split.train {
                prop_assert!(split.test.iter().all(|&b| groups[a] != groups[b] && times[a] < times[b]));
            }
        }
    }

    #[test]
    fn buffers_keep_their_distance(places in prop::collection::vec(prop::array::uniform2(-5.0..5.0_f64), 30..80)) {
        let inputs = SplitInputs::new(places.len()).coordinates(&places);
        let splits = SpatialBlockKFold::new(3, 2.0).split(&inputs).unwrap();
        check_partition(&splits, places.len());
        let square = |row: usize| places[row].map(|along| (along / 2.0).floor() as i64);
        for split in &splits {
            prop_assert!(split.train.iter().all(|&a| split.test.iter().all(|&b| square(a) != square(b))));
        }
        let Ok(apart) = SpatialBlockKFold::new(3, 2.0).buffer(0.7).split(&inputs) else { return Ok(()) };
        for (near, far) in splits.iter().zip(&apart) {
            let distance = |a: usize, b: usize| (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1]);
            let expected: Vec<usize> = near.train.iter().copied()
                .filter(|&a| near.test.iter().all(|&b| distance(a, b) >= 0.7)).collect();
            prop_assert_eq!(&far.train, &expected);
            prop_assert_eq!(&far.test, &near.test);
        }
    }
}

/// The first day of each month from 1900 to 2099, counted from 1970-01-01, by counting days.
fn firsts() -> Vec<i64> {
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let mut day = -(1900..1970).map(|year| if leap(year) { 366 } else { 365 }).sum::<i64>();
    let mut firsts = Vec::new();
    for year in 1900..2100 {
        for length in [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
            firsts.push(day);
            day += length;
        }
    }
    firsts
}

#[test]
fn periods_are_those_of_the_calendar() {
    // The first and the last second of each month: each month is tested alone, by all before it.
    let firsts = firsts();
    let mut times: Vec<i64> =
        firsts.windows(2).flat_map(|pair| [pair[0] * 86_400, pair[1] * 86_400 - 1]).collect();
    times.reverse();
    let n = times.len();
    let months =
        CalendarSplit::new(Period::Month).rolling(1).split(&SplitInputs::new(n).times(&times)).unwrap();
    assert_eq!(months.len(), 2399 - 1);
    for (number, split) in months.iter().enumerate() {
        let first = n - 3 - 2 * number;
        assert_eq!(split.test, [first, first - 1]);
        assert_eq!(split.train, [first + 2, first + 1]);
    }
    let count =
        |period| CalendarSplit::new(period).split(&SplitInputs::new(n).times(&times)).unwrap().len() + 1;
    assert_eq!((count(Period::Quarter), count(Period::Year)), (800, 200));

    // 2024-07-01 was a Monday.
    let monday = firsts[(2024 - 1900) * 12 + 6];
    let days: Vec<i64> = (monday..monday + 14).collect();
    let inputs = SplitInputs::new(14).times(&days);
    let weeks = CalendarSplit::new(Period::Week).unit(TimeUnit::Days).split(&inputs).unwrap();
    assert_eq!(pairs(&weeks), [(&(0..7).collect::<Vec<_>>()[..], &(7..14).collect::<Vec<_>>()[..])]);

    let day = |settings: CalendarSplit| settings.unit(TimeUnit::Days).split(&inputs).unwrap();
    let plain = CalendarSplit::new(Period::Day);
    let windows = day(plain.clone().rolling(3).gap(2).n_test(4));
    assert_eq!(
        pairs(&windows),
        [(&[0, 1, 2][..], &[5, 6, 7, 8][..]), (&[4, 5, 6], &[9, 10, 11, 12]), (&[8, 9, 10], &[13])]
    );
    let windows = day(plain.clone().expanding(12));
    assert_eq!(windows[1].train, (0..13).collect::<Vec<_>>());
    let nanoseconds: Vec<i64> = days.iter().map(|day| day * 86_400_000_000_000).collect();
    let inputs = SplitInputs::new(14).times(&nanoseconds);
    assert_eq!(plain.clone().expanding(12).unit(TimeUnit::Nanoseconds).split(&inputs).unwrap(), windows);

    // A period without rows is not tested, and one with nothing before it neither.
    let sparse = [0, 0, 5, 5, 100, 101];
    let inputs = SplitInputs::new(6).times(&sparse);
    let windows = plain.clone().unit(TimeUnit::Days).rolling(2).split(&inputs).unwrap();
    assert_eq!(pairs(&windows), [(&[4][..], &[5][..])]);
    // The ends of time.
    let ends = [i64::MIN, 0, i64::MAX];
    for period in [Period::Day, Period::Week, Period::Month, Period::Quarter, Period::Year] {
        for unit in [TimeUnit::Days, TimeUnit::Seconds, TimeUnit::Nanoseconds] {
            let settings = CalendarSplit::new(period).unit(unit);
            assert_eq!(settings.split(&SplitInputs::new(3).times(&ends)).unwrap().len(), 2);
        }
    }
}

#[test]
fn cross_validation_hands_on_what_splitters_need() {
    let (x, y): (Matrix, Values) = line(60, 8);
    let times: Vec<i64> = (0..60).collect();
    let ends: Vec<i64> = (2..62).collect();
    let places: Vec<[f64; 2]> = (0..60).map(|row| [f64::from(row % 10), f64::from(row / 10)]).collect();
    let any = SplitAudit::new()
        .waive(Check::SharedTimes, "some of these splitters look at places and values alone")
        .waive(Check::FutureRows, "some of these splitters look at places and values alone");
    let options = CrossValidation::new().times(&times).ends(&ends).coordinates(&places).audit(any);
    let splitters: [Box<dyn Splitter>; 4] = [
        Box::new(PurgedKFold::new(4).embargo(2)),
        Box::new(SpatialBlockKFold::new(4, 3.0).buffer(1.0)),
        Box::new(BinnedStratifiedKFold::new(4)),
        Box::new(Repeated::new(BinnedStratifiedKFold::new(4), 2)),
    ];
    for splitter in &splitters {
        let scored =
            cross_validate(&Slope { alpha: 0.1 }, &x, &y, splitter, &MeanAbsoluteError, &options).unwrap();
        assert!(scored.mean() < 0.5);
    }
}

#[test]
fn errors_say_what_to_do() {
    let message = |result: perennial_core::Result<Vec<Split>>| result.unwrap_err().to_string();
    let ten = SplitInputs::new(10);
    let many = LeavePOut::new(5).split(&SplitInputs::new(200)).unwrap_err();
    assert!(matches!(many.kind(), ErrorKind::TooLarge { .. }));
    assert!(many.to_string().starts_with("2535650040 ways to leave out 5 rows of 200 rows"), "{many}");
    assert!(
        message(LeavePOut::new(500).split(&SplitInputs::new(1000))).contains("ways to leave out 500 rows")
    );
    assert!(message(LeaveOneOut.split(&SplitInputs::new(1_000_000))).starts_with("1000000 ways"));
    assert!(message(LeaveOneOut.split(&SplitInputs::new(1))).contains("leave nothing of 1 rows"));
    assert!(message(LeaveOneOut.split(&SplitInputs::new(0))).contains("leave nothing of 0 rows"));
    assert!(message(LeavePOut::new(0).split(&ten)).contains("`p` is 0"));
    assert!(message(KFold::new(100_000).split(&SplitInputs::new(100_000))).contains("row numbers"));
    assert!(message(ShuffleSplit::new(usize::MAX, 0.5).split(&ten)).contains("row numbers"));
    assert!(message(Repeated::new(KFold::new(2), usize::MAX).split(&ten)).contains("repeated splits"));
    assert!(message(Repeated::new(KFold::new(2), 0).split(&ten)).contains("`n_repeats` is 0"));

    let one_group = ten.clone().groups(&[4; 10]);
    assert!(message(LeaveOneGroupOut.split(&one_group)).contains("nothing of 1 groups"));
    assert!(message(LeaveOneGroupOut.split(&ten)).contains("needs the group of each row"));
    assert!(message(GroupShuffleSplit::new(2, 0.5).split(&one_group)).contains("1 groups"));
    assert!(message(StratifiedGroupKFold::new(2).split(&one_group)).contains("needs the class"));
    let y = classes(&[0; 10]);
    assert!(message(StratifiedGroupKFold::new(2).split(&one_group.clone().classes(&y))).contains("2 groups"));
    let two: Vec<u32> = (0..10).map(|row| row % 2).collect();
    let single = ten.clone().groups(&two).classes(&y);
    check_partition(&StratifiedGroupKFold::new(2).split(&single).unwrap(), 10);

    assert!(message(PredefinedSplit::new([0, 1]).split(&ten)).contains("the list of folds has 2 rows"));
    assert!(message(PredefinedSplit::new([-1; 10]).split(&ten)).contains("no row is in a fold"));
    assert!(message(PredefinedSplit::new([3; 10]).split(&ten)).contains("all rows are in one fold"));
    assert!(
        message(PredefinedSplit::new([0, -2, 1, 1, 1, 1, 1, 1, 1, 1]).split(&ten))
            .contains("row 1 is in fold -2")
    );

    assert!(message(TimeSeriesSplit::new(2).test_size(0).split(&ten)).contains("`test_size` is 0"));
    assert!(message(TimeSeriesSplit::new(2).test_size(5).split(&ten)).contains("nothing of 10 rows"));
    assert!(
        message(TimeSeriesSplit::new(2).test_size(usize::MAX).split(&ten)).contains("nothing of 10 rows")
    );
    assert!(message(TimeSeriesSplit::new(2).max_train_size(0).split(&ten)).contains("`max_train_size` is 0"));
    assert!(message(GroupTimeSeriesSplit::new(2).split(&one_group)).contains("nothing of 1 groups"));

    let times: Vec<i64> = (0..10).collect();
    let timed = ten.clone().times(&times);
    assert!(message(PurgedKFold::new(2).split(&ten)).contains("needs the time of each row"));
    assert!(message(PurgedKFold::new(2).split(&timed)).contains("needs the end of each row's label"));
    assert!(
        message(PurgedKFold::new(2).split(&timed.clone().ends(&[0; 10])))
            .contains("label of row 1 ends at 0")
    );
    assert!(
        message(PurgedKFold::new(2).split(&timed.clone().ends(&[99; 10])))
            .contains("leaves nothing to learn")
    );
    assert!(
        message(PurgedKFold::new(2).embargo(-1).split(&timed.clone().ends(&times)))
            .contains("`embargo` is -1")
    );
    let far = PurgedKFold::new(2).embargo(i64::MAX).split(&timed.clone().ends(&[i64::MAX; 10]));
    assert!(message(far).contains("leaves nothing"));
    assert!(
        message(CombinatorialPurgedKFold::new(3, 3).split(&timed.clone().ends(&times)))
            .contains("`n_tested` is 3")
    );
    assert!(message(CalendarSplit::new(Period::Year).split(&timed)).contains("the rows span 1 periods"));
    assert!(message(CalendarSplit::new(Period::Day).rolling(0).split(&timed)).contains("`n_train` is 0"));
    assert!(
        message(CalendarSplit::new(Period::Day).expanding(usize::MAX).split(&timed)).contains("no period")
    );
    assert!(
        message(CalendarSplit::new(Period::Day).split(&SplitInputs::new(0).times(&[]))).contains("no rows")
    );

    let places = [[1e300, -1e300]; 10];
    assert!(message(SpatialBlockKFold::new(2, 1.0).split(&ten)).contains("needs the place of each row"));
    assert!(
        message(SpatialBlockKFold::new(2, 1.0).split(&ten.clone().coordinates(&places)))
            .contains("there are 1")
    );
    assert!(message(SpatialBlockKFold::new(2, 0.0).split(&ten)).contains("`block_size` is 0"));
    let odd = [[0.0, f64::NAN]; 10];
    assert!(
        message(SpatialBlockKFold::new(2, 1.0).split(&ten.clone().coordinates(&odd)))
            .contains("place of row 0")
    );
    let near: Vec<[f64; 2]> = (0..10).map(|row| [f64::from(row), 0.0]).collect();
    assert!(
        message(SpatialBlockKFold::new(2, 1.0).buffer(99.0).split(&ten.clone().coordinates(&near)))
            .contains("leaves nothing to learn from")
    );
    assert!(message(MultilabelStratifiedKFold::new(2).split(&ten)).contains("needs the labels of each row"));
    assert!(message(BinnedStratifiedKFold::new(2).split(&ten)).contains("needs the number of each row"));
    assert!(message(BinnedStratifiedKFold::new(2).n_bins(0).split(&ten)).contains("`n_bins` is 0"));
    let four = labels(4, &[0.5, 0.5], 1);
    assert!(
        message(MultilabelStratifiedKFold::new(2).split(&ten.clone().labels(&four))).contains("expected 10")
    );
}
