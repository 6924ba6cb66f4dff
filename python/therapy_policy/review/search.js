"use strict";
// Finds sections of the site. Nothing is fetched or sent: the texts are in search-index.js.

{
  const MOST = 50; // results that are shown
  const AROUND = 90; // characters before and after a word that was found
  const input = document.getElementById("search-words");
  const list = document.getElementById("search-results");
  const count = document.getElementById("search-count");

  // A name such as PT-8 or BENEFIT_UNVERIFIED is found as a whole and by its parts.
  const tokenize = (text) => {
    const words = text.split(/[^\p{L}\p{N}_.-]+/u).map((word) => word.replace(/^[_.-]+|[_.-]+$/g, ""));
    return words.flatMap((word) => (/[_.-]/.test(word) ? [word, ...word.split(/[_.-]+/)] : [word])).filter(Boolean);
  };

  const index = new MiniSearch({
    fields: ["title", "text", "page"],
    storeFields: ["address", "title", "page", "text"],
    tokenize,
    searchOptions: {
      boost: { title: 4, page: 0.5 },
      prefix: (term) => term.length > 1,
      fuzzy: (term) => (term.length > 4 && !/\d/.test(term) ? 0.2 : false),
    },
  });
  const { pages, sections } = window.THERAPY_SEARCH;
  index.addAll(
    sections.map(([number, anchor, title, text], id) => {
      const [name, page] = pages[number];
      return { id, address: anchor ? `${name}#${anchor}` : name, title, page, text };
    }),
  );

  // What has the words as its name, or starts with them, comes first; then the best match.
  const found = (words) => {
    const all = index.search(words, { combineWith: "AND" });
    const name = words.toLowerCase();
    const rank = ({ title }) => 2 * (title.toLowerCase() === name) + title.toLowerCase().startsWith(`${name} `);
    return (all.length ? all : index.search(words)).sort((a, b) => rank(b) - rank(a) || b.score - a.score);
  };

  // The text around the first word that was found, with all such words marked.
  const excerpt = (text, terms) => {
    const paragraph = document.createElement("p");
    const escaped = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\-]/g, "\\$&")).sort((a, b) => b.length - a.length);
    const pattern = new RegExp(`(${escaped.join("|")})`, "gi");
    const first = Math.max(text.search(pattern), 0);
    const start = first > AROUND ? text.indexOf(" ", first - AROUND) + 1 : 0;
    const end = first + 2 * AROUND < text.length ? text.lastIndexOf(" ", first + 2 * AROUND) : text.length;
    paragraph.append(start ? "… " : "");
    text
      .slice(start, end)
      .split(pattern)
      .forEach((part, i) => {
        const piece = i % 2 ? document.createElement("mark") : document.createTextNode(part);
        if (i % 2) piece.textContent = part;
        paragraph.append(piece);
      });
    paragraph.append(end < text.length ? " …" : "");
    return paragraph;
  };

  const show = () => {
    const words = input.value.trim();
    const results = words ? found(words) : [];
    list.replaceChildren(
      ...results.slice(0, MOST).map(({ address, title, page, text, terms }) => {
        const item = document.createElement("li");
        const link = document.createElement("a");
        link.href = address;
        link.textContent = title;
        const where = document.createElement("p");
        where.className = "where";
        where.textContent = page;
        item.append(link, ...(page === title ? [] : [where]), ...(text ? [excerpt(text, terms)] : []));
        return item;
      }),
    );
    const more = results.length > MOST ? `; the first ${MOST} are shown` : "";
    const number = results.length === 1 ? "1 result" : `${results.length} results`;
    count.textContent = words ? (results.length ? number + more : "Nothing matches. Try fewer words.") : "";
  };

  // Arrow keys go through the results, and back to the words.
  const go = (event) => {
    const links = [...list.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "Escape" && at >= 0) input.focus();
    else if (event.key === "ArrowDown" && at < links.length - 1) links[at + 1].focus();
    else if (event.key === "ArrowUp" && at > 0) links[at - 1].focus();
    else if (event.key === "ArrowUp" && at === 0) input.focus();
    else return;
    event.preventDefault();
  };

  const form = document.getElementById("search-form");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show();
    list.querySelector("a")?.focus();
  });
  input.addEventListener("input", show);
  document.getElementById("search").addEventListener("keydown", go);
  input.value = new URLSearchParams(location.search).get("q") ?? "";
  document.getElementById("search").hidden = false;
  document.getElementById("search-without").hidden = true;
  show();
  input.focus();
}
