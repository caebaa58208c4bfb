"""`make plan`: what a deploy would do, on the screen and in a file that `make deploy PLAN=file` carries out.

Exit codes: 0 planned, with or without changes; 1 a host could not be looked at; 2 refused.
"""

import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from facts.commits import Commits
from facts.revision import resolve
from operate.compared import KEY, question, read
from operate.hosts import ask
from operate.table import as_json, complain, print_json
from operations.planning import run
from stack.desired import Desired, load
from stack.diff import hidden
from stack.errors import Refused
from stack.forecast import forecast
from stack.plan import plan
from stack.planfile import VERSION, Document, Seal, bound, common, sealed
from stack.requests import builds
from stack.restarts import LOCKS, Code, dependencies, restarts, service_digest
from stack.revision import Revision
from stack.site import ROOT

COMMITS = 20  # on the screen; the file has them all


def show() -> int:
    wanted = load()
    site = next(iter(wanted.values())).site
    place = Path(os.environ.get("PLAN") or ROOT / "reports" / f"plan-{site.environment}.json")
    clear(place)
    revision = resolve(site.settings)
    adopt = os.environ.get("ADOPT", "") not in ("", "0")
    answers = ask(question)
    seen = {name: read(answer.lines) for name, answer in answers.items() if not answer.error}
    with Commits(site.settings.repository) as commits:
        hosts = {name: planned(wanted[name], host, revision, adopt, commits) for name, host in seen.items()}
    values, salt = site.secrets(), secrets.token_hex(16)
    for file in (file for host in hosts.values() for file in host["files"]):
        file["lines"] = [hidden(line, values.values()) for line in file["lines"]]
    seal = Seal(values, salt)
    document = {
        "version": VERSION,
        "environment": site.environment,
        "made": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "by": run().by,
        "revision": {"name": revision.name, "commit": revision.commit, "branch": revision.branch},
        "adopt": adopt,
        "salt": salt,
        **common(next(iter(wanted.values())), seal),
        "hosts": {name: host | {"bound": bound(wanted[name], seal)} for name, host in hosts.items()},
    }
    code = complain(answers) or (2 if any(host["refusals"] for host in hosts.values()) else 0)
    if code == 0:
        write(place, sealed(document, seal))  # before a word is said: who pipes it into `head` gets it, too
    print_json(shown(document)) if as_json() else print(screen(document))
    if code == 0 and not as_json():
        print(f"plan: {place}\n  next: make deploy PLAN={place}")
    elif code:
        print("no plan file was written: it would hold what cannot be carried out", file=sys.stderr)
    return code


def planned(
    desired: Desired, seen: dict[str, Any], revision: Revision, adopt: bool, commits: Commits
) -> dict[str, Any]:
    """One host's forecast; the git remote is asked only if the host needs a release that it has not."""
    if seen.get("tree") is None:
        seen.pop("tree", None)
    found = plan(desired, seen, revision, "new", run(), adopt=adopt)
    starts: dict[str, list[str]] = {}
    subjects: list[str] | None = []
    code = None
    base = (seen.get("manifest") or {}).get("commit")
    if found.activate and (found.prepare or base != revision.commit):
        subjects = commits.subjects(base, revision.commit) if base != revision.commit else []
        known = base if subjects is not None else None
        code = code_of(desired, seen, revision, known, commits)
    if found.activate:
        if found.prepare and code:
            digests = {s.name: service_digest(desired, s, code) for s in desired.services}
        else:
            digests = seen["releases"][found.release]["services"]
        starts = restarts(desired, seen, digests, code)
    return forecast(desired, seen, found, starts, subjects, KEY)


def code_of(
    desired: Desired, seen: dict[str, Any], revision: Revision, base: str | None, commits: Commits
) -> Code:
    """The parts of the code that decide which services start anew."""
    versions = seen.get("versions", {})

    def key(build: dict[str, Any]) -> str:
        path, kind = build["path"], build["runtime"]
        lock = commits.text(revision.commit, f"{path}/{LOCKS[kind]}") or ""
        version = versions.get("node" if kind == "node" else "python3", "")
        return dependencies(path, version, lock, build["scripts"])

    return Code(
        before={s.name: commits.trees(base, s.paths) if base else "" for s in desired.services},
        after={s.name: commits.trees(revision.commit, s.paths) for s in desired.services},
        built={build["path"]: key(build) for build in builds(desired)},
    )


def clear(place: Path) -> None:
    """Whatever happens now, an earlier plan must not be taken for this one."""
    try:
        if place.exists():
            json.loads(place.read_text())["seal"]
    except (OSError, ValueError, TypeError, KeyError):
        raise Refused(f"PLAN={place}: is there and is no plan file: give another name") from None
    place.unlink(missing_ok=True)


def write(place: Path, document: Document) -> None:
    """Whole or not at all, and for the operator alone: units and commits are nobody else's matter."""
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(document, file, indent=1)
    part.replace(place)


def shown(document: Document) -> Document:
    """A plan for machines, without what only `make deploy PLAN=` needs."""
    kept = ("environment", "made", "by", "revision", "adopt")
    hosts = {
        name: {key: value for key, value in host.items() if key != "bound"}
        for name, host in document["hosts"].items()
    }
    return {key: document[key] for key in kept} | {"hosts": hosts}


def screen(document: Document) -> str:
    revision = document["revision"]
    head = f"{document['environment']}: {revision['name']} is commit {revision['commit'][:12]}"
    return "\n\n".join([head, *(block(name, host) for name, host in document["hosts"].items())])


def block(name: str, host: dict[str, Any]) -> str:
    """One host for eyes, in the order of a deploy."""
    commit = f" (commit {host['commit'][:12]})" if host["commit"] else ""
    live = f"{name}: live is {'release ' + host['live'] + commit if host['live'] else 'nothing of ours'}"
    lines = [live + (f"; {host['pending']} was never confirmed" if host["pending"] else "")]
    if host["refusals"]:
        return "\n".join([*lines, *(f"  refused: {reason}" for reason in host["refusals"])])
    if not host["changes"]:
        return "\n".join([*lines, "  No changes"])
    lines.append(f"  release: {'stays' if host['release'] == host['live'] else host['release']}")
    if host["commits"] is None:
        lines.append("  commits: the live commit is not in the git remote any more: every service may start")
    elif host["commits"]:
        more = len(host["commits"]) - COMMITS
        lines += ["  commits:", *(f"    {line}" for line in host["commits"][:COMMITS])]
        lines += [f"    … {more} more"] if more > 0 else []
    lines += [f"  packages: {', '.join(host['packages'])}"] if host["packages"] else []
    lines += [f"  user: {host['user']} is added"] if host["user"] else []
    if host["adopt"] is not None:
        lines += ["  adopted, what was set up by hand:", *(f"    {line}" for line in host["adopt"])]
    if host["files"]:
        lines.append("  files:")
    for file in host["files"]:
        lines += [f"    {file['path']}: {file['change']}", *(f"      {line}" for line in file["lines"])]
    lines += [f"  enabled again: {', '.join(host['enables'])}"] if host["enables"] else []
    lines.append("  starts, in this order:" if host["starts"] else "  starts: no service")
    lines += [f"    {service}: {'; '.join(why)}" for service, why in host["starts"].items()]
    return "\n".join(lines)
