"""The environment that all templates are rendered in."""

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Undefined, pass_context
from jinja2.runtime import Context

from stack.site import ROOT


@pass_context
def _mark(context: Context, value: object) -> object:
    """Leave a mark for a value of an env file; units and the like take the value itself."""
    marks = context.get("marks")
    return marks.mark(value) if marks and not isinstance(value, Undefined) else value


TEMPLATES = Environment(  # noqa: S701 (these are env files and units, not HTML)
    loader=FileSystemLoader([ROOT / "templates", ROOT / "templates/env", ROOT / "templates/units"]),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    finalize=_mark,
)
