"""Find the requests that two bundles decide differently: both decide every class of requests.

The numbers, dates and lists of both bundles define the classes. While the rules are the same, each bundle decides all
requests of a class the same way, so the smallest request represents its class. If rules differ, that is not certain.
Then both bundles also decide classes drawn at random, each by a different request, mostly at the ends of its intervals.
Flips found that way are reported separately.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from typing import Any, Literal, NamedTuple

from therapy_policy.classes import request_types
from therapy_policy.classes.dimensions import ABSENT, Choose, Dimension, Request, Value
from therapy_policy.classes.enumeration import Piece, class_progress, decide_each, pieces, workers
from therapy_policy.classes.model import Block, RequestClass, signature
from therapy_policy.client.decision import Decision
from therapy_policy.errors import BundleNotUsable
from therapy_policy.policy.bundles import Bundle
from therapy_policy.policy.registers import applies_to

DRAWN, DRAWN_QUICKLY = 20_000, 2_000  # classes of each request type to draw if rules differ
WORTH_PROCESSES = 40  # with more pieces of work than this, several processes are faster

NO_DECISION = "no_decision"
NOT_EVALUATED = ("invalid_request", "not_applicable")
# The requests that show flips: those of all classes, those drawn at random, and altered copies of the smallest request,
# which are `near` if both bundles call them valid, and `form` if not.
FoundBy = Literal["classes", "drawn", "near", "form"]


class Flip(NamedTuple):
    """The differences between two decisions on one request. Equal differences are one kind of flip."""

    request_type: str
    old_outcome: str
    new_outcome: str
    removed: tuple[str, ...]  # codes of reasons
    added: tuple[str, ...]  # codes of reasons
    changed: tuple[str, ...]  # codes of reasons of which the clauses, the effect or the paths changed
    other: tuple[str, ...]  # other fields of the decision that differ, if the outcome is the same
    authorizes_more: bool  # more units or visits, or another procedure code
    found_by: FoundBy
    passed: bool | None = None  # whether all dates of the request have passed; None if nobody gave a date to compare

    @property
    def severity_rank(self) -> int:
        """0 between authorized and denied, 1 if more is authorized, 2 between other outcomes, 3 for the rest."""
        outcomes = {self.old_outcome, self.new_outcome}
        if outcomes == {"authorized", "denied"} or (NO_DECISION in outcomes and len(outcomes) == 2):
            return 0
        if self.authorizes_more:
            return 1
        return 2 if len(outcomes) == 2 else 3


@dataclass(frozen=True, order=True)
class Witness:
    """A request that flips, with both decisions. Witnesses are ordered by the length of the request's JSON text."""

    size: int
    text: str
    old: Decision | None = field(compare=False)
    new: Decision | None = field(compare=False)

    @property
    def request(self) -> Any:
        """The request, as a JSON value."""
        return json.loads(self.text)


@dataclass
class FlippedClasses:
    """The classes of one kind of flip: their number, the values of their dimensions, and the smallest request."""

    count: int
    values: list[set[Value]]
    witness: Witness

    def add(self, other: FlippedClasses) -> None:
        """Add other classes of the same kind of flip."""
        self.count += other.count
        for mine, others in zip(self.values, other.values, strict=True):
            mine |= others
        self.witness = min(self.witness, other.witness)


Flips = dict[Flip, FlippedClasses]


def add_flips(flips: Flips, others: Flips) -> None:
    """Add other flips to `flips`; those of one kind are merged."""
    for flip, classes in others.items():
        if flip in flips:
            flips[flip].add(classes)
        else:
            flips[flip] = classes


# --- Two decisions ---------------------------------------------------------------------------------------------------


