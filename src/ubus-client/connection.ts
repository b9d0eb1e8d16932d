// A client of ubusd that also provides objects, and comes back with all of them when ubusd does.
import type { ByteStream, CallOptions, Found, ObjectSpec, Registered, UbusOptions } from "./api.ts";
import { type Field, fromFields, readFields, type Table, TYPE, toFields, writeFields } from "./blobmsg.ts";
import {
  ATTR,
  encode,
  flag,
  getBytes,
  getFlag,
  getText,
  getU32,
  type Message,
  MessageReader,
  MSG,
  text,
  u32,
} from "./message.ts";
import { checked } from "./method.ts";
import { PendingRequests } from "./pending.ts";
import { STATUS, UbusError } from "./status.ts";

/** What is registered anew on every connection; id is null while it is not. */
interface Entry {
  readonly spec: ObjectSpec | null;
  id: number | null;
  onInvoke: ((method: string, data: Table) => number) | null;
  onLost: (() => void) | null;
  restore(): Promise<void>;
}

const SYSTEM_EVENTS = 1;
const FIRST_RETRY = 250;
const LAST_RETRY = 8_000;
const MAX_OPEN_REQUESTS = 1024;
const SEARCH_AGAIN = 2_000;

export class Ubus {
  readonly #o: UbusOptions;
  readonly #retry: { arm(ms: number): void; disarm(): void };
  readonly #pending: PendingRequests;
  readonly #entries = new Set<Entry>();
  readonly #byId = new Map<number, Entry>();
  /** Signature, as text, to the type id that ubusd gave it on this connection. */
  readonly #types = new Map<string, number>();
  readonly #requests = new Set<string>();
  #stream: ByteStream | null = null;
  #ready = false;
  #closed = false;
  #generation = 0;
  #delay = FIRST_RETRY;

  constructor(o: UbusOptions) {
    this.#o = o;
    this.#pending = new PendingRequests(o.clock, (m) => this.#send(m));
    this.#retry = o.clock.timer("ubus-reconnect", () => this.#connect());
  }

  /** HELLO was seen on the present connection. */
  get up(): boolean {
    return this.#ready;
  }

  /** Connects now and, whenever the bus goes away, again: after 0.25 s, doubling to 8 s. */
  start(): void {
    this.#connect();
  }

  /** For ever. Calls under way fail. */
  close(): void {
    this.#closed = true;
    this.#retry.disarm();
    this.#stream?.close();
    this.#lost();
  }

