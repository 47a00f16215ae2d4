"""Answers lines of JSON {expr, zone, start, count} with croniter's fire times.

The one known difference is left out: of an expression that does not run in
every hour, croniter takes a time that comes twice both times.
"""
import json
import sys
from datetime import datetime
from zoneinfo import ZoneInfo

from croniter import CroniterBadDateError, croniter

for line in sys.stdin:
    q = json.loads(line)
    zone = ZoneInfo(q["zone"])
    times = croniter(q["expr"], datetime.fromtimestamp(q["start"], zone), ret_type=datetime, second_at_beginning=True)
    hours = croniter.expand(q["expr"], second_at_beginning=True)[0][1]
    every = hours == ["*"] or len(hours) == 24
    out = []
    while len(out) < q["count"]:
        try:
            t = times.get_next().astimezone(zone)
        except CroniterBadDateError:  # it looks ahead for 50 years and less
            break
        if every or t.fold == 0:
            out.append(int(t.timestamp()))
    print(json.dumps(out), flush=True)
