"""Reads what we wrote and writes what we read, with pyarrow, polars and DuckDB.

Usage: peers.py FOLDER. FOLDER holds ours.parquet and ours.arrow. The result is
FOLDER/peers.json: for each of our files and each library the types and values that it
sees, and for each file that it wrote the values that are in it. A value is spelled so
that nothing is lost: null, a string for a scalar, a list for a list or a struct.
"""
import datetime
import json
import struct
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq


def spell(v, t):
    if v is None:
        return None
    if pa.types.is_dictionary(t):
        return spell(v, t.value_type)
    if pa.types.is_list(t) or pa.types.is_large_list(t) or pa.types.is_fixed_size_list(t):
        return [spell(x, t.value_type) for x in v]
    if pa.types.is_struct(t):
        return [spell(v[f.name], f.type) for f in t]
    if pa.types.is_boolean(t):
        return "true" if v else "false"
    if pa.types.is_floating(t):
        return struct.pack(">d", float(v)).hex()
    if pa.types.is_date(t):
        return str((v - datetime.date(1970, 1, 1)).days)
    if isinstance(v, bytes):
        return v.hex()
    return str(v)


def plain(column):
    t = column.type
    if pa.types.is_timestamp(t):
        return column.cast(pa.int64())
    return column


def values(table):
    return [[spell(x, c.type) for x in c.to_pylist()] for c in map(plain, table.columns)]


def seen(table, types):
    return {"types": types, "values": values(table)}


def read_ours(folder):
    out = {}
    path = folder + "/ours.parquet"
    t = pq.read_table(path)
    out["parquet pyarrow"] = seen(t, [str(f.type) for f in t.schema])
    df = pl.read_parquet(path)
    out["parquet polars"] = seen(df.to_arrow(), [str(d) for d in df.dtypes])
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    rel = con.sql(f"SELECT * FROM read_parquet('{path}')")
    types = [str(x) for x in rel.types]
    out["parquet duckdb"] = seen(rel.to_arrow_table(), types)
    path = folder + "/ours.arrow"
    t = pa.ipc.open_file(path).read_all()
    out["arrow pyarrow"] = seen(t, [str(f.type) for f in t.schema])
    df = pl.read_ipc(path)
    out["arrow polars"] = seen(df.to_arrow(), [str(d) for d in df.dtypes])
    t = pyarrow.feather.read_table(path)
    out["feather pyarrow"] = seen(t, [str(f.type) for f in t.schema])
    return out


def write_theirs(folder, t):
    out = {}

    def note(name, table=None):
        out[name] = values(table if table is not None else t)

    for codec in ["none", "snappy", "gzip", "zstd", "lz4", "brotli"]:
        for page in ["1.0", "2.0"]:
            name = f"pyarrow-{codec}-{page}.parquet"
            pq.write_table(t, f"{folder}/{name}", compression=codec, data_page_version=page,
                           row_group_size=70, data_page_size=300, write_batch_size=16)
            note(name)
    pq.write_table(t, f"{folder}/pyarrow-plain.parquet", use_dictionary=False, store_schema=False)
    note("pyarrow-plain.parquet")
    flat = t.select([c for c in ["i32", "i64", "f32", "f64", "text", "bin"]])
    pq.write_table(flat, f"{folder}/pyarrow-delta.parquet", use_dictionary=False, column_encoding={
        "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "f32": "BYTE_STREAM_SPLIT",
        "f64": "BYTE_STREAM_SPLIT", "text": "DELTA_BYTE_ARRAY", "bin": "DELTA_LENGTH_BYTE_ARRAY"})
    note("pyarrow-delta.parquet", flat)
    times = t.select(["ts_ns"])
    pq.write_table(times, f"{folder}/pyarrow-int96.parquet", use_deprecated_int96_timestamps=True, store_schema=False)
    note("pyarrow-int96.parquet", times)
    none = pa.table({"n": pa.nulls(3), "x": [1, 2, 3]})
    pq.write_table(none, f"{folder}/pyarrow-null.parquet")
    note("pyarrow-null.parquet", none)

    dictionary = t.set_column(t.schema.get_field_index("text"), "text", t["text"].dictionary_encode())
    pq.write_table(dictionary, f"{folder}/pyarrow-dictionary.parquet")
    note("pyarrow-dictionary.parquet")
    views = t.set_column(t.schema.get_field_index("text"), "text", t["text"].cast(pa.string_view()))
    views = views.set_column(views.schema.get_field_index("bin"), "bin", t["bin"].cast(pa.large_binary()))
    for name, table, codec in [("plain", t, None), ("zstd", t, "zstd"), ("lz4", t, "lz4"), ("dictionary", dictionary, None), ("views", views, None)]:
        options = pa.ipc.IpcWriteOptions(compression=codec, unify_dictionaries=True)
        with pa.ipc.new_file(f"{folder}/pyarrow-{name}.arrow", table.schema, options=options) as w:
            w.write_table(table, max_chunksize=90)
        note(f"pyarrow-{name}.arrow")
        with pa.ipc.new_stream(f"{folder}/pyarrow-{name}.arrows", table.schema, options=options) as w:
            w.write_table(table, max_chunksize=90)
        note(f"pyarrow-{name}.arrows")
    pyarrow.feather.write_feather(t, f"{folder}/pyarrow.feather")
    note("pyarrow.feather")

    df = pl.from_arrow(t.drop_columns(["dec"]))
    for codec in ["uncompressed", "snappy", "gzip", "zstd", "lz4"]:
        df.write_parquet(f"{folder}/polars-{codec}.parquet", compression=codec, row_group_size=80)
        note(f"polars-{codec}.parquet", df.to_arrow())
    for codec in ["uncompressed", "lz4", "zstd"]:
        df.write_ipc(f"{folder}/polars-{codec}.arrow", compression=codec)
        note(f"polars-{codec}.arrow", df.to_arrow())

    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.register("t", t)
    for codec in ["uncompressed", "snappy", "zstd"]:
        name = f"duckdb-{codec}.parquet"
        con.execute(f"COPY (SELECT * FROM t) TO '{folder}/{name}' (FORMAT parquet, COMPRESSION {codec})")
        note(name, con.sql("SELECT * FROM t").to_arrow_table())

    import pandas as pd
    frame = pd.DataFrame({"x": [1.5, None, 3.0], "s": ["a", None, "ü"]}, index=[5, 6, 7])
    frame.to_parquet(f"{folder}/pandas.parquet")
    note("pandas.parquet", pq.read_table(f"{folder}/pandas.parquet"))
    return out


def main():
    folder = sys.argv[1]
    t = pq.read_table(folder + "/ours.parquet")
    with open(folder + "/peers.json", "w") as f:
        json.dump({"read": read_ours(folder), "wrote": write_theirs(folder, t)}, f)


main()
