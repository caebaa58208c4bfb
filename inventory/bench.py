"""The hosts that `make bench` measures on: each runs the whole stack. It wrote them to the file in BENCH."""

import json as _json
import os as _os
from pathlib import Path as _Path

from stack.errors import Refused as _Refused

if "BENCH" not in _os.environ:
    raise _Refused("inventory/bench.py is for `make bench` alone")

_hosts = [(_host["name"], _host["data"]) for _host in _json.loads(_Path(_os.environ["BENCH"]).read_text())]

market = _hosts
research = _hosts
console = _hosts
