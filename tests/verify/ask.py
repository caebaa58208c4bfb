"""Sent to a host over standard input: asks one service one question until its answer fits.

Prints the outcome as JSON. Standard library only, for the oldest python3 of the hosts; what it is
asked comes with it, so that no process list or log shows a token.
"""

import http.client
import json
import time
from collections.abc import Iterator
from typing import Any

FINAL = (400, 401, 403, 405)  # asking again would not help
NOTHING = "no event came"


def places(value: Any, place: str) -> list[Any]:
    """What stands at a.0.b; `*` is every element."""
    found = [value]
    for key in place.split("."):
        inner: list[Any] = []
        for each in found:
            if isinstance(each, list):
                inner += each if key == "*" else each[int(key) : int(key) + 1] if key.isdigit() else []
            elif isinstance(each, dict) and key in each:
                inner.append(each[key])
        found = inner
    return found


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def misfit(answer: Any, asked: dict[str, Any]) -> str | None:
    """Why an answer does not fit, or None."""
    for place, wanted in asked["equal"].items():
        found = places(answer, place)
        if wanted not in found:
            said = json.dumps(found[0])[:200] if len(found) == 1 else f"none of {len(found)}"
            return f"{place} is {said}, not {json.dumps(wanted)}"
    for place in [*asked["numbers"], *asked["fresh"]]:
        if not any(map(is_number, places(answer, place))):
            return f"{place} is no number"
    if asked["fresh"] and (late := asked["start"] - time_of(answer, asked)) > 0:
        return f"no update since the check began; the newest is {late / 1000:.1f} s older"
    return None


def time_of(answer: Any, asked: dict[str, Any]) -> float:
    return float(sum(places(answer, place)[0] for place in asked["fresh"]))


def answers(response: http.client.HTTPResponse, stream: bool, end: float) -> Iterator[Any]:
    """The one answer, or each event's data while time is left."""
    if not stream:
        yield json.loads(response.read(5_000_000))
        return
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])
        if time.monotonic() > end:
            return


def attempt(asked: dict[str, Any], end: float) -> tuple[Any, str | None, bool]:
    """An answer, why it does not fit, and whether that is final."""
    connection = http.client.HTTPConnection("127.0.0.1", asked["port"], timeout=6)
    headers = {"Content-Type": "application/json"}
    if asked["token"]:
        headers["Authorization"] = f"Bearer {asked['token']}"
    wrong, answer = NOTHING, None
    try:
        body = json.dumps(asked["body"]) if asked["method"] == "POST" else None
        connection.request(asked["method"], asked["path"], body, headers)
        response = connection.getresponse()
        if response.status >= 300:
            text = " ".join(response.read(300).decode(errors="replace").split())
            return None, f"answers {response.status} {text}", response.status in FINAL
        for answer in answers(response, asked["stream"], end):
            why = misfit(answer, asked)
            if why is None:
                return answer, None, True
            wrong = why
    except (OSError, http.client.HTTPException, ValueError) as error:
        wrong = f"{wrong} ({error})" if answer else str(error)
    finally:
        connection.close()
    return answer, wrong, False


def ask(asked: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + asked["seconds"]
    wrong = NOTHING
    while True:
        answer, why, final = attempt(asked, end)
        if why is None:
            kept = {name: places(answer, place)[0] for name, place in asked["keep"].items()}
            if asked["fresh"]:
                kept["date"] = time.strftime("%Y%m%d", time.gmtime(time_of(answer, asked) / 1000))
            return {"wrong": None, "kept": kept}
        if why != NOTHING:  # an attempt that time cut short says nothing about the ones before
            wrong = why
        if final or time.monotonic() > end:
            return {"wrong": wrong, "kept": {}}
        time.sleep(0.1)
