// The page to sign: a person fills in verdicts, and gets the file that `therapy-policy sign-off --from FILE` takes.
//
// The page checks what it can, so that the person sees it here; the command checks everything again.
(() => {
  "use strict";

  const { download, countOf, dateText, isDate } = window.PAGE_TOOLS;

  const byId = (id) => document.getElementById(id);
  const form = byId("sign-form");
  const by = byId("sign-by");
  const on = byId("sign-on");
  const points = [...form.querySelectorAll(".sign-verdict")].map((element) => ({
    element,
    group: element.querySelector("fieldset"),
    subject: element.dataset.subject,
    digest: element.dataset.digest,
    newest: element.dataset.newest ?? "",
    comment: element.querySelector("textarea"),
    problem: element.querySelector(".usa-error-message"),
    verdict: () => element.querySelector("input:checked").value,
    focus: () => element.querySelector("input:checked").focus(),
  }));
  let isSaved = true;

  const today = () => {
    const now = new Date();
    return dateText(now.getFullYear(), now.getMonth() + 1, now.getDate());
  };

  // The problem of an input or a group, in words; null removes it.
  function show(problem, described, text) {
    problem.hidden = !text;
    problem.textContent = text ?? "";
    if (described.matches("input, select")) {
      described.toggleAttribute("aria-invalid", false);
      if (text) described.setAttribute("aria-invalid", "true");
    }
    const ids = (described.getAttribute("aria-describedby") ?? "").split(" ").filter((id) => id && id !== problem.id);
    if (text) ids.push(problem.id);
    if (ids.length) described.setAttribute("aria-describedby", ids.join(" "));
    else described.removeAttribute("aria-describedby");
    return Boolean(text);
  }

  function problemOfPerson() {
    if (by.value.trim() === "") return by.matches("select") ? "Choose who signs." : "Enter your id.";
    return null;
  }

  function problemOfDay(given) {
    if (on.validity.badInput) return "This date is not complete, or the calendar does not have it. Correct it.";
    if (!isDate(on.value)) return "Choose the day on which you give the verdicts.";
    if (on.value > today()) return "This day is in the future. A sign-off has the day on which it was made.";
    const { name, from, until } = by.selectedOptions?.[0]?.dataset ?? {};
    if (from && on.value < from) return `${name} may sign from ${from} on.`;
    if (until && on.value > until) return `${name} could sign through ${until}.`;
    const newer = given.find((point) => on.value < point.newest);
    return newer ? `${newer.subject} has a newer verdict, of ${newer.newest}.` : null;
  }

  function save(event) {
    event.preventDefault();
    const given = points.filter((point) => point.verdict());
    const wrong = [];
    for (const point of points) {
      const lacks = point.verdict() === "to_change" && point.comment.value.trim() === "";
      const text = lacks ? "Say what to change." : !point.verdict() && point.comment.value.trim() ? "Choose a verdict, too, or clear the comment." : null;
      if (show(point.problem, point.group, text)) wrong.push(lacks ? point.comment : point);
    }
    if (show(byId("sign-by-problem"), by, problemOfPerson())) wrong.push(by);
    if (show(byId("sign-on-problem"), on, problemOfDay(given))) wrong.push(on);
    const none = given.length === 0 && wrong.length === 0;
    if (none) wrong.push(points[0]);
    const problem = byId("sign-problem");
    problem.hidden = wrong.length === 0;
    problem.textContent = none
      ? "There is no verdict yet. Give at least one."
      : wrong.length
        ? `There is no file yet. ${countOf(wrong.length, "entry").replace("entrys", "entries")} above must be corrected.`
        : "";
    byId("sign-next").hidden = wrong.length > 0;
    if (wrong.length) {
      wrong[0].focus();
      return;
    }
    const verdicts = given.map((point) => ({
      subject: point.subject,
      verdict: point.verdict(),
      ...(point.comment.value.trim() ? { comment: point.comment.value.trim() } : {}),
      digest: point.digest,
    }));
    const person = by.value.trim();
    const name = `verdicts-${person.replace(/[^A-Za-z0-9._-]/g, "-")}-${on.value}.json`;
    download(name, `${JSON.stringify(verdicts, null, 2)}\n`);
    isSaved = true;
    byId("sign-file").textContent = name;
    byId("sign-command").textContent = `therapy-policy sign-off --from ${name} --by ${person} --on ${on.value}`;
  }

  function count() {
    const of = (verdict) => points.filter((point) => point.verdict() === verdict).length;
    byId("sign-count").textContent =
      `${of("confirmed")} confirmed, ${of("to_change")} to change, ${of("")} without a verdict.`;
  }

  form.addEventListener("input", () => {
    isSaved = false;
    byId("sign-next").hidden = true; // the file is not what the page shows any more
    count();
  });
  form.addEventListener("submit", save);
  window.addEventListener("beforeunload", (event) => {
    if (!isSaved) event.preventDefault(); // the browser asks whether to leave
  });

  byId("sign-without").hidden = true;
  points.forEach((point) => (point.element.hidden = false));
  form.querySelector(".sign-who").hidden = false;
  on.value = today();
  count();
})();