def flip_of(
    request_type: str, old: Decision | None, new: Decision | None, found_by: FoundBy = "classes"
) -> Flip | None:
    """Compare two decisions in all but texts for people; return None if they are the same."""
    if old is None or new is None:
        before, after = (each["outcome"] if each else NO_DECISION for each in (old, new))
        return None if old is new else Flip(request_type, before, after, (), (), (), (), False, found_by)
    other = tuple(_other(old, new))
    if old["outcome"] == new["outcome"] and not other and old["reasons"] == new["reasons"]:
        return None
    one, another = _reasons(old), _reasons(new)
    if old["outcome"] == new["outcome"] and not other and one == another:
        return None
    removed = {code for code, _ in set(one) - set(another)}
    added = {code for code, _ in set(another) - set(one)}
    if old["outcome"] != new["outcome"]:
        other = ()
        # A request that is not evaluated has none of the reasons that it would have otherwise.
        removed = set() if new["outcome"] in NOT_EVALUATED else removed
        added = set() if old["outcome"] in NOT_EVALUATED else added
    elif one != another and not removed and not added:
        other = (*other, "order of reasons")
    return Flip(
        request_type,
        old["outcome"],
        new["outcome"],
        tuple(sorted(removed - added)),
        tuple(sorted(added - removed)),
        tuple(sorted(removed & added)),
        other,
        authorizes_more(old, new),
        found_by,
    )


def authorizes_more(old: Decision, new: Decision) -> bool:
    """Whether the new decision authorizes more units (of 15 minutes) or visits, or another procedure code."""
    return bool(_authorized(new) - _authorized(old))


def _authorized(decision: Decision) -> Counter[str]:
    numbers: dict[str, Any] = {**decision["authorized"]}
    codes = numbers.pop("procedure_codes")
    return Counter(numbers | dict.fromkeys(codes, 1))


def _other(old: Decision, new: Decision) -> Iterator[str]:
    for name, value in old["authorized"].items():
        if new["authorized"].get(name) != value:
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


def dates_passed(request: object, as_of: str | None) -> bool | None:
    """Whether all dates of a request are on or before `as_of` (YYYY-MM-DD); a request without a date has passed.

    None if `as_of` is None. A visit can state the date of its referral as well; the later of its dates counts.
    """
    if as_of is None:
        return None
    fields = request.items() if isinstance(request, dict) else ()
    return all(value <= as_of for name, value in fields if is_date(name) and isinstance(value, str))


def is_date(field: str) -> bool:
    """Whether a field of a request, by its name, has one of the request's own dates."""
    return field.endswith("_date")


# --- The classes -----------------------------------------------------------------------------------------------------


class Comparer:
    """Decides requests by both bundles, and has the classes of requests that both bundles define.

    With a date `as_of` (YYYY-MM-DD), no class has dates both through and after it, and each flip says which it is of.
    """

    def __init__(self, old: Bundle, new: Bundle, as_of: str | None = None) -> None:
        self.as_of = as_of
        next_day = [str(date.fromisoformat(as_of) + timedelta(days=1))] if as_of else []
        self.old, self.new = old.client(), new.client()
        data = [old.data, new.data]
        try:
            registers = [each["therapy"]["register"]["reason_codes"] for each in data]
            self.request_codes = [
                {code for code, row in each.items() if applies_to(row) == "request"} for each in registers
            ]
            self.kinds = request_types(data, self.signatures, next_day)
        except (AttributeError, KeyError, TypeError, ValueError):
            raise BundleNotUsable(
                f"The classes of requests cannot be determined for {old.name} and {new.name}: the parameters, the "
                "reason codes or the request schema of one have a structure that this version of therapy-policy does "
                "not support. Use the version that supports it."
            ) from None

    def signatures(self, requests: Sequence[Request]) -> list[Hashable]:
        """Return what distinguishes the class of each request: what both bundles decide on it."""
        return [
            tuple(
                decision and signature(decision, codes)
                for decision, codes in zip(pair, self.request_codes, strict=True)
            )
            for pair in zip(*self._decide(requests), strict=True)
        ]

    def flips(
        self, request_type: str, requests: Sequence[object], classes: Sequence[RequestClass], found_by: FoundBy
    ) -> Flips:
        """Find the requests that flip, by kind of flip; `classes` has the class of each request."""
        flips: Flips = {}
        for request, cls, old, new in zip(requests, classes, *self._decide(requests), strict=True):
            add_flips(flips, self._flips_on(request_type, request, cls, old, new, found_by))
        return flips

    def flips_of_altered(self, request_type: str, requests: Sequence[object]) -> tuple[Flips, Counter[FoundBy]]:
        """Find the altered requests that flip, and count all of them as `near` or `form`."""
        flips: Flips = {}
        counts = Counter[FoundBy]()
        for request, old, new in zip(requests, *self._decide(requests), strict=True):
            invalid = any(each is not None and each["outcome"] == "invalid_request" for each in (old, new))
            found_by: FoundBy = "form" if invalid else "near"
            counts[found_by] += 1
            add_flips(flips, self._flips_on(request_type, request, (), old, new, found_by))
        return flips, counts

    def _flips_on(
        self,
        request_type: str,
        request: object,
        cls: RequestClass,
        old: Decision | None,
        new: Decision | None,
        found_by: FoundBy,
    ) -> Flips:
        flip = flip_of(request_type, old, new, found_by)
        if flip is None:
            return {}
        text = json.dumps(request, ensure_ascii=False)
        witness = Witness(len(text), text, old, new)
        passed = dates_passed(request, self.as_of)
        return {flip._replace(passed=passed): FlippedClasses(1, [{value} for value in cls], witness)}

    def _decide(self, requests: Sequence[object]) -> tuple[Sequence[Decision | None], Sequence[Decision | None]]:
        return decide_each(self.old, requests), decide_each(self.new, requests)


