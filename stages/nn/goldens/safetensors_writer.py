"""The format of the recorded cases."""

import json
import struct

import numpy as np


def save(path, arrays, metadata):
    """Writes a safetensors file: F32 for floats, sorted names."""
    header, blobs, at = {"__metadata__": metadata}, [], 0
    for name in sorted(arrays):
        data = np.ascontiguousarray(arrays[name], dtype="<f4")
        header[name] = {"dtype": "F32", "shape": list(data.shape), "data_offsets": [at, at + data.nbytes]}
        blobs.append(data.tobytes())
        at += data.nbytes
    text = json.dumps(header, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
