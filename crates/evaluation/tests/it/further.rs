//! Ways to explain, calibrate, compare and seal that came later, beside shap, SciPy and brute force.

use ndarray::{Array2, array};
use perennial_core::{Classes, Context, Explainer, Matrix, Probabilities, Rows, Values};
use perennial_evaluation::calibration::{CalibrationMethod, Calibrator};
use perennial_evaluation::explain::{
    Grid, Partition, Score, Shap, ShapMethod, additive_contributions, break_down, ceteris_paribus,
};
use perennial_evaluation::metric::{MeanSquaredError, R2};
use perennial_evaluation::split::{Bootstrap, SplitInputs, Splitter};
use perennial_evaluation::{CriticalDifferences, CrossValidation, Sealed, bootstrap_score};

use crate::conformal::close;
use crate::toys::Line;

fn background() -> Matrix {
    let cells = Array2::from_shape_fn((9, 5), |(i, j)| ((i * 37 + j * 11) % 13) as f64 / 6.0 - 1.0);
    Matrix::from(cells).with_names(["a", "b", "c", "d", "e"]).unwrap()
}

fn asked() -> Matrix {
    Matrix::from(array![[1.0, -0.5, 2.0, 0.7, -1.2]]).with_names(["a", "b", "c", "d", "e"]).unwrap()
}

fn mixed() -> Score<'static> {
    Score::new("score", |x: &Matrix| {
        let of = |x: ndarray::ArrayView1<'_, f64>| {
            x[0] * x[1] + x[2].sin() * x[3] + x[0] * x[4] - x[1] * x[3] * 0.5
        };
        Ok(x.dense()?.rows().into_iter().map(of).collect())
    })
}

#[test]
fn owen_values_are_those_of_shap() {
    // shap 0.51: explainers.Partition with the clustering ((a, b), (c, (d, e))).
    let (score, background, x) = (mixed(), background(), asked());
    let tree = Partition::group([
        Partition::features(["a", "b"]),
        Partition::group([Partition::feature("c"), Partition::features(["d", "e"])]),
    ]);
    let explained = Shap::new(&score, &background).unwrap().partition(&tree).unwrap().explain(&x).unwrap();
    let theirs = [
        -0.6280864197530864,
        -0.27947530864197545,
        0.2631789204837843,
        0.3348433290990035,
        -0.5302469135802469,
    ];
    explained.values()[0].iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, theirs, 1e-12));
    close(explained.base()[0], -0.048705408829502105, 1e-12);
    // All in one group, or each a group of its own, are Shapley values.
    let shapley = Shap::new(&score, &background).unwrap().explain(&x).unwrap();
    let flat = Partition::features(["a", "b", "c", "d", "e"]);
    let single = Partition::group(["a", "b", "c", "d", "e"].map(|name| Partition::features([name])));
    for tree in [flat, single] {
        let owen = Shap::new(&score, &background).unwrap().partition(&tree).unwrap().explain(&x).unwrap();
        owen.values()[0].iter().zip(&shapley.values()[0]).for_each(|(a, b)| close(*a, *b, 1e-12));
    }
    // Groups of two levels by brute force over orders that keep groups together.
    let groups = [vec![0, 2, 3], vec![1, 4]];
    let value = |known: &[bool; 5]| {
        let cells = Array2::from_shape_fn((9, 5), |(i, j)| {
            if known[j] { x.dense().unwrap()[[0, j]] } else { background.dense().unwrap()[[i, j]] }
        });
        score.of(&Matrix::from(cells)).unwrap().iter().sum::<f64>() / 9.0
    };
    let (mut sums, mut n) = ([0.0; 5], 0.0);
    let within = [[0, 2, 3], [0, 3, 2], [2, 0, 3], [2, 3, 0], [3, 0, 2], [3, 2, 0]];
    for first in within {
        for second in [[1, 4], [4, 1]] {
            for order in [[&first[..], &second].concat(), [&second[..], &first].concat()] {
                let mut known = [false; 5];
                for column in order {
                    let before = value(&known);
                    known[column] = true;
                    sums[column] += value(&known) - before;
                }
                n += 1.0;
            }
        }
    }
    let names = ["a", "b", "c", "d", "e"];
    let tree = Partition::group(
        groups.map(|group| Partition::features(group.into_iter().map(|column| names[column]))),
    );
    let owen = Shap::new(&score, &background).unwrap().partition(&tree).unwrap().explain(&x).unwrap();
    owen.values()[0].iter().zip(sums).for_each(|(ours, sum)| close(*ours, sum / n, 1e-12));
    let refuse =
        |tree: &Partition| Shap::new(&score, &background).unwrap().partition(tree).unwrap_err().to_string();
    assert!(refuse(&Partition::features(["a", "b"])).contains("`c` is in no group"));
    assert!(refuse(&Partition::features(["a", "a"])).contains("twice"));
    // Columns that go together are joined first.
    let x = Matrix::from(Array2::from_shape_fn((30, 3), |(i, j)| match j {
        1 => (i * 7 % 11) as f64,
        _ => i as f64 + j as f64 * (i % 2) as f64,
    }));
    let names: Vec<String> = x.features().names().map(String::from).collect();
    let pair = Partition::features([names[0].clone(), names[2].clone()]);
    assert_eq!(
        Partition::of_correlated(&x).unwrap(),
        Partition::group([pair, Partition::feature(names[1].clone())])
    );
}