Blocks = Mapping[str, Sequence[Block]]  # by request type; passed to processes, for which they take long to compute

_flips_of: Callable[[Piece], Flips]  # of this process


def _start_process(old: Bundle, new: Bundle, as_of: str | None, blocks: Blocks) -> None:
    _use(Comparer(old, new, as_of), blocks)


def _use(comparer: Comparer, blocks: Blocks) -> None:
    global _flips_of
    _flips_of = partial(flips_of_piece, comparer, blocks)


def _work(piece: Piece) -> tuple[Piece, Flips]:
    return piece, _flips_of(piece)


def flips_of_piece(comparer: Comparer, blocks: Blocks, piece: Piece) -> Flips:
    """Decide the requests of one piece of work by both bundles, and return those that flip."""
    kind = comparer.kinds[piece.request_type]
    if piece.block is not None:
        block = blocks[piece.request_type][piece.block]
        classes = [block.class_at(number) for number in piece.numbers]
        return comparer.flips(kind.name, [kind.write(cls) for cls in classes], classes, "classes")
    choose = choose_at_the_ends(random.Random(str(piece)))
    classes = [kind.near_baseline(choose) if choose((True, True, False)) else kind.draw(choose) for _ in piece.numbers]
    return comparer.flips(kind.name, [kind.write(cls, choose) for cls in classes], classes, "drawn")


def choose_at_the_ends(source: random.Random) -> Choose:
    """Return a function that chooses the first, the last or any option: the ends show a rule that is off by one."""

    def choose(options: Sequence[Any]) -> Any:
        if options[0] == options[-1]:  # one number written in two ways
            return options[0]
        return source.choice((options[0], options[-1], source.choice(options)))

    return choose


# --- Altered requests ------------------------------------------------------------------------------------------------

NUMBERS = (-1, 0, 1, 1.5, 100, 1000, 10_000)
TEXTS = ("", " ", "unknown", "a" * 4001, "1899-12-31", "2100-01-01", "2023-02-29")
REPLACEMENTS: Sequence[Any] = (None, True, *NUMBERS, *TEXTS, [], {}, [None], ["a"] * 201)


def altered_requests(request: Request) -> Iterator[Request]:
    """Yield copies of a request with one field removed, added or replaced. Most are malformed."""
    for path in field_paths(request):
        yield with_value(request, path, ABSENT)
        for value in REPLACEMENTS:
            yield with_value(request, path, value)
    for path in [(), *field_paths(request)]:
        value = value_at(request, path)
        if isinstance(value, dict):
            yield with_value(request, (*path, "unknown"), "a")
        elif isinstance(value, list):
            for length in (51, 201):
                yield with_value(request, path, value[:1] * length)


def _baselines(request: Request, as_of: str | None) -> list[Request]:
    """A request, and with a date `as_of` also one with that date: one of a date to come, one of a date that passed."""
    passed = {name: as_of if is_date(name) else value for name, value in request.items()}
    return [request] if as_of is None or passed == request else [request, passed]


FieldPath = tuple[str | int, ...]


def field_paths(value: Any, above: FieldPath = ()) -> Iterator[FieldPath]:
    """Yield the path of each field and element of a JSON value, at any depth, outer ones first."""
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, below in steps:
        yield (*above, step)
        yield from field_paths(below, (*above, step))


