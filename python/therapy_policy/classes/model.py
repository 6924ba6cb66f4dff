"""The classes of valid requests that the rules can distinguish.

A request type is a product of dimensions, and one value of each is a class. `write` makes a request of a class: the
smallest one if `first` makes every open choice, any other one if the choices are random. `read` finds the class of a
request.

Where a product is too large to enumerate, its dimensions form groups, and no rule reads two groups. The reasons for a
class are then the reasons for its groups put together, and the outcome depends on a group only through its effects. So
`blocks` enumerates each group in full, combined with every combination of effects of the other groups.

`PolicyValues` reads the numbers, dates and lists that rules compare a request with from the data of one bundle, or of
several; with several, none of the bundles distinguishes two requests of a class.
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
    set_value,
    value_at,
)

RequestClass = tuple[Value, ...]  # one value of each dimension
GroupValue = tuple[Value, ...]  # values of the dimensions of one group
Signatures = Callable[[Sequence[Request]], Sequence[Hashable]]  # the signature of each request

# What a sample has: the baseline with up to so many fields changed, as long as that is not too many classes.
CHANGES_AT_LEAST, CHANGES_AT_MOST = 2, 4
MOST_NEAR_BASELINE = 2_500  # classes
MOST_OF_ONE_FIELD = 50  # values of one field, in combination with other fields
MOST_OF_ONE_GROUP = 500  # values of one group, alone


@dataclass(frozen=True, eq=False)
class DimensionGroup:
    """Dimensions that some rule reads together. `values` are the ones to enumerate, the baseline first."""

    name: str
    dimensions: tuple[Dimension, ...]
    values: tuple[GroupValue, ...]
    size: int  # of the whole product, which may be more than `values`
    draw: Callable[[Choose], GroupValue]  # from the whole product
    split: Callable[[GroupValue], list[GroupValue]]  # into values whose reasons together are the reasons for this one


def dimension_group(name: str, *dimensions: Dimension) -> DimensionGroup:
    values = tuple(itertools.product(*(dimension.values for dimension in dimensions)))
    return DimensionGroup(name, dimensions, values, len(values), lambda choose: choose(values), lambda value: [value])


@dataclass(frozen=True)
class Block:
    """A product of values of the groups. Each class has a number."""

    name: str
    parts: tuple[tuple[GroupValue, ...], ...]

    @cached_property
    def size(self) -> int:
        return prod(map(len, self.parts))

    def class_at(self, index: int) -> RequestClass:
        group_values: list[GroupValue] = []
        for part in reversed(self.parts):
            index, digit = divmod(index, len(part))
            group_values.append(part[digit])
        return tuple(itertools.chain.from_iterable(reversed(group_values)))


@dataclass(frozen=True, eq=False)
class RequestType:
    """A request type. If it is factored, its first group determines what is authorized."""

    name: str
    groups: tuple[DimensionGroup, ...]
    signatures: Signatures
    factored: bool = False
    always: tuple[str, ...] = ()  # objects that are required, even if they are empty
    optional: tuple[str, ...] = ()  # objects that may be absent, null or empty if they have no fields, outer ones first

    @cached_property
    def dimensions(self) -> tuple[Dimension, ...]:
        return tuple(dimension for group in self.groups for dimension in group.dimensions)

    @property
    def size(self) -> int:
        return prod(group.size for group in self.groups)

    @property
    def baseline(self) -> RequestClass:
        return self.join_values([group.values[0] for group in self.groups])

    def join_values(self, group_values: Sequence[GroupValue]) -> RequestClass:
        return tuple(itertools.chain.from_iterable(group_values))

    def split_by_group(self, cls: RequestClass) -> list[GroupValue]:
        values = iter(cls)
        return [tuple(itertools.islice(values, len(group.dimensions))) for group in self.groups]

    def with_group(self, index: int, group_value: GroupValue) -> RequestClass:
        """The baseline class, except for one group."""
        group_values = [group.values[0] for group in self.groups]
        group_values[index] = group_value
        return self.join_values(group_values)

    def parts(self, cls: RequestClass) -> list[RequestClass]:
        """Baseline classes except for one group each; together they must have the reasons of this class."""
        return [
            self.with_group(index, part)
            for index, (group, group_value) in enumerate(zip(self.groups, self.split_by_group(cls), strict=True))
            for part in group.split(group_value)
        ]

    def write(self, cls: RequestClass, choose: Choose = first) -> Request:
        """A request of the class; `choose` makes every choice that the class leaves open."""
        request: Request = {"request_type": self.name, **{name: {} for name in self.always}}
        for dimension, value in zip(self.dimensions, cls, strict=True):
            dimension.write(request, value, choose)
        for path in self.optional:
            *outer, _ = path.split(".")
            in_object = not outer or isinstance(value_at(request, ".".join(outer)), dict)
            if in_object and value_at(request, path) is ABSENT:
                set_value(request, path, choose((ABSENT, None, {})))
        if choose is first:
            return request
        varied: Request = vary_spelling(request, choose)
        return varied

    def read(self, request: Request) -> RequestClass:
        """The class of a valid request; a request with longer lists has a class that is not enumerated."""
        return tuple(dimension.read(request) for dimension in self.dimensions)

    def draw(self, choose: Choose) -> RequestClass:
        """A random class of the whole product, enumerated or not."""
        return self.join_values([group.draw(choose) for group in self.groups])

    def near_baseline(self, choose: Choose) -> RequestClass:
        """The baseline class except for up to three fields; in a random class, one reason can hide another."""
        group_values = [group.values[0] for group in self.groups]
        fields = [(place, n) for place, group in enumerate(self.groups) for n in range(len(group.dimensions))]
        for _ in range(choose(range(4))):
            place, n = choose(fields)
            random_value = self.groups[place].draw(choose)
            one_change = (*group_values[place][:n], random_value[n], *group_values[place][n + 1 :])
            # Some values of a group are valid only together.
            group_values[place] = one_change if one_change in self.groups[place].values else random_value
        return self.join_values(group_values)

    @cached_property
    def representatives(self) -> tuple[tuple[GroupValue, ...], ...]:
        """For each group, one value for each effect on the request and each outcome that the group alone can have."""
        representatives = []
        for index, each in enumerate(self.groups):
            requests = [self.write(self.with_group(index, group_value)) for group_value in each.values]
            by_signature: dict[Hashable, GroupValue] = {}
            for signature, group_value in zip(self.signatures(requests), each.values, strict=True):
                by_signature.setdefault(signature, group_value)
            representatives.append(tuple(by_signature.values()))
        return tuple(representatives)

    @cached_property
    def sample(self) -> Block:
        """The classes to decide for an answer in seconds, instead of all `blocks`: those most like the baseline.

        A number or a list shows in a request that nothing else denies or pends. That is the baseline except for the few
        fields that select the number or the entry.
        """
        fields = [(place, n) for place, group in enumerate(self.groups) for n in range(len(group.dimensions))]
        near = self._like_baseline(fields)
        if self.factored:  # the fields that determine what is authorized, more of them at a time
            near += self._like_baseline([field for field in fields if field[0] == 0])
        slices = [
            self.with_group(place, group_value)
            for place, group in enumerate(self.groups)
            for group_value in group.values[:: -(-len(group.values) // MOST_OF_ONE_GROUP)]
        ]
        return Block("a sample", (tuple(dict.fromkeys([*near, *slices])),))

    def _like_baseline(self, fields: Sequence[tuple[int, int]]) -> list[RequestClass]:
        """The baseline class, and those with other values in a few of these fields (a group, a dimension of it)."""
        baseline = [group.values[0] for group in self.groups]
        valid = [set(group.values) for group in self.groups]
        others = {
            (place, n): [
                value
                for value in self.groups[place].dimensions[n].values[:MOST_OF_ONE_FIELD]
                if value != baseline[place][n]
            ]
            for place, n in fields
        }
        classes = [self.baseline]
        for count in range(1, CHANGES_AT_MOST + 1):
            several = list(itertools.combinations(fields, count))
            more = sum(prod(len(others[field]) for field in chosen) for chosen in several)
            if count > CHANGES_AT_LEAST and len(classes) + more > MOST_NEAR_BASELINE:
                break
            for chosen in several:
                for values in itertools.product(*(others[field] for field in chosen)):
                    group_values = list(baseline)
                    for (place, n), value in zip(chosen, values, strict=True):
                        group_values[place] = (*group_values[place][:n], value, *group_values[place][n + 1 :])
                    if all(group_values[place] in valid[place] for place, _ in chosen):
                        classes.append(self.join_values(group_values))
        return classes

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The blocks to enumerate; no class is in two of them."""
        whole = tuple(group.values for group in self.groups)
        if not self.factored:
            return (Block("every combination", whole),)
        effects = self.representatives
        blocks = [Block("every combination of effects", effects)]
        for index, each in enumerate(self.groups):
            others = tuple(value for value in each.values if value not in set(effects[index]))
            if others:
                blocks.append(Block(f"{each.name}, whole", (*effects[:index], others, *effects[index + 1 :])))
        return tuple(blocks)


