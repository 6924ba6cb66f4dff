"""The words of docs/classes.md: what the classes are, and the figures of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import prod

from proof import oracle
from proof.request_types import REQUEST_TYPES
from therapy_policy.classes.dimensions import Dimension
from therapy_policy.classes.model import RequestType

Counts = Mapping[str, Counter[str]]  # of each request type
Apart = Mapping[str, Mapping[str, int]]  # of each dimension of a request type: how many of its values are told apart

OUTCOMES = ("authorized", "partially_authorized", "routed", "pended", "denied", "not_applicable")

HEAD = """\
# Classes of requests

<!-- Written by `make classes`; do not edit. -->

Every valid request is of one class, and the rules decide all requests of a class alike. This page says what the
classes are, and what came out when each of them was decided. (A request that is not of the published form is of no
class: whatever else it says, it is answered as invalid, and nothing is authorized.)
"""

FIGURES = """
## Figures

Each class was decided twice by the embedded engine, with the smallest request of the class and with another one of
the same class. A class counts as

- *undecided* where the engine has no decision, which is also what comes of two rules with two outcomes; where a valid
  request is called invalid; or where no reason accounts for the outcome;
- *contradictory* where two reasons cannot both be true, where two codes stand at one place of the request, where the
  outcome is not the one that follows from the reasons, where something is authorized though the outcome does not
  say so, or where a denial cites no clause;
- *differing from the oracle* where the second, independent implementation in `proof/oracle.py` decides otherwise, in
  anything but the sentences for people;
