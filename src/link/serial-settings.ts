// Maps a nasdial section to the modem's settings. Stateless.
import type { SerialConfig } from "../config/nasdial.ts";
import { type Failure, failure } from "../core/failures.ts";
import type { AnswerConfig } from "../modem/answerer.ts";
import { parseChat } from "../modem/chat.ts";
import type { DialConfig } from "../modem/dialer.ts";
import type { Passwords } from "./passwords.ts";
import { identityOf } from "./settings.ts";

function inits(c: SerialConfig): readonly string[] {
  return c.line === "direct" ? [] : c.init;
}

/** Or what is wrong with the chat script. */
export function dialSettings(
  c: SerialConfig,
  passwords: Passwords,
  { phone, pinSpent }: { readonly phone: string | null; readonly pinSpent: boolean },
): DialConfig | Failure {
  let login: DialConfig["login"] = c.line === "direct" && c.login === "auto" ? "none" : c.login;
  if (c.chat !== null) {
    const script = parseChat(c.chat, {
      phone: phone ?? "",
      phone2: c.phone?.[1] ?? "",
      username: c.username ?? "",
      password: passwords.now.password,
    });
    if (typeof script === "string") return failure("chat", `the chat script ${script}`);
    login = script;
  }
  return {
    init: inits(c),
    pin: c.line === "direct" ? null : c.pin,
    pinSpent,
    apn: c.line === "direct" ? null : c.apn,
    dialCommand: c.dial_command,
    phone: c.line === "direct" ? null : phone,
    login,
    identity: identityOf(c, passwords, null),
    carrierCheck: c.carrier_check,
    commandMs: c.command_timeout * 1000,
    connectMs: c.connect_timeout * 1000,
    loginMs: 45_000,
  };
}
export function answerSettings(c: SerialConfig): AnswerConfig {
  return {
    modem: c.line === "modem",
    init: inits(c),
    rings: c.rings,
    commandMs: c.command_timeout * 1000,
    connectMs: c.connect_timeout * 1000,
  };
}
