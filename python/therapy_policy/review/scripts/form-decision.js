// A decision in words, and two decisions side by side. The words are those of the command `therapy-policy explain`.
//
// Parts with `data-page-only` are not in the words of the command.
(() => {
  "use strict";

  const { make, inWords, capitalized, countOf, printable } = window.PAGE_TOOLS;
  const { pathInWords, jsonText, withSortedNames } = window.FORM_JSON;
  const { schema, explanation } = window.THERAPY_POLICY;
  const PAGES = window.THERAPY_POLICY.pages;

  // --- one decision
  //
  // `policy` is the policy that decided: its `register` and its `numbers` by clause. `goTo(path)` moves to a field.

  function explain(decision, policy, goTo) {
    const title = schema.definitions[decision.request_type]?.title ?? "The request";
    const reference = decision.request_id ? [" ", make("bdi", {}, printable(decision.request_id))] : [];
    const headline = [title, ...reference, ` ${explanation.sentences[decision.outcome]}`];
    const sections = [facts(decision, policy)];
    if (decision.outcome === "partially_authorized") sections.push(apart(decision, policy));
    if (decision.lines.length) sections.push(lines(decision.lines));
    for (const [effect, heading] of Object.entries(explanation.effects)) {
      const reasons = merge(decision.reasons.filter((reason) => reason.effect === effect));
      if (reasons.length) {
        const entries = reasons.map(({ reason, paths }) => make("li", {}, ...entry(reason, paths, policy, goTo)));
        sections.push(make("section", { "data-effect": effect }, make("h3", {}, heading), make("ol", {}, ...entries)));
      }
    }
    return { headline, sections };
  }

  function terms(...rows) {
    const parts = rows.map(([term, ...texts]) =>
      make("div", {}, make("dt", {}, ...[term].flat()), ...texts.map((text) => make("dd", {}, text))),
    );
    return make("dl", {}, ...parts);
  }

  function facts(decision, policy) {
    const rows = decision.outcome === "routed" ? [] : [["authorized", authorizedInWords(decision.authorized)]];
    for (const clause of decision.authorized_under ?? []) {
      const basis = make("span", {}, policy.register.clauses[clause]?.summary ?? "", numbersOf(clause, decision, policy));
      rows.push([["under clause ", entryOf("clauses", clause)], basis]);
    }
    if (decision.route) rows.push(["referral", routeInWords(decision.route)]);
    if (decision.contact) rows.push(["contact", contactInWords(decision.contact)]);
    rows.push(["policy", `version ${decision.policy_version}`]);
    return terms(...rows);
  }

  // The numbers and lists of a clause, with their dates. Of a list of procedure codes, only those that are authorized.
  function numbersOf(clause, decision, policy) {
    const items = (policy.numbers[clause] ?? []).map(({ parameter, title, periods }) => {
      const link = make("a", { href: PAGES.numbers.replace("{}", parameter) }, title);
      return make("li", {}, link, `: ${periods.map((period) => valueInWords(period, decision)).join("; ")}`);
    });
    return items.length ? make("ul", { "data-page-only": true, class: "try-numbers" }, ...items) : null;
  }

  function valueInWords({ from, entries }, decision) {
    const { procedure_codes } = decision.authorized;
    const ours = entries.filter(([name]) => procedure_codes.includes(name));
    const texts = (ours.length ? ours : entries).map(([name, text]) => [name, text].filter(Boolean).join(": "));
    return texts.join(", ") + (from ? ` (from ${from})` : "");
  }

  const routeInWords = (route) =>
    `chapter ${route.chapter} of the Affiliated Practitioner Manual${route.network ? `, ${route.network}` : ""}`;
  const contactInWords = (contact) => `${contact.name}, ${contact.hours}, fax ${contact.fax.join(" or ")}`;
  const units = (number) => `${countOf(number, "unit")} (${number * explanation.minutes_in_a_unit} minutes)`;

  function authorizedInWords(authorized) {
    const parts = [];
    if (authorized.units) parts.push(units(authorized.units));
    if (authorized.evaluation_visits) parts.push(countOf(authorized.evaluation_visits, "evaluation visit"));
    if (authorized.treatment_visits) parts.push(countOf(authorized.treatment_visits, "treatment visit"));
    const codes = authorized.procedure_codes;
    if (codes.length) parts.push(`procedure ${codes.length === 1 ? "code" : "codes"} ${codes.join(", ")}`);
    if (!parts.length) return "nothing";
    return `${parts.join(", ")}; at most ${units(authorized.max_units_per_visit)} in a visit`;
  }

  // What is authorized of a request that is authorized in part, and apart from it what is not, with the reasons.
  function apart(decision, policy) {
    const granted = decision.lines
      .filter((line) => line.units_authorized)
      .map((line) => `Line ${line.line}, ${line.procedure_code}: ${lineUnits(line)}`);
    const refused = decision.lines
      .filter((line) => line.units_authorized < line.units_requested)
      .map((line) => {
        const at = `/service_lines/${line.line - 1}`;
        const reasons = decision.reasons.filter(
          (reason) => line.reasons.includes(reason.code) && (reason.path === at || reason.path.startsWith(`${at}/`)),
        );
        const rest = units(line.units_requested - line.units_authorized);
        return withReasons(`Line ${line.line}, ${line.procedure_code}: ${rest}, ${inWords(line.status)}`, reasons, policy);
      });
    const others = decision.reasons
      .filter((reason) => ["deny", "pend"].includes(reason.effect) && !/^\/service_lines\/[0-9]+(\/|$)/.test(reason.path))
      .map((reason) => withReasons(capitalized(pathInWords(reason.path) || "the whole request"), [reason], policy));
    return make(
      "div",
      { class: "try-apart", "data-page-only": true },
      part("Authorized", granted.length ? granted : [authorizedInWords(decision.authorized)]),
      part("Not authorized, and why", [...refused, ...others]),
    );
  }

  const part = (heading, items) =>
    make("section", {}, make("h3", {}, heading), make("ul", {}, ...items.map((item) => make("li", {}, ...[item].flat()))));

  function lineUnits(line) {
    const asked = line.units_requested === line.units_authorized ? "" : ` of the ${line.units_requested} requested`;
    return units(line.units_authorized) + asked;
  }

  function withReasons(what, reasons, policy) {
    const texts = reasons.map((reason) => {
      const under = reason.clauses.flatMap((clause) => [" (clause ", entryOf("clauses", clause), ")"]);
      const remedy = reason.remedy ?? policy.register.reason_codes[reason.code]?.no_remedy_because;
      return make("p", {}, reason.message, ...under, remedy ? ` ${remedy}` : null);
    });
    return [what, ...texts];
  }

  const LINE_COLUMNS = ["line", "code", "requested", "authorized", "status", "reasons"];

  function lines(all) {
    const rows = all.map((line) => {
      const cells = [
        String(line.line), line.procedure_code, String(line.units_requested), String(line.units_authorized),
        inWords(line.status),
      ].map((text) => [text]);
      cells.push(line.reasons.flatMap((code, index) => [index ? " " : null, make("code", {}, code)].filter(Boolean)));
      return make(
        "tr",
        {},
        ...cells.map((content, index) =>
          make(index ? "td" : "th", { "data-label": LINE_COLUMNS[index], scope: index ? null : "row" }, ...content),
        ),
      );
    });
    return table("Service lines", LINE_COLUMNS, rows, "try-lines");
  }

  function table(caption, columns, rows, kind) {
    return make(
      "table",
      { class: `usa-table usa-table--borderless try-table ${kind}` },
      make("caption", {}, caption),
      make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows),
    );
  }

  // Reasons that differ only in their path become one, with all the paths.
  function merge(reasons) {
    const merged = new Map();
    for (const reason of reasons) {
      const same = JSON.stringify([reason.code, reason.clauses, reason.message, reason.remedy]);
      if (!merged.has(same)) merged.set(same, { reason, paths: [] });
      merged.get(same).paths.push(reason.path);
    }
    return [...merged.values()];
  }

  function entry(reason, paths, policy, goTo) {
    const { register } = policy;
    const rows = [["where", ...paths.map((path) => where(path, goTo))]];
    for (const clause of reason.clauses) {
      rows.push([["clause ", entryOf("clauses", clause)], register.clauses[clause]?.summary ?? ""]);
    }
    if (reason.interpretation) {
      const { silence = "", choice = "" } = register.interpretations[reason.interpretation] ?? {};
      rows.push([entryOf("interpretations", reason.interpretation), `${silence} ${choice}`.trim()]);
    }
    const remedy = reason.remedy ?? register.reason_codes[reason.code]?.no_remedy_because;
    if (remedy) rows.push(["how to resolve", remedy]);
    rows.push(["reason code", make("code", {}, entryOf("reason_codes", reason.code))]);
    return [make("p", { class: "try-message" }, reason.message), terms(...rows)];
  }

  // The name of an entry of a register, as a link to the entry.
  function entryOf(kind, name) {
    return make("a", { href: PAGES[kind].replace("{}", name) }, name);
  }

  // A JSON Pointer in words, as a link to the field in the form.
  function where(path, goTo) {
    if (!path) return "the whole request";
    const link = make("a", { href: "#try-form" }, make("bdi", {}, printable(pathInWords(path))));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      goTo(path);
    });
    return link;
  }

  // --- two decisions

  const sameText = (before, now) => JSON.stringify(before) === JSON.stringify(now);

  // The decisions of the policy before and of this one, row by row; `before` and `now` are { decision, policy }.
  function sideBySide(before, now) {
    const without = ({ decision }) => jsonText(withSortedNames({ ...decision, policy_version: "" }));
    const isSame = without(before) === without(now);
    const rowsOf = [before, now].map(({ decision, policy }) => rows(decision, policy));
    const names = rowsOf[1].map(([name]) => name);
    const body = names.flatMap((name, index) => {
      const [old, current] = rowsOf.map((rows) => rows[index][1]);
      if (!old.length && !current.length) return [];
      const differs = !sameText(old, current);
      const cells = [old, current].map((texts) =>
        make("td", {}, ...(texts.length ? texts : ["–"]).map((text) => make("p", {}, printable(text)))),
      );
      const tag = differs ? make("span", { class: "usa-tag" }, "differs") : null;
      const kind = differs ? "try-differs" : null;
      return [
        make("tr", { class: kind }, make("th", { scope: "rowgroup", colspan: 2 }, capitalized(name), tag && " ", tag)),
        make("tr", { class: kind }, ...cells),
      ];
    });
    const versions = [
      `Before: version ${before.decision.policy_version || "unknown"}`,
      `Now: version ${now.decision.policy_version}`,
    ];
    const differing = body.filter((row) => row.matches(".try-differs:has(th)")).map((row) => row.firstChild.firstChild.textContent.toLowerCase());
    const summary = isSame
      ? "Both versions decide this request in the same way."
      : `The two versions differ in: ${differing.join(", ") || "the decision as JSON"}.`;
    return { summary, table: table("The decision of the policy before, and the decision now", versions, body, "try-beside") };
  }

  function rows(decision, policy) {
    const reasonText = (reason) => {
      const where = reason.path ? `${pathInWords(reason.path)}: ` : "";
      const basis = [...reason.clauses, reason.interpretation].filter(Boolean).join(", ");
      const remedy = reason.remedy ?? policy.register.reason_codes[reason.code]?.no_remedy_because ?? "";
      return `${where}${reason.message} ${remedy}`.trim() + (basis ? ` (${basis})` : "");
    };
    const under = (decision.authorized_under ?? []).map(
      (clause) => `${clause}: ${policy.register.clauses[clause]?.summary ?? ""}`,
    );
    const lineText = (line) => `Line ${line.line}, ${line.procedure_code}: ${lineUnits(line)}, ${inWords(line.status)}`;
    return [
      ["outcome", [inWords(decision.outcome)]],
      ["authorized", [authorizedInWords(decision.authorized)]],
      ["under clause", under],
      ["service lines", decision.lines.map(lineText)],
      ...Object.entries(explanation.effects).map(([effect, heading]) => [
        heading.toLowerCase(),
        decision.reasons.filter((reason) => reason.effect === effect).map(reasonText),
      ]),
      ["referral", decision.route ? [routeInWords(decision.route)] : []],
      ["contact", decision.contact ? [contactInWords(decision.contact)] : []],
    ];
  }

  window.FORM_DECISION = { explain, sideBySide, terms };
})();
