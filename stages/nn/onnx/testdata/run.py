"""Runs exported models in onnxruntime: run.py FOLDER.

cases.json lists names; NAME.onnx reads NAME.in (raw numbers of the input's type)
and gives NAME.out (raw float32). What goes wrong is written to NAME.err.
"""
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime

folder = pathlib.Path(sys.argv[1])
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.log_severity_level = 3
for name, rows in json.loads((folder / "cases.json").read_text()).items():
    try:
        path = folder / (name + ".onnx")
        onnx.checker.check_model(str(path), full_check=True)
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        (x,) = session.get_inputs()
        kind = np.int64 if x.type == "tensor(int64)" else np.float32
        data = np.fromfile(folder / (name + ".in"), dtype=kind).reshape([rows] + x.shape[1:])
        (y,) = session.run(None, {x.name: data})
        assert list(y.shape[1:]) == session.get_outputs()[0].shape[1:], y.shape
        assert y.dtype == np.float32, y.dtype
        y.tofile(folder / (name + ".out"))
    except Exception as e:
        (folder / (name + ".err")).write_text(repr(e))
