// What to do about the value of a field, in words for that value.
//
// Whether a value is valid, the policy alone decides. This only says how to correct one that the policy refuses; where
// nothing fits, the page shows the policy's own words.
(() => {
  "use strict";

  const { sentence, countOf, inWords, printable, MONTHS, dateText, dateInWords, notInCalendar, dateParts } =
    window.PAGE_TOOLS;
  const { Numeral } = window.FORM_JSON;

  const BLANK = /[\s\p{Z}\p{Cf}]+/gu;
  const SMALL_NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve".split(" ");

  // Advice on a value (undefined: missing) of a field with this form; null if there is none.
  function advice(form, value) {
    if (value === undefined || value === null) return onMissing(form);
    switch (form.kind) {
      case "date":
        return typeof value === "string" ? onDate(form, value) : null;
      case "string":
        return typeof value === "string" ? onText(form, value) : null;
      case "integer":
        return onNumber(form, value);
      case "choice":
        return onChoice(form, value);
      case "boolean":
        return "Choose yes or no.";
    }
    return null;
  }

  function onMissing(form) {
    switch (form.kind) {
      case "date":
        return "Choose a date.";
      case "choice":
        return "Choose one.";
      case "boolean":
        return "Choose yes or no.";
      case "integer":
        return `Enter a whole number ${form.range}.`;
      case "string":
        return form.description ? `Fill this in: ${form.description}.` : "Fill this in.";
      case "array":
        return "Add at least one.";
    }
    return "Fill in this part.";
  }

  // --- dates

  function onDate(form, text) {
    if (text.trim() === "") return "Choose a date.";
    const parts = dateParts(text);
    if (parts) return notInCalendar(...parts) ?? outsideYears(form, parts[0]);
    const plain = text.normalize("NFKC").replace(BLANK, "");
    if (dateParts(plain)) {
      return notInCalendar(...dateParts(plain)) ?? (plain === text.replace(BLANK, "") ? removeBlanks(text) : `Write ${plain} in plain digits.`);
    }
    const read = readDate(text.normalize("NFKC").replace(BLANK, " ").trim());
    if (!read) return "Write the year, the month and the day in digits, as in 2026-06-01.";
    const [year, month, day] = read.date;
    if (year < 100) return "Write the year with four digits, as in 2026-06-01.";
    const wrong = notInCalendar(year, month, day);
    if (wrong) return wrong;
    const words = dateInWords(year, month, day);
    return read.isCertain
      ? `Write ${words} as ${dateText(year, month, day)}.`
      : `If this is ${words}, write it as ${dateText(year, month, day)}.`;
  }

  function outsideYears(form, year) {
    const years = /from ([0-9]{4}) to ([0-9]{4})/.exec(form.description_of_kind ?? "");
    return years && (year < years[1] || year > years[2]) ? `The year must be from ${years[1]} to ${years[2]}.` : null;
  }

  // A date in another notation: year, month and day, and whether it can be read in one way only. Null if it is none.
  function readDate(text) {
    const number = "([0-9]{1,4})";
    const ending = "(?:st|nd|rd|th)?";
    const word = "([A-Za-z]{3,9})\\.?";
    let match;
    const monthOf = (name) =>
      MONTHS.findIndex((month) => month.toLowerCase().startsWith(name.toLowerCase().replace(/^sept$/, "sep"))) + 1;
    if ((match = new RegExp(`^${word} ?${number}${ending},? ${number}$`).exec(text)) && monthOf(match[1])) {
      return { date: [Number(match[3]), monthOf(match[1]), Number(match[2])], isCertain: true };
    }
    if ((match = new RegExp(`^${number}${ending}[ -]?(?:of )?${word},?[ -]${number}$`).exec(text)) && monthOf(match[2])) {
      return { date: [Number(match[3]), monthOf(match[2]), Number(match[1])], isCertain: true };
    }
    if ((match = /^([0-9]{4}) ?([-/. ]) ?([0-9]{1,2}) ?\2 ?([0-9]{1,2})(?:[T ].*)?$/.exec(text))) {
      return { date: [Number(match[1]), Number(match[3]), Number(match[4])], isCertain: true };
    }
    if ((match = /^([0-9]{4})([0-9]{2})([0-9]{2})$/.exec(text))) {
      return { date: match.slice(1).map(Number), isCertain: true };
    }
    if ((match = /^([0-9]{1,2}) ?([-/. ]) ?([0-9]{1,2}) ?\2 ?([0-9]{2,4})$/.exec(text))) {
      const [first, second, year] = [match[1], match[3], match[4]].map(Number);
      const isDayFirst = first > 12 && second <= 12; // otherwise as in the United States
      return { date: isDayFirst ? [year, second, first] : [year, first, second], isCertain: first === second };
    }
    return null;
  }

  // --- texts, numbers, choices

  function removeBlanks(text) {
    const number = [...text.matchAll(/[\s\p{Z}\p{Cf}]/gu)].length;
    return number === 1 ? "Remove the space." : `Remove the ${number} spaces.`;
  }

  function matches(form, text) {
    return (!form.pattern || new RegExp(form.pattern, "u").test(text)) && text.length <= (form.maxLength ?? Infinity);
  }

  function onText(form, text) {
    if (text === "") return onMissing(form);
    const without = text.replace(BLANK, "");
    if (form.pattern && without !== text && (matches(form, without) || matches(form, without.toUpperCase()))) {
      return removeBlanks(text);
    }
    if (form.pattern && matches(form, text.toUpperCase())) return `Write it in capital letters: ${text.toUpperCase()}.`;
    const length = [...text].length;
    const allowed = /\[([^\]]+)\]/.exec(form.pattern ?? "")?.[1];
    const strange = allowed && [...text].find((each) => !new RegExp(`[${allowed}]`, "iu").test(each));
    if (strange !== undefined && strange !== null) {
      return `Remove the ${strange.trim() ? `character ${printable(strange)}` : "space"}.`;
    }
    const exact = Number(/\{([0-9]+)\}\$$/.exec(form.pattern ?? "")?.[1]);
    if (exact && length !== exact) return `Enter ${countOf(exact, "character")}; there ${length === 1 ? "is" : "are"} ${length} now.`;
    const most = form.maxLength ?? Infinity;
    if (length > most) return `Shorten this by ${countOf(length - most, "character")}; ${most.toLocaleString("en")} is the most.`;
    return null;
  }

  function onNumber(form, value) {
    if (value instanceof Numeral) {
      if (/[eE]/.test(value.text)) return `Write this number in plain digits, without ${value.text.replace(/[^eE]/g, "")}.`;
      if (/\.0*[1-9]/.test(value.text)) return "Enter a whole number, without a fraction.";
      return Number(value.text) < form.minimum || Number(value.text) > form.maximum
        ? `Enter a number ${form.range}.`
        : null;
    }
    if (typeof value !== "string") return `Enter a whole number ${form.range}.`;
    const text = value.trim();
    const plain = text.normalize("NFKC");
    if (SMALL_NUMBERS.includes(text.toLowerCase())) return `Write ${text} as ${SMALL_NUMBERS.indexOf(text.toLowerCase())}.`;
    if (/^[0-9]+$/.test(text) && text === value && !/^0[0-9]/.test(text)) return `${text} is here as a text. Enter it as a number.`;
    if (/^0+[0-9]+$/.test(text)) return `Write ${text} as ${Number(text)}.`;
    if (/^[0-9]+$/.test(value.replace(BLANK, ""))) return removeBlanks(value);
    if (/^[0-9]{1,3}(,[0-9]{3})+$/.test(text)) return "Remove the comma.";
    if (/^\+[0-9]+$/.test(text)) return "Remove the plus sign.";
    if (/^[0-9]+$/.test(plain)) return `Write ${plain} in plain digits.`;
    return `Enter a whole number ${form.range}, in digits.`;
  }

  function onChoice(form, value) {
    const words = (text) => text.toLowerCase().replace(/[\s_-]+/g, " ").trim();
    const near = typeof value === "string" && form.enum.find((each) => words(each) === words(value));
    if (near) return `Choose ${inWords(near)} from the list.`;
    const choices = form.enum.map(inWords);
    return `Choose one of these: ${choices.join(", ")}.`;
  }

  window.FORM_ADVICE = { advice, onUnfinishedDate: sentence(
    "this date is not complete, or the calendar does not have it, as there is no February 30. Correct it, or clear it",
  ) };
})();