  /** A path, a prefix with a final `*`, or everything. Rejects with NOT_FOUND when a path is not there. */
  async lookup(path?: string, o: CallOptions = {}): Promise<Found[]> {
    const a = await this.#pending.ask(
      MSG.LOOKUP,
      0,
      path === undefined ? [] : [text(ATTR.OBJPATH, path)],
      `lookup ${path ?? "*"}`,
      o.timeout,
    );
    return a.data.flatMap((m) => {
      const id = getU32(m, ATTR.OBJID);
      const name = getText(m, ATTR.OBJPATH);
      if (id === null || name === null) return [];
      const methods = Object.create(null);
      for (const f of readFields(getBytes(m, ATTR.SIGNATURE) ?? new Uint8Array(0)))
        if (f.type === TYPE.TABLE) methods[f.name] = fromFields(f.value);
      return [{ path: name, id, methods }];
    });
  }

  /** Looks `path` up and invokes. Null when the method answered without data; the last data when it sent several. */
  async call(path: string, method: string, args: Table = {}, o: CallOptions = {}): Promise<Table | null> {
    const [found] = await this.lookup(path, o);
    if (!found) throw new UbusError(STATUS.NOT_FOUND, path);
    const all = await this.invoke(found.id, method, toFields(args), o);
    const last = all.at(-1);
    return last === undefined ? null : fromFields(last, o);
  }

  /** Every data message of the answer. */
  async invoke(id: number, method: string, args: readonly Field[], o: CallOptions = {}): Promise<Field[][]> {
    const attrs = [u32(ATTR.OBJID, id), text(ATTR.METHOD, method), { id: ATTR.DATA, payload: writeFields(args) }];
    const a = await this.#pending.ask(MSG.INVOKE, id, attrs, method, o.timeout);
    return a.data.map((m) => readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0)));
  }

  /** Registers an object now, if the bus is there, and on every later connection. Rejects when ubusd refuses it now. */
  async add(spec: ObjectSpec): Promise<Registered> {
    const e: Entry = { spec, id: null, onInvoke: null, onLost: null, restore: () => this.#register(e) };
    await this.#keep(e);
    return {
      notify: async (method, data, o = {}) => {
        if (e.id === null) throw new UbusError(STATUS.NOT_FOUND, spec.path);
        const attrs = [
          u32(ATTR.OBJID, e.id),
          text(ATTR.METHOD, method),
          { id: ATTR.DATA, payload: writeFields(toFields(data)) },
        ];
        if (o.ack !== true) {
          this.#send({
            type: MSG.NOTIFY,
            seq: this.#pending.nextSeq(),
            peer: e.id,
            attrs: [...attrs, flag(ATTR.NO_REPLY, true)],
          });
          return [];
        }
        return [...(await this.#pending.ask(MSG.NOTIFY, e.id, attrs, `notify ${method}`, o.timeout)).statuses];
      },
      remove: () => this.#drop(e),
    };
  }

  /** Events whose name is `pattern`, or begins with what stands before its final `*`. Returns what ends it. */
  async listen(pattern: string, onEvent: (name: string, data: Table) => void): Promise<() => Promise<void>> {
    const e: Entry = {
      spec: null,
      id: null,
      onLost: null,
      onInvoke: (name, data) => {
        onEvent(name, data);
        return STATUS.OK;
      },
      restore: async () => {
        await this.#register(e);
        if (e.id !== null) await this.invoke(SYSTEM_EVENTS, "register", toFields({ object: e.id | 0, pattern }));
      },
    };
    await this.#keep(e);
    return () => this.#drop(e);
  }

  async sendEvent(name: string, data: Table, o: CallOptions = {}): Promise<void> {
    await this.invoke(SYSTEM_EVENTS, "send", toFields({ id: name, data }), o);
  }

  /**
   * Notifications of the object at `path`, from whenever it is there: it is looked for again every 2 s. The handler's
   * number is the answer's status. Returns what ends it.
   */
  async subscribe(
    path: string,
    onNotify: (method: string, data: Table) => number | undefined,
  ): Promise<() => Promise<void>> {
    let target: number | null = null;
    const search = async (): Promise<void> => {
      target = null;
      if (e.id === null || !this.#entries.has(e)) return;
      try {
        const found = (await this.lookup(path))[0]?.id;
        if (found === undefined) throw new UbusError(STATUS.NOT_FOUND, path);
        await this.#pending.ask(
          MSG.SUBSCRIBE,
          0,
          [u32(ATTR.OBJID, e.id), u32(ATTR.TARGET, found)],
          `subscribe ${path}`,
        );
        target = found;
      } catch (err) {
        if (!(err instanceof UbusError)) throw err;
        again.arm(SEARCH_AGAIN);
      }
    };
    const again = this.#o.clock.timer("ubus-subscribe", () => void search());
    const e: Entry = {
      spec: null,
      id: null,
      onInvoke: (method, data) => onNotify(method, data) ?? STATUS.OK,
      onLost: () => again.arm(SEARCH_AGAIN),
      restore: async () => {
        await this.#register(e);
        await search();
      },
    };
    await this.#keep(e);
    return async () => {
      again.disarm();
      this.#entries.delete(e);
      if (e.id === null) return;
      if (target !== null)
        await this.#pending.ask(
          MSG.UNSUBSCRIBE,
          0,
          [u32(ATTR.OBJID, e.id), u32(ATTR.TARGET, target)],
          `unsubscribe ${path}`,
        );
      await this.#drop(e);
    };
  }

  #connect(): void {
    const generation = ++this.#generation;
    this.#o.connect().then(
      (s) => {
        if (this.#closed || generation !== this.#generation) return s.close();
        const reader = new MessageReader();
        this.#stream = s;
        s.onClose = () => {
          if (this.#stream === s) this.#lost();
        };
        s.onData = (chunk) => {
          if (this.#stream !== s) return;
          try {
            reader.push(chunk, (m) => this.#onMessage(m));
          } catch (err) {
            if (!(err instanceof UbusError)) this.#o.onError?.(err);
            s.close();
            if (this.#stream === s) this.#lost();
          }
        };
      },
      () => {
        if (generation === this.#generation) this.#again();
      },
    );
  }

  #again(): void {
    if (this.#closed) return;
    this.#retry.arm(this.#delay);
    this.#delay = Math.min(LAST_RETRY, this.#delay * 2);
  }

  #lost(): void {
    const was = this.#ready;
    this.#stream = null;
    this.#ready = false;
    this.#byId.clear();
    this.#types.clear();
    this.#requests.clear();
    for (const e of this.#entries) e.id = null;
    this.#pending.fail();
    this.#again();
    if (was) this.#tell(false);
  }
  #tell(up: boolean): void {
    try {
      this.#o.onState?.(up);
    } catch (err) {
      this.#o.onError?.(err);
    }
  }

  async #restoreAll(): Promise<void> {
    const stream = this.#stream;
    for (const e of [...this.#entries]) {
      try {
        await e.restore();
      } catch (err) {
        if (!(err instanceof UbusError)) this.#o.onError?.(err);
        // An object whose name another process took is tried again with the next connection.
        if (this.#stream !== stream) return;
      }
    }
    if (this.#stream === stream && this.#ready) this.#tell(true);
  }

  async #keep(e: Entry): Promise<void> {
    this.#entries.add(e);
    if (!this.#ready) return;
    try {
      await e.restore();
    } catch (err) {
      if (!(err instanceof UbusError && err.status === STATUS.CONNECTION_FAILED)) {
        this.#entries.delete(e);
        throw err;
      }
    }
  }

  async #register(e: Entry): Promise<void> {
    const attrs = [];
    let key = "";
    if (e.spec !== null) {
      attrs.push(text(ATTR.OBJPATH, e.spec.path));
      const signature = writeFields(
        Object.entries(e.spec.methods).map(([name, m]) => ({ type: TYPE.TABLE, name, value: toFields(m.args ?? {}) })),
      );
      key = signature.join();
      const known = this.#types.get(key);
      attrs.push(known === undefined ? { id: ATTR.SIGNATURE, payload: signature } : u32(ATTR.OBJTYPE, known));
    }
    // The id is learnt as its message comes: a call may stand right behind it.
    const learn = (m: Message): void => {
      e.id = getU32(m, ATTR.OBJID);
      if (e.id !== null) this.#byId.set(e.id, e);
      const type = getU32(m, ATTR.OBJTYPE);
      if (type !== null) this.#types.set(key, type);
    };
    await this.#pending.ask(MSG.ADD_OBJECT, 0, attrs, `add ${e.spec?.path ?? "object"}`, undefined, learn);
  }

  async #drop(e: Entry): Promise<void> {
    this.#entries.delete(e);
    const id = e.id;
    e.id = null;
    if (id === null) return;
    const a = await this.#pending.ask(MSG.REMOVE_OBJECT, 0, [u32(ATTR.OBJID, id)], "remove");
    this.#byId.delete(id);
    // ubusd names the type when its last object went.
    const type = a.data[0] ? getU32(a.data[0], ATTR.OBJTYPE) : null;
    for (const [k, t] of this.#types) if (t === type) this.#types.delete(k);
  }

  #send(m: Message): void {
    if (!this.#ready) throw new UbusError(STATUS.CONNECTION_FAILED, "no bus");
    this.#stream?.send(encode(m));
  }

  #onMessage(m: Message): void {
    switch (m.type) {
      case MSG.HELLO:
        if (this.#ready) return;
        this.#ready = true;
        this.#pending.hello();
        this.#delay = FIRST_RETRY;
        void this.#restoreAll();
        return;
      case MSG.DATA:
        this.#pending.data(m);
        return;
      case MSG.STATUS:
        this.#pending.status(m);
        return;
      case MSG.INVOKE:
        return this.#onInvoke(m);
      case MSG.NOTIFY:
        this.#byId.get(getU32(m, ATTR.OBJID) ?? 0)?.spec?.onSubscribers?.(getFlag(m, ATTR.ACTIVE));
        return;
      case MSG.UNSUBSCRIBE:
        this.#byId.get(getU32(m, ATTR.OBJID) ?? 0)?.onLost?.();
        return;
    }
  }

  #onInvoke(m: Message): void {
    const id = getU32(m, ATTR.OBJID);
    const name = getText(m, ATTR.METHOD);
    const quiet = getFlag(m, ATTR.NO_REPLY);
    const key = `${m.peer}/${m.seq}`;
    const stream = this.#stream;
    let open = true;
    const answer = (type: number, attrs: Message["attrs"]): void => {
      if (!quiet && this.#stream === stream) this.#send({ type, seq: m.seq, peer: m.peer, attrs });
    };
    const done = (status: number = STATUS.OK): void => {
      if (!open) return;
      open = false;
      this.#requests.delete(key);
      answer(MSG.STATUS, [u32(ATTR.STATUS, status), u32(ATTR.OBJID, id ?? 0)]);
    };
    const e = id === null ? undefined : this.#byId.get(id);
    if (!e || name === null) return done(STATUS.NOT_FOUND);
    try {
      const data = fromFields(readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0)));
      if (e.onInvoke) return done(e.onInvoke(name, data));
      const methods = e.spec?.methods ?? {};
      const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
      if (!method) return done(STATUS.METHOD_NOT_FOUND);
      const args = checked(method, readFields(getBytes(m, ATTR.DATA) ?? new Uint8Array(0)));
      if (this.#requests.size >= MAX_OPEN_REQUESTS) return done(STATUS.NO_MEMORY);
      this.#requests.add(key);
      method.call({
        method: name,
        args,
        user: getText(m, ATTR.USER) ?? "",
        group: getText(m, ATTR.GROUP) ?? "",
        reply: (d) => {
          if (!open) return;
          const fields = isFields(d) ? d : toFields(d);
          answer(MSG.DATA, [u32(ATTR.OBJID, id ?? 0), { id: ATTR.DATA, payload: writeFields(fields) }]);
        },
        done,
      });
    } catch (err) {
      if (!(err instanceof UbusError)) this.#o.onError?.(err);
      done(statusOf(err));
    }
  }
}

function isFields(d: Table | readonly Field[]): d is readonly Field[] {
  return Array.isArray(d);
}
/** What ends a call whose method threw `e`. */
function statusOf(e: unknown): number {
  if (!(e instanceof UbusError)) return STATUS.UNKNOWN_ERROR;
  return e.status === STATUS.PARSE_ERROR ? STATUS.INVALID_ARGUMENT : e.status;
}
