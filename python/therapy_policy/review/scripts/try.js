// The page to fill in a request and have the policy itself decide it, in the browser.
//
// Everything about requests comes from the published schema, and everything about a decision from the decision and the
// registers; all of these are in `THERAPY_POLICY` (policy.js). The engine is `opa` (opa-wasm.js). Nothing is sent
// anywhere or kept.
(() => {
  "use strict";

  const { make, download, printable } = window.PAGE_TOOLS;
  const { parseJson, isObject, jsonText, withSortedNames, isDeeper, steps, pathInWords, Numeral } = window.FORM_JSON;
  const { requestTypes, formOfType, controlOfRequest } = window.FORM_FIELDS;
  const { explain, sideBySide, terms } = window.FORM_DECISION;

  const ours = window.THERAPY_POLICY;
  const { examples, explanation, before } = ours;
  const PAUSE_MS = 250; // from the last change to the new decision
  const LONG_LINK = 2000; // characters that every mail program passes on

  // --- the engine

  // A policy from its script: it decides the text of a request.
  function engineOf(source) {
    let loading = null;

    async function load() {
      const compressed = Uint8Array.from(atob(source.wasm), (character) => character.charCodeAt(0));
      const wasm = new Blob([compressed]).stream().pipeThrough(new DecompressionStream("deflate"));
      const policy = await window.opa.loadPolicy(await new Response(wasm).arrayBuffer(), { initial: source.memory_pages });
      policy.setData(source.data);
      return policy;
    }

    return {
      register: source.data.therapy.register,
      numbers: source.numbers,
      async decide(bytes) {
        try {
          loading ??= load();
          return (await loading).evaluate(bytes.buffer, "therapy/decision");
        } catch {
          loading = null; // its state is unknown, so load it again next time
          throw new Refusal("The policy failed on this request. There is no decision; a person must review the request.");
        }
      },
    };
  }

  const policy = engineOf(ours);
  let policyBefore = null;

  // The request cannot be decided; the message says why.
  class Refusal extends Error {}

  // Throws Refusal.
  async function decisionOn(text, by) {
    const request = parseRequest(text);
    // The engine stops at half a surrogate pair in an escape; any other text goes to it unchanged.
    const safe = /\\u[dD][89a-fA-F]/.test(text) ? jsonText(request) : text;
    const answer = await by.decide(new TextEncoder().encode(safe));
    const outcome = answer[0]?.result?.outcome;
    if (answer.length !== 1 || !outcome || !Object.hasOwn(explanation.sentences, outcome)) {
      throw new Refusal("The policy returned an unknown result. There is no decision; generate these pages again.");
    }
    return answer[0].result;
  }

  function parseRequest(text) {
    if (new TextEncoder().encode(text).length > ours.max_request_bytes) {
      const most = ours.max_request_bytes.toLocaleString("en");
      throw new Refusal(`The request cannot be decided: it has more than ${most} bytes.`);
    }
    let request;
    try {
      request = parseJson(text);
    } catch (problem) {
      if (problem instanceof SyntaxError) throw new Refusal("The text is not valid JSON, so there is nothing to decide.");
    }
    if (request === undefined || isDeeper(request, ours.max_depth)) {
      throw new Refusal(`The request cannot be decided: it is nested more than ${ours.max_depth} levels deep.`);
    }
    return request;
  }

  // --- the page

  const byId = (id) => document.getElementById(id);
  const form = byId("try-form");
  const typeChoice = byId("try-type");
  const exampleChoice = byId("try-example");
  const json = byId("try-json");
  const result = byId("try-result");
  const outcome = byId("try-outcome");
  const explanationBox = byId("try-explanation");
  const decisionJson = byId("try-decision");
  const compare = byId("try-compare");
  const comparison = byId("try-comparison");
  const linkBox = byId("try-link-box");
  const link = byId("try-link");
  const note = byId("try-note");

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
    root = requestTypes.includes(type) ? controlOfRequest(type, value, changed) : null;
    byId("try-fields").replaceChildren(
      root?.element ?? make("p", {}, "The request type below is unknown, so there is no form for it."),
    );
    typeChoice.value = root ? type : "";
    offerExamples();
  }

  // The examples of the chosen type.
  function offerExamples() {
    const type = typeChoice.value;
    if (exampleChoice.dataset.type === type) return;
    exampleChoice.dataset.type = type;
    const ofType = examples.map((example, index) => ({ example, index }));
    const options = ofType
      .filter(({ example }) => (requestTypes.find((each) => each === example.request?.request_type) ?? "") === type)
      .map(({ example, index }) => make("option", { value: index }, example.title));
    exampleChoice.replaceChildren(...options);
    byId("try-example-choice").hidden = options.length === 0;
  }

  // The control of a field, or of the nearest field around it that has one.
  function fieldAt(path) {
    let field = root;
    let isExact = true;
    for (const step of steps(path)) {
      const below = field?.at(step);
      if (!below) {
        isExact = false;
        break;
      }
      field = below;
    }
    return { field, isExact };
  }

  const goTo = (path) => fieldAt(path).field?.focus();

  function changed() {
    json.value = jsonText(root.value());
    formIsBehind = false;
    withdrawLink();
    clearTimeout(pause);
    if (live) pause = setTimeout(decide, PAUSE_MS);
  }

  function changedJson() {
    formIsBehind = true;
    withdrawLink();
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
    const text = json.value;
    let decision = null;
    let words;
    try {
      decision = await decisionOn(text, policy);
      words = explain(decision, policy, goTo);
    } catch (problem) {
      decision = null;
      const message = problem instanceof Refusal ? problem.message : "This page failed. There is no decision.";
      words = { headline: [message], sections: [] };
    }
    const older = decision && compare.checked ? await comparedWith(text, decision) : null;
    if (mine === latest) showDecision(decision, words, older);
  }

  function showDecision(decision, { headline, sections }, older) {
    outcome.replaceChildren(...headline);
    result.dataset.outcome = decision?.outcome ?? "none";
    explanationBox.replaceChildren(...sections);
    comparison.replaceChildren(...(older ?? []));
    decisionJson.textContent = decision ? jsonText(withSortedNames(decision)) : "";
    decisionJson.closest("details").hidden = !decision;
    byId("try-asked").replaceChildren(...(decision ? askedInWords(parseJson(json.value)) : []));

    json.toggleAttribute("aria-invalid", false);
    if (!decision) json.setAttribute("aria-invalid", "true");
    withErrors.forEach((field) => field.showError(null));
    withErrors = [];
    for (const reason of decision?.reasons ?? []) {
      const { field, isExact } = reason.effect === "invalid" ? fieldAt(reason.path) : {};
      if (field && !withErrors.includes(field)) {
        const said = isExact ? field.advice() : null;
        field.showError(said ?? [reason.message, reason.remedy].filter(Boolean).join(" "));
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
    withdrawLink();
    showNoDecision("No decision yet: fill in the form and press Decide.");
  }

  function load(text) {
    showForm(parseJson(text));
    json.value = text;
    formIsBehind = false;
    withdrawLink();
    return decide();
  }

  // --- for paper: the request as a list

  function askedInWords(request) {
    const rows = [];
    const add = (value, path) => {
      if (Array.isArray(value) && value.length === 0) rows.push([pathInWords(path), "none"]);
      else if (typeof value === "object" && value !== null && !(value instanceof Numeral)) {
        for (const [name, inner] of Object.entries(value)) add(inner, `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
      } else rows.push([pathInWords(path) || "the whole request", valueInWords(value)]);
    };
    add(request, "");
    return [make("h3", {}, "The request"), terms(...rows.map(([name, text]) => [printable(name), printable(text)]))];
  }

  function valueInWords(value) {
    if (value === null) return "not stated";
    if (value === true) return "yes";
    if (value === false) return "no";
    if (value instanceof Numeral) return value.text;
    return /^[a-z_]+$/.test(value) ? value.replaceAll("_", " ") : value;
  }

  // --- the policy before

  let loadingBefore = null;

  // The script is loaded only when someone asks for it, because it is as large as the policy itself.
  function loadBefore() {
    loadingBefore ??= new Promise((resolve, reject) => {
      const script = make("script", { src: before.file });
      script.addEventListener("load", () => resolve(engineOf(window.THERAPY_POLICY_BEFORE)));
      script.addEventListener("error", () => {
        loadingBefore = null;
        script.remove();
        reject(new Refusal(`The file ${before.file} of these pages is missing, so there is nothing to compare with.`));
      });
      document.head.append(script);
    });
    return loadingBefore;
  }

  async function comparedWith(text, decision) {
    const heading = make("h3", {}, `Beside version ${before.version}`);
    try {
      policyBefore = await loadBefore();
      const older = { decision: await decisionOn(text, policyBefore), policy: policyBefore };
      const { summary, table } = sideBySide(older, { decision, policy });
      return [heading, make("p", { id: "try-same" }, summary), table];
    } catch (problem) {
      const message = problem instanceof Refusal ? problem.message : "The two policies cannot be compared.";
      return [heading, make("p", { class: "usa-error-message" }, message)];
    }
  }

  // --- a link, a file, paper

  const toBase64 = (bytes) =>
    btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join("")).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  const fromBase64 = (text) =>
    Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (character) => character.charCodeAt(0));

  const PREFIX = "#request=";

  function makeLink() {
    try {
      parseRequest(json.value);
    } catch (problem) {
      say(`There is no link to this request. ${problem.message}`);
      return;
    }
    const address = location.href.split("#")[0] + PREFIX + toBase64(new TextEncoder().encode(json.value));
    link.value = address;
    linkBox.hidden = false;
    link.focus();
    link.select();
    const isLong = address.length > LONG_LINK;
    say(isLong ? "The link is long. Some mail programs cut such links; if so, save the request as a file." : "");
  }

  function withdrawLink() {
    linkBox.hidden = true;
    link.value = "";
    say("");
  }

  const say = (text) => (note.textContent = text);

  function showProblemOfLink(text) {
    byId("try-link-problem").hidden = !text;
    byId("try-link-problem-text").textContent = text;
  }

  // Opens the request in the address, if there is one.
  function openLink() {
    showProblemOfLink("");
    if (!location.hash.startsWith(PREFIX)) return;
    let text;
    try {
      const encoded = location.hash.slice(PREFIX.length);
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(fromBase64(decodeURIComponent(encoded)));
      parseJson(text);
    } catch {
      showProblemOfLink(
        "There is no whole request in this link, so the form is empty. The link may have been cut: copy it again, from its first to its last character.",
      );
      return;
    }
    try {
      parseRequest(text);
    } catch (problem) {
      showProblemOfLink(`The request in this link is not shown. ${problem.message}`);
      return;
    }
    load(text);
  }

  function save() {
    const type = root?.value().request_type ?? "request";
    const text = json.value.endsWith("\n") ? json.value : `${json.value}\n`;
    download(`${type}.json`, text);
    say(`Saved as ${type}.json in the folder of your downloads. The command therapy-policy decide ${type}.json takes it.`);
  }

  function paper() {
    document.querySelectorAll("#try-result details").forEach((details) => (details.open = false));
    window.print();
  }

  // A decision that fits into the window stays in view beside a long form; a longer one scrolls with the page.
  const fits = () => result.classList.toggle("try-stays", result.scrollHeight < window.innerHeight);
  new ResizeObserver(fits).observe(result);
  window.addEventListener("resize", fits);

  // --- from the start

  for (const type of requestTypes) {
    typeChoice.append(make("option", { value: type }, formOfType(type).title));
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
    load(jsonText(parseJson(JSON.stringify(request))));
  });
  form.addEventListener("input", changed);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    // A date that is begun gives no `input` event.
    const isBegun = [...form.querySelectorAll('input[type="date"]')].some((input) => input.validity.badInput);
    if (isBegun && !formIsBehind) changed();
    await decide();
    outcome.focus();
  });
  json.addEventListener("input", changedJson);
  compare.addEventListener("change", () => (live ? decide() : null));
  byId("try-make-link").addEventListener("click", makeLink);
  byId("try-copy").addEventListener("click", async () => {
    link.select();
    try {
      await navigator.clipboard.writeText(link.value);
      say("The link is copied.");
    } catch {
      say("The browser does not let this page copy. The link is selected: copy it with the keyboard.");
    }
  });
  byId("try-save").addEventListener("click", save);
  byId("try-print").addEventListener("click", paper);
  window.addEventListener("hashchange", openLink);

  byId("try-compare-choice").hidden = !before.version;
  byId("try-without").hidden = true;
  byId("try").hidden = false;
  begin(requestTypes[0]);
  openLink();
})();
