"""The glossary, and links to it from the first use of each term on a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from markupsafe import Markup, escape

from therapy_policy.review.requests import in_words
from therapy_policy.review.search import VOID

FILE = resources.files("therapy_policy.review") / "glossary.md"
OUTCOME = "Outcome: "  # before the name of an outcome, which pages write in words
# Not in what people click, in code, in headings and in the names of rows and columns.
WITHOUT_LINKS = {"a", "button", "caption", "code", "dt", "h1", "h2", "h3", "h4", "label", "nav", "noscript", "option"}
WITHOUT_LINKS |= {"pre", "script", "select", "style", "summary", "svg", "textarea", "th", "var"}


SILENT = re.compile(r'class="(?:usa-tag|none|tp-status__label)')  # an outcome, "nothing", or a label
IDIOMS = ("took effect", "take effect", "takes effect", "in effect", "no effect", "into effect")  # not the term


@dataclass(frozen=True)
class Term:
    """A term of the glossary."""

    anchor: str
    term: str
    meaning: Markup

    @property
    def title(self) -> str:
        """The term as its heading, such as "Outcome: partially authorized"."""
        outcome = self.term.startswith(OUTCOME)
        return OUTCOME + self.words if outcome else self.term

    @property
    def words(self) -> str:
        """The term as pages write it, such as "partially authorized"."""
        return in_words(self.term.removeprefix(OUTCOME)).lower()


def glossary() -> list[Term]:
    """Read the terms of glossary.md."""
    terms = []
    for paragraph in FILE.read_text(encoding="utf-8").split("\n\n"):
        if match := re.fullmatch(r"\*\*(.+?)\.\*\* (.+)", paragraph.strip(), re.DOTALL):
            anchor = re.sub(r"\W+", "-", match[1].lower())
            meaning = Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(match[2]))))
            terms.append(Term(anchor, match[1], meaning))
    return terms


def link_terms(html: str, terms: Sequence[Term], page: str = "glossary.html") -> str:
    """Return a page with a link from the first use of each term in its main part to the term in the glossary."""
    anchors = {term.words: term.anchor for term in terms}
    pieces, open_, in_main = [], list[tuple[str, bool]](), False
    for piece in re.split(r"(<!--.*?-->|<[^>]+>)", html, flags=re.DOTALL):
        if tag := re.match(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)", piece):
            closing, name = bool(tag[1]), tag[2].lower()
            in_main = in_main or name == "main"
            if closing and name == "main":
                in_main = False
            if name not in VOID and not piece.endswith("/>"):
                _track(open_, name, closing=closing, silent=name in WITHOUT_LINKS or bool(SILENT.search(piece)))
        elif in_main and anchors and not any(silent for _, silent in open_):
            piece = _linked(piece, anchors, page)
        pieces.append(piece)
    return "".join(pieces)


def _track(open_: list[tuple[str, bool]], name: str, *, closing: bool, silent: bool) -> None:
    if not closing:
        open_.append((name, silent))
        return
    while open_ and open_.pop()[0] != name:
        pass


def _linked(text: str, anchors: dict[str, str], page: str) -> str:
    """The text with links for those terms that it uses, which are then taken out of `anchors`."""
    parts, at = [], 0
    for match in _use_of(tuple(anchors)).finditer(text):
        if match[1] and (anchor := anchors.pop(match[1].lower(), None)):
            link = f'<a class="tp-term" href="{page}#{anchor}">{match[0]}</a>'
            parts += [text[at : match.start()], link]
            at = match.end()
    return "".join([*parts, text[at:]])


@cache
def _use_of(terms: tuple[str, ...]) -> re.Pattern[str]:
    """What finds the terms in a text, the longest first."""
    words = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    return re.compile(rf"(?<![\w/-])(?:{'|'.join(IDIOMS)}|({words})(?:s|es)?)(?![\w-])", re.IGNORECASE)
