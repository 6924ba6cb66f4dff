// What the pages with scripts share. Texts go into a page as texts, never as HTML.
(() => {
  "use strict";

  let lastId = 0;
  const newId = () => `part-${++lastId}`;

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

  function button(text, act, kind = "usa-button--outline") {
    const element = make("button", { type: "button", class: `usa-button ${kind}` }, text);
    element.addEventListener("click", act);
    return element;
  }

  // Text that only assistive technology gets, because the page shows it by its layout.
  const unseen = (text) => make("span", { class: "usa-sr-only" }, text);

  // Offers a text as a file; the browser saves it, and nothing leaves the machine.
  function download(name, text) {
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  // A name as requests and policies spell it, in words.
  function inWords(name) {
    const { spellings } = window.THERAPY_POLICY.explanation;
    return name.split("_").map((word) => (Object.hasOwn(spellings, word) ? spellings[word] : word)).join(" ");
  }

  const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
  const sentence = (text) => capitalized(text) + (text.endsWith(".") ? "" : ".");
  const countOf = (number, thing) => `${number} ${thing}${Number(number) === 1 ? "" : "s"}`;

  // A text with an escape for each invisible character, as the command prints them.
  const NAMED = { " ": " ", "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const printable = (text) => text.replace(/[\p{C}\p{Z}]/gu, (character) => NAMED[character] ?? escape(character));

  function escape(character) {
    const code = character.codePointAt(0).toString(16);
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  }

  // --- dates

  const MONTHS = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ];
  const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  const isLeap = (year) => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;

  const dateText = (year, month, day) =>
    `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;
  const dateInWords = (year, month, day) => `${MONTHS[month - 1]} ${day}, ${year}`;

  // Why the calendar does not have a day; null if it has.
  function notInCalendar(year, month, day) {
    if (month < 1 || month > 12) return `There is no month ${month}. The months are 01 to 12.`;
    if (day < 1 || day > DAYS[month - 1]) return `There is no ${MONTHS[month - 1]} ${day}.`;
    if (month === 2 && day === 29 && !isLeap(year)) return `There is no February 29 in ${year}.`;
    return null;
  }

  // A text in the form YYYY-MM-DD as numbers, whether the calendar has the day or not; null for other texts.
  function dateParts(text) {
    const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text);
    return match && match.slice(1).map(Number);
  }

  const isDate = (text) => dateParts(text) !== null && notInCalendar(...dateParts(text)) === null;

  window.PAGE_TOOLS = {
    make, button, unseen, newId, download, inWords, capitalized, sentence, countOf, printable, MONTHS, dateText,
    dateInWords, notInCalendar, dateParts, isDate,
  };
})();
