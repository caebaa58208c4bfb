"""The lab again, its roles spread: market data on the first host, everything else on the second."""

from runpy import run_path as _run_path

from stack.errors import Refused as _Refused
from stack.site import ROOT as _ROOT

_settings = "lab"
_hosts = _run_path(str(_ROOT / "inventory" / "lab.py"))["_hosts"]
if len(_hosts) < 2:
    raise _Refused("inventory/split.py needs two lab hosts: type `make lab HOSTS=2`")

market = _hosts[:1]
research = _hosts[1:2]
console = _hosts[1:2]
