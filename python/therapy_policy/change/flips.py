"""Which requests two bundles decide otherwise: every class of requests, decided by both.

The classes are those that neither bundle's numbers, dates and lists divide. As long as the rules are the same, all
requests of a class are decided alike, and its smallest request speaks for it. Where rules differ that is not known, so
that classes drawn at random are decided as well, each by some other request of it, at the ends of its intervals above
all; what that finds is reported apart.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from therapy_policy.classes import request_types
from therapy_policy.classes.dimensions import ABSENT, Choose, Dimension, Request, Value
from therapy_policy.classes.enumeration import Piece, class_progress, decide_each, pieces, workers
from therapy_policy.classes.model import Block, RequestClass, signature
from therapy_policy.client.decision import Decision
from therapy_policy.errors import BundleNotUsable
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.registers import applies_to

DRAWN, DRAWN_QUICKLY = 20_000, 2_000  # classes of each request type that are drawn where rules differ
WORTH_PROCESSES = 40  # pieces of work, from which on more than one process is sooner done

NO_DECISION = "no_decision"
UNJUDGED = ("invalid_request", "not_applicable")
# How flips were found. What is `near` the smallest request was made to be misshapen, but is valid by both; what has
# flips by its `form` is valid by one at most.
How = Literal["classes", "drawn", "near", "form"]


class Flip(NamedTuple):
    """In what two decisions on one request differ; what differs alike is one kind of flip."""

    request_type: str
    old_outcome: str
    new_outcome: str
    gone: tuple[str, ...]  # codes of reasons
    come: tuple[str, ...]
    restated: tuple[str, ...]  # codes of reasons that say something else, such as another clause
    other: tuple[str, ...]  # what else of the decision differs, where the outcome is the same
    grants_more: bool  # more units or visits, or another code
    found: How

    @property
    def weight(self) -> int:
        """0 between authorized and denied, 1 where more is granted, 2 between other outcomes, 3 for the rest."""
        outcomes = {self.old_outcome, self.new_outcome}
        if outcomes == {"authorized", "denied"} or (NO_DECISION in outcomes and len(outcomes) == 2):
            return 0
        if self.grants_more:
            return 1
        return 2 if len(outcomes) == 2 else 3


@dataclass(frozen=True, order=True)
class Witness:
    """A request that flips, and what became of it; the smaller its text is, the smaller it is."""

    size: int
    text: str
    old: Decision | None = field(compare=False)
    new: Decision | None = field(compare=False)

    @property
    def request(self) -> Any:
        """The request itself."""
        return json.loads(self.text)


@dataclass
class Found:
    """The classes of one kind of flip: how many, which values their dimensions have, and the smallest request."""

    count: int
    values: list[set[Value]]
    witness: Witness

    def add(self, other: Found) -> None:
        """Count other classes of the same kind of flip as well."""
        self.count += other.count
        for mine, others in zip(self.values, other.values, strict=True):
            mine |= others
        self.witness = min(self.witness, other.witness)


Flips = dict[Flip, Found]


def add(flips: Flips, others: Flips) -> None:
    """Add other flips to `flips`, those of one kind together."""
    for flip, found in others.items():
        if flip in flips:
            flips[flip].add(found)
        else:
            flips[flip] = found


# --- Two decisions ---------------------------------------------------------------------------------------------------


def flip_of(request_type: str, old: Decision | None, new: Decision | None, found: How = "classes") -> Flip | None:
    """In what two decisions differ, in anything but texts for people; None where they are the same."""
    if old is None or new is None:
        before, after = (each["outcome"] if each else NO_DECISION for each in (old, new))
        return None if old is new else Flip(request_type, before, after, (), (), (), (), False, found)
    other = tuple(_other(old, new))
    if old["outcome"] == new["outcome"] and not other and old["reasons"] == new["reasons"]:
        return None
    one, another = _reasons(old), _reasons(new)
    if old["outcome"] == new["outcome"] and not other and one == another:
        return None
    gone = {code for code, _ in set(one) - set(another)}
    come = {code for code, _ in set(another) - set(one)}
    if old["outcome"] != new["outcome"]:
        other = ()
        # Where a request is not judged, the reasons that it would have are not given.
        gone = set() if new["outcome"] in UNJUDGED else gone
        come = set() if old["outcome"] in UNJUDGED else come
    elif one != another and not gone and not come:
        other = (*other, "order of reasons")
    return Flip(
        request_type,
        old["outcome"],
        new["outcome"],
        tuple(sorted(gone - come)),
        tuple(sorted(come - gone)),
        tuple(sorted(gone & come)),
        other,
        grants_more(old, new),
        found,
    )


def grants_more(old: Decision, new: Decision) -> bool:
    """Whether the new decision authorizes more units (of 15 minutes) or visits than the old one, or a further code."""
    return bool(_granted(new) - _granted(old))


def _granted(decision: Decision) -> Counter[str]:
    numbers: dict[str, Any] = {**decision["authorized"]}
    codes = numbers.pop("procedure_codes")
    return Counter(numbers | dict.fromkeys(codes, 1))


def _other(old: Decision, new: Decision) -> Iterator[str]:
    for name, granted in old["authorized"].items():
        if new["authorized"].get(name) != granted:
            yield f"authorized.{name}"
    if old["lines"] != new["lines"]:
        yield "lines"
    if old["route"] != new["route"]:
        yield "route"
    if (old["contact"] is None) != (new["contact"] is None):
        yield "contact"


def _reasons(decision: Decision) -> list[tuple[str, Hashable]]:
    return [
        (each["code"], (each["effect"], tuple(each["clauses"]), each["interpretation"], each["path"]))
        for each in decision["reasons"]
    ]


# --- The classes -----------------------------------------------------------------------------------------------------


class Judge:
    """Both bundles, and the classes that neither of them divides."""

    def __init__(self, old: Bundle, new: Bundle) -> None:
        self.old, self.new = old.client(), new.client()
        data = [old.data, new.data]
        try:
            registers = [each["therapy"]["register"]["reason_codes"] for each in data]
            self.whole = [{code for code, row in each.items() if applies_to(row) == "request"} for each in registers]
            self.kinds = request_types(data, self.signatures)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BundleNotUsable(
                f"The classes of requests cannot be told from {old.name} and {new.name}: the parameters, the reason "
                "codes or the form of requests of one are not arranged as this version of therapy-policy knows them"
            ) from None

    def signatures(self, requests: Sequence[Request]) -> list[Hashable]:
        """Of each request, what tells its class: what both bundles decide on it."""
        return [
            tuple(decision and signature(decision, whole) for decision, whole in zip(pair, self.whole, strict=True))
            for pair in zip(*self._decided(requests), strict=True)
        ]

    def flips(
        self, request_type: str, requests: Sequence[object], classes: Sequence[RequestClass], found: How
    ) -> Flips:
        """The requests that are decided otherwise, by kind of flip; each comes with its class."""
        flips: Flips = {}
        for request, cls, old, new in zip(requests, classes, *self._decided(requests), strict=True):
            add(flips, _flips_on(request_type, request, cls, old, new, found))
        return flips

    def flips_by_form(self, request_type: str, requests: Sequence[object]) -> tuple[Flips, Counter[How]]:
        """The requests that are decided otherwise, and how many there are of each kind, flipped or not.

        Those that a bundle calls invalid are found by `form`, the others are `near` ones.
        """
        flips: Flips = {}
        counts = Counter[How]()
        for request, old, new in zip(requests, *self._decided(requests), strict=True):
            invalid = any(each is not None and each["outcome"] == "invalid_request" for each in (old, new))
            found: How = "form" if invalid else "near"
            counts[found] += 1
            add(flips, _flips_on(request_type, request, (), old, new, found))
        return flips, counts

    def _decided(self, requests: Sequence[object]) -> tuple[Sequence[Decision | None], Sequence[Decision | None]]:
        return decide_each(self.old, requests), decide_each(self.new, requests)


def _flips_on(
    request_type: str, request: object, cls: RequestClass, old: Decision | None, new: Decision | None, found: How
) -> Flips:
    flip = flip_of(request_type, old, new, found)
    if flip is None:
        return {}
    text = json.dumps(request, ensure_ascii=False)
    return {flip: Found(1, [{value} for value in cls], Witness(len(text), text, old, new))}


_judge: Judge
_blocks: Mapping[str, Sequence[Block]]


def _begin(old: Bundle, new: Bundle, blocks: Mapping[str, Sequence[Block]]) -> None:
    _use(Judge(old, new), blocks)


def _use(judge: Judge, blocks: Mapping[str, Sequence[Block]]) -> None:
    global _judge, _blocks
    _judge, _blocks = judge, blocks


def _flips_of(piece: Piece) -> tuple[Piece, Flips]:
    kind = _judge.kinds[piece.request_type]
    if piece.block is not None:
        block = _blocks[piece.request_type][piece.block]
        classes = [block.class_at(number) for number in piece.numbers]
        return piece, _judge.flips(kind.name, [kind.write(cls) for cls in classes], classes, "classes")
    choose = at_the_ends(random.Random(str(piece)))
    classes = [kind.near_baseline(choose) if choose((True, True, False)) else kind.draw(choose) for _ in piece.numbers]
    return piece, _judge.flips(kind.name, [kind.write(cls, choose) for cls in classes], classes, "drawn")


def at_the_ends(drawn: random.Random) -> Choose:
    """Chooses the first, the last, or any: where a rule was moved by one, it is the ends of intervals that tell."""

    def choose(options: Sequence[Any]) -> Any:
        if options[0] == options[-1]:  # one number written in two ways
            return options[0]
        return drawn.choice((options[0], options[-1], drawn.choice(options)))

    return choose


# --- Requests that are not of the form, or were not ------------------------------------------------------------------

NUMBERS = (-1, 0, 1, 1.5, 100, 1000, 10_000)
TEXTS = ("", " ", "unknown", "a" * 4001, "1899-12-31", "2100-01-01", "2023-02-29")
MISSHAPEN: Sequence[Any] = (None, True, *NUMBERS, *TEXTS, [], {}, [None], ["a"] * 201)


def misshapen(request: Request) -> Iterator[Request]:
    """Requests that have one member less or more than this one, or another value in its place."""
    for place in places(request):
        yield changed(request, place, ABSENT)
        for value in MISSHAPEN:
            yield changed(request, place, value)
    for place in [(), *places(request)]:
        found = at(request, place)
        if isinstance(found, dict):
            yield changed(request, (*place, "unknown"), "a")
        elif isinstance(found, list):
            for length in (51, 201):
                yield changed(request, place, found[:1] * length)


Place = tuple[str | int, ...]


def places(value: Any, above: Place = ()) -> Iterator[Place]:
    """The place of each member and element in a value, at any depth, the outer ones first."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield (*above, step)
        yield from places(below, (*above, step))


