"""What every page gets after its template: dates that do not break, and cells that name their column."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from markupsafe import Markup

FEWEST_COLUMNS = 3  # of a table whose rows are shown one below the other in a narrow window; style.css has the same
WITH_OWN_LABELS = ("matrix", "decisions")  # classes of tables whose templates name the column of each cell


def finished(page: str) -> str:
    """Return a page with its dates in one piece, and with the name of its column in each cell of a wide table."""
    return _cells_with_labels(_dates_in_one_piece(page))


def sheet_with(name: str) -> str:
    """Return the style of a printed sheet with a name, in which no character needs an escape, and its page number."""
    return (
        "@page{margin:16mm 15mm 18mm;"
        f'@bottom-left{{content:"{name}";font:7pt sans-serif}}'
        '@bottom-right{content:"page " counter(page) " of " counter(pages);font:7pt sans-serif}}\n'
    )


def _dates_in_one_piece(page: str) -> str:
    """A page with its dates as `<time>`, which the style keeps on one line."""
    silent = r"<(title|pre|option|svg|script|style)\b.*?</\1>|<[^>]+>"
    return re.sub(
        rf"{silent}|\b\d{{4}}-\d\d-\d\d\b",
        lambda match: match[0] if match[0].startswith("<") else f"<time>{match[0]}</time>",
        page,
        flags=re.DOTALL,
    )


@dataclass
class _Table:
    labels: bool  # whether its cells get the names of their columns here
    columns: list[str] = field(default_factory=list)
    column: int = 0  # of the next cell


def _cells_with_labels(page: str) -> str:
    """A page whose style can show a row as a card: each cell of a wide table has its column as `data-label`."""
    open_tables: list[_Table] = []

    def labeled(match: re.Match[str]) -> str:
        tag = match[0]
        if tag.startswith("<table"):
            open_tables.append(_Table(labels=not re.search(rf'class="[^"]*\b({"|".join(WITH_OWN_LABELS)})\b', tag)))
        elif tag == "</table>":
            open_tables.pop()
        elif tag.startswith("<tr"):
            open_tables[-1].column = 0
        elif match["head"] is not None:
            open_tables[-1].columns.append(str(Markup(match["head"]).striptags()))
        else:
            table = open_tables[-1]
            name = table.columns[table.column] if table.column < len(table.columns) else ""
            table.column += 1
            # The header of a row is the title of its card; a number alone says nothing as a title.
            named = tag.startswith("<td") or 'class="n"' in tag
            if table.labels and len(table.columns) >= FEWEST_COLUMNS and named:
                return f'{tag[:-1]} data-label="{Markup.escape(name)}">'
        return tag

    cell = r'<th scope="col"[^>]*>(?P<head>.*?)</th>|<t[dh]\b[^>]*>'
    return re.sub(rf"<table\b[^>]*>|</table>|<tr\b[^>]*>|{cell}", labeled, page, flags=re.DOTALL)
