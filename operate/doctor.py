"""`make doctor`: what is wrong with each host, from what it can be told, and what mends it."""

from typing import Any

from operate.hosts import Answer, Question, ask
from operate.table import as_json, print_json
from stack.desired import GUARDS, Desired, download_env
from stack.difference import owned
from stack.refusals import MEMORY_FREE_MB
from stack.transport import piped, sent

Finding = dict[str, Any]

# A host without python cannot be examined, which is a finding already.
NO_PYTHON = (
    '[{"symptom": "deployed", "shows": "QuantLab is not here, or cannot run", "subject": null, '
    '"cause": "no-python", "means": "python3 is not there", "evidence": "/usr/bin/python3", "root": null, '
    '"next": ["make deploy", "sudo apt-get install -y --reinstall python3-minimal"]}]'
)


def show() -> int:
    """Exit code 0: nothing was found on any host; 1: something was, or a host gave no answer."""
    found = gathered(ask(question))
    if as_json():
        print_json(found)
    for name, findings in {} if as_json() else found.items():
        print(f"{name}: {count(len(findings))}")
        for finding in findings:
            print("\n".join(f"  {line}" for line in described(finding)))
    return 1 if any(found.values()) else 0


def count(number: int) -> str:
    return "nothing found" if number == 0 else "1 cause found" if number == 1 else f"{number} causes found"


def question(wanted: Desired) -> Question:
    catalogue, settings = wanted.site.catalogue, wanted.site.settings
    request = {
        "code": catalogue.code,
        "user": catalogue.user,
        "guards": list(GUARDS),
        "programs": {path: file.sha256 for path, file in wanted.programs.items()},
        "places": {path: owned(file) for path, file in {**wanted.directories, **wanted.logs}.items()},
        "repository": settings.repository,
        "env": download_env(settings.network),
        "disk_free_mb": settings.disk_free_mb,
        "memory_free_mb": MEMORY_FREE_MB,
    }
    command = f"if command -v python3 >/dev/null; then {piped()}; else echo '{NO_PYTHON}'; fi"
    return Question(command, "\n".join(sent("doctor.examine.answer", request)))


def gathered(answers: dict[str, Answer]) -> dict[str, list[Finding]]:
    """Each host's findings; a host that gave no answer has one, too."""
    told = {name: [silent(a.error)] if a.error else a.json() for name, a in answers.items()}
    everywhere = [finding for findings in told.values() for finding in findings]
    return {name: merged(findings, everywhere) for name, findings in told.items()}


def silent(error: str) -> Finding:
    """Why a host cannot be examined."""
    if "cannot be reached" in error:
        cause, means, mend = (
            "unreachable",
            "the host cannot be reached",
            "check that it runs; then: ssh to it",
        )
    elif "sudo asks" in error:
        cause, means, mend = "sudo", "sudo asks for a password", "allow the SSH user sudo without one"
    else:
        cause, means, mend = "no-answer", "the examination failed", "ssh to it, and look yourself"
    return {
        "symptom": "commands",
        "shows": "no command of this checkout works there",
        "subject": None,
        "cause": cause,
        "means": means,
        "evidence": error,
        "root": None,
        "next": [mend],
    }


def merged(findings: list[Finding], everywhere: list[Finding]) -> list[Finding]:
    """One entry for each cause, with all that it makes somebody notice: what a service suffers because
    another one is down is told with that one, if the doctor has found why."""
    roots = {finding["subject"]: finding for finding in everywhere if finding["symptom"] == "service"}
    kept: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        if explained(finding, roots):
            continue
        key = (finding["cause"], finding["evidence"])
        seen = kept.setdefault(key, finding | {"seen": []})
        seen["seen"].append(noticed(finding))
        seen["next"] = list(dict.fromkeys([*seen["next"], *finding["next"]]))
    for finding in kept.values():
        waiting = [f["subject"] for f in everywhere if depends(f, finding["subject"], roots)]
        if finding["symptom"] == "service" and waiting:
            finding["seen"].append(f"{', '.join(dict.fromkeys(waiting))}: unhealthy because of it")
    return list(kept.values())


def explained(finding: Finding, roots: dict[str, Finding]) -> bool:
    return finding["root"] in roots


def depends(finding: Finding, subject: str, roots: dict[str, Finding]) -> bool:
    """Whether a finding leads, from need to need, to `subject`."""
    root = finding["root"]
    return root is not None and (root == subject or (root in roots and depends(roots[root], subject, roots)))


def noticed(finding: Finding) -> str:
    return f"{finding['subject']}: {finding['shows']}" if finding["subject"] else str(finding["shows"])


def described(finding: Finding) -> list[str]:
    """One cause for eyes."""
    head, *rest = f"{finding['means']}: {finding['evidence']}".splitlines()
    lines = [head, *(f"    {line}" for line in rest)]
    lines += [f"  seen: {text}" for text in finding["seen"]]
    return [*lines, f"  next: {'; '.join(finding['next'])}"]
