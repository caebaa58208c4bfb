"""`make drift`: what on the hosts is not as the catalogue and the live release say.

Exit codes: 0 no drift, 2 drift, 1 a host could not be asked (or the question was refused).
"""

import sys
from dataclasses import replace
from typing import Any

from operate.compared import KEY, question, read
from operate.hosts import ask
from operate.table import as_json, complain, print_json
from stack.desired import Desired, load
from stack.diff import hidden
from stack.drift import drift, moved_on
from stack.errors import Refused
from stack.finding import Finding


def show() -> int:
    try:
        wanted, answers = load(), ask(lambda desired: question(desired, "survey.survey"))
    except Refused as refused:
        for reason in refused.reasons:
            print(f"refused: {reason}", file=sys.stderr)
        return 1  # 2 says drift here
    seen = {name: read(answer.lines) for name, answer in answers.items() if not answer.error}
    found = {
        name: without_secrets(drift(wanted[name], host, KEY), wanted[name]) for name, host in seen.items()
    }
    notes = {name: moved_on(wanted[name], host) for name, host in seen.items()}
    if as_json():
        print_json({name: told(seen[name], found[name], notes[name]) for name in seen})
    else:
        print("\n\n".join(screen(name, seen[name], found[name], notes[name]) for name in seen))
    return complain(answers) or (2 if any(found.values()) else 0)


def without_secrets(findings: list[Finding], desired: Desired) -> list[Finding]:
    """A hand may have written a token anywhere; what we know to be one is not shown, wherever it stands."""
    secrets = desired.site.secrets().values()
    return [replace(f, lines=tuple(hidden(line, secrets) for line in f.lines)) for f in findings]


def told(host: dict[str, Any], findings: list[Finding], moved: list[str]) -> dict[str, Any]:
    return {
        "release": host.get("manifest", {}).get("id"),
        "drift": [finding.json() for finding in findings],
        "not_deployed_yet": moved,
    }


def screen(name: str, host: dict[str, Any], findings: list[Finding], moved: list[str]) -> str:
    """One host for eyes: each difference as one block."""
    manifest, count = host.get("manifest") or {}, len(findings)
    by = f" ({manifest['revision']}, prepared {manifest['prepared']} by {manifest['by']})" if manifest else ""
    measure = f"release {manifest['id']}{by}" if manifest else "the catalogue"
    lines = [f"{name}: {count or 'no'} difference{'s' * (count != 1)} from {measure}"]
    for finding in findings:
        lines += ["", f"  {finding.where}: {finding.what}"]
        lines += [f"    {line}" for line in finding.lines]
        lines += [f"    came: {finding.came}"] if finding.came else []
        lines += [f"    keep: {finding.keep}"] if finding.keep != "-" else []
        lines += [f"    undo: {finding.undo}"]
    if moved:
        lines += ["", f"  no drift, but not deployed yet: {', '.join(moved)} (make plan)"]
    return "\n".join(lines)
