// Bundled into every test file: properties are tried with the same inputs on every run. FC_SEED=NUMBER tries others.
import fc from "fast-check";

fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(process.env["FC_SEED"] ?? "20261123") });
