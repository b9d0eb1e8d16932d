// Where the configuration comes from: one INI file, or a router's UCI files.
import type { Host } from "../ports/ports.ts";
import { load } from "./load.ts";
import type { Config } from "./schema.ts";
import { faultLine } from "./section.ts";
import { loadUci } from "./uci-load.ts";

interface Reading {
  /** Null: nothing in it is usable. */
  readonly config: Config | null;
  /** One line per fault. */
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
  /** False: incomplete, so a running daemon keeps its configuration. */
  readonly whole: boolean;
}

export interface ConfigSource {
  /** For messages: the file or the folder. */
  readonly name: string;
  /** UCI: netifd decides which interfaces are up. */
  readonly uci: boolean;
  read(): Reading;
}

/** A configuration's texts: one, "", of INI; network and l2tpsec of UCI. */
export interface Files {
  readonly format: "ini" | "uci";
  readonly texts: ReadonlyMap<string, { readonly path: string; readonly text: string }>;
}
/** Checks texts that may be on no disk. */
export function loadText({ format, texts }: Files): Reading {
  if (format === "ini") {
    const { path, text } = texts.get("") ?? { path: "", text: "" };
    const r = load(text);
    if (!r.ok) return { config: null, faults: r.faults.map((f) => faultLine(path, f)), warnings: [], whole: false };
    return { config: r.config, faults: [], warnings: r.warnings, whole: true };
  }
  const r = loadUci([...texts].map(([name, t]) => ({ name: name === "network" ? name : "l2tpsec", ...t })));
  return { config: r.config, faults: r.faults.map((f) => faultLine("", f)), warnings: r.warnings, whole: r.whole };
}

export function iniSource(host: Pick<Host, "readFile">, file: string): ConfigSource {
  return {
    name: file,
    uci: false,
    read() {
      let text: string;
      try {
        text = host.readFile(file);
      } catch (e) {
        return { config: null, faults: [`${file}: ${(e as Error).message}`], warnings: [], whole: false };
      }
      return loadText({ format: "ini", texts: new Map([["", { path: file, text }]]) });
    },
  };
}

/** Reads DIR/network and DIR/l2tpsec; one of them may be missing. */
export function uciSource(host: Pick<Host, "readFile">, dir: string): ConfigSource {
  return {
    name: dir,
    uci: true,
    read() {
      const texts = new Map<string, { path: string; text: string }>();
      const missing: string[] = [];
      for (const name of ["network", "l2tpsec"] as const) {
        const path = `${dir.replace(/\/$/, "")}/${name}`;
        try {
          texts.set(name, { path, text: host.readFile(path) });
        } catch (e) {
          missing.push(`${path}: ${(e as Error).message}`);
        }
      }
      if (texts.size === 0) return { config: null, faults: missing, warnings: [], whole: false };
      const r = loadText({ format: "uci", texts });
      return { ...r, warnings: [...missing, ...r.warnings] };
    },
  };
}
