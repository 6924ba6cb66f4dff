// Validates DMN files with the schema of DMN 1.3, reads them with dmn-moddle, and evaluates their decision tables with
// feelin, as a rules tool does.
// Usage: node evaluate_dmn.mjs NODE_MODULES < questions.json
// A question: { file, ask: [{ decision, context: { name: text in FEEL } }] }; a file without one is validated. It prints,
// for each, the warnings of the schema and the reader, what the file holds, and the outputs of the rules that match.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(join(process.argv[2], name, "dist", "index.js")));
const { DmnModdle } = await load("dmn-moddle");
const { evaluate, unaryTest } = await load("feelin");

const { validateXML } = createRequire(join(process.argv[2], "any.js"))("xmllint-wasm");

const schema = ["DMN13.xsd", "DMNDI13.xsd", "DI.xsd", "DC.xsd"].map((fileName) => ({
  fileName,
  contents: readFileSync(join(process.argv[2], "dmn-moddle", "resources", "dmn", "xsd", fileName), "utf8"),
}));

const invalid = async (contents) => {
  const options = { xml: [{ fileName: "table.dmn", contents }], schema: schema.slice(0, 1), preload: schema.slice(1) };
  return (await validateXML(options)).errors.map((each) => each.rawMessage);
};

const feel = (text, context) => {
  const { value, warnings } = evaluate(text, context);
  if (warnings.length) throw new Error(`${text}: ${JSON.stringify(warnings)}`);
  return value;
};

const matches = (test, value) => {
  const { value: found, warnings } = unaryTest(test, { "?": value });
  if (warnings.length) throw new Error(`${test}: ${JSON.stringify(warnings)}`);
  return found === true;
};

const decide = (table, context) => {
  const values = table.input.map((each) => context[each.inputExpression.text]);
  const found = table.rule.filter((rule) => rule.inputEntry.every((entry, i) => matches(entry.text, values[i])));
  return (table.hitPolicy === "FIRST" ? found.slice(0, 1) : found).map((rule) =>
    rule.outputEntry.map((entry) => feel(entry.text, {})),
  );
};

const answers = [];
for (const { file, ask } of JSON.parse(readFileSync(0, "utf8"))) {
  const text = readFileSync(file, "utf8");
  const { rootElement, warnings } = await new DmnModdle().fromXML(text, "dmn:Definitions");
  const decisions = rootElement.drgElement.filter((each) => each.$type === "dmn:Decision");
  for (const { decisionLogic } of decisions)
    for (const rule of decisionLogic.rule)
      if (rule.inputEntry.length !== decisionLogic.input.length || rule.outputEntry.length !== decisionLogic.output.length)
        throw new Error(`${file}: ${rule.id} does not fit its table`);
  const results = ask.map(({ decision, context }) => {
    const values = Object.fromEntries(Object.entries(context).map(([name, text]) => [name, feel(text, {})]));
    const { decisionLogic } = decisions.find((each) => each.id === decision || each.label === decision);
    return decide(decisionLogic, values);
  });
  answers.push({
    warnings: [...warnings.map((each) => each.message), ...(ask.length ? [] : await invalid(text))],
    decisions: decisions.map((each) => each.label),
    policies: decisions.map((each) => each.decisionLogic.hitPolicy),
    shapes: rootElement.dmnDI.diagrams[0].diagramElements.length,
    results,
  });
}
console.log(JSON.stringify(answers, (_, value) => (typeof value === "bigint" ? Number(value) : value)));
