"""What a host that was set up by hand holds, as a pyinfra fact: asked only of such a host."""

import json
import secrets
from typing import Any

from pyinfra.api import FactBase, Host
from typing_extensions import override

from stack.desired import Desired
from stack.site import ROOT
from stack.transport import Unshown, piped

KEY = secrets.token_hex(16)  # of this run alone: hashes of values can be compared, never guessed later


class Tree(FactBase[dict[str, Any]]):
    @override
    def command(self) -> str:
        return piped()

    @override
    def process(self, output: list[str]) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(output[-1])
        return found


def tree(host: Host, desired: Desired) -> dict[str, Any]:
    """What lies in the code tree's place, /etc/quantlab and the units of a host set up by hand."""
    request = {"code": desired.site.catalogue.code, "ours": desired.guard_units, "key": KEY}
    source = (ROOT / "host" / "tree.py").read_text()
    stdin = Unshown([json.dumps(source), json.dumps(request)])
    found: dict[str, Any] = host.get_fact(Tree, _sudo=True, _stdin=stdin)
    return found | {"key": KEY}
