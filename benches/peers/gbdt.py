"""LightGBM beside the workloads `gbdt_mixed` and `gbdt_cv5`, and its quantised gradients beside `gbdt_bin`.

    python gbdt.py mixed|cv5|quantised DATA THREADS

Prints the seconds of the second of two fits and the quality. Needs lightgbm, numpy, pandas, scikit-learn.
"""
import os
import sys
import time

import numpy as np

what, data, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
os.environ["OMP_NUM_THREADS"] = str(threads)
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:threads]))
import lightgbm as L
from sklearn.metrics import log_loss, roc_auc_score

COMMON = dict(num_leaves=31, learning_rate=.1, max_bin=255, min_child_samples=20, reg_lambda=1., n_jobs=threads, verbose=-1)


def load(name):
    return np.load(os.path.join(data, name + ".npy"))


def timed(fit):
    for _ in range(2):
        start, cpu = time.perf_counter(), time.process_time()
        result = fit()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return result, f"{seconds:.3f} s wall, {cpu:.3f} s CPU"


if what == "mixed":
    import pandas as pd
    numbers = [f"f{j}" for j in range(8)] + ["i_count", "i_age", "flag"]
    texts = ["c_low", "c_mid", "c_high"]
    d = pd.read_parquet(os.path.join(data, "mixed_1m.parquet"), columns=numbers + texts + ["target"])
    codes = [d[c].astype("category").cat.codes.to_numpy().astype(float) for c in texts]
    codes = [np.where(c < 0, np.nan, c) for c in codes]
    x = np.column_stack([d[numbers].astype(float).to_numpy()] + codes)
    y, n = d["target"].to_numpy(), 800_000
    cats = [11, 12, 13]
    m, t = timed(lambda: L.LGBMClassifier(n_estimators=100, **COMMON).fit(x[:n], y[:n], categorical_feature=cats))
    p = m.predict_proba(x[n:])[:, 1]
    print(what, t, "AUC", roc_auc_score(y[n:], p), "logloss", log_loss(y[n:], p))
elif what == "cv5":
    from sklearn.model_selection import StratifiedKFold
    x, y = load("clf_200k_Xtr"), load("clf_200k_ytr")
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(x, y))
    parts = [(x[a], y[a], x[b], y[b]) for a, b in folds]

    def five():
        return [log_loss(d, L.LGBMClassifier(n_estimators=200, **COMMON).fit(a, b).predict_proba(c)) for a, b, c, d in parts]
    s, t = timed(five)
    print(what, t, "logloss", np.mean(s))
else:
    x, y, xt, yt = (load(f"clf_200k_{s}") for s in ("Xtr", "ytr", "Xte", "yte"))
    m, t = timed(lambda: L.LGBMClassifier(n_estimators=200, use_quantized_grad=True, **COMMON).fit(x, y))
    p = m.predict_proba(xt)[:, 1]
    print(what, t, "AUC", roc_auc_score(yt, p), "logloss", log_loss(yt, p))
