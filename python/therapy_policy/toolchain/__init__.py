"""The programs that this package runs: OPA, and Node.js with npm packages."""
