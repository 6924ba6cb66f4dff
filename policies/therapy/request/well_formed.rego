# Generated from schemas/request.json by `make generate`; do not edit.

# METADATA
# title: Well-formed requests
# description: One conjunction for each request type, quick to say that a request is of the published
#   form. What it does not recognise is held against the table of forms.
package therapy.request

well_formed if {
	input.request_type == "pediatric_ot_claim"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "service_date", "medical_necessity", "units_already_authorized", "service_lines"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	object.get(input, "medical_necessity", null) in {"established", "not_established", "undetermined", null}
	data.therapy.request.written.units_already_authorized[json.marshal(input.units_already_authorized)]
	is_array(input.service_lines)
	count(input.service_lines) >= 1
	count(input.service_lines) <= 50
	every element in input.service_lines {
		is_object(element)
		object.remove(element, ["procedure_code", "units", "modifiers"]) == {}
		procedure_code(element.procedure_code)
		data.therapy.request.written.units[json.marshal(element.units)]
		optional_pediatric_ot_claim_service_lines_element_modifiers(object.get(element, "modifiers", null))
	}
}

well_formed if {
	input.request_type == "pt_referral"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "referral_date", "specialty", "condition", "expected_improvement", "island"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.referral_date)
	data.therapy.lib.calendar.years[substring(input.referral_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.referral_date, 4, -1)]
	input.specialty in {"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
	is_object(input.condition)
	object.remove(input.condition, ["category", "acute_event"]) == {}
	input.condition.category in {"acute", "subacute", "neurodevelopmental", "acute_exacerbation_of_chronic", "function_limiting_chronic", "other"}
	object.get(input.condition, "acute_event", null) in {"new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event", "none", null}
	optional_pt_referral_expected_improvement(object.get(input, "expected_improvement", null))
	object.get(input, "island", null) in {"oahu", "maui", "hawaii", "kauai", "lanai", "molokai", null}
}

well_formed if {
	input.request_type == "pt_treatment_plan"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "service_date", "specialty", "plan_of_care"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	input.specialty in {"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
	optional_pt_treatment_plan_plan_of_care(object.get(input, "plan_of_care", null))
}

well_formed if {
	input.request_type == "pt_visit"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "service_date", "specialty", "tier", "visit", "progress_note_number", "prior_visits", "plan_of_care_complete", "discontinuation"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	input.specialty in {"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
	input.tier in {"acute", "nonacute"}
	is_object(input.visit)
	count(input.visit) == 4
	data.therapy.request.written.visit_number[json.marshal(input.visit.number)]
	input.visit.kind in {"evaluation", "treatment"}
	data.therapy.request.written.units[json.marshal(input.visit.units)]
	data.therapy.request.written.units_already_authorized[json.marshal(input.visit.units_already_authorized)]
	optional_visit_number(object.get(input, "progress_note_number", null))
	is_object(input.prior_visits)
	count(input.prior_visits) == 2
	data.therapy.request.written.visits_so_far[json.marshal(input.prior_visits.evaluation)]
	data.therapy.request.written.visits_so_far[json.marshal(input.prior_visits.treatment)]
	object.get(input, "plan_of_care_complete", null) in {true, false, null}
	optional_discontinuation(object.get(input, "discontinuation", null))
}

well_formed if {
	input.request_type == "pt_extension"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "request_date", "specialty", "requested_visits", "documentation", "discontinuation"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.request_date)
	data.therapy.lib.calendar.years[substring(input.request_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.request_date, 4, -1)]
	input.specialty in {"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
	data.therapy.request.written.visits_requested[json.marshal(input.requested_visits)]
	optional_pt_extension_documentation(object.get(input, "documentation", null))
	optional_discontinuation(object.get(input, "discontinuation", null))
}

well_formed if {
	input.request_type == "pt_continuation"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "benefit_status", "review_date", "specialty", "discontinuation"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.review_date)
	data.therapy.lib.calendar.years[substring(input.review_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.review_date, 4, -1)]
	input.specialty in {"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric"}
	is_object(input.discontinuation)
	object.remove(input.discontinuation, ["functional_impairment_resolved", "goals_achieved", "returned_to_prior_function", "adapted_with_equipment", "extended_period_of_service", "progress_cause_indeterminate", "unable_to_participate", "home_program_noncompliance", "lacks_scheduled_participation", "meets_continuation_criteria"]) == {}
	every answer in input.discontinuation {
		answer in {true, false, null}
	}
}

well_formed if {
	input.request_type == "referral_route"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "island"]) == {}
	optional_request_id(object.get(input, "request_id", null))
	input.island in {"oahu", "maui", "hawaii", "kauai", "lanai", "molokai"}
}

