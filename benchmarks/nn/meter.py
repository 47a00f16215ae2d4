"""What the peers share: they answer each line of standard input, a number of seconds, with the times of the steps of that long."""
import json
import os
import sys
import time


def tokens():
    """The token ids of a batch of text, which run.py has written."""
    with open(os.environ["TOKENS"]) as f:
        return json.load(f)


def serve(step):
    """Runs step again and again; the first calls, which compile or allocate, are those of the first line."""
    for line in sys.stdin:
        steps, cpu, begin = [], time.process_time(), time.perf_counter()
        until = begin + float(line)
        while begin < until or len(steps) < 3:
            step()
            now = time.perf_counter()
            steps.append(now - begin)
            begin = now
        print(json.dumps({"steps": steps, "processor": time.process_time() - cpu}), flush=True)