def value_at(value: Any, path: FieldPath) -> Any:
    """Return the part of a JSON value at a path."""
    for step in path:
        value = value[step]
    return value


def with_value(request: Request, path: FieldPath, value: Any) -> Request:
    """Return a copy of a request with another value at a path, or without the field if the value is `ABSENT`."""
    copied: Request = copy.deepcopy(request)
    *outer, last = path
    holder = value_at(copied, tuple(outer))
    if value is ABSENT:
        del holder[last]
    else:
        holder[last] = value
    return copied


# --- All request types -----------------------------------------------------------------------------------------------


@dataclass
class Coverage:
    """The numbers of requests of one type that both bundles decided."""

    classes: int
    complete: bool  # whether these are all classes
    drawn: int
    near: int
    malformed: int
    can_differ: bool


@dataclass
class Comparison:
    """The result of deciding by both bundles."""

    coverage: dict[str, Coverage]  # by request type
    flips: Flips
    examples: dict[str, Flip | None]
    dimensions: dict[str, tuple[Dimension, ...]]

    def sorted_flips(self) -> list[tuple[Flip, FlippedClasses]]:
        """List the flips, the most serious first, then those of the most classes."""
        return sorted(self.flips.items(), key=lambda each: (each[0].severity_rank, -each[1].count, each[0]))


def decide_both(
    old: Bundle,
    new: Bundle,
    can_differ: Mapping[str, bool],
    examples: Mapping[str, Request],
    *,
    rules_differ: bool,
    quick: bool,
    as_of: str | None = None,
) -> Comparison:
    """Decide the classes of the request types in `can_differ`, and examples, by both bundles.

    Of the types that cannot differ, and with `quick` of all types, only a sample of the classes is decided.
    `rules_differ` says that rules differ, and not only numbers and lists. With a date `as_of` (YYYY-MM-DD), each flip
    says whether its dates have passed.

    Raises `BundleNotUsable` and `EngineNotAvailable`.
    """
    comparer = Comparer(old, new, as_of)
    kinds = {name: comparer.kinds[name] for name in can_differ}
    # The blocks of a type take about as long to find as to decide.
    complete = {name: (can_differ[name] and not quick) or kind.sample.size == kind.size for name, kind in kinds.items()}
    blocks = {name: kind.blocks if complete[name] else (kind.sample,) for name, kind in kinds.items()}
    drawn = (DRAWN_QUICKLY if quick else DRAWN) if rules_differ else 0
    todo = {name: list(pieces(name, blocks[name], drawn if can else 0)) for name, can in can_differ.items()}
    comparison = Comparison({}, {}, {}, {name: kind.dimensions for name, kind in kinds.items()})
    processes = (os.cpu_count() or 1) if sum(map(len, todo.values())) > WORTH_PROCESSES else 1
    begin = (_start_process, old, new, as_of, blocks) if processes > 1 else (_use, comparer, blocks)
    with workers(processes, _work, *begin) as work, class_progress() as report_progress:
        for name, of_type in todo.items():
            counts = Counter[bool]()
            for done, (piece, flips) in enumerate(work(of_type), start=1):
                counts[piece.block is None] += len(piece.numbers)
                add_flips(comparison.flips, flips)
                report_progress(name, done, len(of_type))
            kind = kinds[name]
            baselines = _baselines(kind.write(kind.baseline), as_of) if can_differ[name] else []
            requests = [altered for baseline in baselines for altered in altered_requests(baseline)]
            flips, by_form = comparer.flips_of_altered(name, requests)
            add_flips(comparison.flips, flips)
            comparison.coverage[name] = Coverage(
                counts[False], complete[name], counts[True], by_form["near"], by_form["form"], can_differ[name]
            )
    known = {flip for flip in comparison.flips if flip.found_by == "classes"}
    comparison.flips = {
        flip: classes
        for flip, classes in comparison.flips.items()
        if flip in known or flip._replace(found_by="classes") not in known
    }
    before, after = (decide_each(client, list(examples.values())) for client in (comparer.old, comparer.new))
    for name, one, another in zip(examples, before, after, strict=True):
        flip = flip_of(str(examples[name].get("request_type")), one, another)
        comparison.examples[name] = flip and flip._replace(passed=dates_passed(examples[name], as_of))
    return comparison
