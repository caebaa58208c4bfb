"""How host programs are called: one command builder for all of them."""

import shlex

_BOOT = "import json,sys;exec(compile(json.loads(sys.stdin.readline()),'quantlab','exec'))"


def piped() -> str:
    """Runs a program that comes over stdin as one line of JSON, its request as the next line."""
    return f"python3 -I -c {shlex.quote(_BOOT)}"


def installed(verb: str) -> str:
    """Runs a verb of the programs that are installed on the host; its request comes over stdin."""
    return f"python3 -I /usr/local/lib/quantlab {verb}"