request_id(value) if {
	is_string(value)
	count(value) >= 1
	count(value) <= 64
}

optional_request_id(null)

optional_request_id(value) if request_id(value)

procedure_code(value) if {
	is_string(value)
	count(value) == 5
	trim(value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

pediatric_ot_claim_service_lines_element_modifiers(value) if {
	is_array(value)
	count(value) <= 4
	every element in value {
		modifier(element)
	}
}

modifier(value) if {
	is_string(value)
	count(value) == 2
	trim(value, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
}

optional_pediatric_ot_claim_service_lines_element_modifiers(null)

optional_pediatric_ot_claim_service_lines_element_modifiers(value) if pediatric_ot_claim_service_lines_element_modifiers(value)

pt_referral_expected_improvement(value) if {
	is_object(value)
	object.remove(value, ["measurable", "significant", "sustainable", "functional", "within_reasonable_period", "result_of_pt"]) == {}
	every answer in value {
		answer in {true, false, null}
	}
}

optional_pt_referral_expected_improvement(null)

optional_pt_referral_expected_improvement(value) if pt_referral_expected_improvement(value)

pt_treatment_plan_plan_of_care(value) if {
	is_object(value)
	object.remove(value, ["diagnosis", "planned_interventions", "frequency", "duration", "goals", "expected_potential", "patient_caregiver_education"]) == {}
	optional_text(object.get(value, "diagnosis", null))
	optional_pt_treatment_plan_plan_of_care_planned_interventions(object.get(value, "planned_interventions", null))
	optional_text(object.get(value, "frequency", null))
	optional_text(object.get(value, "duration", null))
	optional_pt_treatment_plan_plan_of_care_goals(object.get(value, "goals", null))
	optional_text(object.get(value, "expected_potential", null))
	object.get(value, "patient_caregiver_education", null) in {true, false, null}
}

text(value) if {
	is_string(value)
	count(value) <= 4000
}

optional_text(null)

optional_text(value) if text(value)

pt_treatment_plan_plan_of_care_planned_interventions(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		text(element)
	}
}

optional_pt_treatment_plan_plan_of_care_planned_interventions(null)

optional_pt_treatment_plan_plan_of_care_planned_interventions(value) if pt_treatment_plan_plan_of_care_planned_interventions(value)

pt_treatment_plan_plan_of_care_goals(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		is_object(element)
		object.remove(element, ["statement", "measure", "functional_activity", "target_date"]) == {}
		optional_text(object.get(element, "statement", null))
		optional_text(object.get(element, "measure", null))
		optional_text(object.get(element, "functional_activity", null))
		optional_date(object.get(element, "target_date", null))
	}
}

date(value) if {
	is_string(value)
	data.therapy.lib.calendar.years[substring(value, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(value, 4, -1)]
}

optional_date(null)

optional_date(value) if date(value)

optional_pt_treatment_plan_plan_of_care_goals(null)

optional_pt_treatment_plan_plan_of_care_goals(value) if pt_treatment_plan_plan_of_care_goals(value)

optional_pt_treatment_plan_plan_of_care(null)

optional_pt_treatment_plan_plan_of_care(value) if pt_treatment_plan_plan_of_care(value)

visit_number(value) if {
	data.therapy.request.written["visit_number?"][json.marshal(value)]
}

optional_visit_number(null)

optional_visit_number(value) if visit_number(value)

discontinuation(value) if {
	is_object(value)
	object.remove(value, ["functional_impairment_resolved", "goals_achieved", "returned_to_prior_function", "adapted_with_equipment", "extended_period_of_service", "progress_cause_indeterminate", "unable_to_participate", "home_program_noncompliance", "lacks_scheduled_participation", "meets_continuation_criteria"]) == {}
	every answer in value {
		answer in {true, false, null}
	}
}

optional_discontinuation(null)

optional_discontinuation(value) if discontinuation(value)

pt_extension_documentation(value) if {
	is_object(value)
	object.remove(value, ["goals", "notes", "planned_interventions", "impeding_factors", "response_summary", "limiting_issues", "prognosis", "plan_of_care_changes", "extension_form_completed"]) == {}
	optional_pt_extension_documentation_goals(object.get(value, "goals", null))
	optional_pt_extension_documentation_notes(object.get(value, "notes", null))
	optional_pt_extension_documentation_planned_interventions(object.get(value, "planned_interventions", null))
	optional_pt_extension_documentation_impeding_factors(object.get(value, "impeding_factors", null))
	optional_text(object.get(value, "response_summary", null))
	optional_pt_extension_documentation_limiting_issues(object.get(value, "limiting_issues", null))
	optional_pt_extension_documentation_prognosis(object.get(value, "prognosis", null))
	optional_pt_extension_documentation_plan_of_care_changes(object.get(value, "plan_of_care_changes", null))
	object.get(value, "extension_form_completed", null) in {true, false, null}
}

pt_extension_documentation_goals(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		is_object(element)
		object.remove(element, ["goal_id", "initial_status", "last_period_status", "current_status"]) == {}
		text(element.goal_id)
		optional_status(object.get(element, "initial_status", null))
		optional_status(object.get(element, "last_period_status", null))
		optional_status(object.get(element, "current_status", null))
	}
}

status(value) if {
	is_object(value)
	object.remove(value, ["measure", "value"]) == {}
	optional_text(object.get(value, "measure", null))
	optional_text(object.get(value, "value", null))
}

optional_status(null)

optional_status(value) if status(value)

optional_pt_extension_documentation_goals(null)

optional_pt_extension_documentation_goals(value) if pt_extension_documentation_goals(value)

pt_extension_documentation_notes(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		is_object(element)
		count(element) == 2
		data.therapy.request.written.visit_number[json.marshal(element.visit_number)]
		is_array(element.goals_addressed)
		count(element.goals_addressed) <= 200
		every element in element.goals_addressed {
			text(element)
		}
	}
}

