"""A plan that was looked at and is to be carried out as it is: what it binds, and what no longer fits. Pure.

The rendered content is bound by keyed hashes. The key is stretched (scrypt) from all secrets of the vault and
a salt in the file: who holds the file but not the vault can test no guess of a token, however short it is.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from typing import Any

from stack.desired import Desired
from stack.difference import differing
from stack.plan import Plan
from stack.revision import Revision

VERSION = 1
Document = dict[str, Any]


class Seal:
    """Keyed hashes that only somebody with the same secrets can make or compare."""

    def __init__(self, secrets: dict[str, str], salt: str) -> None:
        word = json.dumps(secrets, sort_keys=True).encode()
        self._key = hashlib.scrypt(word, salt=bytes.fromhex(salt), n=2**14, r=8, p=1)

    def of(self, *parts: str) -> str:
        return hmac.new(self._key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def bound(desired: Desired, seal: Seal) -> dict[str, Any]:
    """What the controller alone decides of a host: its place in the inventory and all that is rendered."""
    parts = {
        **desired.files,
        **desired.programs,
        **desired.trusted,
        **desired.directories,
        **desired.logs,
    }
    content = {
        path: seal.of(path, f"{file.mode:o}", file.owner, file.group, file.content)
        for path, file in parts.items()
    }
    return {"roles": sorted(desired.host.roles), "address": desired.host.address, "content": content}


def common(desired: Desired, seal: Seal) -> dict[str, str]:
    """What binds all hosts alike. Where keys and certificates lie is each operator's own matter."""
    settings = desired.site.settings.model_dump(
        mode="json", exclude={"secrets": True, "identity": True, "network": {"ca_certificates"}}
    )
    return {
        "catalogue": seal.of(desired.site.catalogue.model_dump_json()),
        "settings": seal.of(json.dumps(settings, sort_keys=True)),
    }


def steps(plan: Plan, seen: dict[str, Any]) -> list[str]:
    """What a host would be told to do, in order, without the names that every run makes anew."""
    put = plan.put or {}
    found = [f"put {path}" for path in plan.trusted]
    found += [f"install package {name}" for name in plan.packages]
    found += [f"add user {plan.desired.site.catalogue.user}"] if plan.user else []
    found += [f"put {path}" for kind in ("directories", "files", "logs") for path in put.get(kind, ())]
    found += [" ".join(command) for command in put.get("then", ())]
    found += ["adopt what was set up by hand"] if plan.adopt else []
    if plan.prepare:
        found.append(f"prepare a release of commit {plan.prepare['commit'][:12]}")
    if plan.activate:
        found.append("activate it" if plan.prepare else f"activate release {plan.release}")
        found += [f"write {path}" for path in differing(plan.desired.files, seen.get("files", {}))]
        units = seen.get("units", {})
        down = [
            s.name
            for s in plan.desired.services
            if units.get(f"{s.unit}.service", {}).get("ActiveState") != "active"
        ]
        found += [f"start {name}" for name in (down if plan.prepare else plan.starts)]
    return found


def sealed(document: Document, seal: Seal) -> Document:
    """With the marks by which it is known again: that the secrets are the same, and that nobody edited it."""
    whole = document | {"secrets": seal.of("these secrets")}
    return whole | {"seal": seal.of(json.dumps(whole, sort_keys=True))}


def revision(document: Document) -> Revision:
    return Revision(**document["revision"])


def unfit(
    document: Document, wanted: dict[str, Desired], names: Iterable[str], secrets: dict[str, str]
) -> list[str]:
    """Why a plan cannot be carried out by this checkout, whatever the hosts are; one line for each reason."""
    if document.get("version") != VERSION:
        return [f"it was written by another version of this program (format {document.get('version')})"]
    one = next(iter(wanted.values()))
    if document["environment"] != one.site.environment:
        return [f"it is for ENV={document['environment']}, not {one.site.environment}"]
    seal = Seal(secrets, document["salt"])
    rest = {key: value for key, value in document.items() if key != "seal"}
    if document["secrets"] != seal.of("these secrets"):
        return ["the secrets have changed since it was made"]
    if not hmac.compare_digest(str(document.get("seal")), seal.of(json.dumps(rest, sort_keys=True))):
        return ["it was edited after it was made"]
    found = [
        f"the {key} changed since it was made"
        for key, value in common(one, seal).items()
        if document[key] != value
    ]
    planned, names = document["hosts"], list(names)
    if surplus := [name for name in names if name not in planned]:
        found.append(
            f"it is not for {', '.join(surplus)}; LIMIT={','.join(planned)} leaves the hosts that it is for"
        )
    if missing := [name for name in planned if name not in names]:
        found.append(f"it is for {', '.join(missing)} as well, which this run leaves out")
    for name in (name for name in names if name in planned):
        found += [f"{name}: {line}" for line in changed(planned[name]["bound"], bound(wanted[name], seal))]
    return found


def changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """How what is bound of one host differs."""
    found = [
        f"{key} was {before[key]}, is {now[key]}" for key in ("roles", "address") if before[key] != now[key]
    ]
    old, new = before["content"], now["content"]
    paths = sorted(path for path in {*old, *new} if old.get(path) != new.get(path))
    return found + ([f"rendered otherwise now: {', '.join(paths)}"] if paths else [])


def moved(planned: dict[str, Any], plan: Plan, seen: dict[str, Any]) -> list[str]:
    """Why a plan no longer fits one host, as it was looked at now."""
    found = []
    for key, word, now in (("live", "release", plan.live), ("pending", "unconfirmed release", plan.pending)):
        if planned[key] != now:
            found.append(f"{word} was {planned[key] or 'none'} when it was made, is {now or 'none'}")
    if found:  # then the steps differ as well, and say no more than this
        return found
    was, is_now = planned["steps"], steps(plan, seen)
    found += [f"would now also {step}" for step in is_now if step not in was]
    return found + [f"would no longer {step}" for step in was if step not in is_now]
