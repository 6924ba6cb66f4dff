"""Requests and decisions in the forms of other systems: FHIR questionnaires, Da Vinci PAS, yearly CMS-0057-F metrics."""
