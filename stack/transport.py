"""How host programs are called: one command builder for all of them."""

import functools
import json
import shlex
from pathlib import Path
from typing import Any

HOST = Path(__file__).resolve().parent.parent / "host"
PYTHON = "python3 -I -S"  # nothing but the standard library, which is all that host programs use
_BOOT = "import json,sys;exec(compile(json.loads(sys.stdin.readline()),'quantlab','exec'))"


class Unshown(list[str]):
    """Lines for stdin. They may hold secrets, and pyinfra prints a fact's arguments from -v on."""

    def __repr__(self) -> str:
        return "[not shown]"


def piped() -> str:
    """Runs a program that comes over stdin as one line of JSON, its request as the next line."""
    return f"{PYTHON} -c {shlex.quote(_BOOT)}"


def installed(verb: str) -> str:
    """Runs a verb of the programs that are installed on the host; its request comes over stdin."""
    return f"{PYTHON} /usr/local/lib/quantlab {verb}"


@functools.cache
def _modules() -> dict[str, str]:
    """Every host program by the name under which the others import it."""
    files = [*sorted(HOST.glob("*.py")), *sorted(HOST.glob("doctor/*.py"))]
    names = (".".join(file.relative_to(HOST).with_suffix("").parts) for file in files)
    return {name.removesuffix(".__init__"): file.read_text() for name, file in zip(names, files, strict=True)}


def sent(run: str, request: dict[str, Any]) -> list[str]:
    """Two lines for `piped`: all host programs come along, and the function `run` gets the request. A host
    whose own programs are old, missing or changed by hand must not be the judge of that."""
    unpack = (HOST / "unpack.py").read_text()
    return Unshown([json.dumps(unpack), json.dumps({"modules": _modules(), "run": run, "request": request})])
