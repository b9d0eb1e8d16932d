// The dialogs of the pages: the other side of a tunnel, a link that somebody sent, a capture, certificates by upload.
// With LUCI_DIR only: they stand on LuCI's own dialogs and fields.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { bus, EVIL, fits, LOG, LOOKS, type Look, OPEN } from "./data.ts";
import { type Browser, type Bus, LUCI, launch, Router, skip } from "./router.ts";
import { UciDouble } from "./uci-double.ts";

let browser: Browser | null = null;
before(async () => {
  browser = await launch();
});
after(async () => browser?.close());
const real = { skip: skip === false && LUCI === undefined ? "LUCI_DIR is not given" : skip };
const open = (view: string, look: Look, b: Bus): Promise<Router> =>
  Router.open(browser as Browser, view, look, b, LOG, OPEN);
const wide = LOOKS[0] as Look;

const TEXT = `# for ${EVIL}\nuse 'sw0rdfish'\n`;
/** Files that the page has saved. */
const SAVED = `window.saved = [];
  URL.createObjectURL = (blob) => { window.blob = blob; return 'blob:x'; };
  HTMLAnchorElement.prototype.click = function() { const b = window.blob; b.arrayBuffer().then((a) =>
    window.saved.push([this.download, [...new Uint8Array(a)]])); };`;
const saved = async (r: Router): Promise<[string, number[]][]> => {
  await r.page.waitForFunction("window.saved.length > 0");
  return r.page.evaluate("window.saved");
};
const safe = async (r: Router): Promise<void> => {
  assert.equal(await r.page.evaluate("window.hacked ?? 0"), 0);
  assert.equal(await r.page.evaluate("document.querySelectorAll('.modal img, .modal script').length"), 0);
  assert.deepEqual(r.errors, []);
};
/** Nothing of the dialog is beside the window. */
const dialogFits = async (r: Router): Promise<void> => {
  const out = await r.page.evaluate<string[]>(
    "[...document.querySelectorAll('.modal *')].filter((x) => x.getBoundingClientRect().right > innerWidth + 1)" +
      ".map((x) => x.tagName + '.' + x.className)",
  );
  assert.deepEqual(out, []);
};

