"""Other libraries beside workloads of the same name: scikit-learn's AUC beside `bootstrap_auc_100k`, shap's kernel explainer,
MAPIE's conformal intervals, fairlearn's frames and thresholds.

    python evaluation.py auc|kernel_shap|conformal_split|conformal_cv_plus|metric_frame|threshold_optimizer DATA THREADS

Prints the seconds of the second of two runs. Needs fairlearn, lightgbm, mapie, numpy, scikit-learn, shap.
"""
import os
import sys
import time

import numpy as np

what, data, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = str(threads)
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:threads]))


def load(name):
    return np.load(os.path.join(data, name + ".npy"))


def timed(work):
    for _ in range(2):
        start, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return result, f"{seconds:.4f} s wall, {cpu:.4f} s CPU"


if what == "auc":
    from sklearn.metrics import roc_auc_score
    y, s = load("scores_10m_y")[:100_000], load("scores_10m_s")[:100_000]
    auc, t = timed(lambda: roc_auc_score(y, s))
    print("one AUC of 100000 rows", t, auc)
elif what in ("conformal_split", "conformal_cv_plus"):
    from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
    from sklearn.linear_model import LinearRegression
    n, asked = (200_000, 100_000) if what == "conformal_split" else (10_000, 2_000)
    x, y = load("reg_1m_Xtr")[:n], load("reg_1m_ytr")[:n]
    xt, yt = load("reg_1m_Xte")[:asked], load("reg_1m_yte")[:asked]

    def work():
        if what == "conformal_split":
            held = n // 4
            m = SplitConformalRegressor(LinearRegression(), confidence_level=0.9, prefit=False)
            m.fit(x[held:], y[held:]).conformalize(x[:held], y[:held])
        else:
            m = CrossConformalRegressor(LinearRegression(), confidence_level=0.9, method="plus", cv=5)
            m.fit_conformalize(x, y)
        return m.predict_interval(xt)[1][:, :, 0]
    ends, t = timed(work)
    print(what, t, "coverage", np.mean((ends[:, 0] <= yt) & (yt <= ends[:, 1])))
elif what in ("metric_frame", "threshold_optimizer"):
    y, s = load("scores_10m_y")[:200_000].astype(int), load("scores_10m_s")[:200_000]
    groups = np.array([f"g{row * 7919 % 200_003 % 8}" for row in range(200_000)])
    if what == "metric_frame":
        from fairlearn.metrics import MetricFrame
        from sklearn.metrics import accuracy_score

        def work():
            return MetricFrame(metrics=accuracy_score, y_true=y, y_pred=(s > 0).astype(int),
                               sensitive_features=groups, n_boot=20, ci_quantiles=[0.025, 0.975], random_state=1)
        frame, t = timed(work)
        print(what, t, "difference", frame.difference())
    else:
        from fairlearn.postprocessing import ThresholdOptimizer
        from sklearn.base import BaseEstimator, ClassifierMixin

        class Said(ClassifierMixin, BaseEstimator):
            def fit(self, x, y):
                self.classes_ = np.array([0, 1])
                return self

            def predict_proba(self, x):
                p = 1.0 / (1.0 + np.exp(-x[:, 0]))
                return np.c_[1.0 - p, p]

        x = s.reshape(-1, 1)
        said = Said().fit(x, y)

        def work():
            m = ThresholdOptimizer(estimator=said, constraints="equalized_odds", objective="balanced_accuracy_score",
                                   prefit=True, predict_method="predict_proba")
            return m.fit(x, y, sensitive_features=groups)
        m, t = timed(work)
        print(what, t)
else:
    import lightgbm as L
    import shap
    x, y, xt = load("clf_200k_Xtr"), load("clf_200k_ytr"), load("clf_200k_Xte")
    m = L.LGBMClassifier(n_estimators=50, num_leaves=31, n_jobs=threads, verbose=-1).fit(x[:50_000], y[:50_000])
    explainer = shap.KernelExplainer(lambda z: m.predict_proba(z)[:, 1], x[:50])
    values, t = timed(lambda: explainer.shap_values(xt[:10], nsamples=2148, l1_reg=False, silent=True))
    print("kernel_shap", t, "additivity", np.abs(values.sum(1) + explainer.expected_value - m.predict_proba(xt[:10])[:, 1]).max())
