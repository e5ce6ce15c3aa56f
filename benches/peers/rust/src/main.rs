//! Times linfa and smartcore on the files of the workloads: `rust-peers DATA WORKLOAD/PEER [RUNS]`, one thread.
//!
//! Prints CPU and wall seconds of each run and a figure of the quality. Settings are those of the workloads of the same
//! names, as far as the libraries have them.

use std::time::Instant;
use std::{env, fs, hint::black_box};

use linfa::prelude::*;
use ndarray::{s, Array1, Array2};
use smartcore::linalg::basic::matrix::DenseMatrix;

fn numbers(data: &str, name: &str) -> (Vec<usize>, Vec<f64>) {
    let bytes = fs::read(format!("{data}/{name}.npy")).expect("the file is there");
    let length = u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let head = String::from_utf8_lossy(&bytes[10..10 + length]).to_string();
    let shape = head.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next()).expect("a shape");
    let shape = shape.split(',').filter_map(|part| part.trim().parse().ok()).collect();
    let cells = bytes[10 + length..].chunks_exact(8).map(|cell| cell.try_into().expect("eight bytes"));
    let is_whole = head.contains("<i8");
    let value = |cell| if is_whole { i64::from_le_bytes(cell) as f64 } else { f64::from_le_bytes(cell) };
    (shape, cells.map(value).collect())
}

fn matrix(data: &str, name: &str) -> Array2<f64> {
    let (shape, cells) = numbers(data, name);
    Array2::from_shape_vec((shape[0], shape[1]), cells).expect("a matrix")
}

fn dense(x: &Array2<f64>) -> DenseMatrix<f64> {
    DenseMatrix::new(x.nrows(), x.ncols(), x.iter().copied().collect(), false).expect("a matrix")
}

/// CPU seconds of all threads.
fn cpu() -> f64 {
    let threads = fs::read_dir("/proc/self/task").expect("Linux");
    let seconds = threads.flatten().map(|thread| {
        let stat = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
        stat.split(' ').next().and_then(|part| part.parse::<f64>().ok()).unwrap_or(0.0) / 1e9
    });
    seconds.sum()
}

fn time<T>(what: &str, runs: usize, work: impl Fn() -> T) -> T {
    let mut out = None;
    for _ in 0..runs {
        let (before, start) = (cpu(), Instant::now());
        out = Some(black_box(work()));
        println!("{what}: cpu {:.4} wall {:.4}", cpu() - before, start.elapsed().as_secs_f64());
    }
    out.expect("at least one run")
}