#[test]
fn parts_of_an_answer_add_up() {
    let (score, background, x) = (mixed(), background(), asked());
    let exact = Shap::new(&score, &background).unwrap().explain(&x).unwrap();
    let sampled = Shap::new(&score, &background).unwrap().method(ShapMethod::Sampling).budget(20_000);
    let sampled = sampled.explain(&x).unwrap();
    let total = score.of(&x).unwrap()[0];
    close(sampled.values()[0].sum() + sampled.base()[0], total, 1e-12);
    sampled.values()[0].iter().zip(&exact.values()[0]).for_each(|(a, b)| close(*a, *b, 0.03));
    // shap 0.51: explainers.Additive.
    let additive = Score::new("score", |x: &Matrix| {
        Ok(x.dense()?.rows().into_iter().map(|x| x[0].powi(2) + x[2].sin() - x[3]).collect())
    });
    let explained = additive_contributions(&additive, &x, &background, &Context::new()).unwrap();
    let theirs = [0.5123456790123456, 0.0, 0.7929798011059318, -0.6629629629629629, 0.0];
    explained.values()[0].iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, theirs, 1e-12));
    assert!(
        additive_contributions(&score, &x, &background, &Context::new())
            .unwrap_err()
            .to_string()
            .contains("interact")
    );
    // Feature by feature in an order, by hand.
    let broken =
        break_down(&score, &x, &background, Some(&["b", "a", "c", "d", "e"]), &Context::new()).unwrap();
    let cells = background.dense().unwrap();
    let with = |n: usize| {
        let set = [1, 0, 2, 3, 4];
        let cells = Array2::from_shape_fn((9, 5), |(i, j)| {
            if set[..n].contains(&j) { x.dense().unwrap()[[0, j]] } else { cells[[i, j]] }
        });
        score.of(&Matrix::from(cells)).unwrap().iter().sum::<f64>() / 9.0
    };
    for (place, step) in broken.steps.iter().enumerate() {
        close(step.added, with(place + 1) - with(place), 1e-12);
    }
    let chosen = break_down(&score, &x, &background, None, &Context::new()).unwrap();
    close(chosen.base + chosen.steps.iter().map(|step| step.added).sum::<f64>(), total, 1e-12);
    assert!(break_down(&score, &x, &background, Some(&["a"]), &Context::new()).is_err());
    assert!(break_down(&score, &background, &background, None, &Context::new()).is_err());
    let lines =
        ceteris_paribus(&score, &x, &background, &["c"], &Grid::Values(vec![0.0, 2.0]), &Context::new())
            .unwrap();
    close(lines[0].mean[1], total, 1e-12);
    close(lines[0].mean[0], total - 2.0_f64.sin() * 0.7, 1e-12);
}

