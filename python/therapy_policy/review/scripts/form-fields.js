// The controls of a form: one for each field of a request, made from the published schema.
//
// A control is made with the value of its field (undefined: missing) and has
//   element       the element on the page
//   value()       the current value, undefined if the field is not stated
//   at(step)      the control of a field directly inside, if there is one
//   rename(s, around)  changes the label, and the names of what is around it
//   advice()      how to correct the value, in words; null if there is nothing to say
//   showError(s)  shows an error at the field; null removes it
//   focus()       moves the focus to the field
(() => {
  "use strict";

  const { make, button, unseen, newId, inWords, capitalized, sentence, isDate } = window.PAGE_TOOLS;
  const { NUMBER, Numeral, isObject, jsonText } = window.FORM_JSON;
  const { advice, onUnfinishedDate } = window.FORM_ADVICE;

  const { schema } = window.THERAPY_POLICY;
  const requestTypes = schema.properties.request_type.enum;
  let changed = () => {}; // called after each change that is not an `input` event

  // --- what the schema says about a field

  function formOf(part) {
    const form = { ...part };
    for (;;) {
      if (form.$ref) {
        const definition = schema.definitions[form.$ref.replace("#/definitions/", "")];
        delete form.$ref;
        form.description_of_kind = definition.description;
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
    form.kind = "const" in form ? "constant" : form.enum ? "choice" : form.format === "date" ? "date" : form.type;
    form.isLong = form.maxLength > 200;
    form.mayBeBlank = form.kind === "string" && !form.pattern && !form.minLength;
    if (form.kind === "integer") form.range = `from ${form.minimum} to ${form.maximum}`;
    return form;
  }

  const formOfType = (type) => formOf({ $ref: `#/definitions/${type}` });

  // --- controls

  // `around` has the names of the parts around the field, the nearest first.
  function control(form, label, required, value, around) {
    if (value === null && form.mayBeNull) value = undefined;
    if (value !== undefined && !fits(form, value)) return wrongValue(form, label, required, value, around);
    return CONTROLS[form.kind](form, label, required, value, around);
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
      case "date":
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
      advice: () => null,
      showError() {},
      focus() {},
    }),

    string(form, label, required, value, around) {
      const attributes = { autocomplete: "off", spellcheck: form.isLong ? "true" : "false" };
      const input = form.isLong
        ? make("textarea", { ...attributes, class: "usa-textarea", rows: 2 })
        : make("input", { ...attributes, class: "usa-input", type: "text", size: Math.min(form.maxLength ?? 30, 30) });
      input.value = value ?? "";
      const content = () => (input.value === "" && !(required && form.mayBeBlank) ? undefined : input.value);
      return withLabel(form, label, required, input, content, around);
    },

    // A calendar, unless there is a text that is not a date: that stays, as a text, until it is corrected.
    date(form, label, required, value, around) {
      const isUsual = value === undefined || isDate(value);
      // The maximum keeps the year at four digits.
      const input = make("input", { class: "usa-input", type: isUsual ? "date" : "text", max: "9999-12-31", autocomplete: "off", size: 30 });
      input.value = value ?? "";
      const isUnfinished = () => input.type === "date" && input.validity.badInput;
      // A date that is begun must not look like one that is not stated: a blank text is not valid.
      const content = () => (isUnfinished() ? "" : input.value === "" ? undefined : input.value);
      input.addEventListener("blur", () => isUnfinished() && changed());
      input.addEventListener("change", () => {
        if (input.type === "text" && (input.value === "" || isDate(input.value))) input.type = "date"; // keeps its value
      });
      const field = withLabel(form, label, required, input, content, around);
      return { ...field, advice: () => (isUnfinished() ? onUnfinishedDate : field.advice()) };
    },

    integer(form, label, required, value, around) {
      const input = make("input", { class: "usa-input", type: "text", inputmode: "numeric", autocomplete: "off", size: 6 });
      input.value = value instanceof Numeral ? value.text : (value ?? "");
      const content = () => {
        if (input.value === "") return undefined;
        const text = input.value;
        return NUMBER.test(text) ? new Numeral(text) : text; // the policy reports a text as an error of this field
      };
      return withLabel(form, label, required, input, content, around);
    },

    choice(form, label, required, value, around) {
      const nothing = make("option", { value: "" }, form.mayBeNull ? "Not stated" : "Choose …");
      const options = form.enum.map((each) => make("option", { value: each }, capitalized(inWords(each))));
      const input = make("select", { class: "usa-select" }, nothing, ...options);
      input.value = value ?? "";
      return withLabel(form, label, required, input, () => input.value || undefined, around);
    },

    boolean(form, label, required, value, around) {
      const name = newId();
      const inputs = [
        ["Yes", true],
        ["No", false],
        ["Not stated", undefined],
      ].map(([text, meaning]) => {
        const input = make("input", { type: "radio", class: "usa-radio__input", name, id: newId() });
        input.checked = meaning === value;
        return { input, meaning, label: make("label", { class: "usa-radio__label", for: input.id }, text) };
      });
      const radios = inputs.map((each) => make("div", { class: "usa-radio" }, each.input, each.label));
      const group = fieldset(form, label, "try-yes-no", around, make("div", { class: "try-radios" }, ...radios));
      const content = () => inputs.find((each) => each.input.checked).meaning;
      return {
        ...group,
        value: content,
        at: () => undefined,
        advice: () => advice(form, content()),
        focus: () => inputs.find((each) => each.input.checked).input.focus(),
      };
    },

    object(form, label, required, value, around) {
      let fields = {};
      const inside = () => (around ? [label.toLowerCase(), ...around] : []); // of the whole request: nothing
      const show = (content, given) => {
        fields = Object.create(null); // a field can have any name, even __proto__
        for (const [name, part] of Object.entries(form.properties)) {
          const isRequired = (form.required ?? []).includes(name);
          fields[name] = control(formOf(part), capitalized(inWords(name)), isRequired, given?.[name], inside());
        }
        for (const name of Object.keys(given ?? {})) {
          if (!Object.hasOwn(form.properties, name)) {
            fields[name] = unknown(name, given[name], inside(), () => delete fields[name]);
          }
        }
        content.replaceChildren(...Object.values(fields).map((field) => field.element));
      };
      const group = optionalGroup(form, label, "try-object", value, around, show);
      const content = () => {
        if (!group.isStated()) return undefined;
        const object = Object.create(null);
        for (const name of Object.keys(fields)) {
          const content = fields[name].value();
          if (content !== undefined) object[name] = content;
        }
        return object;
      };
      return {
        ...group,
        value: content,
        at: (step) => (group.isStated() ? fields[step] : undefined),
        advice: () => (Object.keys(content() ?? {}).length ? null : advice(form, undefined)),
        rename(newLabel, newAround) {
          [label, around] = [newLabel ?? label, newAround];
          group.rename(label, around);
          Object.keys(fields).forEach((name) => fields[name].rename(null, inside()));
        },
      };
    },

    array(form, label, required, value, around) {
      const { description, ...elementForm } = formOf(form.items);
      // The description has the name of an element: "one goal with its statuses", "a modifier of two characters …".
      const one = elementForm.isLong ? null : /^(?:one|an?) ([\w ]+?)(?= with\b| of\b|:|$)/.exec(description)?.[1];
      const title = (index) => `${capitalized(one ?? label)} ${index + 1}`;
      if (one && elementForm.kind !== "object") form = { ...form, description: `${form.description}: ${description}` };
      let elements = [];
      let list;

      const append = (given) => {
        const inner = control(elementForm, title(elements.length), true, given, around);
        const item = make("li", { class: elementForm.kind === "object" ? null : "try-row" }, inner.element);
        const removeIt = () => {
          const index = elements.indexOf(element);
          elements.splice(index, 1);
          item.remove();
          renumber();
          (elements[index]?.remove ?? elements[index - 1]?.remove ?? add).focus();
          changed();
        };
        const remove = button("", removeIt, "usa-button--unstyled");
        const element = { ...inner, item, remove };
        item.append(remove);
        elements.push(element);
        list.append(item);
        return inner;
      };
      const renumber = () =>
        elements.forEach((element, index) => {
          element.rename(title(index), around);
          element.remove.replaceChildren(`Remove ${title(index).toLowerCase()}`, placeIn(around));
        });
      const add = button(`Add ${one ? `a ${one}` : `to ${label.toLowerCase()}`}`, () => {
        const inner = append(undefined);
        renumber();
        inner.focus();
        changed();
      });
      const addPlace = placeIn(around);
      add.append(addPlace);

      const show = (content, given) => {
        list = make("ol", { class: "try-elements" });
        elements = [];
        (given ?? Array(form.mayBeNull ? 0 : (form.minItems ?? 0)).fill(undefined)).forEach(append);
        renumber();
        content.replaceChildren(list, add);
      };
      const group = optionalGroup(form, label, "try-list", value, around, show);
      const content = () => (group.isStated() ? elements.map((element) => element.value() ?? null) : undefined);
      return {
        ...group,
        value: content,
        at: (step) => (group.isStated() ? elements[step] : undefined),
        advice: () => (content()?.length ? null : advice(form, undefined)),
        rename(newLabel, newAround) {
          [label, around] = [newLabel ?? label, newAround];
          group.rename(label, around);
          addPlace.textContent = placeIn(around).textContent;
          renumber();
        },
      };
    },
  };

  // What is around a field, for those who hear its label alone.
  const placeIn = (around) => unseen(around?.length ? ` (${around.join(", ")})` : "");

  // The text of a label or a legend, with the place for those who hear it alone.
  function nameOf(label, around) {
    const text = make("span", {}, label);
    const place = placeIn(around);
    return {
      parts: [text, place],
      rename(newLabel, newAround) {
        text.textContent = newLabel ?? text.textContent;
        place.textContent = placeIn(newAround).textContent;
      },
    };
  }

  // A field with one input.
  function withLabel(form, label, required, input, value, around) {
    input.id = newId();
    const name = nameOf(label, around);
    const aside = required ? null : make("span", { class: "try-aside" }, " (optional)");
    const labelling = make("label", { class: "usa-label", for: input.id }, ...name.parts, aside);
    const element = make("div", { class: "usa-form-group try-field" });
    const error = errorOf(form, input, label, element, () => input.toggleAttribute("aria-invalid", false));
    if (required) input.setAttribute("aria-required", "true");
    element.append(...[labelling, error.hint, error.problem, input].filter(Boolean));
    return {
      element,
      value,
      at: () => undefined,
      rename: name.rename,
      advice: () => advice(form, value()),
      showError(problem) {
        error.show(problem);
        if (problem) input.setAttribute("aria-invalid", "true");
      },
      focus: () => input.focus(),
    };
  }

  // A field with several inputs.
  function fieldset(form, label, kind, around, ...content) {
    const name = nameOf(label, around);
    const element = make("fieldset", { class: `usa-fieldset ${kind}` });
    const error = errorOf(form, element, label, element);
    const legend = make("legend", { class: "usa-legend" }, ...name.parts);
    element.append(legend, ...[error.hint, error.problem, ...content].filter(Boolean));
    return {
      element,
      rename: name.rename,
      showError: error.show,
      focus: () => element.querySelector("input, textarea, select, button")?.focus(),
    };
  }

  // An object or a list. If it is optional, its content shows only after a person checks that it is stated.
  function optionalGroup(form, label, kind, value, around, show) {
    const content = make("div", { class: "try-content" });
    const box = form.mayBeNull ? make("input", { type: "checkbox", class: "usa-checkbox__input", id: newId() }) : null;
    const place = placeIn([label.toLowerCase(), ...(around ?? [])]);
    const choice = box
      ? make("div", { class: "usa-checkbox" }, box, make("label", { class: "usa-checkbox__label", for: box.id }, "Stated in the request", place))
      : null;
    const group = fieldset(form, label, kind, around, ...[choice, content].filter(Boolean));
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
    return {
      ...group,
      isStated: () => !box || box.checked,
      rename(newLabel, newAround) {
        group.rename(newLabel, newAround);
        place.textContent = placeIn([(newLabel ?? label).toLowerCase(), ...(newAround ?? [])]).textContent;
      },
    };
  }

  // The hint of a field, and the place for its error.
  function errorOf(form, described, label, around, onClear = () => {}) {
    const { description } = form;
    // A calendar needs no words about how to write a date.
    const isPlainDate = form.kind === "date" && description === form.description_of_kind && described.type === "date";
    const says = description && !isPlainDate && inWords(description.replace(/^the /, "")) !== label.toLowerCase();
    const hint = says ? make("p", { class: "usa-hint try-hint", id: newId() }, sentence(description)) : null;
    const problem = make("p", { class: "usa-error-message try-problem", id: newId(), hidden: true });
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
        around.classList.toggle("usa-form-group--error", Boolean(text));
        described.classList.toggle("usa-input--error", Boolean(text) && described.matches("input, textarea, select"));
        if (!text) onClear();
        describe(hint, text ? problem : null);
      },
    };
  }

  // A field with a value that its input cannot show. It stays until the person chooses to enter something else.
  function wrongValue(form, label, required, value, around) {
    const inList = form.kind === "array" || form.kind === "object";
    let current = unusable(label, value, around, "Enter something else", () => {
      const input = control(form, label, required, undefined, around);
      current.element.replaceWith(input.element);
      current = input;
      current.focus();
      changed();
    });
    const first = current;
    return {
      get element() {
        return current.element;
      },
      value: () => current.value(),
      at: (step) => current.at(step),
      rename(newLabel, newAround) {
        [label, around] = [newLabel ?? label, newAround];
        current.rename(newLabel, newAround);
      },
      advice: () => (current !== first ? current.advice() : inList ? null : advice(form, value)),
      showError: (problem) => current.showError(problem),
      focus: () => current.focus(),
    };
  }

  // A field that this request type does not have.
  function unknown(name, value, around, forget) {
    const field = unusable(name, value, around, "Remove it", () => {
      forget();
      const next = field.element.previousElementSibling ?? field.element.parentElement;
      field.element.remove();
      next.querySelector("input, textarea, select, button")?.focus();
      changed();
    });
    return field;
  }

  function unusable(label, value, around, action, act) {
    const text = jsonText(value).replace(/\s+/g, " ");
    const content = make("code", {}, text.length > 100 ? `${text.slice(0, 100)} …` : text);
    const group = fieldset({}, label, "try-misfit", around, content, button(action, act));
    return { ...group, value: () => value, at: () => undefined, advice: () => null };
  }

  // The control of a whole request of a known type.
  function controlOfRequest(type, value, onChange) {
    changed = onChange;
    return control(formOfType(type), formOfType(type).title, true, value);
  }

  window.FORM_FIELDS = { requestTypes, formOf, formOfType, controlOfRequest };
})();
