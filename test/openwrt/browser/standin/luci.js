// A thin luci.js for a clone without a checkout of LuCI: the modules that the pages use, as far as they use them. The same tests
// run against the real ones with LUCI_DIR. What matters is kept: a bare string as content becomes HTML, an array's strings become
// text nodes; calls are JSON-RPC to /ubus/; forms have the ids and attributes of LuCI's.
(() => {
  Object.defineProperty(String.prototype, "format", {
    value(...args) {
      let i = 0;
      return String(this).replace(/%(1024mB|\.\d+f|[sd])/g, (_m, f) => {
        const v = args[i++];
        if (f.endsWith("f")) return Number(v).toFixed(Number(f[1]));
        return f === "d" ? String(Math.trunc(Number(v))) : String(v);
      });
    },
  });
  const append = (node, c) => {
    if (Array.isArray(c))
      for (const x of c)
        x instanceof Node ? node.appendChild(x) : x != null && node.appendChild(document.createTextNode(String(x)));
    else if (c instanceof Node) node.appendChild(c);
    else if (c != null) node.innerHTML = String(c);
  };
  const E = (tag, attrs, children) => {
    const node = document.createElement(tag);
    for (const k in attrs)
      typeof attrs[k] === "function"
        ? node.addEventListener(k, attrs[k])
        : attrs[k] != null && node.setAttribute(k, attrs[k]);
    append(node, children);
    return node;
  };
  let id = 0;
  const ubus = async (object, method, params) => {
    const r = await fetch("/ubus/", {
      method: "POST",
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method: "call", params: ["session", object, method, params] }),
    });
    const { result } = await r.json();
    return result.length > 1 ? result[1] : result[0];
  };
  const rpc = {
    declare:
      (d) =>
      async (...args) => {
        const ret = await ubus(d.object, d.method, Object.fromEntries((d.params ?? []).map((p, i) => [p, args[i]])));
        for (const key in d.expect ?? {}) {
          const got = key === "" ? ret : ret?.[key];
          return Object.prototype.toString.call(got) === Object.prototype.toString.call(d.expect[key])
            ? got
            : d.expect[key];
        }
        return ret;
      },
  };
  const configs = {};
  const changes = [];
  const uci = {
    async load(list) {
      for (const c of [].concat(list)) configs[c] ??= (await ubus("uci", "get", { config: c }))?.values ?? {};
    },
    get: (c, s, o) => configs[c]?.[s]?.[o] ?? null,
    add(c, type) {
      const name = `new${changes.length}`;
      configs[c] ??= {};
      configs[c][name] = { ".name": name, ".type": type };
      changes.push(["add", { config: c, type, values: {} }, name]);
      return name;
    },
    set(c, s, o, v) {
      configs[c][s][o] = v;
      let change = changes.find(([, a, name]) => a.config === c && (name === s || a.section === s));
      if (!change) {
        change = ["set", { config: c, section: s, values: {} }];
        changes.push(change);
      }
      change[1].values[o] = v;
    },
    async save() {
      for (const [method, args] of changes.splice(0)) await ubus("uci", method, args);
    },
    sections: (c, type) => Object.values(configs[c] ?? {}).filter((s) => s[".type"] === type),
  };

  class Value {
    values = [];
    labels = {};
    constructor(config, name, title, help) {
      Object.assign(this, { config, option: name, title, help });
    }
    value(k, label) {
      this.values.push(k);
      this.labels[k] = label ?? k;
    }
    depends(on) {
      this.on = on;
    }
    cfgvalue(sid) {
      return uci.get(this.config, sid, this.ucioption ?? this.option);
    }
    renderWidget(_sid, _index, value) {
      return this.input(value);
    }
    load(sid) {
      return this.cfgvalue(sid);
    }
    getUIElement() {
      return { setValue: (v) => Object.assign(this.field, { value: v }), getValue: () => this.field.value };
    }
    input(value) {
      return E("input", {
        class: "cbi-input-text",
        type: this.password ? "password" : "text",
        placeholder: this.placeholder,
        value,
      });
    }
    render(sid) {
      if (Object.hasOwn(this, "load")) this.load(sid);
      const widget = this.renderWidget(sid, 0, this.cfgvalue(sid) ?? this.default ?? "");
      const input = widget.matches("input, select") ? widget : (widget.querySelector("input, select") ?? widget);
      this.field = input;
      const box = E(
        "div",
        { class: "cbi-value", id: `cbi-${this.config}-${sid}-${this.option}`, "data-name": this.option },
        [
          E("label", { class: "cbi-value-title" }, [this.title]),
          E("div", { class: "cbi-value-field" }, [widget, E("div", { class: "cbi-value-description" }, [this.help])]),
        ],
      );
      const of = (o) => this.section.options.find((x) => x.option === o);
      const other = (o) => of(o)?.cfgvalue(sid) ?? of(o)?.default;
      if (this.on && Object.entries(this.on).some(([o, v]) => other(o) !== v)) box.style.display = "none";
      input.addEventListener("blur", () => {
        const verdict = this.validate ? this.validate(sid, input.value) : true;
        input.classList.toggle("cbi-input-invalid", verdict !== true);
        input.toggleAttribute("data-tooltip", false);
        if (verdict !== true) input.setAttribute("data-tooltip", verdict);
      });
      return box;
    }
  }
  class Flag extends Value {
    input(value) {
      return E("input", { type: "checkbox", ...(value === this.enabled ? { checked: "" } : {}) });
    }
  }
  class DynamicList extends Value {
    input(value) {
      return E(
        "div",
        { class: "cbi-dynlist" },
        [].concat(value).map((v) => E("input", { class: "cbi-input-text", value: v })),
      );
    }
  }
  class ListValue extends Value {
    input(value) {
      return E(
        "select",
        { class: "cbi-input-select" },
        this.values.map((v) => E("option", { value: v, ...(v === value ? { selected: "" } : {}) }, [this.labels[v]])),
      );
    }
  }
  class FileUpload extends Value {}
  class DummyValue extends Value {}
  class Section {
    tabs = [];
    options = [];
    get children() {
      return this.options;
    }
    constructor(config, type, title) {
      Object.assign(this, { config, type, title });
    }
    tab(n, title, help) {
      if (this.tabs.some((t) => t.n === n)) throw new Error("Tab already declared");
      this.tabs.push({ n, title, help });
    }
    taboption(tab, type, name, title, help) {
      if (!this.tabs.some((t) => t.n === tab)) throw new ReferenceError(`no tab ${tab}`);
      return Object.assign(this.option(type, name, title, help), { tab });
    }
    getOption(name) {
      return this.options.find((o) => o.option === name) ?? null;
    }
    option(Type, name, title, help) {
      const o = Object.assign(new Type(this.config, name, title, help), { section: this });
      this.options.push(o);
      return o;
    }
    one(sid) {
      const show = (n) => {
        for (const p of box.querySelectorAll("[data-tab-title]")) {
          p.style.display = p.dataset.tab === n ? "" : "none";
          p.dataset.tabActive = p.dataset.tab === n;
        }
      };
      const panels = this.tabs.length
        ? this.tabs.map((t) =>
            E("div", { "data-tab": t.n, "data-tab-title": t.title }, [
              E("p", {}, [t.help ?? ""]),
              ...this.options.filter((o) => o.tab === t.n).map((o) => o.render(sid)),
            ]),
          )
        : this.options.map((o) => o.render(sid));
      const menu = this.tabs.length
        ? [
            E(
              "ul",
              { class: "cbi-tabmenu" },
              this.tabs.map((t) =>
                E("li", { "data-tab": t.n }, [
                  E(
                    "a",
                    {
                      href: "#",
                      click: (e) => {
                        e.preventDefault();
                        show(t.n);
                      },
                    },
                    [t.title],
                  ),
                ]),
              ),
            ),
          ]
        : [];
      const box = E("div", { class: "cbi-section-node", id: `cbi-${this.config}-${sid}`, "data-section-id": sid }, [
        ...menu,
        ...panels,
      ]);
      if (this.tabs.length) show(this.tabs[0].n);
      return box;
    }
    render() {
      return E("div", { class: "cbi-section", id: `cbi-${this.config}-${this.type}` }, [
        E("h3", {}, [this.title ?? ""]),
        ...this.ids().flatMap((s) => [E("h3", {}, [s]), this.one(s)]),
      ]);
    }
  }
  class TypedSection extends Section {
    ids() {
      return uci.sections(this.config, this.type).map((s) => s[".name"]);
    }
  }
  class GridSection extends TypedSection {
    renderSectionAdd() {
      return E("div", {}, [E("input", {}), E("button", { disabled: "" }, ["Add"])]);
    }
    render() {
      const columns = this.options.filter((o) => o.modalonly === false);
      const edit = (sid) => {
        const dialog = Object.assign(Object.create(this), {
          options: this.options.filter((o) => !columns.includes(o)),
        });
        classes.ui.showModal(sid, [dialog.one(sid)]);
      };
      const row = (sid) =>
        E("tr", { class: "cbi-section-table-row", "data-sid": sid, id: `cbi-${this.config}-${sid}` }, [
          ...columns.map((o) => E("td", { "data-name": o.option }, [o.textvalue(sid)])),
          E("td", {}, [E("button", { class: "cbi-button cbi-button-edit", click: () => edit(sid) }, ["Edit"])]),
        ]);
      return E("div", { class: "cbi-section", id: `cbi-${this.config}-${this.type}` }, [
        E("h3", {}, [this.title ?? ""]),
        E("table", {}, this.ids().map(row)),
        this.renderSectionAdd(),
      ]);
    }
  }
  class NamedSection extends Section {
    constructor(config, name, type, title) {
      super(config, type, title);
      this.name = name;
    }
    ids() {
      return uci.get(this.config, this.name, ".type") === null ? [] : [this.name];
    }
  }
  class FormMap {
    sections = [];
    constructor(config, title, help) {
      Object.assign(this, { config, title, help });
    }
    section(Type, ...args) {
      const s = new Type(this.config, ...args);
      this.sections.push(s);
      return s;
    }
    async render() {
      await uci.load(this.config);
      return E("div", { class: "cbi-map" }, [
        E("h2", {}, [this.title ?? ""]),
        E("div", {}, [this.help ?? ""]),
        ...this.sections.map((s) => s.render()),
      ]);
    }
  }

  const protocols = {};
  const errors = {};
  const network = {
    registerPatternVirtual() {},
    registerErrorCode: (code, text) => {
      errors[code] = text;
    },
    instantiateDevice: (name) => ({ getName: () => name }),
    registerProtocol: (name, p) => {
      protocols[name] = p;
      return p;
    },
    async getNetwork(name) {
      await Promise.all([uci.load("network"), L.require("protocol.l2tpsec"), L.require("protocol.nasdial")]);
      const status = (await ubus("network.interface", "dump", {})).interface.find((i) => i.interface === name) ?? {};
      const base = {
        sid: name,
        get: (o) => uci.get("network", name, o),
        _ubus: (k) => status[k] ?? null,
        getErrors: () => (status.errors?.length ? status.errors.map((e) => errors[e.code] ?? e.code) : null),
      };
      return Object.assign({}, base, protocols[uci.get("network", name, "proto")], { super: (f, a) => base[f](...a) });
    },
  };

  const classes = {
    view: { extend: (x) => x },
    baseclass: { extend: (x) => x },
    rpc,
    uci,
    network,
    poll: {
      queue: [],
      add(fn) {
        this.queue.push({ fn });
      },
      start() {},
      stop() {},
    },
    form: {
      Value,
      Flag,
      ListValue,
      DynamicList,
      FileUpload,
      DummyValue,
      GridSection,
      TypedSection,
      NamedSection,
      Map: FormMap,
    },
    dom: {
      content(node, c) {
        node.replaceChildren();
        append(node, c);
      },
    },
    fs: {
      exec_direct: async (command, args, type = "text") =>
        (
          await fetch("/cgi-bin/cgi-exec", {
            method: "POST",
            body: `command=${encodeURIComponent([command, ...args].join(" "))}`,
          })
        )[type](),
      list: async (path) => (await ubus("file", "list", { path }))?.entries ?? [],
    },
    ui: {
      changes: { init: async () => {}, apply: async () => {} },
      createHandlerFn: (self, f) => () => f.call(self),
      hideModal: () => document.querySelector(".modal")?.remove(),
      addNotification(_t, n) {
        document.querySelector("#maincontent").prepend(E("div", { class: "alert-message" }, [n]));
      },
      showModal(title, c) {
        classes.ui.hideModal();
        document.body.append(E("div", { class: "modal" }, [E("h4", {}, [title]), ...[].concat(c)]));
      },
      async instantiateView(path) {
        const v = await L.require(`view.${path.replaceAll("/", ".")}`);
        classes.dom.content(document.querySelector("#view"), await v.render(await v.load()));
      },
    },
  };
  window.E = E;
  window._ = (s) => s;
  window.N_ = (n, one, many) => (n === 1 ? one : many);
  window.LuCI = class {
    Poll = classes.poll;
    env = {};
    url = (...parts) => `/cgi-bin/luci/${parts.join("/")}`;
    toArray(x) {
      if (Array.isArray(x)) return x;
      return x == null || x === "" ? [] : String(x).split(/\s+/);
    }
    resolveDefault(p, d) {
      return Promise.resolve(p)
        .catch(() => d)
        .then((x) => x ?? d);
    }
    require(name) {
      classes[name] ??= (async () => {
        const source = await (await fetch(`/luci-static/resources/${name.replaceAll(".", "/")}.js`)).text();
        const needs = [...source.matchAll(/^'require ([\w.-]+)(?: as (\w+))?';$/gm)];
        const args = [];
        for (const m of needs) args.push(await this.require(m[1]));
        classes[name] = new Function("_", "E", "L", ...needs.map((m) => m[2] ?? m[1].replaceAll(/\W/g, "_")), source)(
          window._,
          E,
          this,
          ...args,
        );
        return classes[name];
      })();
      return Promise.resolve(classes[name]);
    }
  };
})();
