"""The host programs import each other by plain names, as they lie on a host; so do their tests."""

import sys

from stack.site import ROOT

sys.path.insert(0, str(ROOT / "host"))
