"""Replaces a file of the controller in one rename; never readable by more than it should be."""

import os
import tempfile
from pathlib import Path


def replace(file: Path, content: bytes, mode: int) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "wb") as part:
            os.fchmod(descriptor, mode)
            part.write(content)
            part.flush()
            os.fsync(descriptor)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
