"""The comparison of two policies as a web page, with the parts and the style of the review site."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from therapy_policy.change.diff import Document
from therapy_policy.change.render import change_as_text, rule_as_text
from therapy_policy.files import packaged_json
from therapy_policy.policy.digest import REVISION_DIGITS
from therapy_policy.review.differences import Names, differences_of_document, for_templates
from therapy_policy.review.page_markup import finished, sheet_with


def html_page(document: Document) -> str:
    """Return the document as one HTML page without external resources."""
    names = Names(packaged_json("data.json"), packaged_json("request.schema.json"))
    environment = Environment(
        loader=PackageLoader("therapy_policy.review"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    filters, of_differences = for_templates(names, lambda change: None)
    environment.filters |= filters | {"grouped": lambda number: f"{number:,}"}
    environment.globals |= of_differences
    lines = [f"{change['area']}: {change_as_text(change)}" for change in document["data"]]
    lines += [f"Rules: {rule_as_text(rule)}" for rule in document["rules"]]
    style = (resources.files("therapy_policy.review") / "style.css").read_text(encoding="utf-8")
    page = environment.get_template("diff.html").render(
        document=document,
        differences=differences_of_document(document, names, lines),
        example_flips=[
            {"name": each["name"], "old": each["old_outcome"], "new": each["new_outcome"]}
            for each in document["examples"]["flips"]
        ],
        style=Markup(style + sheet_with(_sheet_name(document))),
    )
    return finished(page)


def _sheet_name(document: Document) -> str:
    sides = (
        f"{each['policy_version']} ({each['digest'][:REVISION_DIGITS]})" for each in (document["old"], document["new"])
    )
    return f"Therapy policy {' compared with '.join(sides)}"
