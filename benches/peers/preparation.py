"""scikit-learn's ColumnTransformer on a mixed table: to a matrix, and one row.

    python preparation.py matrix|one_row DATA

One thread. `matrix` prints the median seconds of `fit_transform` of the first 800,000 rows of `mixed_1m` (impute, scale,
one-hot, target encode), and the peak of memory above what was held before; `one_row` the median time of `transform` of one
row. Needs numpy, pandas, pyarrow, scikit-learn.
"""
import os
import statistics
import sys
import time

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
what, data = sys.argv[1], sys.argv[2]
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder


def status(key):
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(key)) / 1024


numbers = [f"f{j}" for j in range(8)] + ["i_count", "i_age"]
words = ["c_low", "c_mid", "c_high"]
d = pd.read_parquet(os.path.join(data, "mixed_1m.parquet"), columns=numbers + words + ["target"])
y = d.pop("target").to_numpy()[:800_000]
d[words] = d[words].astype(object).where(d[words].notna(), "NA")
d = d.iloc[:800_000]


def steps():
    return ColumnTransformer([
        ("n", make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        ("c", OneHotEncoder(handle_unknown="ignore"), ["c_low", "c_mid"]),
        ("t", TargetEncoder(cv=5, target_type="continuous", shuffle=False), ["c_high"]),
    ])


if what == "matrix":
    touched = np.ones(1536 << 17)
    del touched
    base = status("VmRSS")
    open("/proc/self/clear_refs", "w").write("5")
    runs = []
    for _ in range(4):
        start, cpu = time.perf_counter(), time.process_time()
        x = steps().fit_transform(d, y)
        runs.append((time.perf_counter() - start, time.process_time() - cpu))
        shape, form, stored = x.shape, type(x).__name__, getattr(x, "nnz", x.size)
        del x
    wall, cpu = sorted(runs[1:])[1]
    print(f"{wall:.3f} s wall, {cpu:.3f} s CPU, {status('VmHWM') - base:.0f} MB; {shape}, {form}, {stored} stored")
else:
    model = steps().fit(d.iloc[:100_000], y[:100_000])
    row = d.iloc[5:6]
    runs = []
    for _ in range(200):
        start = time.perf_counter()
        model.transform(row)
        runs.append(time.perf_counter() - start)
    print(f"{statistics.median(runs) * 1e6:.0f} microseconds")
