"""The picture of an episode of care: its steps, and which outcome leads from one to another."""

from __future__ import annotations

import re

from markupsafe import Markup

from therapy_policy.errors import PolicyNotReadable
from therapy_policy.review.reading import PolicyView
from therapy_policy.review.requests import in_words
from therapy_policy.toolchain.fetching import ReportStep
from therapy_policy.toolchain.node import render_svg


def picture_of_episode(policy: PolicyView, report: ReportStep) -> Markup:
    """Return the picture as SVG for a page, which has a table with the same content; empty if there are no steps.

    Raises `PolicyNotReadable` if it cannot be drawn, and the errors of `render_svg`.
    """
    if not policy.episode["steps"]:
        return Markup("")
    report("Drawing the episode of care …")
    try:
        image = render_svg(_graph(policy), report)
    except ValueError as problem:
        raise PolicyNotReadable(f"therapy/register/episode: it cannot be drawn. {problem}") from None
    svg = image[image.index("<svg") :]
    opening = (
        r'<svg role="group" aria-labelledby="flow-title" aria-describedby="flow-description"\1>'
        '\n<title id="flow-title">Episode of care, step by step</title>\n<desc id="flow-description">'
        "The steps as boxes, and which outcome leads from one to another. The table below says the same.</desc>"
    )
    return Markup(re.sub(r"<svg([^>]*)>", opening, svg, count=1))


def _graph(policy: PolicyView) -> str:
    """The steps as a graph in DOT."""
    lines = [
        "digraph episode {",
        'bgcolor="transparent"; rankdir=TB; nodesep=0.45; ranksep=0.45;',
        'node [shape=box, style="rounded,filled", fillcolor="#f2f6f9", color="#4a6173", fontcolor="#14202b",'
        ' fontname="Helvetica,Arial,sans-serif", fontsize=16, margin="0.2,0.1"];',
        'edge [color="#4a6173", fontcolor="#14202b", fontname="Helvetica,Arial,sans-serif", fontsize=13.5];',
    ]
    for name, step in policy.episode["steps"].items():
        kind = step["request_type"]
        link = f', URL="{kind}.html", target="_self"' if kind else ', fillcolor="#ffffff", style="rounded,dashed"'
        lines.append(f"{_quoted(name)} [label={_quoted(step['title'])}{link}];")
    for way in policy.episode["leads_to"]:
        label = f"  {in_words(way['outcome'])}" + (f"\\l  while {way['while']}\\l" if way.get("while") else "")
        lines.append(f"{_quoted(way['from'])} -> {_quoted(way['to'])} [label={_quoted(label)}];")
    return "\n".join([*lines, "}"])


def _quoted(text: str) -> str:
    """A text as a string in DOT."""
    return '"' + text.replace('"', '\\"') + '"'
