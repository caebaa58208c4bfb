"""Goes through the table and reports, for each symptom that is seen, the first cause that holds."""

import re
from collections.abc import Iterator
from typing import Any

import mask
from common import Failed

from doctor.kinds import Cause, Evidence, Symptom
from doctor.observed import Observed, Program
from doctor.table import SYMPTOMS

SECRET = re.compile(r"TOKEN|SECRET|KEY|PASSWORD")


def answer(request: dict[str, Any]) -> list[dict[str, Any]]:
    seen = Observed(request)
    symptoms = [s for s in SYMPTOMS if seen.manifest or s.name in ("deployed", "deploy")]
    return [veiled(seen, finding) for symptom in symptoms for finding in examined(seen, symptom)]


def examined(seen: Observed, symptom: Symptom) -> Iterator[dict[str, Any]]:
    for program in symptom.seen(seen):
        for cause in symptom.causes:
            if evidence := found(seen, program, cause):
                yield told(seen, symptom, program, cause, evidence)
                if not symptom.every:
                    break


def found(seen: Observed, program: Program | None, cause: Cause) -> Evidence | None:
    """A probe that cannot be carried out (what it would read is gone, say) proves nothing."""
    try:
        return cause.probe(seen, program)
    except (Failed, OSError):
        return None


def told(
    seen: Observed, symptom: Symptom, program: Program | None, cause: Cause, evidence: Evidence
) -> dict[str, Any]:
    words = {
        "service": program.name if program else "",
        "unit": program.unit if program else "",
        "code": seen.request["code"],
        "manifest": f"{seen.code.parent}/manifest.json",
    } | evidence.words
    return {
        "symptom": symptom.name,
        "shows": symptom.shows,
        "subject": program.name if program else None,
        "cause": cause.name,
        "means": cause.means,
        "evidence": evidence.text,
        "root": evidence.root,
        "next": (evidence.mend or cause.mend).format(**words).split("; "),
    }


def veiled(seen: Observed, finding: dict[str, Any]) -> dict[str, Any]:
    """No secret leaves the host, whatever a service has written into its journal."""
    programs = [*seen.services, *seen.jobs]
    known = {
        value
        for one in programs
        for env in (seen.env(one), seen.wanted(one))
        for name, value in env.items()
        if SECRET.search(name) and len(value) > 3
    }
    text = finding["evidence"]
    for value in sorted(known, key=len, reverse=True):
        text = text.replace(value, "***")
    return finding | {"evidence": mask.masked(text)}  # credentials
