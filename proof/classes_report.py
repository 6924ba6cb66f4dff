"""Writes the text of docs/classes.md: what the classes are, and the results of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

from proof import oracle
from proof.request_types import REQUEST_TYPES
from therapy_policy.classes.dimensions import Dimension
from therapy_policy.classes.model import RequestType

Counts = Mapping[str, Counter[str]]  # by request type
Distinct = Mapping[str, Mapping[str, int]]  # by request type and dimension: the number of distinct values

OUTCOMES = ("authorized", "partially_authorized", "routed", "pended", "denied", "not_applicable")

HEAD = """\
# Request classes

<!-- Written by `make classes`; do not edit. -->

Every valid request belongs to one class, and the rules decide all requests of a class alike. This page lists the
classes and what happened when each of them was decided. (A request that is not valid under the published schema belongs
to no class: it gets the outcome invalid_request, and nothing is authorized.)

Decided with policy {version}, digest `{digest}`. The digest is of what decides; new wording does not change it.
"""

FIGURES = """
## Results

The embedded engine decided two requests of each class: the smallest one and another one. A class counts as

- *undecided* if the engine returns no decision (which also happens when two rules give two outcomes), if a valid
  request is called invalid, or if no reason accounts for the outcome;
- *contradictory* if two reasons cannot both be true, if two codes apply to one field, if the reasons lead to another
  outcome, if something is authorized although the outcome does not say so, or if a denial cites no clause;
- *differing from the oracle* if the second, independent implementation in `proof/oracle.py` decides differently, in
  anything except the sentences for people;
- *inconsistent within the class* if its two requests are decided differently, in anything except what repeats the
  request;
