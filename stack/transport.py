"""How host programs are called: one command builder for all of them."""

import shlex

from stack.site import ROOT

_BOOT = "import json,sys;exec(compile(json.loads(sys.stdin.readline()),'quantlab','exec'))"


def piped() -> str:
    """Runs a program that comes over stdin as one line of JSON, its request as the next line."""
    return f"python3 -I -c {shlex.quote(_BOOT)}"


def bundle(*names: str) -> str:
    """Host programs as one, for `piped`: each may import those before it, and the last one is run."""
    sources = [(name, (ROOT / "host" / f"{name}.py").read_text()) for name in names]
    return f"SOURCES = {sources!r}\n{_LOAD}"


_LOAD = """
import sys, types
for name, source in SOURCES:
    module = types.ModuleType("__main__" if name == SOURCES[-1][0] else name)
    sys.modules[name] = module
    exec(compile(source, name, "exec"), module.__dict__)
"""


def installed(verb: str) -> str:
    """Runs a verb of the programs that are installed on the host; its request comes over stdin."""
    return f"python3 -I /usr/local/lib/quantlab {verb}"
