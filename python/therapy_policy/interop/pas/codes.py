"""The URLs and bare codes of PAS and X12 that are read and written. Their texts are X12's, and are not here."""

from __future__ import annotations

from typing import Literal

Version = Literal["2.0.1", "2.2.1"]
Discipline = Literal["occupational therapy", "physical therapy"]

PAS = "http://hl7.org/fhir/us/davinci-pas/StructureDefinition"
CRD = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition"
X12 = "https://codesystem.x12.org/005010"

SERVICE_TYPE = f"{X12}/1365"
REQUEST_CATEGORY = f"{X12}/1525"
CERTIFICATION_TYPE = f"{X12}/1322"
LEVEL_OF_SERVICE = f"{X12}/1338"
QUANTITY_UNIT = f"{X12}/673"
REVIEW_ACTION = f"{X12}/306"
REPORT_TYPE = f"{X12}/755"
REVIEW_REASON = "https://codesystem.x12.org/external/886"
CPT = "http://www.ama-assn.org/go/cpt"
HCPCS = "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets"
UCUM = "http://unitsofmeasure.org"
PLACE_OF_SERVICE = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
SUPPORTING_INFO = "http://hl7.org/fhir/us/davinci-pas/CodeSystem/PASTempCodes"
CLAIM_TYPE = "http://terminology.hl7.org/CodeSystem/claim-type"
PRIORITY = "http://terminology.hl7.org/CodeSystem/processpriority"
ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"

DISCIPLINES: dict[str, Discipline] = {"AD": "occupational therapy", "AE": "physical therapy"}
INITIAL, EXTENSION, CANCEL = "I", "4", "3"
REVIEWED_SERVICES = ("HS", "SC")  # health services and specialty care, not admissions and reservations
EXPEDITED = ((LEVEL_OF_SERVICE, "U"), (LEVEL_OF_SERVICE, "03"), (PRIORITY, "stat"))
VISITS, UNITS = "VS", "UN"

MORE_INFORMATION, MEDICAL_REVIEW, WAITING = "0U", "0V", "0W"
PT_DOCUMENTATION = "19002-5"  # LOINC


def procedures(coded: list[tuple[str, str]]) -> set[str]:
    """Return the procedure codes among pairs of a code system and a code."""
    return {code for system, code in coded if is_of_procedures(system)}


def is_of_procedures(system: str) -> bool:
    """Return whether a code system is CPT or HCPCS, which is written with http and with https."""
    return system.replace("https://", "http://", 1) in (CPT, HCPCS)
