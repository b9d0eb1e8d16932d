/**
 * How often a costly property is tried: `full` with RUNS=all, as in `make prove` and for the mutants; a fifth of it in
 * `make check`.
 */
export function runs(full: number): number {
  return process.env["RUNS"] === "all" ? full : Math.ceil(full / 5);
}
