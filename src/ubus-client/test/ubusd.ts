// A stand-in for ubusd, for tests: the same messages, ids counted up, no ACLs. Delivers when told (`flush`), in order.

import type { ByteStream } from "../api.ts";
import { fromFields, readFields, toFields, writeFields } from "../blobmsg.ts";
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
} from "../message.ts";

interface Client {
  readonly id: number;
  readonly reader: MessageReader;
  readonly stream: ByteStream;
  seq: number;
}

interface Obj {
  readonly id: number;
  readonly path: string | null;
  readonly signature: Uint8Array;
  readonly type: number;
  readonly owner: Client;
  readonly subscribers: Set<Obj>;
  readonly patterns: Set<string>;
}

type Attrs = Message["attrs"];

export class FakeUbusd {
  #next = 2000;
  #up = true;
  readonly clients = new Map<number, Client>();
  readonly objects = new Map<number, Obj>();
  readonly #queue: (() => void)[] = [];

  async connect(): Promise<ByteStream> {
    if (!this.#up) throw new Error("ECONNREFUSED");
    const c: Client = {
      id: this.#next++,
      reader: new MessageReader(),
      seq: 0,
      stream: {
        send: (data) => this.#later(() => this.#receive(c, data)),
        close: () => this.#later(() => this.#gone(c)),
        onData: () => {},
        onClose: () => {},
      },
    };
    this.clients.set(c.id, c);
    this.#later(() => this.#to(c, MSG.HELLO, 0, c.id, []));
    return c.stream;
  }

  /** Everything under way, with the promises between. */
  async flush(): Promise<void> {
    // Whoever connected has set its handlers by then.
    for (let i = 0; i < 4; i++) await Promise.resolve();
    for (let idle = 0; idle < 12; idle++) {
      for (let f = this.#queue.shift(); f; f = this.#queue.shift()) {
        f();
        idle = 0;
      }
      await Promise.resolve();
    }
  }

  stop(): void {
    this.#up = false;
    for (const c of [...this.clients.values()]) {
      this.#gone(c);
      c.stream.onClose();
    }
  }

  start(): void {
    this.#up = true;
  }

  #later(f: () => void): void {
    this.#queue.push(f);
  }

