"""Whether somebody who may release has signed a revision: checked on the controller, once for all hosts.

Hosts are told the commit, whose id covers all that it holds and all that came before: their git sees to that.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from facts.git import clone, git
from stack.errors import Refused
from stack.settings import Settings
from stack.site import ROOT

# No signature but an SSH key's counts: what else the operator's keyrings trust is of no concern here.
ONLY_SSH = (
    "gpg.program=false",
    "gpg.x509.program=false",
    "gpg.ssh.program=ssh-keygen",
    "gpg.minTrustLevel=fully",
)


@contextmanager
def readable(signers: Path) -> Iterator[str]:
    """A copy for the user who reads the remote: the settings of a host that pulls are root's alone."""
    with tempfile.NamedTemporaryFile() as copy:
        copy.write(signers.read_bytes())
        copy.flush()
        os.fchmod(copy.fileno(), 0o644)
        yield copy.name


def require_signature(settings: Settings, name: str, commit: str) -> None:
    """Raises Refused unless the commit, or the annotated tag of this name, has a good signature by one of the
    settings' signers. Fetches commits and tags alone."""
    if settings.signers is None:
        return
    signers = ROOT / settings.signers.expanduser()
    if not signers.is_file():
        raise Refused(f"settings: signers: {signers} is not there")
    with clone(settings.repository) as folder, readable(signers) as copy:
        config = [*ONLY_SSH, f"gpg.ssh.allowedSignersFile={copy}"]
        try:
            git("verify-commit", commit, cwd=folder, config=config)
        except Refused as refused:
            if not signed_tag(folder, config, name, commit):
                raise Refused(
                    f"revision {name} ({commit[:12]}): neither the commit nor a tag of this name has a good "
                    f"signature by a key in {signers} ({refused})"
                ) from None


def signed_tag(folder: str, config: list[str], name: str, commit: str) -> bool:
    """Whether the tag is signed, by this name and for this commit: an old one may have been renamed."""
    try:
        told = git("verify-tag", "--format=%(tag) %(*objectname)", name, cwd=folder, config=config)
    except Refused:
        return False
    return told.strip() == f"{name} {commit}"
