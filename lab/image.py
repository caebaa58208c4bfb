"""The image that every host starts from: built once, kept until what it is made of changes."""

import hashlib
import json
import shlex
import shutil
import tempfile
import time
from pathlib import Path

from lab.errors import LabError
from lab.settings import IMAGE_CACHE, LOCKS, VARIABLE_DATA
from lab.shell import locked, run, say, since
from lab.sources import SUITE, debian_sources, fetch_settings

# What a cloud's minimal Debian holds. Everything else is the deploy's work.
PACKAGES = (
    "ca-certificates",
    "dbus",
    "iproute2",
    "openssh-server",
    "sudo",
    "systemd",
    "systemd-sysv",
)
_RECIPE = Path(__file__).with_name("recipe.sh")


def ensure() -> Path:
    """The root file system of the image, built now if this machine has none yet."""
    ingredients = {
        "suite": SUITE,
        "packages": ",".join(PACKAGES),
        "sources": debian_sources(),
        "settings": fetch_settings(),
        "recipe": _RECIPE.read_text(),
    }
    digest = hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()[:12]
    image = IMAGE_CACHE / digest
    with locked(LOCKS / "quantlab-lab.image.lock"):
        if not image.exists():
            start = time.monotonic()
            say("building the image: once, about half a minute")
            _build(image, ingredients["sources"], ingredients["settings"])
            say(f"image built in {since(start)} (cached as {image})")
    return image


def drop() -> None:
    """Remove every image that no lab stands on."""
    with locked(LOCKS / "quantlab-lab.image.lock"):
        hosts = VARIABLE_DATA.glob("*/hosts/*")
        lists = [file for host in hosts for file in (host / "layers", *host.glob("snapshots/*"))]
        used = {layer for file in lists if file.exists() for layer in file.read_text().split()}
        for image in sorted(IMAGE_CACHE.glob("*")):
            if str(image) in used:
                raise LabError(f"{image} is in use: `python -m lab down` first, for every lab")
            shutil.rmtree(image)
            say(f"{image} removed")
        if IMAGE_CACHE.exists():
            IMAGE_CACHE.rmdir()


def _build(image: Path, sources: str, settings: str) -> None:
    """Build beside the place and rename: an image that is there is whole."""
    IMAGE_CACHE.mkdir(parents=True, exist_ok=True)
    part = image.with_suffix(".part")
    if part.exists():  # of a build that was killed; nobody else builds while we hold the lock
        shutil.rmtree(part)
    with tempfile.TemporaryDirectory(prefix="quantlab-lab-") as folder:
        source_file = Path(folder) / "debian.sources"
        source_file.write_text(sources)
        setting_file = Path(folder) / "apt.conf"
        setting_file.write_text(settings)
        try:
            run(
                "mmdebstrap",
                "--mode=root",
                "--variant=minbase",
                "--format=directory",
                f"--include={','.join(PACKAGES)}",
                f"--aptopt={setting_file}",
                f'--customize-hook=sh {shlex.quote(str(_RECIPE))} "$1"',
                SUITE,
                part,
                source_file,
            )
        except LabError as error:
            if part.exists():
                shutil.rmtree(part)
            raise LabError(f"the image could not be built: {error}") from error
    part.rename(image)
