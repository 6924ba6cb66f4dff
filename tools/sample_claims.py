"""Write claims for pediatric occupational therapy as a payer sees them, one JSON request per line.

    python -m tools.sample_claims 1000000 > claims.jsonl

No claims of real members are public, so the distribution is an assumption. It is written down in `MIX` and below, and
is meant to be near what a payer sees rather than convenient. What it follows:

- Codes. The American Medical Association's CPT descriptors say what each code is for: 97530 (therapeutic activities),
  97110 (exercise), 97112 (neuromuscular reeducation), 97535 (self-care) are the timed codes of everyday treatment.
  Evaluations (97165 to 97168) come once at the start of an episode of care. A few claims have codes that are not
  listed, such as 97140 (manual therapy) or 97533 (sensory integration), because claims do.
- Units. A unit is 15 minutes. Medicare's rule of eight minutes, which many payers adopt, makes a visit of 45 minutes 3
  units and one of an hour 4. So a line has mostly 1 or 2 units, and a claim mostly 2 to 4.
- Modifiers. Medicare requires GO on each line of an occupational therapist; 59 marks a second procedure on one day as
  distinct, and here follows GO on some second lines.
- Dates. Every weekday of twelve months, equally often: plans see little season in therapy for children.
- Status. Nearly all claims of a payer are for covered members, and medical necessity was mostly established before.
- One claim in a hundred is not valid: an interface left out a field, or wrote a unit as text.

Request IDs are unique. The same count and seed always give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

MIX = {
    # procedure codes of the lines: share of claims
    ("97530",): 30.0,
    ("97530", "97110"): 9.0,
    ("97530", "97112"): 9.0,
    ("97530", "97535"): 9.0,
    ("97110", "97530"): 5.0,
    ("97112",): 5.0,
    ("97110",): 5.0,
    ("97535",): 4.0,
    ("92526",): 4.0,
    ("97530", "97112", "97535"): 4.0,
    ("97530", "97110", "97112"): 4.0,
    ("97129", "97130"): 3.0,
    ("97129", "97130", "97530"): 1.0,
    ("97165",): 1.5,
    ("97166",): 2.0,
    ("97167",): 0.5,
    ("97168",): 1.5,
    ("97530", "97140"): 1.0,  # 97140 is not listed
    ("97533",): 1.0,  # not listed
    ("97530", "97533"): 0.4,
    ("97130",): 0.1,  # an add-on without its primary
}
UNITS = {1: {1: 5.0, 2: 25.0, 3: 35.0, 4: 33.0, 5: 1.0, 6: 1.0}, 2: {1: 45.0, 2: 50.0, 3: 5.0}, 3: {1: 85.0, 2: 15.0}}
EVALUATIONS = {"97165", "97166", "97167", "97168"}  # one unit, whatever the time
BENEFIT = {"covered": 97.0, "not_covered": 1.0, "unverified": 1.5, None: 0.5}
NECESSITY = {"established": 93.0, "undetermined": 4.0, "not_established": 2.0, None: 1.0}
ALREADY_AUTHORIZED = {0: 95.0, 1: 1.0, 2: 3.0, 4: 1.0}  # units, where a visit is billed on two claims
SECOND_LINE_DISTINCT = 0.3  # share of lines after the first with the modifier 59
NOT_VALID = 0.01
FIRST_DAY = date(2026, 1, 1)


def claims(count: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Yield claims: requests of the type `pediatric_ot_claim`, of which some are not valid."""
    chance = random.Random(seed)
    weekdays = [day.isoformat() for n in range(365) if (day := FIRST_DAY + timedelta(n)).weekday() < 5]

    def pick(shares: dict[Any, float]) -> Any:
        return chance.choices([*shares], [*shares.values()])[0]

    for number in range(count):
        codes = pick(MIX)
        claim = {
            "request_type": "pediatric_ot_claim",
            "request_id": f"OT-{seed}-{number:09}",
            "service_date": chance.choice(weekdays),
            "benefit_status": pick(BENEFIT),
            "medical_necessity": pick(NECESSITY),
            "units_already_authorized": pick(ALREADY_AUTHORIZED),
            "service_lines": [
                {
                    "procedure_code": code,
                    "units": 1 if code in EVALUATIONS else pick(UNITS[len(codes)]),
                    "modifiers": ["GO", "59"] if index and chance.random() < SECOND_LINE_DISTINCT else ["GO"],
                }
                for index, code in enumerate(codes)
            ],
        }
        claim = {name: value for name, value in claim.items() if value is not None}
        if chance.random() < NOT_VALID:
            if chance.random() < 0.5:
                del claim["service_date"]
            else:
                claim["service_lines"][0]["units"] = str(claim["service_lines"][0]["units"])
        yield claim


def main() -> None:
    options = argparse.ArgumentParser(description="Write claims for pediatric occupational therapy, one per line.")
    options.add_argument("count", type=int, help="how many claims")
    options.add_argument("--seed", type=int, default=1, help="another seed gives other claims (default: 1)")
    given = options.parse_args()
    for claim in claims(given.count, given.seed):
        sys.stdout.write(json.dumps(claim) + "\n")


if __name__ == "__main__":
    main()
