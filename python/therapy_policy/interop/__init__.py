"""Requests and decisions in the forms of other systems: FHIR questionnaires, Da Vinci PAS, the measures of CMS-0057-F."""
