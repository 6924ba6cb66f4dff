"""Counts over the decisions of a bulk run: by outcome, reason and month, and what flips against another policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

import pyarrow as pa
import pyarrow.compute as pc

from therapy_policy.bulk.arrow_schema import AGAINST
from therapy_policy.bulk.record_batches import Decided
from therapy_policy.wording import count_of

NO_MONTH = "no valid date"
VISITS = ("evaluation_visits", "treatment_visits")


class Flipped(TypedDict):
    """Requests whose outcome was `outcome_against` under the other policy and is `outcome` now."""

    outcome_against: str
    outcome: str
    requests: int
    units_more: int  # units of 15 minutes that are authorized now and were not
    units_less: int
    visits_more: int
    visits_less: int
    look_at: list[str]  # IDs of the first requests; for one without an ID, "row 12", counted from 1


@dataclass
class Summary:
    """Counts of decisions. Those of consecutive parts of an input can be added, in order."""

    rows: int = 0
    questions: int = 0  # that the engine decided; each process decides each distinct question once
    not_decided: int = 0
    first_not_decided: int | None = None  # row, counted from 1
    first_invalid: int | None = None
    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)  # requests with a reason of this code
    months: dict[str, Counter[str]] = field(default_factory=dict)  # outcomes by YYYY-MM
    units: int = 0  # authorized, of 15 minutes
    visits: int = 0  # authorized
    policy_versions: list[str] = field(default_factory=list)
    flips: dict[tuple[str, str], Flipped] = field(default_factory=dict)

    def count(self, decided: Decided, most_ids: int) -> None:
        """Count the next decisions. Of each kind of flip, keep the IDs of the first `most_ids` requests."""
        table, codes = decided.table, decided.codes
        against = "flips" in table.schema.names
        counted = codes.value_counts()
        distinct = counted.field("values")
        rows = table.drop_columns([name for name in table.schema.names if name.endswith(("_before", "_after"))])
        flipping: dict[tuple[str, str], list[int]] = {}
        for code, count, row in zip(
            distinct.to_pylist(), counted.field("counts").to_pylist(), rows.take(distinct).to_pylist(), strict=True
        ):
            if row["not_decided"] is not None:
                self.not_decided += count
                first = self.rows + 1 + pc.index(codes, code).as_py()
                self.first_not_decided = min(self.first_not_decided or first, first)
                continue
            self.outcomes[row["outcome"]] += count
            for reason in row["reasons"]:
                self.reasons[reason] += count
            if row["outcome"] == "invalid_request":
                first = self.rows + 1 + pc.index(codes, code).as_py()
                self.first_invalid = min(self.first_invalid or first, first)
            self.units += count * row["units"]
            self.visits += count * sum(row[name] for name in VISITS)
            versions = [row["policy_version"]] + ([row["policy_version" + AGAINST]] if against else [])
            if not self.policy_versions:
                self.policy_versions = versions
            if against and row["flips"]:
                kind = row["outcome" + AGAINST], row["outcome"]
                flipping.setdefault(kind, []).append(code)
                self._add_flip(kind, _flipped(row, count), most_ids)
        for kind, of_kind in flipping.items():
            look_at = self.flips[kind]["look_at"]
            where = pc.indices_nonzero(pc.is_in(codes, pa.array(of_kind, codes.type))).slice(0, most_ids)
            for row, request_id in zip(where.to_pylist(), decided.request_ids.take(where).to_pylist(), strict=True):
                if len(look_at) < most_ids:
                    look_at.append(request_id or f"row {self.rows + 1 + row}")
        outcomes = table["outcome"].combine_chunks().dictionary_encode().take(codes)
        of_months = pa.table({"month": pc.fill_null(decided.months, NO_MONTH), "outcome": outcomes})
        for month in (
            of_months.group_by(["month", "outcome"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
        ):
            if month["outcome"] is not None:
                self.months.setdefault(month["month"], Counter())[month["outcome"]] += month["count_all"]
        self.questions += decided.new_questions
        self.rows += len(codes)

    def add(self, later: Mapping[str, Any], most_ids: int) -> None:
        """Add the counts of the next part of the input, as `as_dict` returned them."""
        for name in ("first_not_decided", "first_invalid"):
            if getattr(self, name) is None and later[name] is not None:
                setattr(self, name, self.rows + later[name])
        for flip in later["flips"]:
            shifted = [
                f"row {self.rows + int(each.removeprefix('row '))}" if each.startswith("row ") else each
                for each in flip["look_at"]
            ]
            flip["look_at"] = shifted
            self._add_flip((flip["outcome_against"], flip["outcome"]), flip, most_ids)
        for name in ("rows", "questions", "not_decided", "units", "visits"):
            setattr(self, name, getattr(self, name) + later[name])
        self.outcomes.update(later["outcomes"])
        self.reasons.update(later["reasons"])
        for month, outcomes in later["months"].items():
            self.months.setdefault(month, Counter()).update(outcomes)
        self.policy_versions = self.policy_versions or later["policy_versions"]

    def _add_flip(self, kind: tuple[str, str], more: Flipped, most_ids: int) -> None:
        known = self.flips.setdefault(kind, _no_flips(kind))
        known["requests"] += more["requests"]
        known["units_more"] += more["units_more"]
        known["units_less"] += more["units_less"]
        known["visits_more"] += more["visits_more"]
        known["visits_less"] += more["visits_less"]
        known["look_at"] += more["look_at"][: most_ids - len(known["look_at"])]

    def as_dict(self) -> dict[str, Any]:
        """Return the counts as JSON values; flips and reasons are ordered by how many requests they have."""
        return {
            "rows": self.rows,
            "questions": self.questions,
            "not_decided": self.not_decided,
            "first_not_decided": self.first_not_decided,
            "first_invalid": self.first_invalid,
            "outcomes": dict(_by_count(self.outcomes)),
            "reasons": dict(_by_count(self.reasons)),
            "months": {month: dict(_by_count(self.months[month])) for month in sorted(self.months)},
            "units": self.units,
            "visits": self.visits,
            "policy_versions": self.policy_versions,
            "flips": sorted(self.flips.values(), key=lambda flip: (-flip["requests"], flip["outcome"])),
        }

    def as_lines(self) -> list[str]:
        """Return the counts in words."""
        decided = self.rows - self.not_decided
        lines = [
            f"{count_of(decided, 'decision')}; the engine decided {count_of(self.questions, 'distinct question')}."
        ]
        first = {"invalid_request": f"; the first is row {self.first_invalid:,}" if self.first_invalid else ""}
        lines += [f"  {outcome}: {count:,}{first.get(outcome, '')}" for outcome, count in _by_count(self.outcomes)]
        lines.append(f"Authorized: {count_of(self.units, 'unit')} and {count_of(self.visits, 'visit')}.")
        if self.not_decided:
            lines.append(
                f"The engine failed to decide {count_of(self.not_decided, 'request')}; "
                f"the first is row {self.first_not_decided:,}. A person must look at them."
            )
        if self.reasons:
            lines += ["Reasons, by number of requests:"]
            lines += [f"  {reason}: {count:,}" for reason, count in _by_count(self.reasons)]
        if self.months:
            lines += ["By month of the request's date:"]
            for month in sorted(self.months):
                lines.append(f"  {month}: " + ", ".join(f"{n:,} {name}" for name, n in _by_count(self.months[month])))
        if len(self.policy_versions) > 1:
            lines += self._flips_in_words()
        return lines

    def _flips_in_words(self) -> list[str]:
        now, against = self.policy_versions
        flips = self.as_dict()["flips"]
        number = sum(flip["requests"] for flip in flips)
        lines = [f"Policy {now} against {against}: {count_of(number, 'request')} of {self.rows:,} flip."]
        for flip in flips:
            amounts = [
                f"{sign}{count_of(flip[key], thing)}"
                for key, sign, thing in (
                    ("units_more", "+", "unit"),
                    ("units_less", "-", "unit"),
                    ("visits_more", "+", "visit"),
                    ("visits_less", "-", "visit"),
                )
                if flip[key]
            ]
            lines.append(
                f"  {flip['outcome_against']} -> {flip['outcome']}: "
                + ", ".join([count_of(flip["requests"], "request"), *amounts])
            )
            if flip["look_at"]:
                lines.append(f"    such as {', '.join(flip['look_at'])}")
        return lines


def _by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


def _no_flips(kind: tuple[str, str]) -> Flipped:
    return Flipped(
        outcome_against=kind[0],
        outcome=kind[1],
        requests=0,
        units_more=0,
        units_less=0,
        visits_more=0,
        visits_less=0,
        look_at=[],
    )


def _flipped(row: Mapping[str, Any], count: int) -> Flipped:
    units = count * (row["units"] - row["units" + AGAINST])
    visits = count * sum(row[name] - row[name + AGAINST] for name in VISITS)
    return Flipped(
        outcome_against=row["outcome" + AGAINST],
        outcome=row["outcome"],
        requests=count,
        units_more=max(units, 0),
        units_less=max(-units, 0),
        visits_more=max(visits, 0),
        visits_less=max(-visits, 0),
        look_at=[],
    )
