"""Minutes of load at a share of the maximum rate, while the version is swapped all
the time: no request may fail and memory may not grow. Needs what run.py has
prepared in the same folder.

    python benchmarks/serving/soak.py --pipe ./pipe --work /somewhere --minutes 10
"""
import argparse, json, pathlib, socket, subprocess, threading, time, urllib.request

a = argparse.ArgumentParser()
a.add_argument("--pipe", default="./pipe")
a.add_argument("--work", required=True)
a.add_argument("--minutes", type=float, default=10)
a.add_argument("--share", type=float, default=0.8)
o = a.parse_args()
pipe, work = str(pathlib.Path(o.pipe).resolve()), pathlib.Path(o.work)
BODY = json.dumps({"text": "Sends a request over TLS and reads the header of the response, of which it returns the body when there is one"})


def sh(*args):
    return subprocess.run(args, check=True, cwd=work, capture_output=True, text=True).stdout


if len(json.loads(sh(pipe, "models", "show", "textclass", "--json"))["versions"]) < 2:
    sh(pipe, "run", "textclass.yaml", "-p", "epochs=2", "-p", "data=goroot")
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    port = s.getsockname()[1]
sh(pipe, "models", "promote", "textclass/1", "champion")
server = subprocess.Popen([pipe, "serve", "textclass@champion", "--port", str(port)], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
address, path = f"127.0.0.1:{port}", "/predict/textclass"


def load(seconds, rate):
    return json.loads(sh(str(work / "load"), "-n", "16", "-for", f"{seconds}s", "-rate", str(rate), "-body", BODY, address, path))


def memory():
    for line in open(f"/proc/{server.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024


try:
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://{address}/ping")
            break
        except OSError:
            time.sleep(0.2)
    most = load(5, 0)["per_second"]
    rate = o.share * most
    out = {}
    t = threading.Thread(target=lambda: out.update(load(o.minutes * 60, rate)))
    t.start()
    swaps, seen = 0, []
    while t.is_alive():
        swaps += 1
        sh(pipe, "models", "promote", f"textclass/{swaps % 2 + 1}", "champion", "--why", "soak")
        seen.append(memory())
        t.join(2)
    third = max(len(seen) // 3, 1)
    print(json.dumps({"most_per_second": round(most), "rate": round(rate), "minutes": o.minutes, "swaps": swaps, "requests": out["requests"], "failed": out["failed"],
                      "p50_ms": round(out["p50_ms"], 2), "p99_ms": round(out["p99_ms"], 2),
                      "mib_first_third": round(sum(seen[:third]) / third, 1), "mib_last_third": round(sum(seen[-third:]) / third, 1), "mib_most": round(max(seen), 1)}))
    raise SystemExit(out["failed"] > 0)
finally:
    server.terminate()