- *not the combination of its parts* if it has other reasons, another outcome or another authorization than follow from
  its parts (see [Factored request types](#factored-request-types));
- *with a wrong standard answer* if the standard answer (X12 and FHIR) of the smaller request differs from the one that
  `proof/answers.py` gives to its decision, or breaks a rule that applies to all answers.
"""

# The headings of the classes with a problem, by the name of the problem.
PROBLEM_HEADS = {
    "undecided": "undecided",
    "contradictory": "contradictory",
    "differences": "differing from the oracle",
    "inconsistent": "inconsistent within the class",
    "not_combined": "not the combination of its parts",
    "answers": "with a wrong standard answer",
}

WHAT_DECIDES = """
## Which rule decides

The deciding reason is the first one, in the order of the reason codes, whose effect leads to the outcome. A reason that
applies to the whole request comes before one that applies to a line or to units. The number of classes that each reason
decides:
"""

INTERPRETATIONS = """
## What depends on each interpretation

The number of classes with a reason that cites the interpretation, whether the reason decides, comes with the one that
decides, or is informational only. Interpretations that no reason cites are not listed: they show in the format of
requests, or in a rule.
"""

NO_REASON = """
## What no rule mentions

### Classes without a reason

Nothing is approved only because a rule is missing: a class without a reason is one that meets every condition. These
are all of them. A field that is not listed can have any of its values.
"""

UNUSED = """
### Fields that no rule reads

The content of these fields, if it is valid, never changes the decision.

| field | request types |
| --- | --- |
| `request_id`, which is repeated in the decision | all |
| `requested_visits`, which is repeated in a message | `pt_extension` |
| `modifiers` of a service line | `pediatric_ot_claim` |
"""

CLAIM_DATES = """\
| `service_date`, because no list or number of the claim has changed so far | `pediatric_ot_claim` |
"""

CLASSES = """
## The classes, by request type

A class is one value of each of these. If a value covers several contents of the field, the rules do not distinguish
them. *Distinct* is the number of values that lead to different decisions, in classes that differ only in that field. It
is not counted for lists.
"""

LISTS = """
### Lists

Requests can have longer lists than the enumerated ones. Longer lists add nothing that the rules could distinguish:

- **Service lines.** The decision on a line depends on its own code and units, on whether 97129 is on the claim, and on
  the units that remain for it. An earlier line takes some of the remaining units, or gets none. A visit has at most
  four units, so all earlier lines together leave 4, 3, 2, 1 or 0, as `units_already_authorized` does. The decision on
  the claim depends only on whether all lines are denied, whether all are authorized, and whether one has a unit. A test
  takes claims of up to 50 lines and finds that each line is decided as in a claim of one or two lines.
- **Goals of a plan of care, planned interventions.** Each is evaluated separately. A test takes longer lists and finds
  that each element has the reasons that it has in a list of its own.
- **Goals and notes of an extension.** Each goal is evaluated separately, except that its id is compared with each
  earlier id and with each id that the notes address; an id that a note addresses is compared with the id of each goal.
  Two goals and two notes therefore show every way in which one can affect another, and the numbers of the notes are
  right or wrong as a whole. A test takes longer lists and finds that their reasons are those for every goal, every note
  and every pair.

### Factored request types

`pt_visit` and `pt_extension` have too many classes to decide one by one. Their fields form the groups below, and no
rule reads fields of two groups; a test reads that from the rules themselves. (The date is the exception: it also
selects the numbers in effect. Since 2022-06-01 there has been one set of numbers, and before that date only the scope
is evaluated.) Two things follow. First, the reasons for a request are the reasons for each of its groups, put together;
if some of them put the request out of scope, only those remain, and `EXT_READY_FOR_CLINICAL_REVIEW` is given if no
group gives another reason. Second, the outcome depends on a group only through its effects on the request (scope, deny,
pend or none) and, in a visit, through the units that remain. So each group is enumerated in full, combined with every
combination of the different effects that the other groups can have. In the same way, the goals and notes of an
extension are enumerated with every status complete, and every status is enumerated with complete notes.

Two checks compare this with the policy. Each enumerated class must have exactly the reasons, the outcome and the
authorization that follow from the decisions on its groups. The same must be true for random classes of the whole
product.
"""

SLICE = """
## What every test run decides again

Every test run decides a fixed slice of the classes. The fingerprint identifies the decisions on that slice. If it
changes, the policy has changed and this page must be written again.
"""


def report(counts: Counts, distinct: Distinct, problems: Sequence[str], version: str, digest: str) -> str:
    return "".join(
        [
            HEAD.format(version=version, digest=digest),
            FIGURES,
            results_table(counts, problems),
            outcome_table(counts),
            WHAT_DECIDES,
            *(deciding_table(name, count) for name, count in counts.items()),
            INTERPRETATIONS,
            interpretation_table(counts),
            NO_REASON,
            *(without_reason(REQUEST_TYPES[name], count) for name, count in counts.items()),
            UNUSED,
            CLAIM_DATES if distinct.get("pediatric_ot_claim", {}).get("service_date") == 1 else "",
            classes(distinct),
            random_classes(counts),
            slice_table(counts),
        ]
    )


def stale(text: str, counts: Counts, distinct: Distinct) -> str | None:
    """The part of a report that a quick run contradicts, if any."""
    if classes(distinct) not in text:
        return "what the classes are"
    return "the slice that every test run decides" if slice_table(counts) not in text else None


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |\n"

    return "\n" + line(heads) + line("---" for _ in heads) + "".join(map(line, rows))


def with_total(rows: list[list[object]]) -> list[list[object]]:
    sums = [sum(cell for cell in column if isinstance(cell, int)) for column in list(zip(*rows, strict=True))[1:]]
    return [*rows, ["all", *sums]]


def results_table(counts: Counts, problems: Sequence[str]) -> str:
    rows: list[list[object]] = [
        [f"`{name}`", count["classes"], *(count[problem] for problem in problems)] for name, count in counts.items()
    ]
    heads = ["request type", "classes", *(PROBLEM_HEADS[problem] for problem in problems)]
    return table(heads, with_total(rows))


def outcome_table(counts: Counts) -> str:
    rows: list[list[object]] = [
        [f"`{name}`", *(count[f"outcome {outcome}"] for outcome in OUTCOMES)] for name, count in counts.items()
    ]
    return "\nEach class has one outcome:\n" + table(["request type", *OUTCOMES], with_total(rows))


def deciding_table(name: str, count: Counter[str]) -> str:
    rows = [
        [outcome, f"`{code}`" if code in oracle.REASONS else code, number]
        for outcome, code, number in deciding_codes(count)
    ]
    return f"\n### {name}\n" + table(["outcome", "decided by", "classes"], rows)


def deciding_codes(count: Counter[str]) -> Iterator[tuple[str, str, int]]:
    """What decides the classes of a request type: outcome, reason code (or words), number of classes."""
    order = {code: place for place, code in enumerate(oracle.REASONS)}
    for outcome in OUTCOMES:
        by_code = {key.split(" ", 2)[2]: n for key, n in count.items() if key.startswith(f"decides {outcome} ")}
        for code in sorted(by_code, key=lambda code: order.get(code, -1)):
            yield outcome, code, by_code[code]


def interpretation_table(counts: Counts) -> str:
    return table(["interpretation", "classes"], interpretations(counts))


def interpretations(counts: Counts) -> list[tuple[str, int]]:
    """How many classes have a reason that is based on each interpretation."""
    together = sum(counts.values(), Counter[str]())
    number = {key.removeprefix("cites "): n for key, n in together.items() if key.startswith("cites ")}
    return sorted(number.items(), key=lambda item: int(item[0].removeprefix("INT-")))


def without_reason(kind: RequestType, count: Counter[str]) -> str:
    by_outcome = [(outcome, count[f"no reason {outcome}"]) for outcome in OUTCOMES if count[f"no reason {outcome}"]]
    if not by_outcome:
        return f"\n- `{kind.name}`: none. Complete documentation has a reason, too: a clinician reviews it.\n"
    number = sum(n for _, n in by_outcome)
    all_of = ", ".join(f"{n:,} {outcome}" for outcome, n in by_outcome)
    lines = [f"\n- `{kind.name}`: {number:,} of {count['classes']:,} classes ({all_of})\n"]
    for place, dimension in enumerate(kind.dimensions):
        values = [value for value in dimension.values if count[f"no reason in {place} {value}"]]
        if 0 < len(values) < len(dimension.values):
            lines.append(f"  - `{dimension.name}`: {' · '.join(map(str, values))}\n")
    return "".join(lines)


def classes(distinct: Distinct) -> str:
    partly_distinct = [
        f"`{name}`, `{dimension}`: {number} of {len(each.values)}"
        for name, kind in REQUEST_TYPES.items()
        for each in kind.dimensions
        for dimension, number in distinct[name].items()
        if dimension == each.name and number < len(each.values)
    ]
    answer = "none: each value of each field leads to a different decision somewhere"
    if partly_distinct:
        answer = f"values of {'; '.join(partly_distinct)}"
    return "".join(
        [
            f"\n### Values that no rule distinguishes\n\nAmong the values below, {answer}.\n",
            CLASSES,
            *(dimension_table(kind, distinct[kind.name]) for kind in REQUEST_TYPES.values()),
            LISTS,
            *(group_table(kind) for kind in REQUEST_TYPES.values() if kind.factored),
        ]
    )


def dimension_table(kind: RequestType, distinct: Mapping[str, int]) -> str:
    rows = [
        [f"`{each.name}`", in_words(each), len(each.values), distinct.get(each.name, "–")]
        for each in kind.dimensions
        if len(each.values) > 1
    ]
    sizes = [group.size for group in kind.groups if group.size > 1]
    factors = f"{' × '.join(f'{size:,}' for size in sizes)} = " if len(sizes) > 1 else ""
    return (
        f"\n### Classes of {kind.name}\n"
        + table(["field", "values", "number", "distinct"], rows)
        + f"\n{factors}{prod(sizes):,} classes\n"
    )


def in_words(dimension: Dimension) -> str:
    return dimension.about or " · ".join(map(str, dimension.values))


def group_table(kind: RequestType) -> str:
    rows = [
        [group.name, group.size, len(group.values), len(effects)]
        for group, effects in zip(kind.groups, kind.representatives, strict=True)
    ]
    blocks = [[block.name, block.size] for block in kind.blocks]
    return (
        f"\n#### Groups of {kind.name}\n"
        + table(["group", "combinations", "enumerated", "different effects"], rows)
        + f"\n{kind.size:,} classes in all. These are decided one by one:\n"
        + table(["enumerated", "classes"], [*blocks, ["all", sum(block.size for block in kind.blocks)]])
    )


def random_classes(counts: Counts) -> str:
    rows = [[f"`{name}`", count["random"]] for name, count in counts.items() if REQUEST_TYPES[name].factored]
    return "\n#### Random classes\n" + table(["request type", "random classes decided without a problem"], rows)


def slice_table(counts: Counts) -> str:
    rows = [[f"`{name}`", count["slice"], f"`{count['fingerprint'] % 2**64:016x}`"] for name, count in counts.items()]
    return SLICE + table(["request type", "classes", "fingerprint"], rows)
