"""Settings of the benchmark: the lab's, but for what a measurement changes."""

import os as _os
from runpy import run_path as _run_path

from stack.errors import Refused as _Refused
from stack.site import ROOT as _ROOT

try:
    _lab = _run_path(str(_ROOT / "group_data/lab.py"))
except _Refused:
    if __name__ != "builtins":  # as in lab.py
        raise
else:
    globals().update({_k: _v for _k, _v in _lab.items() if not _k.startswith("_")})
    segment_seconds = float(_os.environ.get("BENCH_VALUE") or 2)  # the value that the case "env" changes
    feed_url = f"sim://market?seed=1&rate={_os.environ.get('BENCH_RATE') or 20}"
    del _lab  # as in lab.py
