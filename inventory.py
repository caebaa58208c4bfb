"""The inventory that pyinfra reads: the environment that ENV names (default: the lab).

Everything is checked here, before pyinfra opens a connection.
"""

import os as _os
import sys as _sys

from operations.hostkeys import explained as _explained
from operations.pinned import pinned as _pinned
from stack.desired import load as _load
from stack.errors import Refused as _Refused
from stack.site import load as _load_site

try:
    _load()  # renders every host: what cannot be rendered is refused now
    _site = _load_site()
    _site.chosen(_os.environ.get("LIMIT"))  # pyinfra ends with 0 when its --limit matches no host
    _pinned()
except _Refused as _refused:
    for _reason in _refused.reasons:
        print(f"refused: {_reason}", file=_sys.stderr)
    _sys.exit(2)

_explained()
globals().update(_site.groups())