#[test]
fn calibrations_are_those_of_their_loss() {
    // SciPy 1.17: minimize(.., method="BFGS") of the mean log loss of softmax(W ln p + b) with 1e-3 of the mean square off
    // the diagonal and of the intercepts.
    let weights = [1.0, 1.5, 0.7];
    let mut shares = Array2::from_shape_fn((90, 3), |(i, j)| 1.0 + ((i * 7 + j * 5) % 11) as f64);
    shares.rows_mut().into_iter().for_each(|mut row| {
        let sum = row.sum();
        row.mapv_inplace(|share| share / sum);
    });
    let top = |row: ndarray::ArrayView1<'_, f64>, factor: &dyn Fn(usize) -> f64| {
        (1..3).fold(0, |best, j| if row[j] * factor(j) > row[best] * factor(best) { j } else { best })
    };
    let truth = Classes::from_labels((0..90).map(|i| match i % 4 {
        0 => (i * 5 + i / 7) % 3,
        _ => top(shares.row(i), &|j| weights[j]),
    }));
    let said = Probabilities::new(shares, truth.shared_names()).unwrap();
    let dirichlet = Calibrator::fit(CalibrationMethod::Dirichlet, &said, &truth, None).unwrap();
    let right = dirichlet.apply(&said).unwrap();
    let theirs = [
        [0.10743347847791153, 0.7893891459983752, 0.10317737552371328],
        [0.9018738878944597, 0.02900640235336586, 0.0691197097521745],
        [0.11758145013525571, 0.8056003797504118, 0.0768181701143325],
    ];
    for (row, theirs) in theirs.iter().enumerate() {
        right.values().row(row).iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, *theirs, 1e-4));
    }
    // The largest probabilities of a class are what a sigmoid of its rows alone makes of them.
    let by_top = Calibrator::fit(CalibrationMethod::TopLabel, &said, &truth, None).unwrap();
    let right = by_top.apply(&said).unwrap();
    let own: Vec<usize> = (0..90).filter(|&i| top(said.values().row(i), &|_| 1.0) == 1).collect();
    let hit = Classes::from_labels(own.iter().map(|&i| truth.codes()[i] == 1));
    let alone = Array2::from_shape_fn((own.len(), 2), |(i, j)| {
        let share = said.values()[[own[i], 1]];
        if j == 1 { share } else { 1.0 - share }
    });
    let alone = Probabilities::new(alone, hit.shared_names()).unwrap();
    let alone =
        Calibrator::fit(CalibrationMethod::Sigmoid, &alone, &hit, None).unwrap().apply(&alone).unwrap();
    for (place, &row) in own.iter().enumerate() {
        close(right.values()[[row, 1]], alone.values()[[place, 1]], 1e-9);
        close(right.values().row(row).sum(), 1.0, 1e-12);
        close(
            right.values()[[row, 0]] * said.values()[[row, 2]],
            right.values()[[row, 2]] * said.values()[[row, 0]],
            1e-12,
        );
    }
    // Newton's method in NumPy on Harrell's basis with knots at the quantiles and Platt's targets.
    let p: Vec<f64> = (0..400).map(|i| 0.02 + 0.96 * f64::from(i * 37 % 401) / 401.0).collect();
    let yes = |i: usize| {
        f64::from((i as u32) * 29 % 100) / 100.0
            < if p[i] < 0.5 { p[i] * p[i] } else { 0.25 + 0.9 * (p[i] - 0.5) }
    };
    let truth = Classes::from_labels((0..400).map(yes));
    let two = |p: &[f64]| {
        let shares = Array2::from_shape_fn((p.len(), 2), |(i, j)| if j == 1 { p[i] } else { 1.0 - p[i] });
        Probabilities::new(shares, truth.shared_names()).unwrap()
    };
    let spline = Calibrator::fit(CalibrationMethod::Spline, &two(&p), &truth, None).unwrap();
    let right = spline.apply(&two(&[0.01, 0.2, 0.5, 0.9, 0.999])).unwrap();
    let theirs = [
        0.062390591425662646,
        0.04130510363150299,
        0.2633984024718066,
        0.5894946318428309,
        0.9067653854290687,
    ];
    right.values().column(1).iter().zip(theirs).for_each(|(ours, theirs)| close(*ours, theirs, 1e-6));
    // Saved they are the same; few different probabilities, certain ones and weights of 0 are taken.
    for method in [CalibrationMethod::Spline, CalibrationMethod::Dirichlet, CalibrationMethod::TopLabel] {
        let flat: Vec<f64> = (0..400).map(|i| [0.0, 1.0][i % 2]).collect();
        let calibrator = Calibrator::fit(method, &two(&flat), &truth, None).unwrap();
        let right = calibrator.apply(&two(&flat)).unwrap();
        assert!(right.values().iter().all(|share| (0.0..=1.0).contains(share)));
        let read: Calibrator = serde_json::from_str(&serde_json::to_string(&calibrator).unwrap()).unwrap();
        assert_eq!(read.apply(&two(&flat)).unwrap(), right);
        let half: Vec<f64> = (0..400).map(|i| f64::from(u8::from(i < 200))).collect();
        let weighted =
            Calibrator::fit(method, &two(&p), &truth, Some(&half)).unwrap().apply(&two(&p)).unwrap();
        let rows: Vec<usize> = (0..200).collect();
        let part = Calibrator::fit(method, &two(&p[..200]), &truth.take(&rows).unwrap(), None).unwrap();
        let part = part.apply(&two(&p)).unwrap();
        weighted.values().iter().zip(part.values()).for_each(|(a, b)| close(*a, *b, 1e-4));
    }
}

