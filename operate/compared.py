"""The one question behind `make plan` and `make drift`: how a host compares."""

import json
import secrets
from typing import Any

from facts.look import BARE, request
from operate.hosts import Question
from stack.desired import Desired
from stack.render import UNITS
from stack.transport import piped, sent

KEY = secrets.token_hex(16)  # of this command alone: hashes of values can be compared, never guessed later


def question(desired: Desired, run: str = "compare.compare") -> Question:
    """Ask a host to compare itself; a bare one, which has no python yet, tells what its shell can."""
    texts = {p: f for p, f in desired.programs.items() if p.startswith(UNITS) or "/sbin/" in p}
    runtimes = {program.runtime for program in desired.site.catalogue.programs}
    asked = request(desired) | {
        "key": KEY,
        "ours": desired.guard_units,
        "wanted": {path: file.sha256 for path, file in (desired.files | texts).items()},
        "runtimes": ["python3" if name == "python" else name for name in sorted(runtimes)],
        "every_port": [s.port for s in desired.site.catalogue.services if s.port],
        "programs": list(desired.programs),
        "folders": list(desired.directories),
    }
    command = f"if command -v python3 >/dev/null; then {piped()}; else {BARE}; fi"
    return Question(command, "\n".join(sent(run, asked)))


def read(lines: list[str]) -> dict[str, Any]:
    seen: dict[str, Any] = json.loads(lines[-1])
    return seen
