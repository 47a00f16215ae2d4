"""Times sgemm of MKL and OpenBLAS on the shapes that the Go benchmark uses.

Prints one JSON object per line: library, threads, shape m×k×n, and the median and least seconds per call.
MKL comes from the wheel `mkl`, OpenBLAS from the wheel `scipy-openblas32`; both are called through their C interface, so no
Python array code is in the measured time.
"""
import argparse
import ctypes
import glob
import json
import os
import statistics
import sys
import time

import numpy as np

ROW_MAJOR, NO_TRANS = 101, 111


def find(pattern):
    for root in {sys.prefix, *sys.path}:
        hits = glob.glob(os.path.join(root, "**", pattern), recursive=True)
        if hits:
            return sorted(hits)[0]
    return None


def load(name):
    """Returns (sgemm, set_threads) of a library."""
    if name == "mkl":
        path = find("libmkl_rt.so*")
        if path is None:
            sys.exit("peers: libmkl_rt.so is missing; pip install mkl")
        lib = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
        return lib.cblas_sgemm, lambda n: lib.MKL_Set_Num_Threads(ctypes.c_int(n))
    import scipy_openblas32

    path = os.path.join(scipy_openblas32.get_lib_dir(), "libscipy_openblas.so")
    lib = ctypes.CDLL(path)
    return lib.scipy_cblas_sgemm, lambda n: lib.scipy_openblas_set_num_threads(ctypes.c_int(n))


def measure(sgemm, m, k, n, seconds):
    rng = np.random.default_rng(1)
    a = rng.standard_normal((m, k), dtype=np.float32)
    b = rng.standard_normal((k, n), dtype=np.float32)
    c = np.zeros((m, n), dtype=np.float32)
    i, f = ctypes.c_int, ctypes.c_float
    args = [i(ROW_MAJOR), i(NO_TRANS), i(NO_TRANS), i(m), i(n), i(k), f(1), a.ctypes.data_as(ctypes.c_void_p), i(k),
            b.ctypes.data_as(ctypes.c_void_p), i(n), f(0), c.ctypes.data_as(ctypes.c_void_p), i(n)]
    sgemm.restype = None
    for _ in range(3):
        sgemm(*args)
    times, end = [], time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        sgemm(*args)
        times.append(time.perf_counter() - start)
    assert np.allclose(c[:1], a[:1] @ b, rtol=1e-3, atol=1e-3)
    return statistics.median(times), min(times)


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--library", choices=["mkl", "openblas"], required=True)
    p.add_argument("--threads", type=int, required=True)
    p.add_argument("--seconds", type=float, default=0.3)
    p.add_argument("shapes", nargs="+", help="mxkxn")
    o = p.parse_args()
    sgemm, set_threads = load(o.library)
    set_threads(o.threads)
    for shape in o.shapes:
        m, k, n = map(int, shape.split("x"))
        median, least = measure(sgemm, m, k, n, o.seconds)
        print(json.dumps({"library": o.library, "threads": o.threads, "shape": shape, "median": median, "least": least}), flush=True)


if __name__ == "__main__":
    main()
