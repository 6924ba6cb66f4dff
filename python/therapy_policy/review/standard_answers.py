"""What each reason is sent on as: its codes in the standard transactions, of the register of standard answers.

A policy before 2.1.0 has no such register.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from therapy_policy.policy import rego
from therapy_policy.policy.bundles import Bundle
from therapy_policy.review.requests import in_words

PACKAGE = ("therapy", "standard_answer")
ACTIONS = "_actions_of_effects"  # the rule that has the action for each effect

# What each code is, with the column of a table for it.
CODES = {
    "action": "Action (X12 306)",
    "review_reason": "Review reason (X12 886)",
    "adjustment": "Claim adjustment: group, CARC, RARC",
    "claim_status": "Claim status category (X12 507)",
    "documents": "Documents wanted: report type (PWK01), LOINC",
    "determination": "Kind of determination",
}
DETERMINATIONS = {
    "administrative": "a rule decides",
    "clinician_attested": "it is based on what a clinician stated",
    "clinical_review": "a clinician must decide",
}


@dataclass(frozen=True)
class StandardAnswer:
    """What one reason is sent on as."""

    codes: Mapping[str, str]  # by key of CODES, in words; "" for none
    source: str
    verified: bool  # whether a person of the plan compared the codes with the lists in force

    @property
    def stated(self) -> list[tuple[str, str]]:
        """The codes that there are, each with what it is."""
        return [(CODES[name], text) for name, text in self.codes.items() if text]

    @property
    def check(self) -> str:
        """Whether the codes were checked, as a sentence."""
        if self.verified:
            return "A person of the plan compared these codes with the lists in force."
        return "Nobody has compared these codes with the lists in force yet."


def standard_answers(bundle: Bundle) -> dict[str, StandardAnswer]:
    """Return what each reason is sent on as, by reason code; nothing for a policy without the register."""
    register = bundle.data["therapy"]["register"]
    actions = _actions(bundle)
    return {
        code: _answer(entry, actions.get(register["reason_codes"][code]["effect"]))
        for code, entry in register.get("standard_answers", {}).items()
        if code in register["reason_codes"]
    }


def _actions(bundle: Bundle) -> dict[str, str | None]:
    """The action that a reason alone leads to, by its effect."""
    return {
        effect: value["value"] if value["type"] == "string" else None
        for rule in bundle.rego.packages.get(PACKAGE, ())
        if rule.name == ACTIONS
        for effect, value in rego.fields_of(rule.branches[0].value)
    }


def _answer(entry: Mapping[str, Any], action: str | None) -> StandardAnswer:
    adjustment = entry["adjustment"] or {}
    documents = (
        f"{each['report_type']}, LOINC {each['loinc']}" if each["loinc"] else each["report_type"]
        for each in entry["documents"]
    )
    determination = entry["determination"]
    codes = {
        "action": action or "",
        "review_reason": entry["review_reason"] or "",
        "adjustment": " ".join(filter(None, (adjustment.get(name) for name in ("group", "carc", "rarc")))),
        "claim_status": entry["claim_status"] or "",
        "documents": "; ".join(documents),
        "determination": f"{in_words(determination)}: {DETERMINATIONS[determination]}" if determination else "",
    }
    return StandardAnswer(codes, entry["source"], entry["verified"])
