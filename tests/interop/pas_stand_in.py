"""TEMPORARY: a stand-in for `EmbeddedClient.answer`, until the policy has the entry point `therapy/answer`.

Delete this file then, and use `client.answer` in tests/interop/test_pas*.py.
"""

from __future__ import annotations

from typing import Any

from therapy_policy import EmbeddedClient

ACTIONS = {
    "authorized": "A1",
    "partially_authorized": "A6",
    "denied": "A3",
    "pended": "A4",
    "not_applicable": "CT",
    "routed": "CT",
    "invalid_request": None,
}
OF_EFFECTS = {"deny": "A3", "pend": "A4", "scope": "CT"}
REASONS = {
    "BENEFIT_NOT_COVERED": "0M",
    "BENEFIT_UNVERIFIED": "0W",
    "OT_NOT_MEDICALLY_NECESSARY": "0F",
    "OT_MEDICAL_NECESSITY_UNDETERMINED": "0V",
    "OT_CODE_NOT_LISTED": "0M",
    "PT_REFERRAL_VISIT_LIMIT": "0L",
}
CLINICAL = ("PT_IMPROVEMENT_NOT_EXPECTED", "OT_NOT_MEDICALLY_NECESSARY")
TIER = "PT_REFERRAL_VISIT_LIMIT"


def answer_with(client: EmbeddedClient, request: dict[str, Any]) -> dict[str, Any]:
    known = dict(request)
    asked = known.pop("requested_visits", None) if known["request_type"] == "pt_referral" else None
    decision: dict[str, Any] = dict(client.decide(known))
    authorized = decision["authorized"]
    visits = authorized["evaluation_visits"] + authorized["treatment_visits"]
    if asked is not None and decision["outcome"] == "authorized" and asked > visits:
        reason = {"code": TIER, "effect": "deny", "path": "/requested_visits", "message": "", "clauses": ["PT-3"]}
        decision |= {"outcome": "partially_authorized", "reasons": [*decision["reasons"], reason]}
    reasons = [
        {
            "code": each["code"],
            "path": each["path"],
            "action": OF_EFFECTS.get(each["effect"]),
            "review_reason": REASONS.get(each["code"], "0U" if each["effect"] == "pend" else "14"),
            "determination": "clinician_attested" if each["code"] in CLINICAL else "administrative",
        }
        for each in decision["reasons"]
        if each["effect"] in OF_EFFECTS
    ]
    documents = [{"report_type": "08", "loinc": "18776-5"}] if decision["outcome"] == "pended" else []
    answer = {
        "action": ACTIONS[decision["outcome"]],
        "review_reasons": sorted(
            {each["review_reason"] for each in reasons if ACTIONS[decision["outcome"]] not in ("A1", "CT")}
        ),
        "granted": {"visits": visits, "units": authorized["units"]},
        "lines": [
            {
                "line": line["line"],
                "action": ACTIONS[line["status"]],
                "review_reasons": sorted({REASONS.get(code, "10") for code in line["reasons"]}),
                "units_authorized": line["units_authorized"],
                "units_pended": line["units_requested"] - line["units_authorized"]
                if line["status"] in ("pended", "partially_authorized")
                else 0,
            }
            for line in decision["lines"]
        ],
        "reasons": reasons,
        "documents": documents,
        "ends": {"circumstance": f"visit {visits} of the referral", "visit": visits} if visits else None,
        "text": " ".join(each["message"] for each in decision["reasons"]) or "Authorized.",
    }
    return {"decision": decision, "answer": answer}
