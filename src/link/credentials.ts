// The files of EAP-TLS, read anew for each attempt.
import { SystemError } from "../core/errors.ts";
import { Secret } from "../core/secret.ts";
import { utf8 } from "../core/text.ts";
import type { Host } from "../ports/ports.ts";
import type { EapTlsCredentials } from "../ppp/auth/eap-tls.ts";
import type { AuthMethod } from "../ppp/auth/methods.ts";

interface EapFiles {
  readonly eap_ca: string | null;
  readonly eap_cert: string | null;
  readonly eap_key: string | null;
  readonly eap_server_name: string | null;
}
/** The value of eap_server_name that takes every server of the CA. */
const ANY_SERVER = "any";
/** With EAP-TLS the peer gets no other proof of who we are: none of them would say who it is. */
export const ONLY_EAP: readonly AuthMethod[] = ["pap", "chap", "mschap", "mschapv2"];

/** Null: EAP-TLS is not wanted. Throws SystemError with the option whose file cannot be read. */
export function eapCredentials(c: EapFiles, host: Pick<Host, "readFile">): EapTlsCredentials | null {
  const { eap_ca, eap_cert, eap_key } = c;
  if (eap_ca === null || eap_cert === null || eap_key === null) return null;
  const read = (option: string, path: string): Uint8Array => {
    try {
      return utf8(host.readFile(path));
    } catch (e) {
      if (!(e instanceof SystemError)) throw e;
      throw new SystemError(e.errno, `${option}: ${e.what}`, e.advice);
    }
  };
  return {
    ca: read("eap_ca", eap_ca),
    cert: read("eap_cert", eap_cert),
    key: new Secret(read("eap_key", eap_key)),
    serverName: c.eap_server_name === ANY_SERVER ? null : c.eap_server_name,
  };
}
