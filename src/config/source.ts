// Where the configuration comes from: one INI file, or a router's UCI files.
import type { Host } from "../ports/ports.ts";
import { load } from "./load.ts";
import type { Config } from "./schema.ts";
import { faultLine } from "./section.ts";
import { loadUci, type UciFile } from "./uci-load.ts";

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
      const r = load(text);
      if (!r.ok) return { config: null, faults: r.faults.map((f) => faultLine(file, f)), warnings: [], whole: false };
      return { config: r.config, faults: [], warnings: r.warnings, whole: true };
    },
  };
}

/** Reads DIR/network and DIR/l2tpsec; one of them may be missing. */
export function uciSource(host: Pick<Host, "readFile">, dir: string): ConfigSource {
  return {
    name: dir,
    uci: true,
    read() {
      const files: UciFile[] = [];
      const missing: string[] = [];
      for (const name of ["network", "l2tpsec"] as const) {
        const path = `${dir.replace(/\/$/, "")}/${name}`;
        try {
          files.push({ name, path, text: host.readFile(path) });
        } catch (e) {
          missing.push(`${path}: ${(e as Error).message}`);
        }
      }
      if (files.length === 0) return { config: null, faults: missing, warnings: [], whole: false };
      const r = loadUci(files);
      return {
        config: r.config,
        faults: r.faults.map((f) => faultLine(dir, f)),
        warnings: [...missing, ...r.warnings],
        whole: r.whole,
      };
    },
  };
}
