// Reads a graph in Graphviz' DOT on standard input, writes it as SVG to standard output.
"use strict";
const { readFileSync } = require("node:fs");
const { instance } = require("@viz-js/viz");

instance()
  .then((viz) => process.stdout.write(viz.renderString(readFileSync(0, "utf8"), { format: "svg" })))
  .catch((error) => {
    process.stderr.write(error.message);
    process.exitCode = 1;
  });