optional_pt_extension_documentation_notes(null)

optional_pt_extension_documentation_notes(value) if pt_extension_documentation_notes(value)

pt_extension_documentation_planned_interventions(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		is_object(element)
		object.remove(element, ["technique", "amount", "frequency", "duration"]) == {}
		optional_text(object.get(element, "technique", null))
		optional_text(object.get(element, "amount", null))
		optional_text(object.get(element, "frequency", null))
		optional_text(object.get(element, "duration", null))
	}
}

optional_pt_extension_documentation_planned_interventions(null)

optional_pt_extension_documentation_planned_interventions(value) if pt_extension_documentation_planned_interventions(value)

pt_extension_documentation_impeding_factors(value) if {
	is_object(value)
	object.remove(value, ["identified", "none_identified"]) == {}
	optional_pt_extension_documentation_impeding_factors_identified(object.get(value, "identified", null))
	object.get(value, "none_identified", null) in {true, false, null}
}

pt_extension_documentation_impeding_factors_identified(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		text(element)
	}
}

optional_pt_extension_documentation_impeding_factors_identified(null)

optional_pt_extension_documentation_impeding_factors_identified(value) if pt_extension_documentation_impeding_factors_identified(value)

optional_pt_extension_documentation_impeding_factors(null)

optional_pt_extension_documentation_impeding_factors(value) if pt_extension_documentation_impeding_factors(value)

pt_extension_documentation_limiting_issues(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		text(element)
	}
}

optional_pt_extension_documentation_limiting_issues(null)

optional_pt_extension_documentation_limiting_issues(value) if pt_extension_documentation_limiting_issues(value)

pt_extension_documentation_prognosis(value) if {
	is_object(value)
	object.remove(value, ["statement", "discharge_criteria"]) == {}
	optional_text(object.get(value, "statement", null))
	optional_pt_extension_documentation_prognosis_discharge_criteria(object.get(value, "discharge_criteria", null))
}

pt_extension_documentation_prognosis_discharge_criteria(value) if {
	is_array(value)
	count(value) <= 200
	every element in value {
		text(element)
	}
}

optional_pt_extension_documentation_prognosis_discharge_criteria(null)

optional_pt_extension_documentation_prognosis_discharge_criteria(value) if pt_extension_documentation_prognosis_discharge_criteria(value)

optional_pt_extension_documentation_prognosis(null)

optional_pt_extension_documentation_prognosis(value) if pt_extension_documentation_prognosis(value)

pt_extension_documentation_plan_of_care_changes(value) if {
	is_object(value)
	object.remove(value, ["significant_change", "explanation", "clinical_rationale"]) == {}
	object.get(value, "significant_change", null) in {true, false, null}
	optional_text(object.get(value, "explanation", null))
	optional_text(object.get(value, "clinical_rationale", null))
}

optional_pt_extension_documentation_plan_of_care_changes(null)

optional_pt_extension_documentation_plan_of_care_changes(value) if pt_extension_documentation_plan_of_care_changes(value)

optional_pt_extension_documentation(null)

optional_pt_extension_documentation(value) if pt_extension_documentation(value)
