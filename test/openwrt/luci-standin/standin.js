// The few LuCI modules that the pages use, as thin as they can be. What matters is kept: a bare string as content becomes
// HTML, an array's strings become text nodes. `bus` answers the calls; window.calls records them.
(() => {
  const format = (s, args) => { let i = 0; return s.replace(/%(1024mB|\.\d+f|[sd])/g, (_m, f) => { const v = args[i++]; return f.endsWith("f") ? Number(v).toFixed(Number(f[1])) : f === "d" ? String(Math.trunc(Number(v))) : String(v); }); };
  Object.defineProperty(String.prototype, "format", { value(...a) { return format(String(this), a); } });
  const append = (node, c) => {
    if (Array.isArray(c)) for (const x of c) x instanceof Node ? node.appendChild(x) : x != null && node.appendChild(document.createTextNode(String(x)));
    else if (c instanceof Node) node.appendChild(c);
    else if (c != null) node.innerHTML = String(c);
  };
  const E = (tag, attrs, children) => {
    const node = document.createElement(tag);
    for (const k in attrs) typeof attrs[k] === "function" ? node.addEventListener(k, attrs[k]) : attrs[k] != null && node.setAttribute(k, attrs[k]);
    append(node, children);
    return node;
  };
  window.calls = [];
  window.polls = [];
  const Section = class {
    constructor(type, title) { Object.assign(this, { type, title, tabs: [], options: [] }); }
    tab(n) { if (this.tabs.includes(n)) throw new Error("Tab already declared"); this.tabs.push(n); }
    taboption(tab, type, name, title, help) {
      if (!this.tabs.includes(tab)) throw new ReferenceError(`no tab ${tab}`);
      return this.option(type, name, title, help);
    }
    option(_type, name, title, help) { const o = { name, title, help, value() {} }; this.options.push(o); return o; }
  };
  const form = {
    Flag: class {}, ListValue: class {}, Value: class {}, TypedSection: class {}, NamedSection: class {},
    Map: class {
      constructor(_config, title, help) { Object.assign(this, { title, help, sections: [] }); }
      section(kind, ...rest) { const s = new Section(rest[0], rest[kind === form.NamedSection ? 2 : 1]); this.sections.push(s); return s; }
      render() {
        return Promise.resolve(E("div", {}, [E("h2", {}, [this.title]), E("p", {}, [this.help]), ...this.sections.map((s) => E("div", { class: "cbi-section", "data-type": s.type }, [
          E("h3", {}, [s.title]), ...s.options.map((o) => E("p", { "data-option": o.name, title: o.help }, [o.title]))]))]));
      }
    },
  };
  const modules = {
    view: { extend: (x) => x }, baseclass: { extend: (x) => x }, form, poll: { add: (f) => window.polls.push(f) },
    dom: { content(node, c) { node.replaceChildren(); append(node, c); } },
    rpc: { declare: (d) => (...args) => { window.calls.push([d.method, ...args]); return Promise.resolve(structuredClone(window.bus[d.method])); } },
    fs: { exec_direct: () => Promise.resolve(window.bus.log) },
    ui: {
      createHandlerFn: (self, f) => () => f.call(self), hideModal: () => document.querySelector(".modal")?.remove(), addNotification: (_t, n) => document.body.prepend(n),
      showModal(title, c) { document.querySelector(".modal")?.remove(); document.body.append(E("div", { class: "modal" }, [E("h4", {}, [title]), ...c])); },
    },
  };
  const L = { resolveDefault: (p, d) => Promise.resolve(p).catch(() => d).then((x) => x ?? d) };
  window.loadModule = (name, source) => {
    const needs = [...source.matchAll(/^'require ([\w.-]+)(?: as (\w+))?';$/gm)];
    modules[name] = new Function("_", "E", "L", ...needs.map((m) => m[2] ?? m[1]), source)((s) => s, E, L, ...needs.map((m) => modules[m[1]]));
    return modules[name];
  };
  window.openView = async (source) => {
    const v = window.loadModule("page", source);
    document.body.append(await v.render(await v.load()));
  };
})();
