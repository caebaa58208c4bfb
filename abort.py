"""End a run that was interrupted: what it has begun to activate is given up, its locks are returned.

run.py runs it after Ctrl-C, with the name of the run that it ends in QUANTLAB_RUN.
"""

from operations import base, release

base.connect_fast()
release.abort(name="Give up what was begun", why="interrupted by the operator")