for (const look of LOOKS) {
  test(`the other side, ${look.name}: a user's row and a client link, to copy and to save`, real, async () => {
    const answer = { text: TEXT, file: "branch1.sh", content: "content" };
    const r = await open("l2tpsec/server", look, { ...bus(), "l2tpsec peer_config": answer });
    await r.page.evaluate(SAVED);
    await r.page.waitForSelector("#cbi-l2tpsec-branch1 .l2tpsec-peer");
    await fits(r);
    await r.page.click("#cbi-l2tpsec-branch1 .l2tpsec-peer");
    await r.page.waitForSelector(".modal [data-field=system]");
    assert.equal(await r.page.evaluate("document.querySelectorAll('.modal [data-field=system] option').length"), 7);
    await r.page.selectOption(".modal [data-field=system]", "openwrt");
    await r.page.fill(".modal [data-field=address]", "vpn.example.org");
    await r.page.fill(".modal [data-field=routes]", "192.168.1.0/24");
    await r.page.click(".modal .l2tpsec-show");
    await r.page.waitForSelector(".modal .l2tpsec-text");
    const args = { name: "user branch1", system: "openwrt", server: "lns", address: "vpn.example.org" };
    assert.deepEqual(await r.called(1), [["peer_config", { ...args, routes: "192.168.1.0/24" }]]);
    assert.equal(await r.page.evaluate("document.querySelector('.modal .l2tpsec-text').value"), TEXT);
    await dialogFits(r);
    await r.shot(`peer-${look.name}`);
    await r.page.click(".modal .l2tpsec-save");
    assert.deepEqual(await saved(r), [["branch1.sh", [...Buffer.from("content")]]]);
    await safe(r);
    await r.page.close();

    const refused = { error: { code: "failed", text: `no ${EVIL}` } };
    const s = await open("l2tpsec/status", look, { ...bus(), "l2tpsec peer_config": [9, refused] });
    await s.page.click("[data-link=hq] .l2tpsec-peer");
    await s.page.click(".modal .l2tpsec-show");
    await s.page.waitForSelector(".modal .l2tpsec-told");
    assert.equal(await s.page.textContent(".modal .l2tpsec-told"), `no ${EVIL}`);
    assert.equal((await s.called(1))[0]?.[1] instanceof Object && s.calls[0]?.[0], "peer_config");
    assert.deepEqual(
      await s.page.evaluate("[...document.querySelectorAll('.modal [data-field=system] option')].map((x) => x.value)"),
      ["mikrotik", "openwrt"],
    );
    await dialogFits(s);
    await s.shot(`peer-refused-${look.name}`);
    await safe(s);
    await s.page.close();
  });

  test(`a link that somebody sent, ${look.name}: read, shown without secrets, written`, real, async () => {
    const uci = new UciDouble({ network: {}, l2tpsec: {}, firewall: {} });
    const options = { proto: "l2tpsec", server: ["vpn.example.org"], psk: "sw0rdfish", username: EVIL };
    const r = await open("l2tpsec/status", look, {
      ...{ ...bus({}), ...uci.bus() },
      "l2tpsec import": { sections: [{ type: "interface", name: "office", options }] },
    });
    await r.page.click(".l2tpsec-import");
    await r.page.waitForSelector(".modal .l2tpsec-given");
    await r.page.fill(".modal .l2tpsec-given", "uci set network.office.proto=l2tpsec");
    await r.page.click(".modal .l2tpsec-read");
    await r.page.waitForSelector(".modal .l2tpsec-add");
    assert.deepEqual(await r.called(1), [["import", { text: "uci set network.office.proto=l2tpsec" }]]);
    const shown = (await r.page.textContent(".modal .l2tpsec-written")) ?? "";
    assert.match(shown, /list server 'vpn\.example\.org'\n\toption psk '\*\*\*'\n/);
    assert.ok(!shown.includes("sw0rdfish") && shown.includes(EVIL));
    await dialogFits(r);
    await r.shot(`import-${look.name}`);
    await r.page.click(".modal .l2tpsec-add");
    await r.page.waitForSelector(".modal .cbi-button-apply");
    assert.deepEqual(uci.files["network"]?.["office"], { ".type": "interface", ...options });
    await safe(r);
    await r.page.close();
  });

  test(`a capture, ${look.name}: start, its end, and the file; a closed dialog stops it`, real, async () => {
    let reads = 0;
    const r = await open("l2tpsec/status", look, {
      ...bus(),
      "l2tpsec capture": {},
      "l2tpsec capture_stop": {},
      "l2tpsec capture_read": () =>
        ++reads < 2 ? { data: "0a0d" } : { data: "0dff", end: { packets: 2, bytes: 4, cut: 0, why: "seconds" } },
    });
    await r.page.evaluate(SAVED);
    await r.page.click("[data-link=hq] .l2tpsec-capture");
    await r.page.selectOption(".modal [data-field=seconds]", "10");
    await r.page.click(".modal .l2tpsec-start");
    await r.page.waitForFunction(
      "/^2 packets: the time/.test(document.querySelector('.modal .l2tpsec-capture').textContent)",
    );
    await dialogFits(r);
    await r.shot(`capture-${look.name}`);
    await r.page.click(".modal .l2tpsec-save");
    assert.deepEqual(await saved(r), [["hq.pcapng", [0x0a, 0x0d, 0x0d, 0xff]]]);
    reads = -1000;
    await r.page.click(".modal .l2tpsec-start");
    await r.page.waitForFunction("!document.querySelector('.modal .l2tpsec-stop').disabled");
    await r.page.click(".modal [data-close]");
    const calls = async (): Promise<unknown[]> =>
      (await r.called(4)).map(([m, a]) => (m === "capture_read" ? m : [m, a]));
    for (let i = 0; i < 50 && !JSON.stringify(await calls()).includes("capture_stop"); i++)
      await new Promise((f) => setTimeout(f, 20));
    const first = (await calls())[0];
    assert.deepEqual(first, ["capture", { name: "hq", seconds: 10 }]);
    assert.ok(JSON.stringify(r.calls).includes(`["capture_stop",{"name":"hq"}]`));
    await safe(r);
    await r.page.close();
  });
}

