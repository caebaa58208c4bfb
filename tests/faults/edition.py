"""A checkout of its own for one host: each edition changes every env file and unit, and every other one
brings an eleventh service, so that code, files and services must go forth and back together."""

import shutil
from pathlib import Path

from tests.lab.machines import ROOT

ELEVENTH = """
  - name: extra
    unit: quantlab-extra
    role: research
    directory: services/labeld
    runtime: node
    start: npm start
    build: services/labeld
    port: 3071
    health: {http: {path: /health}}
    env_file: extra.env
    needs: [featurexd]
    paths: [services/labeld, core/lib]
"""


class Edition:
    def __init__(self, folder: Path) -> None:
        self.root = folder
        leave = shutil.ignore_patterns(".venv", ".git", "reference", "reports", "*cache*", ".lab")
        shutil.copytree(ROOT, folder, ignore=leave, dirs_exist_ok=True)
        (folder / ".lab").symlink_to(ROOT / ".lab")
        self.plain = (folder / "group_data/catalogue.yaml").read_text()
        self.texts = {p: p.read_text() for p in (folder / "templates").rglob("*.j2")}

    def turn(self, number: int) -> None:
        """Make it edition `number`."""
        for path, text in self.texts.items():
            if path.parent.name == "env" and path.name != "s3.j2":
                path.write_text(f"{text.rstrip()}\nEDITION={number}\n")
            if path.name in ("service.j2", "target.j2"):
                path.write_text(f"{text.rstrip()}\n# edition {number}\n")
        extra = self.root / "templates/env/extra.env.j2"
        text = self.texts[self.root / "templates/env/labeld.env.j2"]
        extra.write_text(f"{text.rstrip()}\nEDITION={number}\n")
        before, line, after = self.plain.partition("\ntimers:")
        catalogue = before + ELEVENTH + line + after if number % 2 else self.plain
        (self.root / "group_data/catalogue.yaml").write_text(catalogue)

    def edit(self, path: str, old: str, new: str) -> None:
        """Break a template, on top of the edition; the next `turn` mends it."""
        text = (self.root / path).read_text()
        assert old in text, f"{path} has no {old}"
        (self.root / path).write_text(text.replace(old, new))
