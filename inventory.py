"""The inventory that pyinfra reads: the environment that ENV names (default: the lab).

Everything is checked here, before pyinfra opens a connection.
"""

import sys as _sys

from operations.hostkeys import explained as _explained
from stack.desired import load as _load
from stack.errors import Refused as _Refused
from stack.site import load as _load_site

try:
    _load()  # renders every host: what cannot be rendered is refused now
    _site = _load_site()
except _Refused as _refused:
    _sys.exit("\n".join(f"refused: {_reason}" for _reason in _refused.reasons))

_explained()
globals().update(_site.groups())
