"""Requests and decisions in the forms of other systems: FHIR questionnaires, and the measures of CMS-0057-F."""