test("certificates of a server are uploaded into their folder", real, async () => {
  const r = await open("l2tpsec/server", LOOKS[1] as Look, {
    ...bus(),
    "file list": { entries: [{ name: "ca.pem", type: "file", size: 1200, mtime: 1, path: "/etc/l2tpsec/ca.pem" }] },
    "file stat": (a: { path: string }) => ({ path: a.path, type: "file", size: 7, mtime: 1 }),
  });
  await r.page.click("#cbi-l2tpsec-lns .cbi-button-edit");
  await r.page.waitForSelector(".modal [data-name=key]");
  for (const name of ["cert", "key", "ca", "crl"])
    assert.equal(
      await r.page.evaluate(`document.querySelectorAll('.modal [data-name=${name}] button').length > 0`),
      true,
    );
  await r.page.click(".modal .cbi-tabmenu [data-tab=security] a");
  await r.page.click(".modal [data-name=key] .cbi-value-field button");
  await r.page.waitForSelector(".modal [data-name=key] .cbi-filebrowser.open");
  await r.page.click(".modal [data-name=key] .cbi-filebrowser .cbi-button-positive");
  await r.page.setInputFiles(".modal [data-name=key] input[type=file]", {
    ...{ name: "vpn.key", mimeType: "text/plain", buffer: Buffer.from("SECRET\n") },
  });
  await r.shot("upload");
  await r.page.click(".modal [data-name=key] .upload .cbi-button-save");
  for (let i = 0; i < 100 && r.uploads.length === 0; i++) await new Promise((f) => setTimeout(f, 20));
  assert.match(r.uploads[0] ?? "", /name="filename"\r\n\r\n\/etc\/l2tpsec\/vpn\.key\r\n/);
  assert.match(r.uploads[0] ?? "", /\r\nSECRET\n/);
  // cgi-io gives a file no other mode than 0600 unless it is told one.
  assert.doesNotMatch(r.uploads[0] ?? "", /name="filemode"/);
  assert.deepEqual(r.errors, []);
  await r.page.close();
});

test("a RADIUS server's row: what it says about a user, its words as text", real, async () => {
  const answer = { servers: [{ server: "one", address: "192.0.2.9", accepted: false, text: `refused: ${EVIL}` }] };
  const r = await open("l2tpsec/server", wide, { ...bus(), "l2tpsec radius_test": answer });
  await r.page.waitForSelector("#cbi-l2tpsec-one .l2tpsec-radius");
  await r.page.click("#cbi-l2tpsec-one .l2tpsec-radius");
  await r.page.fill(".modal [data-field=user]", "nemo");
  await r.page.fill(".modal [data-field=password]", "captain");
  await r.page.click(".modal .l2tpsec-test");
  await r.page.waitForSelector(".modal .alert-message.danger");
  assert.equal(await r.page.textContent(".modal .alert-message.danger"), `refused: ${EVIL}`);
  assert.deepEqual(await r.called(1), [["radius_test", { name: "one", user: "nemo", password: "captain" }]]);
  await dialogFits(r);
  await safe(r);
  await r.page.close();
});

test("with the keyboard alone: from the row to the text of the other side, and out again", real, async () => {
  const answer = { text: TEXT, file: "branch1.ps1", content: TEXT };
  const r = await open("l2tpsec/server", wide, { ...bus(), "l2tpsec peer_config": answer });
  await r.page.waitForSelector("#cbi-l2tpsec-branch1 .l2tpsec-peer");
  const at = (): Promise<string> =>
    r.page.evaluate("document.activeElement.className + ' ' + (document.activeElement.dataset.field ?? '')");
  const tabTo = async (what: RegExp): Promise<void> => {
    for (let i = 0; i < 80; i++) {
      if (what.test(await at())) return;
      await r.page.keyboard.press("Tab");
    }
    assert.fail(`${what} was not reached, but ${await at()}`);
  };
  await tabTo(/l2tpsec-peer/);
  await r.page.keyboard.press("Enter");
  await r.page.waitForSelector(".modal [data-field=address]");
  await tabTo(/address/);
  await r.page.fill(".modal [data-field=address]", "a.example");
  await tabTo(/l2tpsec-show/);
  await r.page.keyboard.press("Enter");
  await r.page.waitForSelector(".modal .l2tpsec-text");
  await tabTo(/l2tpsec-text/);
  await r.page.keyboard.press("Escape");
  await r.page.waitForFunction("!document.body.classList.contains('modal-overlay-active')");
  assert.match(await at(), /l2tpsec-peer/);
  assert.deepEqual(r.errors, []);
  await r.page.close();
});
