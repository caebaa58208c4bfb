"""Gives a host what it needs to deploy by itself."""

import base64
import dataclasses
import functools
import os
import subprocess
from typing import Any

from pyinfra import host
from pyinfra.api import operation

from operations.release import Commands, command
from stack.desired import download_env
from stack.plan import Plan
from stack.pull import EVERY, project, units
from stack.site import ROOT
from stack.vault import seal


def possible(plan: Plan) -> Plan:
    """The plan, refused where secrets could not be sealed so that this host alone can open them."""
    kind = host_key().split()[0]
    if plan.refusals or kind in ("ssh-ed25519", "ssh-rsa"):
        return plan
    reason = f"its SSH host key is {kind}, which age cannot seal to: list its ssh-ed25519 key in known_hosts"
    return dataclasses.replace(plan, refusals=[reason])


def host_key() -> str:
    """The public key by which this host has just proved to be itself."""
    client: Any = getattr(host.connector, "client")  # noqa: B009 (not every connector has one)
    key = client.get_transport().get_remote_server_key()
    return f"{key.get_name()} {key.get_base64()}"


@operation(is_idempotent=False)
def set_up(plan: Plan) -> Commands:
    """Write project, environment and secrets, install the locked packages, start the timer."""
    site, itself = plan.desired.site, plan.desired.host
    yield command(
        "pull-on",
        files=project(site, itself),
        secrets=base64.b64encode(seal(site.secrets(), [host_key()])).decode(),
        units=units(os.environ.get("EVERY") or EVERY),
        env=download_env(site.settings.network),
        version=version(),
    )


@functools.cache
def version() -> str:
    """The commit of this project, marked when its files are not as committed."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    return subprocess.run(git, capture_output=True, text=True).stdout.strip() or "unknown"
