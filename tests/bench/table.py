"""Results as text: lines while they come, and the tables of docs/performance.md."""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Row = dict[str, Any]
BEGIN, END = "<!-- results: make bench UPDATE=1 -->", "<!-- end of results -->"


def number(x: float | None) -> str:
    """Three digits that matter."""
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"


def sentence(doc: str | None) -> str:
    """The first line of a description, with neither its capital nor its full stop."""
    first = (doc or "").split("\n", 1)[0].rstrip(".")
    return first[:1].lower() + first[1:]


def spread(row: Row, key: str) -> str:
    """The range, in brackets."""
    if f"{key}_spread" not in row:
        return ""
    low, high = row[f"{key}_spread"]
    return f" ({number(low)} .. {number(high)})"


def line(row: Row) -> str:
    said = f"{row['case']} [{row['threads']}]: {number(row['ours'])}{spread(row, 'ours')}"
    if row["peer"]:
        said += (f" against {row['peer']}'s {number(row['peer_value'])}{spread(row, 'peer')} "
                 f"{row['unit']}: {row['ratio']:.2f}")
        if "cpu_ratio" in row:
            said += f" (by processor time {row['cpu_ratio']:.2f})"
    else:
        said += f" {row['unit']}"
    if row.get("allocations"):
        said += f", {row['allocations']} allocations"
    return said


def key_of(row: Row) -> tuple[str, int, str | None]:
    return row["case"], row["threads"], row["peer"]


def merged(path: Path, rows: list[Row], keep: bool) -> list[Row]:
    """The rows, behind those of the file that they do not replace, if those are kept."""
    if not keep or not path.exists():
        return rows
    fresh = {key_of(row) for row in rows}
    return [row for row in json.loads(path.read_text()) if key_of(row) not in fresh] + rows


def markdown(rows: list[Row]) -> str:
    """A table of duels and one of what has no peer."""
    duels = [r for r in rows if r["peer"]]
    others = [r for r in rows if not r["peer"]]
    text = ["| case | threads | unit | ours | peer | its value | ratio | by processor time |",
            "|---|---|---|---|---|---|---|---|"]
    for r in duels:
        cpu = f"{r['cpu_ratio']:.2f}" if "cpu_ratio" in r else ""
        text.append(f"| {r['case']} | {r['threads']} | {r['unit']} | {number(r['ours'])}"
                    f"{spread(r, 'ours')} | {r['peer']} | {number(r['peer_value'])}"
                    f"{spread(r, 'peer')} | {r['ratio']:.2f} | {cpu} |")
    text += ["", "| case | threads | value | unit |", "|---|---|---|---|"]
    text += [f"| {r['case']} | {r['threads']} | {number(r['ours'])}{spread(r, 'ours')} | "
             f"{r['unit']} |" for r in others]
    loads = [r["load"] for r in rows if "load" in r]
    if loads:
        text += ["", f"Load average while measuring: {min(loads):.1f} to {max(loads):.1f}."]
    return "\n".join(text)


def update(path: Path, rows: list[Row]) -> None:
    """Puts the tables between the marks."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n\n{markdown(rows)}\n\n{END}{after}")
