"""A host that was set up by hand: what a deploy would take over. Changes nothing.

Sent over stdin like the look. Values of variables leave the host as keyed hashes only.
"""

import hashlib
import hmac
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ENV, UNITS = Path("/etc/quantlab"), Path("/etc/systemd/system")


def env_files() -> list[Path]:
    return sorted(ENV.glob("*.env"))


def unit_files(ours: list[str]) -> list[Path]:
    """Units called quantlab-anything that somebody wrote; `ours` are those that the deploy itself brings."""
    found = [p for p in UNITS.glob("quantlab*") if p.suffix in (".service", ".timer", ".target")]
    return sorted(p for p in found if p.is_file() and not p.is_symlink() and p.name not in ours)


def variables(text: str, key: str) -> dict[str, str]:
    """Each variable of an env file with a keyed hash of its value, quotes taken off."""
    found = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*?)\s*", line):
            name, value = match.groups()
            if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
                value = value[1:-1]
            found[name] = hmac.new(key.encode(), value.encode(), hashlib.sha256).hexdigest()
    return found


def git(code: Path, *arguments: str) -> str:
    """What git says, asked as the user whose tree it is: the tree's own settings run programs. It gets
    neither our terminal nor more than a minute. When a part of it is somebody else's, git says nothing."""
    owner = code.stat()
    who: dict[str, Any] = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    command = ["git", "--no-optional-locks", "-c", "core.quotePath=false", "-C", str(code), *arguments]
    how: dict[str, Any] = {"capture_output": True, "text": True, "errors": "replace", "env": env, "cwd": "/"}
    apart: dict[str, Any] = {"stdin": subprocess.DEVNULL, "start_new_session": True, "timeout": 60}
    try:
        done = subprocess.run(command, **how, **apart, **who)
    except subprocess.TimeoutExpired:
        return ""
    return str(done.stdout).rstrip("\n")


def tree(request: dict[str, Any]) -> dict[str, Any]:
    code = Path(request["code"])
    return {
        "commit": git(code, "rev-parse", "HEAD"),
        "branch": git(code, "rev-parse", "--abbrev-ref", "HEAD"),
        "edited": git(code, "status", "--porcelain", "--untracked-files=no").splitlines(),
        "env": {str(path): variables(path.read_text(), request["key"]) for path in env_files()},
        "units": [str(path) for path in unit_files(request["ours"])],
    }


if __name__ == "__main__":
    print(json.dumps(tree(json.loads(sys.stdin.readline()))))
