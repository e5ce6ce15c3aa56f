"""scikit-learn's AUC beside the workload `bootstrap_auc_100k`, and shap's kernel explainer beside `kernel_shap`.

    python evaluation.py auc|kernel_shap DATA THREADS

Prints the seconds of the second of two runs. Needs lightgbm, numpy, scikit-learn, shap.
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
else:
    import lightgbm as L
    import shap
    x, y, xt = load("clf_200k_Xtr"), load("clf_200k_ytr"), load("clf_200k_Xte")
    m = L.LGBMClassifier(n_estimators=50, num_leaves=31, n_jobs=threads, verbose=-1).fit(x[:50_000], y[:50_000])
    explainer = shap.KernelExplainer(lambda z: m.predict_proba(z)[:, 1], x[:50])
    values, t = timed(lambda: explainer.shap_values(xt[:10], nsamples=2148, l1_reg=False, silent=True))
    print("kernel_shap", t, "additivity", np.abs(values.sum(1) + explainer.expected_value - m.predict_proba(xt[:10])[:, 1]).max())
