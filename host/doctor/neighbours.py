"""Causes that lie between a program and others on this host or elsewhere: ports, tokens, S3, git."""

import http.client
import shutil
import time
from collections.abc import Iterator
from typing import Any

import look
import source
from common import MIRROR, Failed
from look import listeners

from doctor import s3
from doctor.kinds import Evidence, Probe
from doctor.observed import Observed, Program

# The variables that may be at fault when a question to S3 is answered so.
SETTINGS = {
    "s3-credentials": ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"),
    "s3-bucket": ("S3_COMPACT_BUCKET", "RUN_ARCHIVE_S3_BUCKET"),
}


def port_held(seen: Observed, program: Program) -> Evidence | None:
    port = program.told["port"]
    holder = listeners([port]).get(str(port)) if port else None
    if holder is None or holder[2] == program.unit:
        return None
    name, pid, unit = holder
    stop = f"sudo systemctl stop {unit}" if unit.endswith(".service") else f"sudo kill {pid}"
    return Evidence(f"port {port} is held by {name} (pid {pid}, {unit})", words={"stop": stop})


def need_down(seen: Observed, program: Program) -> Evidence | None:
    """Something that it needs is down: on this host, or as far as can be seen from here."""
    for need in program.told.get("needs", []):
        if need in seen.ill:
            return Evidence(f"{need}: {seen.ill[need]}", root=need)
        health = seen.catalogue[need]["health"].get("http") or {}
        where = address(seen, program, need)
        if seen.here(need) is None and where and health.get("auth") is None:
            status = get(where, health.get("path", "/"))
            if status != health.get("status", status if isinstance(status, int) else 0):
                return Evidence(f"{need} on {where}: {status}", root=need)
    return None


def address(seen: Observed, program: Program, name: str) -> str | None:
    """Where a program finds a service, by the port in one of its variables."""
    end = f":{seen.catalogue[name].get('port')}"
    return next(
        (v[7:] for v in seen.env(program).values() if v.startswith("http://") and v.endswith(end)), None
    )


def get(where: str, path: str, token: str = "") -> int | str:
    """The status of a GET, or why there is none; what follows it (a stream, say) is not read."""
    connection = http.client.HTTPConnection(where, timeout=3)
    try:
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"} if token else {})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    except ValueError:  # whose words would show the token
        return "its token holds what HTTP cannot carry"
    finally:
        connection.close()


def guarded(seen: Observed) -> Iterator[tuple[str, str, str]]:
    """What the catalogue knows to need a token: service, path, the token's variable."""
    for name, told in seen.catalogue.items():
        health = told["health"].get("http") or {}
        if health.get("auth"):
            yield name, health["path"], health["auth"]
    for step in (step for proof in seen.flow for step in proof["steps"] if step.get("auth")):
        if path := step.get("get") or step.get("stream"):
            start = str(int(time.time() * 1000))
            yield step["service"], path.replace("{symbol}", "btcusdt").replace("{start}", start), step["auth"]


def token_refused(seen: Observed, program: Program) -> Evidence | None:
    """A service that answers 401 to the token that the program has for it."""
    tokens = seen.env(program)
    for name, path, variable in guarded(seen):
        own = name == program.name
        where = f"127.0.0.1:{program.told['port']}" if own else address(seen, program, name)
        if variable in tokens and where and get(where, path, tokens[variable]) == 401:
            server = seen.here(name)
            by_hand = [one for one in (program, server) if one and seen.edited(one, variable)]
            files = " and ".join(str(one.env_file) for one in by_hand)
            what = f"{name} on {where} answers 401 to the {variable} of {program.env_file}"
            if by_hand:
                return Evidence(f"{what}; changed by hand in {files}", mend="make deploy")
            return Evidence(what, words={"server": name})
    return None


def storage(cause: str, bucket: str = "S3_COMPACT_BUCKET") -> Probe:
    """The probe for one of the things that may be wrong with S3: for a program as its env file has it,
    for a deploy as the release has it, since a deploy puts that back."""

    def probe(seen: Observed, program: Program | None) -> Evidence | None:
        for one in [program] if program else seen.services:
            target = s3.target(seen.env(one) if program else seen.wanted(one), bucket)
            found = s3.verdict(target) if target else None
            if found and found[0] == cause:
                return explained(seen, one, *found) if program else Evidence(found[1])
        return None

    return probe


def explained(seen: Observed, program: Program, cause: str, text: str) -> Evidence:
    names = SETTINGS.get(cause, ("S3_COMPACT_ENDPOINT",))
    if changed := seen.edited(program, *names):
        text = f"{text}; {', '.join(changed)} in {program.env_file} was changed by hand"
        return Evidence(text, mend="make deploy")
    return Evidence(text)


def git_lost(request: dict[str, Any]) -> str | None:
    """Why the code's remote cannot be read from this host, as its user; None when it can, and as long as
    there is neither git nor user."""
    if not shutil.which("git") or not look.user_there(request["user"]):
        return None
    try:
        there = MIRROR if MIRROR.is_dir() else MIRROR.parent
        source.git(request, "ls-remote", request["repository"], "HEAD", cwd=there, timeout=20)
    except Failed as failed:
        return f"{request['repository']}: {str(failed).splitlines()[-1].strip()}"
    return None


def git(seen: Observed, program: Program | None) -> Evidence | None:
    lost = git_lost(seen.request)
    return Evidence(lost) if lost else None
