"""Asks the services of this host what they know, over loopback, with their own tokens."""

import json
from pathlib import Path
from typing import Any

import store
from common import Failed
from status import token


def fetch(request: dict[str, Any]) -> dict[str, Any]:
    """GET each of request["paths"] of a service; its JSON by path. A service that is not here: nothing."""
    manifest = store.manifest(store.live(request["code"]))
    placed = [s["name"] for s in manifest.get("services", [])]
    if request["service"] not in placed:
        return {}
    told = next(s for s in manifest["catalogue"]["services"] if s["name"] == request["service"])
    auth = (told["health"].get("http") or {}).get("auth")
    headers = {"Authorization": f"Bearer {token(told, auth)}"} if auth else {}
    return {path: get(told, path, headers) for path in request["paths"]}


def get(service: dict[str, Any], path: str, headers: dict[str, str]) -> Any:
    import http.client  # only here: see probe.py

    connection = http.client.HTTPConnection("127.0.0.1", service["port"], timeout=5)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failed(
            f"{service['name']} does not answer GET :{service['port']}{path}: {error}\n"
            f"  next: make status; sudo journalctl -u {service['unit']} -n 50"
        ) from None
    finally:
        connection.close()


def runs(request: dict[str, Any]) -> dict[str, Any]:
    """The runs as the API tells them and as the run files do."""
    told = fetch(request | {"service": "observer-api", "paths": [API]})
    files = {}
    for file in sorted(Path(request["code"], "services/strategyd/runs").glob("*.json")):
        try:
            run = json.loads(file.read_text())
        except ValueError:
            files[file.stem] = {"id": file.stem, "status": "unreadable"}
            continue
        if run.get("status") in ACTIVE:
            files[file.stem] = run
    return {"api": told[API]["runs"] if told else None, "files": list(files.values())}


ACTIVE = ("queued", "running", "stalled")
API = "/api/runs?limit=500"
