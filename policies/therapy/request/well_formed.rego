# Generated from schemas/request.json by `make generate`; do not edit.

# METADATA
# title: Quick check of requests
# description: One conjunction for each request type recognizes most valid requests. Any other
#   request is compared with the table of forms.
package therapy.request

well_formed if {
	input.request_type == "pediatric_ot_claim"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "service_date", "medical_necessity",
		"units_already_authorized", "service_lines",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	object.get(input, "medical_necessity", null) in {"established", "not_established", "undetermined", null}
	data.therapy.request.whole_numbers.units_already_authorized[json.marshal(input.units_already_authorized)]
	is_array(input.service_lines)
	count(input.service_lines) >= 1
	count(input.service_lines) <= 50
	every element_0 in input.service_lines {
		is_object(element_0)
		object.remove(element_0, ["procedure_code", "units", "modifiers"]) == {}
		is_string(element_0.procedure_code)
		count(element_0.procedure_code) == 5
		trim(element_0.procedure_code, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
		data.therapy.request.whole_numbers.units[json.marshal(element_0.units)]
		every stated_1 in [value | value := element_0.modifiers; value != null] {
			is_array(stated_1)
			count(stated_1) <= 4
			every element_2 in stated_1 {
				is_string(element_2)
				count(element_2) == 2
				trim(element_2, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == ""
			}
		}
	}
}

well_formed if {
	input.request_type == "pt_referral"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "referral_date", "specialty", "condition",
		"expected_improvement", "island", "requested_visits",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.referral_date)
	data.therapy.lib.calendar.years[substring(input.referral_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.referral_date, 4, -1)]
	input.specialty in {
		"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric",
	}
	is_object(input.condition)
	object.remove(input.condition, ["category", "acute_event"]) == {}
	input.condition.category in {
		"acute", "subacute", "neurodevelopmental", "acute_exacerbation_of_chronic",
		"function_limiting_chronic", "other",
	}
	object.get(input.condition, "acute_event", null) in {
		"new_post_operative", "fracture", "new_stroke", "exacerbation_due_to_event", "none", null,
	}
	every stated_0 in [value | value := input.expected_improvement; value != null] {
		is_object(stated_0)
		object.remove(stated_0, [
			"measurable", "significant", "sustainable", "functional", "within_reasonable_period",
			"result_of_pt",
		]) == {}
		every answer in stated_0 {
			answer in {true, false, null}
		}
	}
	object.get(input, "island", null) in {"oahu", "maui", "hawaii", "kauai", "lanai", "molokai", null}
	every stated_0 in [value | value := input.requested_visits; value != null] {
		data.therapy.request.whole_numbers["pt_referral.requested_visits?"][json.marshal(stated_0)]
	}
}

well_formed if {
	input.request_type == "pt_treatment_plan"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "service_date", "specialty",
		"plan_of_care",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	input.specialty in {
		"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric",
	}
	every stated_0 in [value | value := input.plan_of_care; value != null] {
		is_object(stated_0)
		object.remove(stated_0, [
			"diagnosis", "planned_interventions", "frequency", "duration", "goals",
			"expected_potential", "patient_caregiver_education",
		]) == {}
		every stated_1 in [value | value := stated_0.diagnosis; value != null] {
			is_string(stated_1)
			count(stated_1) <= 4000
		}
		every stated_1 in [value | value := stated_0.planned_interventions; value != null] {
			is_array(stated_1)
			count(stated_1) <= 50
			every element_2 in stated_1 {
				is_string(element_2)
				count(element_2) <= 4000
			}
		}
		every stated_1 in [value | value := stated_0.frequency; value != null] {
			is_string(stated_1)
			count(stated_1) <= 4000
		}
		every stated_1 in [value | value := stated_0.duration; value != null] {
			is_string(stated_1)
			count(stated_1) <= 4000
		}
		every stated_1 in [value | value := stated_0.goals; value != null] {
			is_array(stated_1)
			count(stated_1) <= 20
			every element_2 in stated_1 {
				is_object(element_2)
				object.remove(element_2, ["statement", "measure", "functional_activity", "target_date"]) == {}
				every stated_3 in [value | value := element_2.statement; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.measure; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.functional_activity; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.target_date; value != null] {
					is_string(stated_3)
					data.therapy.lib.calendar.years[substring(stated_3, 0, 4)]
					data.therapy.lib.calendar.days.common[substring(stated_3, 4, -1)]
				}
			}
		}
		every stated_1 in [value | value := stated_0.expected_potential; value != null] {
			is_string(stated_1)
			count(stated_1) <= 4000
		}
		object.get(stated_0, "patient_caregiver_education", null) in {true, false, null}
	}
}

well_formed if {
	input.request_type == "pt_visit"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "service_date", "referral_date",
		"specialty", "tier", "visit", "progress_note_number", "prior_visits",
		"plan_of_care_complete", "discontinuation",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.service_date)
	data.therapy.lib.calendar.years[substring(input.service_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.service_date, 4, -1)]
	every stated_0 in [value | value := input.referral_date; value != null] {
		is_string(stated_0)
		data.therapy.lib.calendar.years[substring(stated_0, 0, 4)]
		data.therapy.lib.calendar.days.common[substring(stated_0, 4, -1)]
	}
	input.specialty in {
		"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric",
	}
	input.tier in {"acute", "nonacute"}
	is_object(input.visit)
	count(input.visit) == 4
	data.therapy.request.whole_numbers.visit_number[json.marshal(input.visit.number)]
	input.visit.kind in {"evaluation", "treatment"}
	data.therapy.request.whole_numbers.units[json.marshal(input.visit.units)]
	data.therapy.request.whole_numbers.units_already_authorized[json.marshal(input.visit.units_already_authorized)]
	every stated_0 in [value | value := input.progress_note_number; value != null] {
		data.therapy.request.whole_numbers["visit_number?"][json.marshal(stated_0)]
	}
	is_object(input.prior_visits)
	count(input.prior_visits) == 2
	data.therapy.request.whole_numbers.visits_so_far[json.marshal(input.prior_visits.evaluation)]
	data.therapy.request.whole_numbers.visits_so_far[json.marshal(input.prior_visits.treatment)]
	object.get(input, "plan_of_care_complete", null) in {true, false, null}
	every stated_0 in [value | value := input.discontinuation; value != null] {
		is_object(stated_0)
		object.remove(stated_0, [
			"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function",
			"adapted_with_equipment", "extended_period_of_service", "progress_cause_indeterminate",
			"unable_to_participate", "home_program_noncompliance", "lacks_scheduled_participation",
			"meets_continuation_criteria",
		]) == {}
		every answer in stated_0 {
			answer in {true, false, null}
		}
	}
}

