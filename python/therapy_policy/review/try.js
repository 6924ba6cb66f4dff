// The page on which a request is filled in and decided, by the policy itself, in the browser.
//
// All that it knows of requests comes from the published schema, and all that it says of a decision from the decision
// and the registers: both are in `THERAPY_POLICY` (policy.js). The engine is `opa` (opa-wasm.js). Nothing is sent
// anywhere or kept, and texts go into the page as texts, never as HTML.
(() => {
  "use strict";

  const { schema, data, examples, explanation } = window.THERAPY_POLICY;
  const register = data.therapy.register;
  const MAX_REQUEST_BYTES = window.THERAPY_POLICY.max_request_bytes;
  const MAX_DEPTH = window.THERAPY_POLICY.max_depth;
  const PAGES = { clauses: "clauses.html", interpretations: "interpretations.html", reason_codes: "reasons.html" };
  const PAUSE_MS = 250; // after the last change, before it is decided anew

  // --- JSON whose numbers stay as they were written: 4e0 is no whole number to the policy, 4 is

  const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;

  class Numeral {
    constructor(text) {
      this.text = text;
    }
  }

  // Throws SyntaxError where the text is no JSON.
  function parsed(text) {
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
    return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1));
  }

  // --- the engine

  let loading = null;

  async function loaded() {
    const wasm = Uint8Array.from(atob(window.THERAPY_POLICY.wasm), (character) => character.charCodeAt(0));
    const policy = await window.opa.loadPolicy(wasm, { initial: window.THERAPY_POLICY.memory_pages });
    policy.setData(data);
    return policy;
  }

  // Nothing can be decided; the message tells the person why.
  class Refusal extends Error {}

  // Throws Refusal.
  async function decided(text) {
    const request = parsedOrRefused(text);
    // The engine stops at half a surrogate pair that is written as an escape; anything else it gets as it stands.
    const sound = /\\u[dD][89a-fA-F]/.test(text) ? jsonText(request) : text;
    const bytes = new TextEncoder().encode(sound);
    let answer;
    try {
      loading ??= loaded();
      answer = (await loading).evaluate(bytes.buffer, "therapy/decision");
    } catch {
      loading = null; // whatever state it is in, it is not asked again
      throw new Refusal("The policy failed on this request. Nothing is decided; have a person review the request.");
    }
    const outcome = answer[0]?.result?.outcome;
    if (answer.length !== 1 || !outcome || !Object.hasOwn(explanation.sentences, outcome)) {
      throw new Refusal("The policy gave no answer that is known here. Nothing is decided; make these pages anew.");
    }
    return answer[0].result;
  }

  function parsedOrRefused(text) {
    if (new TextEncoder().encode(text).length > MAX_REQUEST_BYTES) {
      const most = MAX_REQUEST_BYTES.toLocaleString("en");
      throw new Refusal(`The request cannot be decided: it has more than ${most} bytes.`);
    }
    let request;
    try {
      request = parsed(text);
    } catch (problem) {
      if (problem instanceof SyntaxError) throw new Refusal("The text is not JSON, so there is nothing to decide.");
    }
    if (request === undefined || isDeeper(request, MAX_DEPTH)) {
      throw new Refusal(`The request cannot be decided: it is nested more than ${MAX_DEPTH} levels deep.`);
    }
    return request;
  }

  // --- pieces of the page

  let lastId = 0;
  const newId = () => `try-${++lastId}`;

  // An element with attributes (those that are undefined, null or false are left out) and children: elements, or texts.
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
  // A text with an escape for each character that would not show, as the command writes them.
  const NAMED = { " ": " ", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const shown = (text) => text.replace(/[\p{C}\p{Z}]/gu, (character) => NAMED[character] ?? escape(character));

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

  // --- what the schema says of a place

  function formOf(part) {
    const found = { ...part };
    for (;;) {
      if (found.$ref) {
        const definition = schema.definitions[found.$ref.replace("#/definitions/", "")];
        delete found.$ref;
        for (const name of Object.keys(definition)) found[name] ??= definition[name];
      } else if (found.anyOf) {
        // always this or null
        const [first] = found.anyOf;
        delete found.anyOf;
        found.mayBeNull = true;
        for (const name of Object.keys(first)) found[name] ??= first[name];
      } else break;
    }
    if (Array.isArray(found.type)) {
      found.mayBeNull = found.type.includes("null");
      found.type = found.type.find((type) => type !== "null");
    }
    if (found.enum) {
      found.mayBeNull = found.enum.includes(null);
      found.enum = found.enum.filter((value) => value !== null);
    }
    found.kind = "const" in found ? "constant" : found.enum ? "choice" : found.type;
    found.isLong = found.maxLength > 200;
    found.mayBeBlank = found.kind === "string" && !found.pattern && !found.minLength;
    return found;
  }

  const requestTypes = schema.properties.request_type.enum;
  const formOfType = (type) => formOf({ $ref: `#/definitions/${type}` });

  // --- controls: one for each place of a request
  //
  // A control is made with what its place holds (undefined: nothing) and has
  //   element     what stands in the page
  //   value()     what the place holds now, undefined where it is not stated
  //   at(step)    the control of a place directly below, if there is one
  //   rename(s)   gives it another label
  //   tell(s)     says at the place what is wrong there; null says nothing any more
  //   focus()     brings the person there

  function control(form, label, required, value) {
    if (value === null && form.mayBeNull) value = undefined;
    if (value !== undefined && !fits(form, value)) return misfit(form, label, required, value);
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
      case "string": // an input would change line breaks
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
      tell() {},
      focus() {},
    }),

    string(form, label, required, value) {
      const attributes = { autocomplete: "off", spellcheck: form.isLong ? "true" : "false" };
      const input = form.isLong
        ? make("textarea", { ...attributes, rows: 2 })
        : make("input", { ...attributes, type: "text", size: Math.min(form.maxLength ?? 30, 30) });
      input.value = value ?? "";
      const stated = () => (input.value === "" && !(required && form.mayBeBlank) ? undefined : input.value);
      return labelled(form, label, required, input, stated);
    },

    integer(form, label, required, value) {
      const input = make("input", { type: "text", inputmode: "numeric", autocomplete: "off", size: 6 });
      input.value = value instanceof Numeral ? value.text : (value ?? "");
      return labelled(form, label, required, input, () => {
        const text = input.value.trim();
        if (text === "") return undefined;
        return NUMBER.test(text) ? new Numeral(text) : text; // as a text the policy refuses it, at its place
      });
    },

    choice(form, label, required, value) {
      const nothing = make("option", { value: "" }, form.mayBeNull ? "not stated" : "choose …");
      const options = form.enum.map((each) => make("option", { value: each }, inWords(each)));
      const input = make("select", {}, nothing, ...options);
      input.value = value ?? "";
      return labelled(form, label, required, input, () => input.value || undefined);
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
      let members = {};
      const show = (content, given) => {
        members = Object.create(null); // a member may have any name, __proto__ too
        for (const [name, part] of Object.entries(form.properties)) {
          const isRequired = (form.required ?? []).includes(name);
          members[name] = control(formOf(part), capitalized(inWords(name)), isRequired, given?.[name]);
        }
        for (const name of Object.keys(given ?? {})) {
          if (!Object.hasOwn(form.properties, name)) {
            members[name] = unknown(name, given[name], () => delete members[name]);
          }
        }
        content.replaceChildren(...Object.values(members).map((member) => member.element));
      };
      const group = statable(form, label, "try-object", value, show);
      return {
        ...group,
        value() {
          if (!group.isStated()) return undefined;
          const found = Object.create(null);
          for (const name of Object.keys(members)) {
            const held = members[name].value();
            if (held !== undefined) found[name] = held;
          }
          return found;
        },
        at: (step) => (group.isStated() ? members[step] : undefined),
      };
    },

    array(form, label, required, value) {
      const { description, ...elementForm } = formOf(form.items);
      // "one goal with its statuses" and "a modifier: two digits or capital letters …" say what an element is called.
      const one = elementForm.isLong ? null : /^(?:one|an?) ([\w ]+?)(?= with\b|:|$)/.exec(description)?.[1];
      const title = (index) => `${capitalized(one ?? label)} ${index + 1}`;
      if (one && elementForm.kind !== "object") form = { ...form, description: `${form.description}: ${description}` };
      let elements = [];
      let list;

      const append = (given) => {
        const made = control(elementForm, title(elements.length), true, given);
        const item = make("li", { class: elementForm.kind === "object" ? null : "try-row" }, made.element);
        const remove = make("button", { type: "button", class: "try-small" });
        const element = { ...made, item, remove };
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
        return made;
      };
      const renumber = () =>
        elements.forEach((element, index) => {
          element.rename(title(index));
          element.remove.textContent = `Remove ${title(index).toLowerCase()}`;
        });
      const add = button(`Add ${one ? `a ${one}` : `to ${label.toLowerCase()}`}`, () => {
        const made = append(undefined);
        renumber();
        made.focus();
        changed();
      });

      const show = (content, given) => {
        list = make("ol", { class: "try-elements" });
        elements = [];
        (given ?? Array(form.mayBeNull ? 0 : (form.minItems ?? 0)).fill(undefined)).forEach(append);
        renumber();
        content.replaceChildren(list, add);
      };
      const group = statable(form, label, "try-list", value, show);
      return {
        ...group,
        value: () => (group.isStated() ? elements.map((element) => element.value() ?? null) : undefined),
        at: (step) => (group.isStated() ? elements[step] : undefined),
      };
    },
  };

  // A place with one input.
  function labelled(form, label, required, input, value) {
    input.id = newId();
    const text = make("span", {}, label);
    const aside = required ? null : make("span", { class: "try-aside" }, " (optional)");
    const name = make("label", { for: input.id }, text, aside);
    const told = problemOf(input, label, form.description, () => input.toggleAttribute("aria-invalid", false));
    if (required) input.setAttribute("aria-required", "true");
    return {
      element: make("div", { class: "try-field" }, name, told.hint, told.problem, input),
      value,
      at: () => undefined,
      rename: (renamed) => (text.textContent = renamed),
      tell(problem) {
        told.tell(problem);
        if (problem) input.setAttribute("aria-invalid", "true");
      },
      focus: () => input.focus(),
    };
  }

  // A place with several inputs.
  function fieldset(form, label, kind, ...content) {
    const legend = make("legend", {}, label);
    const element = make("fieldset", { class: kind });
    const told = problemOf(element, label, form.description);
    element.append(legend, ...[told.hint, told.problem, ...content].filter(Boolean));
    return {
      element,
      rename: (renamed) => (legend.textContent = renamed),
      tell: told.tell,
      focus: () => element.querySelector("input, textarea, select, button")?.focus(),
    };
  }

  // An object or a list. Where it may be left out, a person says that it is stated before its content shows.
  function statable(form, label, kind, value, show) {
    const content = make("div", { class: "try-content" });
    const box = form.mayBeNull ? make("input", { type: "checkbox", id: newId() }) : null;
    const choice = box ? make("div", { class: "try-radio" }, box, make("label", { for: box.id }, "stated")) : null;
    const group = fieldset(form, label, kind, ...[choice, content].filter(Boolean));
    if (box) {
      box.checked = value !== undefined;
      let shown = box.checked;
      box.addEventListener("input", () => {
        content.hidden = !box.checked;
        if (box.checked && !shown) show(content, undefined);
        shown = true; // what was filled in is there again when it is stated again
      });
    }
    if (!box || box.checked) show(content, value);
    return { ...group, isStated: () => !box || box.checked };
  }

  function problemOf(described, label, description, onClear = () => {}) {
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
      tell(text) {
        problem.hidden = !text;
        problem.textContent = text ?? "";
        if (!text) onClear();
        describe(hint, text ? problem : null);
      },
    };
  }

  // A place that holds what its input could not show. It stays so until the person wants to enter something else.
  function misfit(form, label, required, value) {
    let current = unusable(label, value, "Enter something else", () => {
      const instead = control(form, label, required, undefined);
      current.element.replaceWith(instead.element);
      current = instead;
      current.focus();
      changed();
    });
    return {
      get element() {
        return current.element;
      },
      value: () => current.value(),
      at: (step) => current.at(step),
      rename(renamed) {
        label = renamed;
        current.rename(renamed);
      },
      tell: (problem) => current.tell(problem),
      focus: () => current.focus(),
    };
  }

  // A member that requests of this type do not have.
  function unknown(name, value, forget) {
    const place = unusable(name, value, "Remove it", () => {
      forget();
      const next = place.element.previousElementSibling ?? place.element.parentElement;
      place.element.remove();
      next.querySelector("input, textarea, select, button")?.focus();
      changed();
    });
    return place;
  }

  function unusable(label, value, action, act) {
    const text = jsonText(value).replace(/\s+/g, " ");
    const held = make("code", {}, text.length > 100 ? `${text.slice(0, 100)} …` : text);
    const group = fieldset({}, label, "try-misfit", held, button(action, act));
    return { ...group, value: () => value, at: () => undefined };
  }

  // --- a decision in words

  function explained(decision) {
    const title = schema.definitions[decision.request_type]?.title ?? "The request";
    const reference = decision.request_id ? [" ", make("bdi", {}, shown(decision.request_id))] : [];
    const headline = [title, ...reference, ` ${explanation.sentences[decision.outcome]}`];
    const sections = [facts(decision), decision.lines.length ? lines(decision.lines) : null];
    for (const [effect, heading] of Object.entries(explanation.effects)) {
      const reasons = merged(decision.reasons.filter((reason) => reason.effect === effect));
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
    const rows = [["authorized", authorized(decision.authorized)]];
    const { route, contact } = decision;
    if (route) {
      const network = route.network ? `, ${route.network}` : "";
      rows.push(["referral", `chapter ${route.chapter} of the Affiliated Practitioner Manual${network}`]);
    }
    if (contact) rows.push(["contact", `${contact.name}, ${contact.hours}, fax ${contact.fax.join(" or ")}`]);
    rows.push(["policy", `version ${decision.policy_version}`]);
    return terms(...rows);
  }

  function authorized(granted) {
    const parts = [];
    if (granted.units) parts.push(units(granted.units));
    if (granted.evaluation_visits) parts.push(counted(granted.evaluation_visits, "evaluation visit"));
    if (granted.treatment_visits) parts.push(counted(granted.treatment_visits, "treatment visit"));
    if (granted.procedure_codes.length) parts.push(`procedure codes ${granted.procedure_codes.join(" ")}`);
    if (!parts.length) return "no unit, visit or procedure code";
    return `${parts.join(", ")}; a visit has at most ${units(granted.max_units_per_visit)}`;
  }

  const counted = (number, thing) => `${number} ${thing}${number === 1 ? "" : "s"}`;
  const units = (number) => `${counted(number, "unit")} (${number * explanation.minutes_in_a_unit} minutes)`;

  function lines(all) {
    const head = ["line", "code", "asked", "granted", "status", "reasons"];
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

  // Reasons that differ in their place alone are told once, with all their places.
  function merged(reasons) {
    const found = new Map();
    for (const reason of reasons) {
      const same = JSON.stringify([reason.code, reason.clauses, reason.message, reason.remedy]);
      if (!found.has(same)) found.set(same, { reason, paths: [] });
      found.get(same).paths.push(reason.path);
    }
    return [...found.values()];
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
    if (remedy) rows.push(["what lifts it", remedy]);
    rows.push(["reason code", make("code", {}, entryOf("reason_codes", reason.code))]);
    return [make("p", { class: "try-message" }, reason.message), terms(...rows)];
  }

  // The name of an entry of a register, which leads to it on its page.
  function entryOf(kind, name) {
    return make("a", { href: `${PAGES[kind]}#${name}` }, name);
  }

  // A JSON Pointer in words, elements counted from 1, and as it stands; it leads to the place in the form.
  function where(path) {
    if (!path) return "the whole request";
    const isIndex = (step) => /^[0-9]+$/.test(step);
    const words = steps(path).map((step) => (isIndex(step) ? String(BigInt(step) + 1n) : step.replaceAll("_", " ")));
    const link = make("a", { href: "#try-form" }, make("bdi", {}, shown(words.join(" › "))));
    link.addEventListener("click", (event) => {
      event.preventDefault();
      placeOf(path)?.focus();
    });
    return make("span", {}, link, " ", make("code", {}, make("bdi", {}, shown(path))));
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

  let root = null; // the control of the whole request; null where the request is of no known type
  let formIsBehind = false; // the JSON was changed, and the form does not show it yet
  let live = false; // each change is decided; from the first decision on, so that nothing is wrong before then
  let told = []; // the controls at which something is said
  let pause = 0;
  let asked = 0;
  const drafts = new Map(); // what was filled in, by request type

  function showForm(value) {
    const type = isObject(value) ? value.request_type : undefined;
    told = [];
    root = requestTypes.includes(type) ? control(formOfType(type), formOfType(type).title, true, value) : null;
    byId("try-fields").replaceChildren(
      root?.element ?? make("p", {}, "The request below is of no type that is known, so there is no form for it."),
    );
    typeChoice.value = root ? type : "";
  }

  // The control of a place, or of the nearest one above it that has one.
  function placeOf(path) {
    let place = root;
    for (const step of steps(path)) {
      const below = place?.at(step);
      if (!below) break;
      place = below;
    }
    return place;
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
        showForm(parsedOrRefused(json.value));
      } catch {
        // The decision says what is wrong; the form stays as it was.
      }
    }
    const mine = ++asked;
    let decision = null;
    let words;
    try {
      decision = await decided(json.value);
      words = explained(decision);
    } catch (problem) {
      decision = null;
      const text = problem instanceof Refusal ? problem.message : "This page failed. Nothing is decided.";
      words = { headline: [text], sections: [] };
    }
    if (mine === asked) showDecision(decision, words);
  }

  function showDecision(decision, { headline, sections }) {
    outcome.replaceChildren(...headline);
    result.dataset.outcome = decision?.outcome ?? "none";
    explanationBox.replaceChildren(...sections);
    decisionJson.textContent = decision ? jsonText(withSortedNames(decision)) : "";
    decisionJson.closest("details").hidden = !decision;

    json.toggleAttribute("aria-invalid", false);
    if (!decision) json.setAttribute("aria-invalid", "true");
    told.forEach((place) => place.tell(null));
    told = [];
    for (const reason of decision?.reasons ?? []) {
      const place = reason.effect === "invalid" ? placeOf(reason.path) : null;
      if (place && !told.includes(place)) {
        place.tell([reason.message, reason.remedy].filter(Boolean).join(" "));
        told.push(place);
      }
    }
  }

  function showNoDecision(text) {
    asked++;
    clearTimeout(pause);
    live = false;
    showDecision(null, { headline: [text], sections: [] });
    json.toggleAttribute("aria-invalid", false);
  }

  function begin(type) {
    showForm(drafts.get(type) ?? { request_type: type });
    json.value = jsonText(root.value());
    showNoDecision("Nothing is decided yet: fill in the form and press Decide.");
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
      const value = parsed(jsonText(root.value()));
      drafts.set(value.request_type, value);
    }
    begin(typeChoice.value);
  });
  byId("try-load").addEventListener("click", () => {
    const { request } = examples[exampleChoice.value];
    const text = JSON.stringify(request);
    showForm(parsed(text));
    json.value = jsonText(parsed(text));
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