def at(value: Any, place: Place) -> Any:
    """What a value has at a place."""
    for step in place:
        value = value[step]
    return value


def changed(request: Request, place: Place, value: Any) -> Request:
    """A copy of a request with another value at a place, or with none where the value is `ABSENT`."""
    copied: Request = copy.deepcopy(request)
    *outer, last = place
    holder = at(copied, tuple(outer))
    if value is ABSENT:
        del holder[last]
    else:
        holder[last] = value
    return copied


# --- The whole -------------------------------------------------------------------------------------------------------


@dataclass
class Decided:
    """What was decided of a request type."""

    classes: int
    of: int
    drawn: int
    near: int
    misshapen: int
    can_differ: bool


@dataclass
class Outcome:
    """What came of deciding both ways."""

    decided: dict[str, Decided]
    flips: Flips
    examples: dict[str, Flip | None]
    dimensions: dict[str, tuple[Dimension, ...]]

    def sorted_flips(self) -> list[tuple[Flip, Found]]:
        """The gravest first, then those of the most classes."""
        return sorted(self.flips.items(), key=lambda each: (each[0].weight, -each[1].count, each[0]))


def decide_both(
    old: Bundle,
    new: Bundle,
    can_differ: Mapping[str, bool],
    examples: Mapping[str, Request],
    *,
    rules: bool,
    quick: bool,
) -> Outcome:
    """Decide by both bundles the classes of the request types that `can_differ` has, and examples.

    Of those types that cannot differ, and with `quick` of all, only a slice of the classes is decided. `rules` says
    that rules differ, and not only numbers and lists.
    """
    judge = Judge(old, new)
    todo = {
        name: list(
            pieces(judge.kinds[name], quick or not can, (DRAWN_QUICKLY if quick else DRAWN) if can and rules else 0)
        )
        for name, can in can_differ.items()
    }
    blocks = {name: judge.kinds[name].blocks for name in todo}
    outcome = Outcome({}, {}, {}, {name: judge.kinds[name].dimensions for name in todo})
    processes = (os.cpu_count() or 1) if sum(map(len, todo.values())) > WORTH_PROCESSES else 1
    begin = (_begin, old, new, blocks) if processes > 1 else (_use, judge, blocks)
    with workers(processes, _flips_of, *begin) as work, class_progress() as tell:
        for name, of_type in todo.items():
            decided = Counter[bool]()
            for done, (piece, flips) in enumerate(work(of_type), start=1):
                decided[piece.block is None] += len(piece.numbers)
                add(outcome.flips, flips)
                tell(name, done, len(of_type))
            kind = judge.kinds[name]
            requests = list(misshapen(kind.write(kind.baseline))) if can_differ[name] else []
            flips, by_form = judge.flips_by_form(name, requests)
            add(outcome.flips, flips)
            size = sum(block.size for block in kind.blocks)
            outcome.decided[name] = Decided(
                decided[False], size, decided[True], by_form["near"], by_form["form"], can_differ[name]
            )
    known = {flip for flip in outcome.flips if flip.found == "classes"}
    outcome.flips = {
        flip: found
        for flip, found in outcome.flips.items()
        if flip in known or flip._replace(found="classes") not in known
    }
    before, after = (decide_each(client, list(examples.values())) for client in (judge.old, judge.new))
    for name, one, another in zip(examples, before, after, strict=True):
        outcome.examples[name] = flip_of(str(examples[name].get("request_type")), one, another)
    return outcome
