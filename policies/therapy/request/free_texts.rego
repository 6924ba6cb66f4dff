# Generated from schemas/request.json by `make generate`; do not edit.

package therapy.request

# METADATA
# title: Outpatient PT plan of care, each free text of a valid request and its place
free_texts(request) := union({
	{[["plan_of_care", field_1], text] | some field_1 in ["diagnosis", "frequency", "duration", "expected_potential"]; text := request.plan_of_care[field_1]; is_string(text)},
	{[["plan_of_care", "planned_interventions", i_2], text] | some i_2, element_2 in request.plan_of_care.planned_interventions; text := element_2; is_string(text)},
	{[["plan_of_care", "goals", i_2, field_3], text] | some i_2, element_2 in request.plan_of_care.goals; some field_3 in ["statement", "measure", "functional_activity"]; text := element_2[field_3]; is_string(text)},
}) if request.request_type == "pt_treatment_plan"

# METADATA
# title: Outpatient PT extension, each free text of a valid request and its place
free_texts(request) := union({
	{[["documentation", "goals", i_2, "goal_id"], text] | some i_2, element_2 in request.documentation.goals; text := element_2.goal_id; is_string(text)},
	{[["documentation", "goals", i_2, field_3, field_4], text] | some i_2, element_2 in request.documentation.goals; some field_3 in ["initial_status", "last_period_status", "current_status"]; some field_4 in ["measure", "value"]; text := element_2[field_3][field_4]; is_string(text)},
	{[["documentation", "notes", i_2, "goals_addressed", i_4], text] | some i_2, element_2 in request.documentation.notes; some i_4, element_4 in element_2.goals_addressed; text := element_4; is_string(text)},
	{[["documentation", "planned_interventions", i_2, field_3], text] | some i_2, element_2 in request.documentation.planned_interventions; some field_3 in ["technique", "amount", "frequency", "duration"]; text := element_2[field_3]; is_string(text)},
	{[["documentation", "impeding_factors", "identified", i_3], text] | some i_3, element_3 in request.documentation.impeding_factors.identified; text := element_3; is_string(text)},
	{[["documentation", "response_summary"], text] | text := request.documentation.response_summary; is_string(text)},
	{[["documentation", "limiting_issues", i_2], text] | some i_2, element_2 in request.documentation.limiting_issues; text := element_2; is_string(text)},
	{[["documentation", "prognosis", "statement"], text] | text := request.documentation.prognosis.statement; is_string(text)},
	{[["documentation", "prognosis", "discharge_criteria", i_3], text] | some i_3, element_3 in request.documentation.prognosis.discharge_criteria; text := element_3; is_string(text)},
	{[["documentation", "plan_of_care_changes", field_2], text] | some field_2 in ["explanation", "clinical_rationale"]; text := request.documentation.plan_of_care_changes[field_2]; is_string(text)},
}) if request.request_type == "pt_extension"
