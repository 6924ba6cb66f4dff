// The page to fill in a request and have the policy itself decide it, in the browser.
//
// Everything about requests comes from the published schema, and everything about a decision from the decision and the
// registers; all of these are in `THERAPY_POLICY` (policy.js). The engine is `opa` (opa-wasm.js). Nothing is sent
// anywhere or kept. Texts go into the page as texts, never as HTML.
(() => {
  "use strict";

  const { schema, data, examples, explanation } = window.THERAPY_POLICY;
  const register = data.therapy.register;
  const MAX_REQUEST_BYTES = window.THERAPY_POLICY.max_request_bytes;
  const MAX_DEPTH = window.THERAPY_POLICY.max_depth;
  const PAGES = { clauses: "clauses.html", interpretations: "interpretations.html", reason_codes: "reasons.html" };
  const PAUSE_MS = 250; // from the last change to the new decision

  // --- JSON that keeps the spelling of numbers: to the policy, 4 is a whole number and 4e0 is not

  const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

  class Numeral {
    constructor(text) {
      this.text = text;
    }
  }

  // Throws SyntaxError if the text is not valid JSON.
  function parseJson(text) {
    return JSON.parse(text, (name, value, context) =>
      typeof value === "number" ? new Numeral(context?.source ?? String(value)) : value,
    );
  }

  function isObject(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Numeral);
  }

  function jsonText(value, margin = "") {
    if (value instanceof Numeral) return value.text;
    if (typeof value === "string") return JSON.stringify(new TextDecoder().decode(new TextEncoder().encode(value)));
    if (typeof value !== "object" || value === null) return String(value);
    const inner = margin + "  ";
    const [open, close] = Array.isArray(value) ? "[]" : "{}";
    const parts = Array.isArray(value)
      ? value.map((element) => jsonText(element, inner))
      : Object.keys(value).map((name) => `${jsonText(name)}: ${jsonText(value[name], inner)}`);
    return parts.length ? `${open}\n${inner}${parts.join(`,\n${inner}`)}\n${margin}${close}` : open + close;
  }

  function withSortedNames(value) {
    if (Array.isArray(value)) return value.map(withSortedNames);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.keys(value)
        .sort()
        .map((name) => [name, withSortedNames(value[name])]),
    );
  }

  function isDeeper(value, levels) {
    if (typeof value !== "object" || value === null || value instanceof Numeral) return false;
    return levels === 0 || Object.values(value).some((inner) => isDeeper(inner, levels - 1));
  }

  // --- the engine

  let loading = null;

  async function loadPolicy() {
    const wasm = Uint8Array.from(atob(window.THERAPY_POLICY.wasm), (character) => character.charCodeAt(0));
    const policy = await window.opa.loadPolicy(wasm, { initial: window.THERAPY_POLICY.memory_pages });
    policy.setData(data);
    return policy;
  }

  // The request cannot be decided; the message says why.
  class Refusal extends Error {}

  // Throws Refusal.
  async function decisionOn(text) {
    const request = parseRequest(text);
    // The engine stops at half a surrogate pair in an escape; any other text goes to it unchanged.
    const safe = /\\u[dD][89a-fA-F]/.test(text) ? jsonText(request) : text;
    const bytes = new TextEncoder().encode(safe);
    let answer;
    try {
      loading ??= loadPolicy();
      answer = (await loading).evaluate(bytes.buffer, "therapy/decision");
    } catch {
      loading = null; // its state is unknown, so load it again next time
      throw new Refusal("The policy failed on this request. There is no decision; a person must review the request.");
    }
    const outcome = answer[0]?.result?.outcome;
    if (answer.length !== 1 || !outcome || !Object.hasOwn(explanation.sentences, outcome)) {
      throw new Refusal("The policy returned an unknown result. There is no decision; generate these pages again.");
    }
    return answer[0].result;
  }

  function parseRequest(text) {
    if (new TextEncoder().encode(text).length > MAX_REQUEST_BYTES) {
      const most = MAX_REQUEST_BYTES.toLocaleString("en");
      throw new Refusal(`The request cannot be decided: it has more than ${most} bytes.`);
    }
    let request;
    try {
      request = parseJson(text);
    } catch (problem) {
      if (problem instanceof SyntaxError) throw new Refusal("The text is not valid JSON, so there is nothing to decide.");
    }
    if (request === undefined || isDeeper(request, MAX_DEPTH)) {
      throw new Refusal(`The request cannot be decided: it is nested more than ${MAX_DEPTH} levels deep.`);
    }
    return request;
  }

  // --- pieces of the page

  let lastId = 0;
  const newId = () => `try-${++lastId}`;

  // An element with attributes (without those that are undefined, null or false) and children: elements or texts.
  function make(tag, attributes, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes ?? {})) {
      if (value === true) element.setAttribute(name, "");
      else if (value !== undefined && value !== null && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  function button(text, act) {
    const element = make("button", { type: "button", class: "try-small" }, text);
    element.addEventListener("click", act);
    return element;
  }

  const inWords = (name) => name.replaceAll("_", " ").replace(/\bpt\b/, "PT");
  const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const sentence = (text) => capitalized(text) + (text.endsWith(".") ? "" : ".");
  // A text with an escape for each invisible character, as the command prints them.
  const NAMED = { " ": " ", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const printable = (text) => text.replace(/[\p{C}\p{Z}]/gu, (character) => NAMED[character] ?? escape(character));

  function escape(character) {
    const code = character.codePointAt(0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  }

  const steps = (pointer) =>
    pointer
      .split("/")
      .slice(1)
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

  // --- what the schema says about a field

  function formOf(part) {
    const form = { ...part };
    for (;;) {
      if (form.$ref) {
        const definition = schema.definitions[form.$ref.replace("#/definitions/", "")];
        delete form.$ref;
        for (const name of Object.keys(definition)) form[name] ??= definition[name];
      } else if (form.anyOf) {
        // always this or null
        const [first] = form.anyOf;
        delete form.anyOf;
        form.mayBeNull = true;
        for (const name of Object.keys(first)) form[name] ??= first[name];
      } else break;
    }
    if (Array.isArray(form.type)) {
      form.mayBeNull = form.type.includes("null");
      form.type = form.type.find((type) => type !== "null");
    }
    if (form.enum) {
      form.mayBeNull = form.enum.includes(null);
      form.enum = form.enum.filter((value) => value !== null);
    }
    form.kind = "const" in form ? "constant" : form.enum ? "choice" : form.type;
    form.isLong = form.maxLength > 200;
    form.mayBeBlank = form.kind === "string" && !form.pattern && !form.minLength;
    return form;
  }

  const requestTypes = schema.properties.request_type.enum;
  const formOfType = (type) => formOf({ $ref: `#/definitions/${type}` });

  // --- controls: one for each field of a request
  //
  // A control is made with the value of its field (undefined: missing) and has
  //   element       the element on the page
  //   value()       the current value, undefined if the field is not stated
  //   at(step)      the control of a field directly inside, if there is one
  //   rename(s)     changes the label
  //   showError(s)  shows an error at the field; null removes it
  //   focus()       moves the focus to the field

  function control(form, label, required, value) {
    if (value === null && form.mayBeNull) value = undefined;
    if (value !== undefined && !fits(form, value)) return wrongValue(form, label, required, value);
    return CONTROLS[form.kind](form, label, required, value);
  }

  function fits(form, value) {
    switch (form.kind) {
      case "constant":
        return value === form.const;
      case "choice":
        return form.enum.includes(value);
      case "boolean":
        return typeof value === "boolean";
      case "integer":
        return value instanceof Numeral || (typeof value === "string" && value !== "" && !NUMBER.test(value));
      case "string": // because an input would change line breaks
        return typeof value === "string" && !(form.isLong ? /\r/ : /[\r\n]/).test(value);
      case "array":
        return Array.isArray(value);
      case "object":
        return isObject(value);
    }
    return false;
  }

  const CONTROLS = {
    constant: (form) => ({
      element: make("span", { hidden: true }),
      value: () => form.const,
      at: () => undefined,
      rename() {},
      showError() {},
      focus() {},
    }),

    string(form, label, required, value) {
      const attributes = { autocomplete: "off", spellcheck: form.isLong ? "true" : "false" };
      const input = form.isLong
        ? make("textarea", { ...attributes, rows: 2 })
        : make("input", { ...attributes, type: "text", size: Math.min(form.maxLength ?? 30, 30) });
      input.value = value ?? "";
      const content = () => (input.value === "" && !(required && form.mayBeBlank) ? undefined : input.value);
      return withLabel(form, label, required, input, content);
    },

    integer(form, label, required, value) {
      const input = make("input", { type: "text", inputmode: "numeric", autocomplete: "off", size: 6 });
      input.value = value instanceof Numeral ? value.text : (value ?? "");
      return withLabel(form, label, required, input, () => {
        const text = input.value.trim();
        if (text === "") return undefined;
        return NUMBER.test(text) ? new Numeral(text) : text; // the policy reports a text as an error of this field
      });
    },

    choice(form, label, required, value) {
      const nothing = make("option", { value: "" }, form.mayBeNull ? "not stated" : "choose …");
      const options = form.enum.map((each) => make("option", { value: each }, inWords(each)));
      const input = make("select", {}, nothing, ...options);
      input.value = value ?? "";
      return withLabel(form, label, required, input, () => input.value || undefined);
    },

    boolean(form, label, required, value) {
      const name = newId();
      const inputs = [
        ["yes", true],
        ["no", false],
        ["not stated", undefined],
      ].map(([text, meaning]) => {
        const input = make("input", { type: "radio", name, id: newId() });
        input.checked = meaning === value;
        return { input, meaning, label: make("label", { for: input.id }, text) };
      });
      const radios = inputs.map((each) => make("span", { class: "try-radio" }, each.input, each.label));
      const group = fieldset(form, label, "try-yes-no", make("div", { class: "try-radios" }, ...radios));
      return {
        ...group,
        value: () => inputs.find((each) => each.input.checked).meaning,
        at: () => undefined,
        focus: () => inputs.find((each) => each.input.checked).input.focus(),
      };
    },

    object(form, label, required, value) {
      let fields = {};
      const show = (content, given) => {
        fields = Object.create(null); // a field can have any name, even __proto__
        for (const [name, part] of Object.entries(form.properties)) {
          const isRequired = (form.required ?? []).includes(name);
          fields[name] = control(formOf(part), capitalized(inWords(name)), isRequired, given?.[name]);
        }
        for (const name of Object.keys(given ?? {})) {
          if (!Object.hasOwn(form.properties, name)) {
            fields[name] = unknown(name, given[name], () => delete fields[name]);
          }
        }
        content.replaceChildren(...Object.values(fields).map((field) => field.element));
      };
      const group = optionalGroup(form, label, "try-object", value, show);
      return {
        ...group,
        value() {
          if (!group.isStated()) return undefined;
          const object = Object.create(null);
          for (const name of Object.keys(fields)) {
            const content = fields[name].value();
            if (content !== undefined) object[name] = content;
          }
          return object;
        },
        at: (step) => (group.isStated() ? fields[step] : undefined),
      };
    },

    array(form, label, required, value) {
      const { description, ...elementForm } = formOf(form.items);
      // The description has the name of an element: "one goal with its statuses", "a modifier of two characters …".
      const one = elementForm.isLong ? null : /^(?:one|an?) ([\w ]+?)(?= with\b| of\b|:|$)/.exec(description)?.[1];
      const title = (index) => `${capitalized(one ?? label)} ${index + 1}`;
      if (one && elementForm.kind !== "object") form = { ...form, description: `${form.description}: ${description}` };
      let elements = [];
      let list;

      const append = (given) => {
        const inner = control(elementForm, title(elements.length), true, given);
        const item = make("li", { class: elementForm.kind === "object" ? null : "try-row" }, inner.element);
        const remove = make("button", { type: "button", class: "try-small" });
        const element = { ...inner, item, remove };
        remove.addEventListener("click", () => {
          const index = elements.indexOf(element);
          elements.splice(index, 1);
          item.remove();
          renumber();
          (elements[index]?.remove ?? elements[index - 1]?.remove ?? add).focus();
          changed();
        });
        item.append(remove);
        elements.push(element);
        list.append(item);
        return inner;
      };
      const renumber = () =>
        elements.forEach((element, index) => {
          element.rename(title(index));
          element.remove.textContent = `Remove ${title(index).toLowerCase()}`;
        });
      const add = button(`Add ${one ? `a ${one}` : `to ${label.toLowerCase()}`}`, () => {
        const inner = append(undefined);
        renumber();
        inner.focus();
        changed();
      });

      const show = (content, given) => {
        list = make("ol", { class: "try-elements" });
        elements = [];
        (given ?? Array(form.mayBeNull ? 0 : (form.minItems ?? 0)).fill(undefined)).forEach(append);
        renumber();
        content.replaceChildren(list, add);
      };
      const group = optionalGroup(form, label, "try-list", value, show);
      return {
        ...group,
        value: () => (group.isStated() ? elements.map((element) => element.value() ?? null) : undefined),
        at: (step) => (group.isStated() ? elements[step] : undefined),
      };
    },
  };

  // A field with one input.
  function withLabel(form, label, required, input, value) {
    input.id = newId();
    const text = make("span", {}, label);
    const aside = required ? null : make("span", { class: "try-aside" }, " (optional)");
    const name = make("label", { for: input.id }, text, aside);
    const error = errorOf(input, label, form.description, () => input.toggleAttribute("aria-invalid", false));
    if (required) input.setAttribute("aria-required", "true");
    return {
      element: make("div", { class: "try-field" }, name, error.hint, error.problem, input),
      value,
      at: () => undefined,
      rename: (label) => (text.textContent = label),
      showError(problem) {
        error.show(problem);
        if (problem) input.setAttribute("aria-invalid", "true");
      },
      focus: () => input.focus(),
    };
  }

  // A field with several inputs.
  function fieldset(form, label, kind, ...content) {
    const legend = make("legend", {}, label);
    const element = make("fieldset", { class: kind });
    const error = errorOf(element, label, form.description);
    element.append(legend, ...[error.hint, error.problem, ...content].filter(Boolean));
    return {
      element,
      rename: (label) => (legend.textContent = label),
      showError: error.show,
      focus: () => element.querySelector("input, textarea, select, button")?.focus(),
    };
  }

  // An object or a list. If it is optional, its content shows only after a person checks "stated".
  function optionalGroup(form, label, kind, value, show) {
    const content = make("div", { class: "try-content" });
    const box = form.mayBeNull ? make("input", { type: "checkbox", id: newId() }) : null;
    const choice = box ? make("div", { class: "try-radio" }, box, make("label", { for: box.id }, "stated")) : null;
    const group = fieldset(form, label, kind, ...[choice, content].filter(Boolean));
    if (box) {
      box.checked = value !== undefined;
      let isShown = box.checked;
      box.addEventListener("input", () => {
        content.hidden = !box.checked;
        if (box.checked && !isShown) show(content, undefined);
        isShown = true; // the content remains for the next time that the box is checked
      });
    }
    if (!box || box.checked) show(content, value);
    return { ...group, isStated: () => !box || box.checked };
  }

  function errorOf(described, label, description, onClear = () => {}) {
    const says = description && inWords(description.replace(/^the /, "")) !== label.toLowerCase();
    const hint = says ? make("p", { class: "try-hint", id: newId() }, sentence(description)) : null;
    const problem = make("p", { class: "try-problem", id: newId(), hidden: true });
    const describe = (...parts) => {
      const ids = parts.filter(Boolean).map((part) => part.id);
      if (ids.length) described.setAttribute("aria-describedby", ids.join(" "));
      else described.removeAttribute("aria-describedby");
    };
    describe(hint);
    return {
      hint,
      problem,
      show(text) {
        problem.hidden = !text;
        problem.textContent = text ?? "";
        if (!text) onClear();
        describe(hint, text ? problem : null);
      },
    };
  }

  // A field with a value that its input cannot show. It stays until the person chooses to enter something else.
  function wrongValue(form, label, required, value) {
    let current = unusable(label, value, "Enter something else", () => {
      const input = control(form, label, required, undefined);
      current.element.replaceWith(input.element);
      current = input;
      current.focus();
      changed();
    });
    return {
      get element() {
        return current.element;
      },
      value: () => current.value(),
      at: (step) => current.at(step),
      rename(newLabel) {
        label = newLabel;
        current.rename(newLabel);
      },
      showError: (problem) => current.showError(problem),
      focus: () => current.focus(),
    };
  }

  // A field that this request type does not have.
  function unknown(name, value, forget) {
    const field = unusable(name, value, "Remove it", () => {
      forget();
      const next = field.element.previousElementSibling ?? field.element.parentElement;
      field.element.remove();
      next.querySelector("input, textarea, select, button")?.focus();
      changed();
    });
    return field;
  }

  function unusable(label, value, action, act) {
    const text = jsonText(value).replace(/\s+/g, " ");
    const content = make("code", {}, text.length > 100 ? `${text.slice(0, 100)} …` : text);
    const group = fieldset({}, label, "try-misfit", content, button(action, act));
    return { ...group, value: () => value, at: () => undefined };
  }

  // --- a decision in words

  function explain(decision) {
    const title = schema.definitions[decision.request_type]?.title ?? "The request";
    const reference = decision.request_id ? [" ", make("bdi", {}, printable(decision.request_id))] : [];
    const headline = [title, ...reference, ` ${explanation.sentences[decision.outcome]}`];
    const sections = [facts(decision), decision.lines.length ? lines(decision.lines) : null];
    for (const [effect, heading] of Object.entries(explanation.effects)) {
      const reasons = merge(decision.reasons.filter((reason) => reason.effect === effect));
      if (reasons.length) {
        const entries = reasons.map(({ reason, paths }) => make("li", {}, ...entry(reason, paths)));
        sections.push(make("section", { "data-effect": effect }, make("h3", {}, heading), make("ol", {}, ...entries)));
      }
    }
    return { headline, sections: sections.filter(Boolean) };
  }

  function terms(...rows) {
    const parts = rows.map(([term, ...texts]) =>
      make("div", {}, make("dt", {}, ...[term].flat()), ...texts.map((text) => make("dd", {}, text))),
    );
    return make("dl", {}, ...parts);
  }

  function facts(decision) {
    const rows = [["authorized", authorizedInWords(decision.authorized)]];
    const { route, contact } = decision;
    if (route) {
      const network = route.network ? `, ${route.network}` : "";
      rows.push(["referral", `chapter ${route.chapter} of the Affiliated Practitioner Manual${network}`]);
    }
    if (contact) rows.push(["contact", `${contact.name}, ${contact.hours}, fax ${contact.fax.join(" or ")}`]);
    rows.push(["policy", `version ${decision.policy_version}`]);
    return terms(...rows);
  }

  function authorizedInWords(authorized) {
    const parts = [];
    if (authorized.units) parts.push(units(authorized.units));
    if (authorized.evaluation_visits) parts.push(countOf(authorized.evaluation_visits, "evaluation visit"));
    if (authorized.treatment_visits) parts.push(countOf(authorized.treatment_visits, "treatment visit"));
    if (authorized.procedure_codes.length) parts.push(`procedure codes ${authorized.procedure_codes.join(" ")}`);
    if (!parts.length) return "nothing";
    return `${parts.join(", ")}; at most ${units(authorized.max_units_per_visit)} in a visit`;
  }

  const countOf = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;
  const units = (number) => `${countOf(number, "unit")} (${number * explanation.minutes_in_a_unit} minutes)`;

  function lines(all) {
    const head = ["line", "code", "requested", "authorized", "status", "reasons"];
    const rows = all.map((line) => [
      make("th", { scope: "row" }, String(line.line)),
      make("td", {}, line.procedure_code),
      make("td", {}, String(line.units_requested)),
      make("td", {}, String(line.units_authorized)),
      make("td", {}, line.status.replace("_", " ")),
      make("td", {}, ...line.reasons.map((code) => make("code", {}, code))),
    ]);
    const table = make(
      "table",
      {},
      make("caption", {}, "Service lines"),
      make("thead", {}, make("tr", {}, ...head.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells))),
    );
    return make("div", { class: "try-table", tabindex: 0, role: "region", "aria-label": "Service lines" }, table);
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

  function entry(reason, paths) {
    const rows = [["where", ...paths.map(where)]];
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
    return make("a", { href: `${PAGES[kind]}#${name}` }, name);
  }

  // A JSON Pointer in words, with elements counted from 1, and unchanged; it links to the field in the form.
  function where(path) {
    if (!path) return "the whole request";
    const isIndex = (step) => /^[0-9]+$/.test(step);
    const words = steps(path).map((step) => (isIndex(step) ? String(BigInt(step) + 1n) : step.replaceAll("_", " ")));
    const link = make("a", { href: "#try-form" }, make("bdi", {}, printable(words.join(" › "))));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      fieldAt(path)?.focus();
    });
    return make("span", {}, link, " ", make("code", {}, make("bdi", {}, printable(path))));
  }

  // --- the page

  const byId = (id) => document.getElementById(id);
  const page = byId("try");
  const form = byId("try-form");
  const typeChoice = byId("try-type");
  const exampleChoice = byId("try-example");
  const json = byId("try-json");
  const result = byId("try-result");
  const outcome = byId("try-outcome");
  const explanationBox = byId("try-explanation");
  const decisionJson = byId("try-decision");

  let root = null; // the control of the whole request; null if the request type is unknown
  let formIsBehind = false; // the JSON changed, and the form does not show it yet
  let live = false; // decide after each change; off until the first decision, so that no errors show before it
  let withErrors = []; // the controls that show an error
  let pause = 0;
  let latest = 0;
  const drafts = new Map(); // the content of the forms, by request type

  function showForm(value) {
    const type = isObject(value) ? value.request_type : undefined;
    withErrors = [];
    root = requestTypes.includes(type) ? control(formOfType(type), formOfType(type).title, true, value) : null;
    byId("try-fields").replaceChildren(
      root?.element ?? make("p", {}, "The request type below is unknown, so there is no form for it."),
    );
    typeChoice.value = root ? type : "";
  }

  // The control of a field, or of the nearest field around it that has one.
  function fieldAt(path) {
    let field = root;
    for (const step of steps(path)) {
      const below = field?.at(step);
      if (!below) break;
      field = below;
    }
    return field;
  }

  function changed() {
    json.value = jsonText(root.value());
    formIsBehind = false;
    clearTimeout(pause);
    if (live) pause = setTimeout(decide, PAUSE_MS);
  }

  function changedJson() {
    formIsBehind = true;
    clearTimeout(pause);
    pause = setTimeout(decide, PAUSE_MS);
  }

  async function decide() {
    clearTimeout(pause);
    live = true;
    if (formIsBehind) {
      formIsBehind = false;
      try {
        showForm(parseRequest(json.value));
      } catch {
        // The decision reports the error; the form does not change.
      }
    }
    const mine = ++latest;
    let decision = null;
    let words;
    try {
      decision = await decisionOn(json.value);
      words = explain(decision);
    } catch (problem) {
      decision = null;
      const text = problem instanceof Refusal ? problem.message : "This page failed. There is no decision.";
      words = { headline: [text], sections: [] };
    }
    if (mine === latest) showDecision(decision, words);
  }

  function showDecision(decision, { headline, sections }) {
    outcome.replaceChildren(...headline);
    result.dataset.outcome = decision?.outcome ?? "none";
    explanationBox.replaceChildren(...sections);
    decisionJson.textContent = decision ? jsonText(withSortedNames(decision)) : "";
    decisionJson.closest("details").hidden = !decision;

    json.toggleAttribute("aria-invalid", false);
    if (!decision) json.setAttribute("aria-invalid", "true");
    withErrors.forEach((field) => field.showError(null));
    withErrors = [];
    for (const reason of decision?.reasons ?? []) {
      const field = reason.effect === "invalid" ? fieldAt(reason.path) : null;
      if (field && !withErrors.includes(field)) {
        field.showError([reason.message, reason.remedy].filter(Boolean).join(" "));
        withErrors.push(field);
      }
    }
  }

  function showNoDecision(text) {
    latest++;
    clearTimeout(pause);
    live = false;
    showDecision(null, { headline: [text], sections: [] });
    json.toggleAttribute("aria-invalid", false);
  }

  function begin(type) {
    showForm(drafts.get(type) ?? { request_type: type });
    json.value = jsonText(root.value());
    showNoDecision("No decision yet: fill in the form and press Decide.");
  }

  for (const type of requestTypes) {
    typeChoice.append(make("option", { value: type }, formOfType(type).title));
  }
  for (const type of [...requestTypes, undefined]) {
    const group = make("optgroup", { label: type ? formOfType(type).title : "Other" });
    examples.forEach((example, index) => {
      const of = requestTypes.find((each) => each === example.request?.request_type);
      if (of === type) group.append(make("option", { value: index }, example.title));
    });
    if (group.children.length) exampleChoice.append(group);
  }

  typeChoice.addEventListener("change", () => {
    if (root) {
      const value = parseJson(jsonText(root.value()));
      drafts.set(value.request_type, value);
    }
    begin(typeChoice.value);
  });
  byId("try-load").addEventListener("click", () => {
    const { request } = examples[exampleChoice.value];
    const text = JSON.stringify(request);
    showForm(parseJson(text));
    json.value = jsonText(parseJson(text));
    decide();
  });
  form.addEventListener("input", changed);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    await decide();
    outcome.focus();
  });
  json.addEventListener("input", changedJson);

  byId("try-example-choice").hidden = examples.length === 0;
  byId("try-without").hidden = true;
  page.hidden = false;
  begin(requestTypes[0]);
})();
