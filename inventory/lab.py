"""The lab on this machine: every host runs the whole stack. `make lab HOSTS=n` sets how many."""

import os as _os

from lab.errors import LabError as _LabError
from lab.state import read as _read
from stack.errors import Refused as _Refused
from stack.site import ROOT as _ROOT

try:
    _lab = _read(_ROOT, _os.environ.get("LAB") or "quantlab")
except _LabError as _error:
    raise _Refused(str(_error)) from None

_hosts = [
    (
        _host.name,
        {
            "ssh_hostname": _host.address,
            "ssh_user": _lab.ssh_user,
            "ssh_key": _lab.ssh_key,
            "ssh_known_hosts_file": _lab.known_hosts,
        },
    )
    for _host in _lab.hosts
]

market = _hosts
research = _hosts
console = _hosts