- *not of one mind* where its two requests are decided otherwise, in anything but what repeats the request;
- *not the sum of its parts* where it has other reasons, another outcome or another grant than follow from its parts
  (see [Request types that are factored](#request-types-that-are-factored)).
"""

WHAT_DECIDES = """
## Which rule decides

The reason that decides is the first one, in the order of the reason codes, whose effect is that of the outcome; one
that bears on the whole request goes before one that bears on a line or on units. How many classes each decides:
"""

RESTING = """
## What rests on each interpretation

How many classes have a reason that rests on the interpretation, whether it decides, stands beside the one that does,
or only informs. Interpretations that no reason names are not here: they show in the form of requests, or in a rule.
"""

SILENT = """
## What no rule mentions

### Classes without any reason

Nothing is approved for want of a rule: a class without any reason is one whose every condition was met. These are
all of them. Members that are not named take every value that they have.
"""

UNREAD = """
### Members that no rule reads

Whatever stands in these members, if it is valid, the decision is the same.

| member | request types |
| --- | --- |
| `request_id`, which is repeated in the decision | all |
| `requested_visits`, which is repeated in a message | `pt_extension` |
| `service_date`, for no list or number of the claim has changed so far | `pediatric_ot_claim` |
| `modifiers` of a service line | `pediatric_ot_claim` |
"""

CLASSES = """
## The classes, by request type

A class is one value of each of these. Where a value covers several things that can stand in the member, the rules do
not tell them apart. *Told apart* says how many of the values were shown to make a difference, by two classes that
differ in that member alone; it is not asked of lists.
"""

LISTS = """
### Lists

Lists can be longer than those that are enumerated. Longer ones add nothing that the rules could tell apart:

- **Service lines.** What a line gets rests on its own code and units, on whether 97129 is on the claim, and on the
  units that are left when its turn comes. A line before it takes units from those left, or finds none; there are four
  at most, so what all lines before it do is to leave 4, 3, 2, 1 or 0, as `units_already_authorized` does. And the claim
  asks of its lines only whether all are denied, whether all are authorized and whether one has a unit. A test takes
  claims of up to 50 lines and finds each line decided as in a claim of one or two.
- **Goals of a plan of care, planned interventions.** Each is judged for itself. A test takes longer lists and finds
  the reasons for each element to be those for a list of it alone.
- **Goals and notes of an extension.** A goal is judged for itself, save that its id is held against each earlier one
  and each that the notes address; an id that a note addresses is held against each goal's. So two goals and two notes
  show every way in which one can bear on another, and the numbers of the notes are right or wrong as a whole. A test
  takes longer lists and finds their reasons to be those for every goal, every note and every pair.

### Request types that are factored

`pt_visit` and `pt_extension` have more classes than can be decided one by one. Their members fall into the groups
below, such that no rule reads members of two groups; a test reads that off the rules themselves. (The date is the
exception: it also chooses the numbers in force. Since 2022-06-01 there is one set of them, and before it nothing but
the scope is judged.) Two things follow. The reasons for a request are those that each group gives by itself, put
together; where some of them put the request out of scope only those are left, and `EXT_READY_FOR_CLINICAL_REVIEW` is
given where no group gives any other. And the outcome rests on a group through nothing but its effects on the request
(scope, deny, pend or none) and, in a visit, the units that are left. So each group is enumerated whole, against every
combination of the different effects that the other groups can have. In the same way the goals and notes of an
extension are enumerated with every status complete, and every status with notes that say all.

Two checks hold this against the policy. Each class that is enumerated must have just the reasons, the outcome and the
grant that its groups come to when each is decided alone. And so must classes drawn at random from all that there are.
"""

SLICE = """
## What every test run decides anew

A fixed slice of the classes is decided by every run of the tests. The fingerprint is that of its decisions; where it
is not the one below, the policy has changed and this page is to be written again.
"""


def report(counts: Counts, apart: Apart, problems: Sequence[str]) -> str:
    return "".join(
        [
            HEAD,
            FIGURES,
            figures(counts, problems),
            outcomes(counts),
            WHAT_DECIDES,
            *(deciding(name, found) for name, found in counts.items()),
            RESTING,
            resting(counts),
            SILENT,
            *(silent(REQUEST_TYPES[name], found) for name, found in counts.items()),
            UNREAD,
            classes(apart),
            drawn(counts),
            decided_anew(counts),
        ]
    )


def stale(text: str, counts: Counts, apart: Apart) -> str | None:
    """The part of a report that a quick run finds to be otherwise, if any."""
    if classes(apart) not in text:
        return "what the classes are"
    return "the slice that every test run decides" if decided_anew(counts) not in text else None


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def line(cells: Iterable[object]) -> str:
        return f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in cells)} |\n"

    return "\n" + line(heads) + line("---" for _ in heads) + "".join(map(line, rows))


def with_sum(rows: list[list[object]]) -> list[list[object]]:
    sums = [sum(cell for cell in column if isinstance(cell, int)) for column in list(zip(*rows, strict=True))[1:]]
    return [*rows, ["all", *sums]]


def figures(counts: Counts, problems: Sequence[str]) -> str:
    heads = ["request type", "classes", "undecided", "contradictory", "differing from the oracle", "not of one mind"]
    rows: list[list[object]] = [
        [f"`{name}`", found["classes"], *(found[problem] for problem in problems)] for name, found in counts.items()
    ]
    return table([*heads, "not the sum of its parts"], with_sum(rows))


def outcomes(counts: Counts) -> str:
    rows: list[list[object]] = [
        [f"`{name}`", *(found[f"outcome {outcome}"] for outcome in OUTCOMES)] for name, found in counts.items()
    ]
    return "\nEach class has one outcome:\n" + table(["request type", *OUTCOMES], with_sum(rows))


def deciding(name: str, found: Counter[str]) -> str:
    rows = [
        [outcome, f"`{code}`" if code in oracle.REASONS else code, count]
        for outcome, code, count in deciding_codes(found)
    ]
    return f"\n### {name}\n" + table(["outcome", "decided by", "classes"], rows)


def deciding_codes(found: Counter[str]) -> Iterator[tuple[str, str, int]]:
    """What decides the classes of a request type: the outcome, the reason code (or words), the number of classes."""
    order = {code: place for place, code in enumerate(oracle.REASONS)}
    for outcome in OUTCOMES:
        by_code = {key.split(" ", 2)[2]: n for key, n in found.items() if key.startswith(f"decides {outcome} ")}
        for code in sorted(by_code, key=lambda code: order.get(code, -1)):
            yield outcome, code, by_code[code]


def resting(counts: Counts) -> str:
    return table(["interpretation", "classes"], interpretations(counts))


def interpretations(counts: Counts) -> list[tuple[str, int]]:
    """How many classes have a reason that is based on each interpretation."""
    together = sum(counts.values(), Counter[str]())
    found = {key.removeprefix("rests on "): n for key, n in together.items() if key.startswith("rests on ")}
    return sorted(found.items(), key=lambda item: int(item[0].removeprefix("INT-")))


def silent(kind: RequestType, found: Counter[str]) -> str:
    by_outcome = [(outcome, found[f"silent {outcome}"]) for outcome in OUTCOMES if found[f"silent {outcome}"]]
    if not by_outcome:
        return f"\n- `{kind.name}`: none. Even complete papers have a reason, for a clinician decides on them.\n"
    number = sum(n for _, n in by_outcome)
    all_of = ", ".join(f"{n:,} {outcome}" for outcome, n in by_outcome)
    lines = [f"\n- `{kind.name}`: {number:,} of {found['classes']:,} classes ({all_of})\n"]
    for place, dimension in enumerate(kind.dimensions):
        seen = [value for value in dimension.values if found[f"silent in {place} {value}"]]
        if 0 < len(seen) < len(dimension.values):
            lines.append(f"  - `{dimension.name}`: {' · '.join(map(str, seen))}\n")
    return "".join(lines)


def classes(apart: Apart) -> str:
    alike = [
        f"`{name}`, `{dimension}`: {told} of {len(each.values)}"
        for name, kind in REQUEST_TYPES.items()
        for each in kind.dimensions
        for dimension, told in apart[name].items()
        if dimension == each.name and told < len(each.values)
    ]
    found = f"values of {'; '.join(alike)}" if alike else "none: each value of each member makes a difference somewhere"
    return "".join(
        [
            f"\n### Values that no rule tells apart\n\nAmong the values below, {found}.\n",
            CLASSES,
            *(described(kind, apart[kind.name]) for kind in REQUEST_TYPES.values()),
            LISTS,
            *(grouped(kind) for kind in REQUEST_TYPES.values() if kind.factored),
        ]
    )


def described(kind: RequestType, apart: Mapping[str, int]) -> str:
    rows = [
        [f"`{each.name}`", in_words(each), len(each.values), apart.get(each.name, "–")]
        for each in kind.dimensions
        if len(each.values) > 1
    ]
    sizes = [group.size for group in kind.groups if group.size > 1]
    factors = f"{' × '.join(f'{size:,}' for size in sizes)} = " if len(sizes) > 1 else ""
    return (
        f"\n### Classes of {kind.name}\n"
        + table(["member", "values", "number", "told apart"], rows)
        + f"\n{factors}{prod(sizes):,} classes\n"
    )


def in_words(dimension: Dimension) -> str:
    return dimension.about or " · ".join(map(str, dimension.values))


def grouped(kind: RequestType) -> str:
    rows = [
        [group.name, group.size, len(group.values), len(effects)]
        for group, effects in zip(kind.groups, kind.representatives, strict=True)
    ]
    blocks = [[block.name, block.size] for block in kind.blocks]
    return (
        f"\n#### Groups of {kind.name}\n"
        + table(["group", "combinations", "enumerated", "different effects"], rows)
        + f"\n{kind.size:,} classes in all, of which these are decided one by one:\n"
        + table(["enumerated", "classes"], [*blocks, ["all", sum(block.size for block in kind.blocks)]])
    )


def drawn(counts: Counts) -> str:
    rows = [[f"`{name}`", found["drawn"]] for name, found in counts.items() if REQUEST_TYPES[name].factored]
    return "\n#### Classes drawn at random\n" + table(["request type", "classes drawn, decided and found right"], rows)


def decided_anew(counts: Counts) -> str:
    rows = [[f"`{name}`", found["slice"], f"`{found['fingerprint'] % 2**64:016x}`"] for name, found in counts.items()]
    return SLICE + table(["request type", "classes", "fingerprint"], rows)