fn main() {
    let args: Vec<String> = env::args().collect();
    let (data, case) = (args[1].as_str(), args[2].as_str());
    let runs = args.get(3).map_or(1, |runs| runs.parse().expect("a number of runs"));
    let (name, peer) = case.split_once('/').expect("WORKLOAD/PEER");
    let linfa = peer == "linfa";
    match name {
        "kmeans_k20" => {
            let x = matrix(data, "blobs_500k_X");
            if linfa {
                use linfa_clustering::{KMeans, KMeansInit};
                let start = KMeansInit::Precomputed(x.slice(s![..20, ..]).to_owned());
                let set = DatasetBase::from(x);
                let fit = || {
                    KMeans::params(20)
                        .init_method(start.clone())
                        .n_runs(1)
                        .max_n_iterations(20)
                        .tolerance(1e-30)
                        .fit(&set)
                };
                match time(case, runs, fit) {
                    Ok(model) => {
                        println!("mean inertia {}", model.inertia());
                        time("predict", runs, || model.predict(set.records()));
                    }
                    Err(error) => println!("{error}"),
                }
            } else {
                use smartcore::cluster::kmeans::{KMeans, KMeansParameters};
                let x = dense(&x);
                let fit = || {
                    KMeans::<f64, i32, _, Vec<i32>>::fit(
                        &x,
                        KMeansParameters::default().with_k(20).with_max_iter(20),
                    )
                };
                let model = time(case, runs, fit).expect("a model");
                let _ = time("predict", runs, || model.predict(&x));
            }
        }
        "ols" | "ridge" => {
            let (x, y) = (matrix(data, "reg_1m_Xtr"), numbers(data, "reg_1m_ytr").1);
            if linfa {
                let set = Dataset::new(x, Array1::from(y));
                let model = time(case, runs, || {
                    linfa_linear::LinearRegression::default().fit(&set).expect("a model")
                });
                println!("first coefficient {}", model.params()[0]);
            } else if name == "ols" {
                use smartcore::linear::linear_regression::{
                    LinearRegression, LinearRegressionParameters, LinearRegressionSolverName,
                };
                let x = dense(&x);
                let settings =
                    || LinearRegressionParameters::default().with_solver(LinearRegressionSolverName::QR);
                time(case, runs, || LinearRegression::fit(&x, &y, settings()).expect("a model"));
            } else {
                use smartcore::linear::ridge_regression::{RidgeRegression, RidgeRegressionParameters};
                let x = dense(&x);
                let settings = || RidgeRegressionParameters::default().with_alpha(1.0).with_normalize(false);
                time(case, runs, || RidgeRegression::fit(&x, &y, settings()).expect("a model"));
            }
        }
        "lasso" => {
            let (x, y) = (matrix(data, "wide_20k_Xtr"), numbers(data, "wide_20k_ytr").1);
            if linfa {
                let set = Dataset::new(x, Array1::from(y));
                let fit = || {
                    linfa_elasticnet::ElasticNet::params()
                        .penalty(0.01)
                        .l1_ratio(1.0)
                        .fit(&set)
                        .expect("a model")
                };
                let model = time(case, runs, fit);
                println!("not zero {}", model.hyperplane().iter().filter(|weight| **weight != 0.0).count());
            } else {
                use smartcore::linear::lasso::{Lasso, LassoParameters};
                let x = dense(&x);
                let settings = || LassoParameters::default().with_alpha(0.01).with_normalize(false);
                let _ = time(case, runs, || {
                    Lasso::fit(&x, &y, settings()).map(|_| ()).map_err(|error| println!("{error}"))
                });
            }
        }
        "logreg_l2" | "tree_clf_d10" | "svc_rbf" => {
            let (mut x, y) = (matrix(data, "clf_200k_Xtr"), numbers(data, "clf_200k_ytr").1);
            let (means, deviations) =
                (x.mean_axis(ndarray::Axis(0)).expect("rows"), x.std_axis(ndarray::Axis(0), 0.0));
            x = (x - &means) / &deviations;
            let mut y: Vec<usize> = y.iter().map(|label| *label as usize).collect();
            if name == "svc_rbf" {
                x = x.slice(s![..10_000, ..]).to_owned();
                y.truncate(10_000);
            }
            let accuracy = |found: &mut dyn Iterator<Item = usize>| {
                found.zip(&y).filter(|(a, b)| a == *b).count() as f64 / y.len() as f64
            };
            match (name, linfa) {
                ("logreg_l2", true) => {
                    let set = Dataset::new(x, Array1::from(y.clone()));
                    let fit = || {
                        linfa_logistic::LogisticRegression::default()
                            .alpha(1.0)
                            .max_iterations(300)
                            .gradient_tolerance(1e-4)
                            .fit(&set)
                            .expect("a model")
                    };
                    let model = time(case, runs, fit);
                    println!("accuracy in training {}", accuracy(&mut model.predict(&set).iter().copied()));
                }
                ("logreg_l2", false) => {
                    use smartcore::linear::logistic_regression::{
                        LogisticRegression, LogisticRegressionParameters,
                    };
                    let (x, y) = (dense(&x), y.iter().map(|label| *label as i32).collect::<Vec<i32>>());
                    let settings = || LogisticRegressionParameters::default().with_alpha(1.0);
                    let model =
                        time(case, runs, || LogisticRegression::fit(&x, &y, settings()).expect("a model"));
                    let found = model.predict(&x).expect("answers");
                    println!(
                        "accuracy in training {}",
                        accuracy(&mut found.iter().map(|label: &i32| *label as usize))
                    );
                }
                ("tree_clf_d10", true) => {
                    let set = Dataset::new(x, Array1::from(y.clone()));
                    let model = time(case, runs, || {
                        linfa_trees::DecisionTree::params().max_depth(Some(10)).fit(&set).expect("a model")
                    });
                    println!("accuracy in training {}", accuracy(&mut model.predict(&set).iter().copied()));
                }
                ("tree_clf_d10", false) => {
                    use smartcore::tree::decision_tree_classifier::{
                        DecisionTreeClassifier, DecisionTreeClassifierParameters,
                    };
                    let (x, y) = (dense(&x), y.iter().map(|label| *label as i32).collect::<Vec<i32>>());
                    let settings = || DecisionTreeClassifierParameters::default().with_max_depth(10);
                    let model = time(case, runs, || {
                        DecisionTreeClassifier::fit(&x, &y, settings()).expect("a model")
                    });
                    let found = model.predict(&x).expect("answers");
                    println!(
                        "accuracy in training {}",
                        accuracy(&mut found.iter().map(|label: &i32| *label as usize))
                    );
                }
                (_, true) => {
                    let set = Dataset::new(
                        x,
                        Array1::from(y.iter().map(|label| *label == 1).collect::<Vec<bool>>()),
                    );
                    let fit = || {
                        linfa_svm::Svm::<_, bool>::params()
                            .pos_neg_weights(1.0, 1.0)
                            .gaussian_kernel(50.0)
                            .fit(&set)
                            .expect("a model")
                    };
                    let model = time(case, runs, fit);
                    println!(
                        "accuracy in training {}",
                        accuracy(&mut model.predict(&set).iter().map(|label| usize::from(*label)))
                    );
                }
                (_, false) => {
                    use smartcore::svm::{
                        svc::{SVCParameters, SVC},
                        Kernels,
                    };
                    let (x, y) = (dense(&x), y.iter().map(|label| *label as i32).collect::<Vec<i32>>());
                    let settings =
                        SVCParameters::default().with_c(1.0).with_kernel(Kernels::RBF { gamma: Some(0.02) });
                    let model = time(case, runs, || SVC::fit(&x, &y, &settings).expect("a model"));
                    let found = model.predict(&x).expect("answers");
                    println!(
                        "accuracy in training {}",
                        accuracy(&mut found.iter().map(|label: &f64| *label as usize))
                    );
                }
            }
        }
        "dbscan" => {
            let x = matrix(data, "moons_50k_X");
            if linfa {
                let found = time(case, runs, || {
                    linfa_clustering::Dbscan::params(10).tolerance(0.06).transform(&x).expect("labels")
                });
                println!("noise {}", found.iter().filter(|label| label.is_none()).count());
            } else {
                use smartcore::cluster::dbscan::{DBSCANParameters, DBSCAN};
                let x = dense(&x);
                let settings = || DBSCANParameters::default().with_eps(0.06).with_min_samples(10);
                time(case, runs, || {
                    DBSCAN::<f64, i32, _, Vec<i32>, _>::fit(&x, settings()).map(|_| ()).expect("labels")
                });
            }
        }
        "knn_3d" => {
            let x = matrix(data, "reg_1m_Xtr").slice(s![..200_000, ..3]).to_owned();
            if linfa {
                use linfa_nn::{distance::L2Dist, KdTree, NearestNeighbour};
                let total = time(case, runs, || {
                    let tree = KdTree::new().from_batch(&x, L2Dist).expect("an index");
                    x.rows()
                        .into_iter()
                        .map(|row| tree.k_nearest(row, 10).expect("rows").len())
                        .sum::<usize>()
                });
                println!("found {total}");
            } else {
                use smartcore::{
                    algorithm::neighbour::cover_tree::CoverTree, metrics::distance::euclidian::Euclidian,
                };
                let rows: Vec<Vec<f64>> = x.rows().into_iter().map(|row| row.to_vec()).collect();
                let total = time(case, runs, || {
                    let tree = CoverTree::new(rows.clone(), Euclidian::new()).expect("an index");
                    rows.iter()
                        .map(|row| tree.find(row, 10).expect("rows").iter().map(|found| found.1).sum::<f64>())
                        .sum::<f64>()
                });
                println!("sum of distances {total}");
            }
        }
        "pca_20" => {
            let x = matrix(data, "lowrank_100k_X");
            if linfa {
                let set = DatasetBase::from(x);
                let model = time(case, runs, || linfa_reduction::Pca::params(20).fit(&set).expect("a model"));
                println!("explained {}", model.explained_variance_ratio().sum());
                time("transform", runs, || model.predict(set.records()));
            } else {
                use smartcore::decomposition::pca::{PCAParameters, PCA};
                let x = dense(&x);
                let model = time(case, runs, || {
                    PCA::fit(&x, PCAParameters::default().with_n_components(20)).expect("a model")
                });
                time("transform", runs, || model.transform(&x).expect("rows"));
            }
        }
        other => println!("there is no workload {other}"),
    }
}
