"""Requests and decisions in the forms of other systems: FHIR questionnaires, Da Vinci PAS and CRD, CMS-0057-F."""
