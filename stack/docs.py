"""Writes the tables of docs/ that come from the catalogue and the doctor's table: `make docs`."""

import re
from pathlib import Path

from doctor.table import CAUSES, SYMPTOMS  # found in host/, which `make docs` puts on the path

from stack.catalogue import Catalogue, Service, load
from stack.site import ROOT

PAGE, DOCTOR = ROOT / "docs" / "catalogue.md", ROOT / "docs" / "doctor.md"


def health(service: Service) -> str:
    """The probe in an operator's words."""
    if http := service.health.http:
        auth = f" with `Bearer ${http.auth}`" if http.auth else ""
        return f"GET {http.path}{auth} gives {http.status}"
    return "port accepts" if service.health.tcp else f"up for {service.health.stable:g} s"


def services(catalogue: Catalogue) -> str:
    """The services as a Markdown table, in start order."""
    lines = ["| # | service | unit | role | port | healthy when | env file | needs |", "|" + "---|" * 8]
    for number, service in enumerate(catalogue.services, 1):
        cells = [number, service.name, service.unit, service.role, service.port or "-", health(service)]
        cells += [f"/etc/quantlab/{service.env_file}", ", ".join(service.needs) or "-"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    for timer in catalogue.timers:
        cells = ["-", timer.name, f"{timer.unit}.timer", timer.role, "-", f"runs {timer.schedule}"]
        cells += [f"/etc/quantlab/{timer.env_file}", "-"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def symptoms() -> str:
    """What the doctor looks for, and in which order."""
    lines = ["| symptom | causes, in the order in which they are looked for |", "|---|---|"]
    for symptom in SYMPTOMS:
        names = ", ".join(f"`{cause.name}`" for cause in symptom.causes)
        lines.append(f"| `{symptom.name}`: {symptom.shows} | {names} |")
    return "\n".join(lines)


def causes() -> str:
    lines = ["| cause | what it means | next |", "|---|---|---|"]
    for cause in CAUSES.values():
        mend = cause.mend.replace("|", "\\|")
        lines.append(f"| `{cause.name}` | {cause.means} | {mend} |")
    return "\n".join(lines)


def current(page: str, **tables: str) -> str:
    """The page with each of its tables written anew, in the place that carries its name."""
    for name, table in tables.items():
        marked = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        place = marked.search(page)
        if place is None:
            raise ValueError(f"the page has no place for the table: <!-- {name} --> … <!-- end -->")
        page = f"{page[: place.end(1)]}{table}\n{page[place.start(2) :]}"
    return page


def pages() -> dict[Path, str]:
    """Every page that holds such tables, as it should be."""
    known = load(ROOT / "group_data" / "catalogue.yaml")
    return {
        PAGE: current(PAGE.read_text(), services=services(known)),
        DOCTOR: current(DOCTOR.read_text(), symptoms=symptoms(), causes=causes()),
    }


def main() -> None:
    for page, text in pages().items():
        page.write_text(text)


if __name__ == "__main__":
    main()
