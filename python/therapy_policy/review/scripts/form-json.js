// JSON that keeps the spelling of numbers: to the policy, 4 is a whole number and 4e0 is not.
(() => {
  "use strict";

  const { inWords } = window.PAGE_TOOLS;

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

  // The steps of a JSON Pointer.
  const steps = (pointer) =>
    pointer
      .split("/")
      .slice(1)
      .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

  // A JSON Pointer in words, with elements counted from 1, as the command says it.
  function pathInWords(path) {
    const isIndex = (step) => /^[0-9]+$/.test(step);
    const words = steps(path).map((step) => (isIndex(step) ? String(BigInt(step) + 1n) : inWords(step)));
    return words.join(" › ");
  }

  window.FORM_JSON = { NUMBER, Numeral, parseJson, isObject, jsonText, withSortedNames, isDeeper, steps, pathInWords };
})();
