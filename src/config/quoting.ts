// How other systems' texts hold any value. Control characters are refused before (peer.ts): nobody can type them.
import { utf8 } from "../core/text.ts";

/** Of PowerShell, literal; typographic quotes end a string there as well as the plain one. */
export function powershell(text: string): string {
  return `'${text.replace(/['\u2018-\u201b]/g, "$&$&")}'`;
}
/** Of RouterOS' console: whatever could have a meaning, as bytes in capital hexadecimal digits. */
export function routeros(text: string): string {
  const byte = (b: number): string => `\\${b.toString(16).toUpperCase().padStart(2, "0")}`;
  const one = (c: string): string => (/[\w .,:@/+=-]/.test(c) ? c : [...utf8(c)].map(byte).join(""));
  return `"${[...text].map(one).join("")}"`;
}
/** Of a key file, as GLib reads it: blanks at either end would be lost. */
export function keyfile(text: string): string {
  return text.replace(/\\/g, "\\\\").replace(/^ +| +$/g, (blanks) => "\\s".repeat(blanks.length));
}
/** The text of an XML element. */
export function xmlText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}