#[test]
fn bootstrap_scores_follow_their_rules() {
    let n = 60;
    let x = Matrix::from(Array2::from_shape_fn((n, 1), |(i, _)| (i * 17 % 23) as f64));
    let y: Values = (0..n).map(|i| (i * 17 % 23) as f64 * 0.5 + (i * 7 % 11) as f64).collect();
    let samples = Bootstrap::new(25).seed(4);
    let options = CrossValidation::new();
    let found = bootstrap_score(&Line, &x, &y, &samples, &MeanSquaredError, &options).unwrap();
    // Straight lines by their formula, less the small penalty of the toy, over the same samples.
    let line = |rows: &[usize]| {
        let (x, y) = (x.dense().unwrap(), y.as_slice());
        let m = rows.len() as f64;
        let (mx, my) =
            (rows.iter().map(|&r| x[[r, 0]]).sum::<f64>() / m, rows.iter().map(|&r| y[r]).sum::<f64>() / m);
        let slope = rows.iter().map(|&r| (x[[r, 0]] - mx) * (y[r] - my)).sum::<f64>()
            / rows.iter().map(|&r| (x[[r, 0]] - mx).powi(2)).sum::<f64>();
        let slope = slope / (1.0 + 1e-6);
        (slope, my - slope * mx)
    };
    let say = |(slope, intercept): (f64, f64), row: usize| slope * x.dense().unwrap()[[row, 0]] + intercept;
    let error = |model, row: usize| (say(model, row) - y.as_slice()[row]).powi(2);
    let splits = samples.split(&SplitInputs::new(n)).unwrap();
    let models: Vec<(f64, f64)> = splits.iter().map(|split| line(&split.train)).collect();
    let of_row = |row: usize| {
        let own: Vec<f64> =
            (0..25).filter(|&s| splits[s].test.contains(&row)).map(|s| error(models[s], row)).collect();
        own.iter().sum::<f64>() / own.len() as f64
    };
    let out = (0..n).map(of_row).sum::<f64>() / n as f64;
    let whole = line(&(0..n).collect::<Vec<_>>());
    let apparent = (0..n).map(|row| error(whole, row)).sum::<f64>() / n as f64;
    let none = (0..n)
        .flat_map(|a| (0..n).map(move |b| (a, b)))
        .map(|(a, b)| (say(whole, a) - y.as_slice()[b]).powi(2))
        .sum::<f64>()
        / (n * n) as f64;
    close(found.out_of_bag, out, 1e-9);
    close(found.apparent, apparent, 1e-9);
    close(found.no_information, none, 1e-9);
    let by_heart = (out - apparent) / (none - apparent);
    let share = 0.632 / (1.0 - 0.368 * by_heart);
    close(found.point_632, 0.368 * apparent + 0.632 * out, 1e-9);
    close(found.point_632_plus, (1.0 - share) * apparent + share * out, 1e-9);
    let one = Bootstrap::new(1).seed(4);
    assert!(
        bootstrap_score(&Line, &x, &y, &one, &MeanSquaredError, &options)
            .unwrap_err()
            .to_string()
            .contains("draw more")
    );
    assert!(
        bootstrap_score(&Line, &x, &y, &samples, &R2, &options).unwrap_err().to_string().contains("no mean")
    );
}

