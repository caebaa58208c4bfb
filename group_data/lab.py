"""Settings of the lab, read from the lab that is running."""

import os as _os
from pathlib import Path as _Path

from lab.errors import LabError as _LabError
from lab.state import read as _read
from stack.errors import Refused as _Refused
from stack.site import ROOT as _ROOT

try:
    _lab = _read(_ROOT, _os.environ.get("LAB") or "quantlab")
except _LabError as _error:
    # pyinfra runs every file of this folder, whichever environment is meant: then no lab is no fault.
    if __name__ != "builtins":
        raise _Refused(str(_error)) from None
else:
    repository = _lab.git
    approved = _os.environ.get("APPROVED") or None  # tests approve on a branch of their own
    s3 = {
        "endpoint": _lab.s3,
        "compact_bucket": _lab.s3_buckets["compact"],
        "archive_bucket": _lab.s3_buckets["archive"],
    }
    segment_seconds = 2  # verification waits for an update to pass through S3
    secrets = _Path(_lab.secrets)
    identity = _Path(_lab.identity)
    # Tests of the dead-man switch need not wait for as long as an operator would.
    revert_after = int(_os.environ.get("REVERT_AFTER") or 180)
    network = {"ca_certificates": tuple(_Path(file) for file in _lab.ca_certificates)}
    del _lab  # pyinfra takes it for data of the hosts, which it could not print
