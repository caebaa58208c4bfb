"""Settings of the benchmark: the lab's, but for what a measurement changes."""

import os as _os
from runpy import run_path as _run_path

from stack.site import ROOT as _ROOT

globals().update(
    {_k: _v for _k, _v in _run_path(str(_ROOT / "group_data/lab.py")).items() if not _k.startswith("_")}
)
segment_seconds = float(_os.environ.get("BENCH_VALUE") or 2)  # the value that the case "env" changes
feed_url = f"sim://market?seed=1&rate={_os.environ.get('BENCH_RATE') or 20}"
