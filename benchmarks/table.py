"""The figures as Markdown. Pure."""

from typing import Any

from benchmarks.stats import Cell, Cells, Mark

TITLES = {
    "ssh": "`ssh host true`",
    "exec": "`pyinfra exec -- true`",
    "ours": "this project",
    "pyinfra": "plain pyinfra",
    "mitogen": "ansible, mitogen",
    "ansible": "ansible, pipelining",
}
CASES = {
    "fresh": "fresh host",
    "nothing": "nothing to change",
    "env": "one env value changed",
    "code": "one service's code changed",
    "rollback": "rollback",
    "verify": "verify",
    "status": "status",
}


def seconds(value: float) -> str:
    """Three figures are as many as a run repeats."""
    return f"{value:.2f} s" if value < 10 else f"{value:.1f} s" if value < 100 else f"{value:.0f} s"


def distance(milliseconds: int) -> str:
    return f"{milliseconds} ms" if milliseconds else "near"


def rows(head: list[str], body: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def times(cells: Cells) -> str:
    """A row for each cell: the median of each contender, and how often longer than ours it takes."""

    def entry(cell: Cell, contender: str) -> str:
        middle, ratio = cell.median(contender), cell.ratio(contender, "ours")
        if middle is None:
            return "-"
        bare = ratio is None or contender == "ours"
        return seconds(middle) if bare else f"{seconds(middle)} ({ratio:.1f}x)"

    head = ["case", "hosts", "distance", *TITLES.values()]
    body = [
        [CASES[cell.case], str(cell.hosts), distance(cell.distance), *(entry(cell, name) for name in TITLES)]
        for cell in cells
    ]
    return rows(head, body)


def costs(cells: Cells) -> str:
    """A row for each contender of each cell: what a run asks of hosts and controller."""
    body = []
    for cell in cells:
        for name in TITLES:
            values = cell.of(name)
            if not values:
                continue
            commands, cpu, memory = (cell.median(name, key) or 0 for key in ("commands", "cpu", "memory"))
            body.append(
                [
                    CASES[cell.case],
                    str(cell.hosts),
                    distance(cell.distance),
                    TITLES[name],
                    f"{commands:.0f}",
                    f"{1000 * cpu / cell.hosts:.0f} ms",
                    f"{memory:.0f} MB",
                    f"{len(values)}",
                    f"{seconds(min(values))} to {seconds(max(values))}",
                ]
            )
    head = ["case", "hosts", "distance", "contender", "commands per host", "CPU per host", "memory", "runs"]
    return rows([*head, "from, to"], body)


def marks(found: list[Mark]) -> str:
    body = [[m.text, f"{m.value:.2f}", f"{m.limit:g}", "reached" if m.good else "**missed**"] for m in found]
    return rows(["mark", "measured", "limit", ""], body)


def healthy(cells: Cells) -> str:
    """Seconds until each service that a deploy started was healthy, by the host's history."""
    body = []
    for cell in cells:
        runs = [run["healthy"] for run in cell.runs if run.get("healthy")]
        if runs and not cell.distance and cell.hosts == 1:
            middle = sorted(runs, key=lambda one: sum(one.values()))[len(runs) // 2]
            told = ", ".join(f"{name} {value:.1f}" for name, value in middle.items())
            body.append([CASES[cell.case], f"{sum(middle.values()):.1f} s", told])
    return rows(["case", "all starts", "seconds to healthy, in start order"], body)


def downtime(found: list[dict[str, Any]]) -> str:
    """How long each service did not answer while its own code was changed."""
    names = [name for name in TITLES if any(entry["contender"] == name for entry in found)]
    services = list(dict.fromkeys(entry["service"] for entry in found))
    told = {(entry["contender"], entry["service"]): f"{entry['down']:.2f} s" for entry in found}
    body = [[service, *(told.get((name, service), "-") for name in names)] for service in services]
    return rows(["service", *(TITLES[name] for name in names)], body)
