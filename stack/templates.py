"""The environment that all templates are rendered in."""

import contextlib
import os
import pickle

from jinja2 import (
    Environment,
    FileSystemBytecodeCache,
    FileSystemLoader,
    StrictUndefined,
    Undefined,
    pass_context,
)
from jinja2.bccache import Bucket
from jinja2.runtime import Context
from typing_extensions import override

from stack.site import ROOT


@pass_context
def _mark(context: Context, value: object) -> object:
    """Leave a mark for a value of an env file; units and the like take the value itself."""
    marks = context.get("marks")
    return marks.mark(value) if marks and not isinstance(value, Undefined) else value


class Cache(FileSystemBytecodeCache):
    """One that is damaged, or cannot be written to, is as good as none."""

    @override
    def load_bytecode(self, bucket: Bucket) -> None:
        try:
            super().load_bytecode(bucket)
        except (OSError, EOFError, ValueError, TypeError, pickle.UnpicklingError):
            bucket.reset()

    @override
    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def _compiled() -> Cache | None:
    """Templates are kept compiled, like Python's own files: that saves 30 ms in each run."""
    place = ROOT / ".cache" / "templates"
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    return Cache(str(place)) if os.access(place, os.W_OK | os.X_OK) else None


TEMPLATES = Environment(  # noqa: S701 (these are env files and units, not HTML)
    loader=FileSystemLoader([ROOT / "templates", ROOT / "templates/env", ROOT / "templates/units"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    finalize=_mark,
    bytecode_cache=_compiled(),
)
