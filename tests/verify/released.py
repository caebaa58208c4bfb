"""What a host should be by its own live release: after a rollback, the catalogue is not what it was.

The release's manifest holds the catalogue that rendered it; its files are read from the host, and stay in
memory here: env files hold secrets.
"""

import dataclasses
import json
import re

from stack.catalogue import Catalogue
from stack.desired import Desired
from stack.render import SHARED, File
from stack.site import Site
from stack.transport import piped
from tests.verify.connection import Connection, Unreadable

PROGRAM = """
import json, pathlib, sys
home = pathlib.Path(json.loads(sys.stdin.readline())["code"]).readlink().parent
manifest = json.loads((home / "manifest.json").read_text())
files = {path: (home / "files" / path.lstrip("/")).read_text() for path in manifest["files"]}
print(json.dumps({"manifest": manifest, "files": files}))
"""


class ByHand(Exception):
    """The host was rolled back to before its first deploy."""


@dataclasses.dataclass(frozen=True)
class Past(Site):
    """A site as it was when a release was made, with the secrets that its files hold."""

    held: dict[str, str]

    def secrets(self) -> dict[str, str]:
        return self.held


def released(wanted: Desired) -> Desired:
    """The desired state that a host's live release stands for. Raises Unreadable when it has none."""
    request = {"code": wanted.site.catalogue.code}
    done = Connection(wanted.host).feed(piped(), f"{json.dumps(PROGRAM)}\n{json.dumps(request)}\n")
    if done.rc != 0:
        raise Unreadable("it has no live release")
    answer = json.loads(done.stdout)
    manifest, contents = answer["manifest"], answer["files"]
    if manifest["number"] == 0:
        raise ByHand("what was set up by hand is live: its units say nothing that could be verified")
    files = {
        path: File(contents[path], int(mode, 8), owner, group)
        for path, (_, mode, owner, group) in manifest["files"].items()
    }
    catalogue = Catalogue.model_validate(manifest["catalogue"])
    told = "\n".join(file.content for file in files.values())
    held = {
        name: found[1]
        for name in catalogue.secrets
        if (found := re.search(rf"^{name}='(.*)'$", told, re.MULTILINE))
    }
    held |= {path.rsplit(".", 1)[1]: f.content for path, f in files.items() if "/credentials/" in path}
    site = wanted.site
    past = Past(site.environment, catalogue, site.settings, site.hosts, held)
    return dataclasses.replace(
        wanted,
        site=past,
        services=past.services_on(wanted.host),
        files=files,
        links={path: f"{SHARED}/{path}" for path in manifest["shared"]},
        enabled=manifest["enabled"],
    )