well_formed if {
	input.request_type == "pt_extension"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "request_date", "specialty",
		"requested_visits", "documentation", "discontinuation",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.request_date)
	data.therapy.lib.calendar.years[substring(input.request_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.request_date, 4, -1)]
	input.specialty in {
		"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric",
	}
	data.therapy.request.whole_numbers.visits_requested[json.marshal(input.requested_visits)]
	every stated_0 in [value | value := input.documentation; value != null] {
		is_object(stated_0)
		object.remove(stated_0, [
			"goals", "notes", "planned_interventions", "impeding_factors", "response_summary",
			"limiting_issues", "prognosis", "plan_of_care_changes", "extension_form_completed",
		]) == {}
		every stated_1 in [value | value := stated_0.goals; value != null] {
			is_array(stated_1)
			count(stated_1) <= 20
			every element_2 in stated_1 {
				is_object(element_2)
				object.remove(element_2, [
					"goal_id", "initial_status", "last_period_status", "current_status",
				]) == {}
				is_string(element_2.goal_id)
				count(element_2.goal_id) <= 4000
				every stated_3 in [value | value := element_2.initial_status; value != null] {
					is_object(stated_3)
					object.remove(stated_3, ["measure", "value"]) == {}
					every stated_4 in [value | value := stated_3.measure; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
					every stated_4 in [value | value := stated_3.value; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
				}
				every stated_3 in [value | value := element_2.last_period_status; value != null] {
					is_object(stated_3)
					object.remove(stated_3, ["measure", "value"]) == {}
					every stated_4 in [value | value := stated_3.measure; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
					every stated_4 in [value | value := stated_3.value; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
				}
				every stated_3 in [value | value := element_2.current_status; value != null] {
					is_object(stated_3)
					object.remove(stated_3, ["measure", "value"]) == {}
					every stated_4 in [value | value := stated_3.measure; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
					every stated_4 in [value | value := stated_3.value; value != null] {
						is_string(stated_4)
						count(stated_4) <= 4000
					}
				}
			}
		}
		every stated_1 in [value | value := stated_0.notes; value != null] {
			is_array(stated_1)
			count(stated_1) <= 100
			every element_2 in stated_1 {
				is_object(element_2)
				count(element_2) == 2
				data.therapy.request.whole_numbers.visit_number[json.marshal(element_2.visit_number)]
				is_array(element_2.goals_addressed)
				count(element_2.goals_addressed) <= 20
				every element_3 in element_2.goals_addressed {
					is_string(element_3)
					count(element_3) <= 4000
				}
			}
		}
		every stated_1 in [value | value := stated_0.planned_interventions; value != null] {
			is_array(stated_1)
			count(stated_1) <= 50
			every element_2 in stated_1 {
				is_object(element_2)
				object.remove(element_2, ["technique", "amount", "frequency", "duration"]) == {}
				every stated_3 in [value | value := element_2.technique; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.amount; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.frequency; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
				every stated_3 in [value | value := element_2.duration; value != null] {
					is_string(stated_3)
					count(stated_3) <= 4000
				}
			}
		}
		every stated_1 in [value | value := stated_0.impeding_factors; value != null] {
			is_object(stated_1)
			object.remove(stated_1, ["identified", "none_identified"]) == {}
			every stated_2 in [value | value := stated_1.identified; value != null] {
				is_array(stated_2)
				count(stated_2) <= 200
				every element_3 in stated_2 {
					is_string(element_3)
					count(element_3) <= 4000
				}
			}
			object.get(stated_1, "none_identified", null) in {true, false, null}
		}
		every stated_1 in [value | value := stated_0.response_summary; value != null] {
			is_string(stated_1)
			count(stated_1) <= 4000
		}
		every stated_1 in [value | value := stated_0.limiting_issues; value != null] {
			is_array(stated_1)
			count(stated_1) <= 200
			every element_2 in stated_1 {
				is_string(element_2)
				count(element_2) <= 4000
			}
		}
		every stated_1 in [value | value := stated_0.prognosis; value != null] {
			is_object(stated_1)
			object.remove(stated_1, ["statement", "discharge_criteria"]) == {}
			every stated_2 in [value | value := stated_1.statement; value != null] {
				is_string(stated_2)
				count(stated_2) <= 4000
			}
			every stated_2 in [value | value := stated_1.discharge_criteria; value != null] {
				is_array(stated_2)
				count(stated_2) <= 200
				every element_3 in stated_2 {
					is_string(element_3)
					count(element_3) <= 4000
				}
			}
		}
		every stated_1 in [value | value := stated_0.plan_of_care_changes; value != null] {
			is_object(stated_1)
			object.remove(stated_1, ["significant_change", "explanation", "clinical_rationale"]) == {}
			object.get(stated_1, "significant_change", null) in {true, false, null}
			every stated_2 in [value | value := stated_1.explanation; value != null] {
				is_string(stated_2)
				count(stated_2) <= 4000
			}
			every stated_2 in [value | value := stated_1.clinical_rationale; value != null] {
				is_string(stated_2)
				count(stated_2) <= 4000
			}
		}
		object.get(stated_0, "extension_form_completed", null) in {true, false, null}
	}
	every stated_0 in [value | value := input.discontinuation; value != null] {
		is_object(stated_0)
		object.remove(stated_0, [
			"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function",
			"adapted_with_equipment", "extended_period_of_service", "progress_cause_indeterminate",
			"unable_to_participate", "home_program_noncompliance", "lacks_scheduled_participation",
			"meets_continuation_criteria",
		]) == {}
		every answer in stated_0 {
			answer in {true, false, null}
		}
	}
}

well_formed if {
	input.request_type == "pt_continuation"
	is_object(input)
	object.remove(input, [
		"request_type", "request_id", "benefit_status", "review_date", "specialty",
		"discontinuation",
	]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	object.get(input, "benefit_status", null) in {"covered", "not_covered", "unverified", null}
	is_string(input.review_date)
	data.therapy.lib.calendar.years[substring(input.review_date, 0, 4)]
	data.therapy.lib.calendar.days.common[substring(input.review_date, 4, -1)]
	input.specialty in {
		"none", "aqua_therapy", "pelvic_floor", "lymphedema", "pediatric",
	}
	is_object(input.discontinuation)
	object.remove(input.discontinuation, [
		"functional_impairment_resolved", "goals_achieved", "returned_to_prior_function",
		"adapted_with_equipment", "extended_period_of_service", "progress_cause_indeterminate",
		"unable_to_participate", "home_program_noncompliance", "lacks_scheduled_participation",
		"meets_continuation_criteria",
	]) == {}
	every answer in input.discontinuation {
		answer in {true, false, null}
	}
}

well_formed if {
	input.request_type == "referral_route"
	is_object(input)
	object.remove(input, ["request_type", "request_id", "island"]) == {}
	every stated_0 in [value | value := input.request_id; value != null] {
		is_string(stated_0)
		count(stated_0) >= 1
		count(stated_0) <= 64
		trim(stated_0, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._:-") == ""
	}
	input.island in {"oahu", "maui", "hawaii", "kauai", "lanai", "molokai"}
}
