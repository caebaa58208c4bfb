"""Whether a deploy can succeed, as pyinfra facts: asked before anything is touched."""

import json

from pyinfra.api import FactBase, Host
from typing_extensions import override

from stack.desired import download_env
from stack.plan import Plan
from stack.preflight import late, request
from stack.transport import piped, sent

# As apt itself would fetch it, the first list that it would ask for; its last line if that fails.
SOURCE = (
    'uri=$(apt-get -q --print-uris update | head -n 1 | cut -d "\'" -f 2); into=$(mktemp -d); '
    "said=$(/usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=10 "
    '-o Acquire::https::Timeout=10 download-file "$uri" "$into/list" 2>&1) || '
    'echo "$uri: $said" | tr "\\n" " "; rm -r "$into"'
)


class Preflight(FactBase[list[str]]):
    @override
    def command(self) -> str:
        return piped()

    @override
    def process(self, output: list[str]) -> list[str]:
        reasons: list[str] = json.loads(output[-1])
        return reasons


class PackageSource(FactBase[str]):
    @override
    def command(self) -> str:
        return SOURCE

    @override
    def process(self, output: list[str]) -> str:
        return " ".join(output).strip()


def preflight(host: Host, plan: Plan) -> list[str]:
    """Why a deploy that would carry out this plan cannot succeed. A host that lacks packages, user or
    certificates is asked for the rest once it has them."""
    if plan.activate and not late(plan):
        stdin = sent("doctor.preflight.answer", request(plan))
        return host.get_fact(Preflight, _sudo=True, _stdin=stdin) or []
    if plan.packages and not plan.trusted:  # with other sources or certificates apt may fare better
        env = download_env(plan.desired.site.settings.network)
        if said := host.get_fact(PackageSource, _sudo=True, _env=env):
            return [f"packages are missing ({', '.join(plan.packages)}), and their source is away: {said}"]
    return []