#[test]
fn ranks_over_sets_are_those_of_scipy() {
    // SciPy 1.17: rankdata, friedmanchisquare, studentized_range.ppf(0.95, 5, inf) / sqrt(2) * sqrt(k (k + 1) / (6 n)).
    let scores: Vec<Vec<f64>> = (0..14)
        .map(|i| (0..5).map(|j| f64::from((i * 17 + j * 29) % 23) / 23.0 + 0.15 * f64::from(j)).collect())
        .collect();
    let found = CriticalDifferences::new(&["a", "b", "c", "d", "e"], &scores, true, 0.95).unwrap();
    let names: Vec<&str> = found.ranks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["e", "d", "c", "b", "a"]);
    let theirs = [1.8571428571428572, 2.4285714285714284, 3.142857142857143, 3.5, 4.071428571428571];
    found.ranks.iter().zip(theirs).for_each(|((_, ours), theirs)| close(*ours, theirs, 1e-12));
    close(found.friedman.p_value, 0.001860213130800154, 1e-12);
    close(found.critical_difference, 1.6301569839367, 1e-8);
    // From 1.86 up to 3.49, from 2.43 up to 4.06, and from 3.14 on.
    assert_eq!(found.cliques, [(0, 2), (1, 3), (2, 4)]);
    let turned: Vec<Vec<f64>> = scores.iter().map(|row| row.iter().map(|score| -score).collect()).collect();
    assert_eq!(CriticalDifferences::new(&["a", "b", "c", "d", "e"], &turned, false, 0.95).unwrap(), found);
    assert!(CriticalDifferences::new(&["a", "b"], &scores, true, 0.95).is_err());
    assert!(CriticalDifferences::new(&["a", "b", "c", "d", "e"], &scores, true, 1.0).is_err());
}

#[test]
fn sealed_rows_are_not_fitted_by_asking() {
    // Of 400 random rules those that fit training and sealed rows best are joined: sealed rows that are asked directly are
    // fitted, those asked with thresholdout are not.
    let n = 300;
    let mut random = perennial_numeric::random::Random::new(2);
    let mut draws = |n: usize| (0..n).map(|_| random.uniform() < 0.5).collect::<Vec<bool>>();
    let (truth, rules): (Vec<bool>, Vec<Vec<bool>>) = (draws(n), (0..400).map(|_| draws(2 * n)).collect());
    let train_truth = draws(n);
    let right = |said: &[bool], truth: &[bool]| {
        said.iter().zip(truth).filter(|(a, b)| a == b).count() as f64 / truth.len() as f64
    };
    let fitted = |told: &mut dyn FnMut(&[bool], f64) -> f64| {
        let mut votes = vec![0_i32; n];
        for rule in &rules {
            let train = right(&rule[..n], &train_truth);
            if told(&rule[n..], train) > 0.5 && train > 0.5 {
                votes
                    .iter_mut()
                    .zip(&rule[n..])
                    .for_each(|(votes, said)| *votes += if *said { 1 } else { -1 });
            }
        }
        right(&votes.iter().map(|votes| *votes > 0).collect::<Vec<_>>(), &truth)
    };
    let mut plain = Sealed::new(truth.clone());
    let direct = fitted(&mut |said, _| plain.score("ask", |truth| Ok(right(said, truth))).unwrap());
    let mut careful = Sealed::new(truth.clone()).thresholdout(0.12, 0.01, 7);
    let held = fitted(&mut |said, train| {
        careful.score_beside("ask", train, |truth| Ok(right(said, truth))).unwrap()
    });
    assert!(direct > 0.65 && held < 0.6, "{direct} {held}");
    assert_eq!(careful.log().looks.len(), 400);
    assert!(
        careful.open("all").is_err()
            && careful.score("ask", |_| Ok(1.0)).unwrap_err().to_string().contains("score_beside")
    );
    assert!(plain.score_beside("ask", 0.5, |_| Ok(1.0)).is_err());
    assert!(careful.score_beside("ask", f64::NAN, |_| Ok(1.0)).is_err());
}
