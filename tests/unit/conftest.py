"""The host programs import each other by plain names, as they lie on a host; so do their tests."""

import sys

from hypothesis import settings

from stack.site import ROOT

sys.path.insert(0, str(ROOT / "host"))

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")
