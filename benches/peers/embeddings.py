"""scikit-learn, scikit-learn-intelex and faiss beside the workload `kmeans_embed`: numbers of 32 bits, the same start.

    python embeddings.py sklearn|sklearnex|faiss DATA THREADS

Prints the seconds of the second of two fits, those of predicting all rows, and the inertia.
"""
import os
import sys
import time

what, data, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(threads)
os.sched_setaffinity(0, set(list(os.sched_getaffinity(0))[:threads]))
import numpy as np

x = np.load(os.path.join(data, "embed_100k_f32.npy")).astype(np.float32)
start = x[:100].copy()


def timed(name, work):
    for _ in range(2):
        began, cpu = time.perf_counter(), time.process_time()
        result = work()
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    print(f"{what} {name}: {seconds:.3f} s wall, {cpu:.3f} s CPU")
    return result


if what == "faiss":
    import faiss

    faiss.omp_set_num_threads(threads)

    def fit():
        means = faiss.Kmeans(128, 100, niter=20, nredo=1, max_points_per_centroid=10**9, seed=1)
        means.train(x, init_centroids=start)
        return means

    means = timed("fit", fit)
    timed("predict", lambda: means.index.search(x, 1)[1])
    print("inertia", float(means.obj[-1]))
else:
    if what == "sklearnex":
        from sklearnex.cluster import KMeans
    else:
        from sklearn.cluster import KMeans
    means = timed("fit", lambda: KMeans(100, init=start, n_init=1, max_iter=20, tol=0, algorithm="lloyd").fit(x))
    timed("predict", lambda: means.predict(x))
    print("inertia", means.inertia_, "iterations", means.n_iter_)
