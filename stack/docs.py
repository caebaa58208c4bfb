"""Writes the tables of docs/ that come from the catalogue: `python -m stack.docs`."""

import re
from pathlib import Path

from stack.catalogue import Catalogue, Service, load
from stack.site import ROOT

PAGE = ROOT / "docs" / "catalogue.md"


def health(service: Service) -> str:
    """The probe in an operator's words."""
    if http := service.health.http:
        auth = f" with `Bearer ${http.auth}`" if http.auth else ""
        return f"GET {http.path}{auth} gives {http.status}"
    return "port accepts" if service.health.tcp else f"up for {service.health.stable:g} s"


def table(catalogue: Catalogue) -> str:
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


def current(page: str, catalogue: Catalogue) -> str:
    """The page with its table written anew."""
    marked = re.compile(r"(<!-- services -->\n).*?(<!-- end -->)", re.DOTALL)
    text, count = marked.subn(lambda found: f"{found[1]}{table(catalogue)}\n{found[2]}", page)
    if count != 1:
        raise ValueError("the page has no place for the table: <!-- services --> … <!-- end -->")
    return text


def main(page: Path = PAGE) -> None:
    page.write_text(current(page.read_text(), load(ROOT / "group_data" / "catalogue.yaml")))


if __name__ == "__main__":
    main()
