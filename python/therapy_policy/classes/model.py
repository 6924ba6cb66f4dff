"""The classes of valid requests that the rules can tell apart.

A request type is a product of dimensions, and one value of each is a class. `write` makes a request of a class: with
`first` for every open choice the smallest one, with random choices any other. `read` finds the class of a request.

Where a product is too large to be enumerated, its dimensions fall into groups such that no rule reads two of them.
Then the reasons for a class are the reasons for its groups put together, and the outcome needs no more of a group than
the effects that it has. So `blocks` enumerates each group whole, against every combination of effects of the others.

What the numbers, dates and lists are that rules hold a request against is read from the data of bundles, in `Policy`:
of one, whose classes these are then, or of several together, so that none of them tells two requests of a class apart.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

from therapy_policy.classes.dimensions import (
    ABSENT,
    Choose,
    Dimension,
    Request,
    Value,
    first,
    look,
    put,
)

Class = tuple[Value, ...]  # one value of each dimension
Partial = tuple[Value, ...]  # values of the dimensions of one group
Signatures = Callable[[Sequence[Request]], Sequence[Hashable]]  # the signature of each request


@dataclass(frozen=True, eq=False)
class Group:
    """Dimensions that some rule reads together. `values` are those that are enumerated, the quiet one first."""

    name: str
    dimensions: tuple[Dimension, ...]
    values: tuple[Partial, ...]
    size: int  # of the whole product, which may be more than is enumerated
    draw: Callable[[Choose], Partial]  # from the whole product
    split: Callable[[Partial], list[Partial]]  # into values whose reasons together are those of this one


def group(name: str, *dimensions: Dimension) -> Group:
    values = tuple(itertools.product(*(dimension.values for dimension in dimensions)))
    return Group(name, dimensions, values, len(values), lambda choose: choose(values), lambda value: [value])


@dataclass(frozen=True)
class Block:
    """A product of values of the groups, each class of which is found by its number."""

    name: str
    parts: tuple[tuple[Partial, ...], ...]

    @cached_property
    def size(self) -> int:
        return prod(map(len, self.parts))

    def class_at(self, index: int) -> Class:
        found: list[Partial] = []
        for part in reversed(self.parts):
            index, digit = divmod(index, len(part))
            found.append(part[digit])
        return tuple(itertools.chain.from_iterable(reversed(found)))


@dataclass(frozen=True, eq=False)
class RequestType:
    """A request type. Of a factored one, the first group is the one that says what is granted."""

    name: str
    groups: tuple[Group, ...]
    signatures: Signatures
    factored: bool = False
    always: tuple[str, ...] = ()  # objects that must be there, even if they are empty
    optional: tuple[str, ...] = ()  # objects that may be absent, null or empty where they state nothing, outer first

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(dimension for group in self.groups for dimension in group.dimensions)

    @property
    def size(self) -> int:
        return prod(group.size for group in self.groups)

    @property
    def quiet(self) -> Class:
        return self.joined([group.values[0] for group in self.groups])

    def joined(self, partials: Sequence[Partial]) -> Class:
        return tuple(itertools.chain.from_iterable(partials))

    def partials(self, cls: Class) -> list[Partial]:
        values = iter(cls)
        return [tuple(itertools.islice(values, len(group.dimensions))) for group in self.groups]

    def with_group(self, index: int, partial: Partial) -> Class:
        """The class that is quiet but for one group."""
        partials = [group.values[0] for group in self.groups]
        partials[index] = partial
        return self.joined(partials)

    def parts(self, cls: Class) -> list[Class]:
        """Classes that are quiet but for one group each; together they are to have the reasons of this one."""
        return [
            self.with_group(index, part)
            for index, (group, partial) in enumerate(zip(self.groups, self.partials(cls), strict=True))
            for part in group.split(partial)
        ]

    def write(self, cls: Class, choose: Choose = first) -> Request:
        """A request of the class, every choice that the class leaves open made by `choose`."""
        request: Request = {"request_type": self.name, **{name: {} for name in self.always}}
        for dimension, value in zip(self.dimensions, cls, strict=True):
            dimension.write(request, value, choose)
        for path in self.optional:
            *outer, _ = path.split(".")
            if look(request, path) is ABSENT and (not outer or isinstance(look(request, ".".join(outer)), dict)):
                put(request, path, choose((ABSENT, None, {})))
        if choose is first:
            return request
        dressed: Request = dress(request, choose)
        return dressed

    def read(self, request: Request) -> Class:
        """The class of a valid request; one with longer lists than are enumerated has a class that is not."""
        return tuple(dimension.read(request) for dimension in self.dimensions)

    def draw(self, choose: Choose) -> Class:
        """A class of the whole product, enumerated or not."""
        return self.joined([group.draw(choose) for group in self.groups])

    def near_quiet(self, choose: Choose) -> Class:
        """The class that raises nothing, but for up to three members; of a random class one reason hides another."""
        partials = [group.values[0] for group in self.groups]
        members = [(place, n) for place, group in enumerate(self.groups) for n in range(len(group.dimensions))]
        for _ in range(choose(range(4))):
            place, n = choose(members)
            drawn = self.groups[place].draw(choose)
            alone = (*partials[place][:n], drawn[n], *partials[place][n + 1 :])
            partials[place] = alone if alone in self.groups[place].values else drawn  # some go together only
        return self.joined(partials)

    @cached_property
    def representatives(self) -> tuple[tuple[Partial, ...], ...]:
        """Of each group, one value for each effect on the request and each outcome that the group alone can have."""
        found = []
        for index, each in enumerate(self.groups):
            requests = [self.write(self.with_group(index, partial)) for partial in each.values]
            by_signature: dict[Hashable, Partial] = {}
            for signature, partial in zip(self.signatures(requests), each.values, strict=True):
                by_signature.setdefault(signature, partial)
            found.append(tuple(by_signature.values()))
        return tuple(found)

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """What is enumerated: no class is in two blocks."""
        whole = tuple(group.values for group in self.groups)
        if not self.factored:
            return (Block("every combination", whole),)
        chosen = self.representatives
        blocks = [Block("every combination of effects", chosen)]
        for index, each in enumerate(self.groups):
            others = tuple(value for value in each.values if value not in set(chosen[index]))
            if others:
                blocks.append(Block(f"{each.name}, whole", (*chosen[:index], others, *chosen[index + 1 :])))
        return tuple(blocks)


def dress(value: Any, choose: Choose) -> Any:
    """The same request written otherwise: members in another order, 4 as 4.0."""
    if isinstance(value, dict):
        items = [(name, dress(stated, choose)) for name, stated in value.items()]
        return dict(reversed(items) if choose((False, True)) else items)
    if isinstance(value, list):
        return [dress(element, choose) for element in value]
    return choose((value, float(value))) if type(value) is int else value


def product(
    name: str,
    signatures: Signatures,
    *dimensions: Dimension,
    always: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> RequestType:
    """A request type that is enumerated whole."""
    groups = tuple(group(dimension.name, dimension) for dimension in dimensions)
    return RequestType(name, groups, signatures, always=always, optional=optional)


def signature(decision: Mapping[str, Any], whole: Collection[str]) -> Hashable:
    """What the other groups can notice of a group: the effects that it has, and what it comes to by itself.

    `whole` are the codes that bear on the whole request. A reason that is given where no group raises anything stands
    at the request itself, and at no member of it.
    """
    reasons = decision["reasons"]
    effects = frozenset(reason["effect"] for reason in reasons if reason["code"] in whole) - {"info"}
    return effects, decision["outcome"], any(reason["path"] == "" for reason in reasons)