  #to(c: Client, type: number, seq: number, peer: number, attrs: Attrs): void {
    if (this.clients.has(c.id)) c.stream.onData(encode({ type, seq, peer, attrs }));
  }

  #gone(c: Client): void {
    this.clients.delete(c.id);
    for (const o of this.objects.values()) if (o.owner === c) this.#remove(o);
  }

  #remove(o: Obj): void {
    this.objects.delete(o.id);
    for (const s of o.subscribers)
      this.#to(s.owner, MSG.UNSUBSCRIBE, ++s.owner.seq, 0, [u32(ATTR.OBJID, s.id), u32(ATTR.TARGET, o.id)]);
    for (const t of this.objects.values())
      if (t.subscribers.delete(o) && t.subscribers.size === 0) this.#active(t, false);
    if (o.path !== null) this.#event("ubus.object.remove", writeFields(toFields({ id: o.id, path: o.path })));
  }

  #active(o: Obj, on: boolean): void {
    this.#to(o.owner, MSG.NOTIFY, ++o.owner.seq, 0, [u32(ATTR.OBJID, o.id), flag(ATTR.ACTIVE, on)]);
  }

  #event(name: string, data: Uint8Array): void {
    for (const o of this.objects.values()) {
      if (![...o.patterns].some((p) => (p.endsWith("*") ? name.startsWith(p.slice(0, -1)) : name === p))) continue;
      this.#to(o.owner, MSG.INVOKE, ++o.owner.seq, 0, [
        u32(ATTR.OBJID, o.id),
        text(ATTR.METHOD, name),
        { id: ATTR.DATA, payload: data },
      ]);
    }
  }

  #receive(c: Client, data: Uint8Array): void {
    if (this.clients.has(c.id)) c.reader.push(data, (m) => this.#message(c, m));
  }

  #message(c: Client, m: Message): void {
    const status = (code: number): void => this.#to(c, MSG.STATUS, m.seq, m.peer, [u32(ATTR.STATUS, code)]);
    const mine = this.objects.get(getU32(m, ATTR.OBJID) ?? 0);
    const target = this.objects.get(getU32(m, ATTR.TARGET) ?? 0);
    const bytes = (id: number): Uint8Array => (getBytes(m, id) ?? new Uint8Array(0)).slice();
    switch (m.type) {
      case MSG.LOOKUP: {
        const path = getText(m, ATTR.OBJPATH);
        const found = [...this.objects.values()].filter(
          (o) =>
            o.path !== null &&
            (path === null || (path.endsWith("*") ? o.path.startsWith(path.slice(0, -1)) : o.path === path)),
        );
        for (const o of found) {
          this.#to(c, MSG.DATA, m.seq, m.peer, [
            text(ATTR.OBJPATH, o.path ?? ""),
            u32(ATTR.OBJID, o.id),
            u32(ATTR.OBJTYPE, o.type),
            { id: ATTR.SIGNATURE, payload: o.signature },
          ]);
        }
        return status(found.length === 0 && path !== null ? 4 : 0);
      }
      case MSG.ADD_OBJECT: {
        const path = getText(m, ATTR.OBJPATH);
        if (path !== null && [...this.objects.values()].some((o) => o.path === path)) return status(2);
        const type = getU32(m, ATTR.OBJTYPE);
        const like = [...this.objects.values()].find((o) => o.type === type);
        if (type !== null && !like) return status(2);
        const o: Obj = {
          id: this.#next++,
          path,
          owner: c,
          subscribers: new Set(),
          patterns: new Set(),
          signature: like?.signature ?? bytes(ATTR.SIGNATURE),
          type: like?.type ?? this.#next++,
        };
        this.objects.set(o.id, o);
        this.#to(c, MSG.DATA, m.seq, m.peer, [
          u32(ATTR.OBJID, o.id),
          ...(path !== null && !like ? [u32(ATTR.OBJTYPE, o.type)] : []),
        ]);
        if (path !== null) this.#event("ubus.object.add", writeFields(toFields({ id: o.id, path })));
        return status(0);
      }
      case MSG.REMOVE_OBJECT:
        if (!mine) return status(4);
        this.#to(c, MSG.DATA, m.seq, m.peer, [u32(ATTR.OBJID, mine.id), u32(ATTR.OBJTYPE, mine.type)]);
        this.#remove(mine);
        return status(0);
      case MSG.SUBSCRIBE:
        if (!mine || !target) return status(4);
        target.subscribers.add(mine);
        if (target.subscribers.size === 1) this.#active(target, true);
        return status(0);
      case MSG.UNSUBSCRIBE:
        if (!mine || !target?.subscribers.delete(mine)) return status(4);
        if (target.subscribers.size === 0) this.#active(target, false);
        return status(0);
      case MSG.INVOKE: {
        const data = bytes(ATTR.DATA);
        if (getU32(m, ATTR.OBJID) === 1) {
          const args = fromFields(readFields(data));
          if (getText(m, ATTR.METHOD) === "register")
            this.objects.get((args["object"] as number) >>> 0)?.patterns.add(args["pattern"] as string);
          else this.#event(args["id"] as string, writeFields(toFields(args["data"] as Record<string, never>)));
          return status(0);
        }
        if (!mine) return status(4);
        return this.#to(mine.owner, MSG.INVOKE, m.seq, c.id, [
          u32(ATTR.OBJID, mine.id),
          text(ATTR.METHOD, getText(m, ATTR.METHOD) ?? ""),
          text(ATTR.USER, "root"),
          text(ATTR.GROUP, "root"),
          { id: ATTR.DATA, payload: data },
        ]);
      }
      case MSG.NOTIFY: {
        if (!mine) return status(4);
        const quiet = getFlag(m, ATTR.NO_REPLY);
        if (!quiet) {
          const list = new Uint8Array(mine.subscribers.size * 8);
          [...mine.subscribers].forEach((s, i) => {
            new DataView(list.buffer).setUint32(i * 8, 8);
            new DataView(list.buffer).setUint32(i * 8 + 4, s.id);
          });
          this.#to(c, MSG.STATUS, m.seq, m.peer, [
            u32(ATTR.OBJID, mine.id),
            { id: ATTR.SUBSCRIBERS, payload: list },
            u32(ATTR.STATUS, 0),
          ]);
        }
        for (const s of mine.subscribers) {
          this.#to(s.owner, MSG.INVOKE, m.seq, c.id, [
            ...(quiet ? [flag(ATTR.NO_REPLY, true)] : []),
            u32(ATTR.OBJID, s.id),
            text(ATTR.METHOD, getText(m, ATTR.METHOD) ?? ""),
            { id: ATTR.DATA, payload: bytes(ATTR.DATA) },
          ]);
        }
        return;
      }
      case MSG.DATA:
      case MSG.STATUS: {
        const asker = this.clients.get(m.peer);
        if (asker) this.#to(asker, m.type, m.seq, getU32(m, ATTR.OBJID) ?? 0, m.attrs);
        return;
      }
    }
  }
}