def vary_spelling(value: Any, choose: Choose) -> Any:
    """The same request in different JSON: fields in reverse order, 4 as 4.0."""
    if isinstance(value, dict):
        items = [(name, vary_spelling(each, choose)) for name, each in value.items()]
        return dict(reversed(items) if choose((False, True)) else items)
    if isinstance(value, list):
        return [vary_spelling(element, choose) for element in value]
    return choose((value, float(value))) if type(value) is int else value


def product(
    name: str,
    signatures: Signatures,
    *dimensions: Dimension,
    always: tuple[str, ...] = (),
    optional: tuple[str, ...] = (),
) -> RequestType:
    """A request type with every combination enumerated."""
    groups = tuple(dimension_group(dimension.name, dimension) for dimension in dimensions)
    return RequestType(name, groups, signatures, always=always, optional=optional)


def signature(decision: Mapping[str, Any], whole: Collection[str]) -> Hashable:
    """What can affect the decision on other groups: the group's effects, and its outcome if it is alone.

    `whole` are the codes that affect the whole request. The reason that is given when no group raises one has the path
    of the request itself, not of a field.
    """
    reasons = decision["reasons"]
    effects = frozenset(reason["effect"] for reason in reasons if reason["code"] in whole) - {"info"}
    return effects, decision["outcome"], any(reason["path"] == "" for reason in reasons)
