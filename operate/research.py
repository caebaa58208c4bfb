"""`make runs`, `make collector`, `make ml`: what the runbook asks of the services, through SSH alone."""

import os
import re
import sys
from typing import Any

from operate.hosts import Answer, Connected, ask, verb
from operate.table import as_json, complain, given, print_json, table
from stack.errors import Refused
from stack.site import load as load_site


def collector() -> int:
    """Print the collector's status and metrics on each host that has it."""
    paths = ["/status", "/metrics"]
    answers = ask(lambda w: verb("fetch", code=w.site.catalogue.code, service="collector", paths=paths))
    found = {n: a.json() for n, a in answers.items() if not a.error and a.json()}
    if as_json():
        print_json(found)
    for name, told in {} if as_json() else found.items():
        status, metrics = told["/status"], told["/metrics"]
        reason = f" ({status['reason']})" if status.get("reason") else ""
        print(f"{name}: {status['status']}{reason}, S3 {status.get('s3', '?')}")
        print(table([(f"  {key}", str(value)) for key, value in metrics.items()]))
    return complain(answers) or nowhere("collector", found)


def runs() -> int:
    """Print the active runs; exit code 1 when the API and the run files do not agree on which they are."""
    answers = ask(lambda w: verb("runs", code=w.site.catalogue.code))
    found = {n: a.json() for n, a in answers.items() if not a.error and a.json()["api"] is not None}
    if as_json():
        print_json(found)
    differ = False
    for name, told in found.items():
        api = {r["id"]: r for r in told["api"] if r["status"] in ("queued", "running", "stalled")}
        files = {r["id"]: r for r in told["files"]}
        if not as_json():
            print(f"{name}: {len(api)} active" + (f" of {len(told['api'])} runs" if told["api"] else ""))
            keys = ("id", "status", "strategy", "symbol", "date")
            if api:
                print(table([tuple(str(run.get(key, "-")) for key in keys) for run in api.values()], "  "))
        for run in sorted(api.keys() ^ files.keys()):
            differ = True
            where = "the API, not in the run files" if run in api else "the run files, not in the API"
            print(f"{name}: {run} is active in {where}", file=sys.stderr)
    return complain(answers) or nowhere("observer-api", found) or int(differ)


def nowhere(service: str, found: dict[str, Any]) -> int:
    """Exit code 1, and the reason, when none of the hosts that answered has the service."""
    if not found:
        print(f"no host has {service} live; see `make status`", file=sys.stderr)
    return 0 if found else 1


def ml() -> int:
    """Run the daily ML job for SYMBOL and DATE on the first host that has it, and show its output as it
    comes; the job's exit code. An interrupt, or a lost connection, ends the job."""
    symbol, date = os.environ.get("SYMBOL", ""), os.environ.get("DATE", "")
    for name, value, form in (("SYMBOL", symbol, r"[a-z0-9]{2,20}"), ("DATE", date, r"\d{8}")):
        if not re.fullmatch(form, value):
            wrong = f"{name}={value}" if value else f"{name} is missing"
            raise Refused(f"{wrong}; as in: make ml SYMBOL=btcusdt DATE=20260115 (DRY_RUN=1 writes nothing)")
    arguments = ["--symbol", symbol, "--date", date, *(["--dry-run"] if given("DRY_RUN") else [])]
    site = load_site()
    (timer,) = (t for t in site.catalogue.timers if t.name == "ml-scheduler")
    homes = [n for n in site.chosen(os.environ.get("LIMIT")) if timer.role in site.hosts[n].roles]
    if not homes:
        raise Refused(f"LIMIT={os.environ['LIMIT']}: none of these hosts has {timer.name}")
    hosts = Connected(homes[:1])
    if complain(hosts.errors):
        return 1
    request: dict[str, Any] = {"code": site.catalogue.code, "name": timer.name, "arguments": arguments}
    print(f"{homes[0]}: {timer.name} {' '.join(arguments)}", file=sys.stderr)  # stdout is the job's
    code = 0
    for host, said in hosts.stream(lambda _: verb("job", **request, attached=True), homes[:1]):
        if isinstance(said, Answer):
            code = said.code
            print(f"{host}: {timer.name}: {said.error or 'done, exit code 0'}", file=sys.stderr)
        else:
            print(said, flush=True)
    return code
