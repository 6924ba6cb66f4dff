"use strict";
// Sorts and filters the rows of the traceability matrix. The table is complete without it.

{
  const table = document.getElementById("matrix");
  const body = table.tBodies[0];
  const inOrder = [...body.rows];
  const texts = new Map(inOrder.map((row) => [row, row.textContent.toLowerCase()]));
  const form = document.getElementById("matrix-tools");
  const [words, effect, type] = ["words", "effect", "type"].map((name) => document.getElementById(`matrix-${name}`));
  const count = document.getElementById("matrix-count");
  const { compare } = new Intl.Collator("en", { numeric: true });

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of inOrder) {
      const fits =
        wanted.every((word) => texts.get(row).includes(word)) &&
        (!effect.value || row.dataset.effect === effect.value) &&
        (!type.value || row.dataset.types.split(" ").includes(type.value));
      row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${inOrder.length} rows`;
  };

  // An empty cell comes last, whatever the direction.
  const key = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  const isEmpty = (text) => ["–", "none", ""].includes(text);

  const sort = (heading, column) => {
    const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
    for (const each of table.tHead.rows[0].cells) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", direction);
    const rows = inOrder.map((row) => [row, key(row, column)]);
    rows.sort(([, a], [, b]) => {
      if (isEmpty(a) || isEmpty(b)) return isEmpty(a) - isEmpty(b);
      return direction === "ascending" ? compare(a, b) : compare(b, a);
    });
    body.append(...rows.map(([row]) => row));
  };

  [...table.tHead.rows[0].cells].forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "matrix-sort";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(heading, column));
    heading.replaceChildren(button);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", filter);
  form.addEventListener("reset", () => setTimeout(filter));
  form.hidden = false;
  document.getElementById("matrix-without").hidden = true;
  filter();
}
