// Property lists and the profiles in them: what Apple's tools write, and what nobody should.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { mobileConfig } from "../../src/config/mobileconfig.ts";
import { PlistError, readPlist } from "../../src/config/plist.ts";
import { profileSections } from "../../src/config/profile.ts";
import { rng } from "./rng.ts";

const wrapped = (body: string): string => `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">\n${body}\n</plist>\n`;
const PROFILE = wrapped(`<dict>
  <key>PayloadContent</key>
  <array>
    <!-- another one -->
    <dict><key>PayloadType</key><string>com.apple.wifi.managed</string></dict>
    <dict>
      <key>IPSec</key>
      <dict>
        <key>AuthenticationMethod</key><string>SharedSecret</string>
        <key>SharedSecret</key>
        <data>
        c3dvcmQmZmlz
        aA==
        </data>
      </dict>
      <key>IPv4</key><dict><key>OverridePrimary</key><integer>1</integer></dict>
      <key>PPP</key>
      <dict>
        <key>AuthName</key><string>me&amp;you</string>
        <key>AuthPassword</key><string> &lt;b&#62;&#x41; </string>
        <key>CommRemoteAddress</key><string>vpn.example.com</string>
        <key>TokenCard</key><false/>
      </dict>
      <key>PayloadType</key><string>com.apple.vpn.managed</string>
      <key>UserDefinedName</key><string>Head Office</string>
      <key>VPNType</key><string>L2TP</string>
    </dict>
  </array>
</dict>`);
const values = (xml: string): Record<string, string> =>
  Object.fromEntries([...(profileSections(xml)[0]?.values ?? [])].map(([k, v]) => [k, v.text]));

test("a profile becomes a link", () => {
  assert.equal(profileSections(PROFILE)[0]?.name, "headoffi");
  assert.deepEqual(values(PROFILE), {
    proto: "l2tpsec",
    server: "vpn.example.com",
    username: "me&you",
    password: " <b>A ",
    psk: "sword&fish",
    defaultroute: "yes",
  });
  const group = PROFILE.replace(
    "<key>SharedSecret",
    "<key>LocalIdentifier</key><string>sales</string><key>SharedSecret",
  );
  assert.deepEqual([values(group)["local_id"], values(group)["ike_mode"]], ["keyid:sales", "aggressive"]);
  const cert = PROFILE.replace("SharedSecret</string>", "Certificate</string>");
  assert.deepEqual([values(cert)["psk"], values(cert)["ca"]], [undefined, "/etc/l2tpsec/headoffi-ca.pem"]);
  assert.throws(() => profileSections(PROFILE.replace(">L2TP<", ">IKEv2<")), /no VPN of type L2TP/);
});
test("what we write is read, whatever the values", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string({ unit: "grapheme", minLength: 1 }), (user, psk) => {
      const xml = mobileConfig({ server: "a.example", user, password: user, all: false, key: { psk } }, rng);
      const v = values(xml);
      assert.deepEqual(
        [v["username"] ?? "", v["password"] ?? "", v["psk"], v["defaultroute"]],
        [user, user, psk, "no"],
      );
    }),
  );
});
test("anything else is refused in a sentence, and no text is repeated", () => {
  for (const bad of [
    "",
    "plist",
    PROFILE.slice(0, -12),
    wrapped("<string>a</string><string>b</string>"),
    wrapped("<dict><string>a</string></dict>"),
    wrapped("<dict><key>a</key><true/><key>a</key><true/></dict>"),
    wrapped("<string>&evil;</string>"),
    wrapped("<string>&#0;</string>"),
    wrapped("<string>&constructor;</string>"),
    wrapped("<string>&#1114112;</string>"),
    wrapped("<string>a & b</string>"),
    wrapped("<string><b/></string>"),
    wrapped("<data>a</data>"),
    wrapped("<array><dict></array>"),
    wrapped("<ustring>x</ustring>"),
    wrapped("<![CDATA[x]]>"),
    wrapped("<array>".repeat(20) + "</array>".repeat(20)),
    `<!DOCTYPE plist [<!ENTITY e "x">]><plist><string>&e;</string></plist>`,
    wrapped(`<string>${"x".repeat(1_000_001)}</string>`),
  ])
    assert.throws(() => readPlist(bad), PlistError, bad.slice(0, 200));
  for (let i = 0; i < PROFILE.trimEnd().length; i++) assert.throws(() => readPlist(PROFILE.slice(0, i)), PlistError);
});
test("any text is read, or refused with an error of ours", () => {
  const words = fc.constantFrom(
    ..."<plist> </plist> <dict> </dict> <key> </key> <array> </array> <string> <true/> x &amp; & <!----> <?x?> <".split(
      " ",
    ),
  );
  fc.assert(
    fc.property(fc.array(words, { maxLength: 30 }), (parts) => {
      try {
        readPlist(parts.join(""));
      } catch (e) {
        assert.ok(e instanceof PlistError, String(e));
      }
    }),
  );
});
