/**
 * leat.js: a browser as a peer of a leat gateway, or of any nng program, over WebSocket. One ES module, nothing to build.
 *
 *     import {subscribe, pair, bus} from './leat.js';
 *
 *     const quotes = subscribe('ws://127.0.0.1:5572/quotes', {topics: ['metal/'], as: 'text'});
 *     for await (const quote of quotes) console.log(quote);
 *
 *     const chat = pair('ws://127.0.0.1:5557/chat', {as: 'text', onMessage: (text) => console.log(text)});
 *     await chat.send('hello');
 *
 * The other end listens: a bridge with `listen = ws://...` or wss://. A connection that fails or ends is tried again for ever,
 * after waits that grow and are drawn at random; what state it is in, and why, is in `state` and `error`.
 *
 * On the wire a message is one binary WebSocket message. The handshake names exactly one sub-protocol, the listener's:
 * 'pub.sp.nanomsg.org' for a bridge that publishes.
 *
 * @module leat
 */

const SUFFIX = '.sp.nanomsg.org';
const PAIR1_HEADER = Uint8Array.of(0, 0, 0, 1); // how many hops the message has made, big-endian

/** A connection that stands for so long is no longer on trial: the next wait starts small again. */
const SETTLED_MS = 3000;

/** So many bytes on their way are enough: send() waits until there are fewer, and looks every so often. */
const FULL_BYTES = 1 << 20;
const LOOK_MS = 10;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * @typedef {'connecting'|'open'|'waiting'|'closed'} State
 *   connecting: a handshake is under way; open: messages flow; waiting: it failed or ended, and is tried again soon;
 *   closed: by close(), for good.
 */

/**
 * @typedef {object} Options
 * @property {'bytes'|'text'|'json'} [as] What messages are handed out as: Uint8Array (the default), string, or parsed JSON.
 * @property {(message: any) => void} [onMessage] Called with each message.
 * @property {(state: State, error: ?Error) => void} [onState] Called with each change of state, and why.
 * @property {number} [reconnectMin] The first wait before a new try is at most so many milliseconds (250) ...
 * @property {number} [reconnectMax] ... and doubles with every failure up to so many (10000).
 * @property {number} [buffer] How many messages an async iterator keeps for a slow loop (1000); the oldest go first, and are
 *   counted in `dropped`.
 * @property {string} [protocol] A sub-protocol in place of nng's own, where the listener has `ws.subprotocol`.
 */

/** A message that is not what `as` says. It is reported through `error` and the 'error' event; the connection goes on. */
export class FormatError extends Error {}

/** 'message' events carry the message in `data`; 'state' and 'error' events carry `state` and `error`. */
class ConnectionEvent extends Event {
  constructor(type, members) {
    super(type);
    Object.assign(this, members);
  }
}

/** @param {string|ArrayBuffer|ArrayBufferView} data */
function toBytes(data) {
  if (typeof data === 'string') return encoder.encode(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  if (ArrayBuffer.isView(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  throw new TypeError('leat: a message is a string, a Uint8Array or an ArrayBuffer');
}

function startsWith(bytes, prefix) {
  return bytes.length >= prefix.length && prefix.every((byte, index) => bytes[index] === byte);
}

const readers = {
  bytes: (bytes) => bytes,
  text: (bytes) => decoder.decode(bytes),
  json: (bytes) => {
    try {
      return JSON.parse(decoder.decode(bytes));
    } catch (cause) {
      throw new FormatError(`leat: a message is no JSON: ${decoder.decode(bytes.subarray(0, 60))}`, {cause});
    }
  },
};

/** Messages between the socket, which does not wait, and a `for await` loop, which may take its time. */
class Mailbox {
  constructor(capacity, onDrop) {
    this.capacity = capacity;
    this.onDrop = onDrop;
    this.messages = [];
    this.waiting = []; // resolve functions of next()
    this.ended = false;
  }

  put(message) {
    const taker = this.waiting.shift();
    if (taker) return taker({value: message, done: false});
    this.messages.push(message);
    if (this.messages.length > this.capacity) {
      this.messages.shift();
      this.onDrop();
    }
  }

  take() {
    if (this.messages.length) return Promise.resolve({value: this.messages.shift(), done: false});
    if (this.ended) return Promise.resolve({value: undefined, done: true});
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  end() {
    this.ended = true;
    for (const taker of this.waiting.splice(0)) taker({value: undefined, done: true});
  }
}

/**
 * One connection that renews itself. Iterate over it, or give it callbacks, or listen for its events: 'message', 'state' and
 * 'error'.
 */
export class Connection extends EventTarget {
  #options;
  #socket = null;
  #timer = null;
  #opened = 0; // when, by the page's clock; 0: not open
  #heard = false; // whether a message came since then
  #failures = 0;
  #mailboxes = new Set();
  #outbox = []; // {bytes, resolve, reject}: what waits for the connection to open
  /** A browser may keep a page that was left, with its sockets open, to show it again: it is no peer meanwhile. */
  #left = () => this.#drop();
  #back = (event) => event.persisted && this.#connect();
  #incoming; // (bytes) => bytes, or null for a message that is not for us

  /** @type {State} */ state = 'connecting';
  /** Why the connection is not open, or what was wrong with a message. @type {?Error} */ error = null;
  /** Messages that arrived and passed the filter. */ received = 0;
  /** Messages that an async iterator had no room for. */ dropped = 0;

  /** Not for use by itself: subscribe(), pair() and bus() make connections. */
  constructor(url, protocol, options, incoming) {
    super();
    this.#options = {as: 'bytes', reconnectMin: 250, reconnectMax: 10000, buffer: 1000, ...options};
    if (!readers[this.#options.as]) throw new TypeError(`leat: as must be 'bytes', 'text' or 'json', not '${this.#options.as}'`);
    this.url = checkedUrl(url);
    this.protocol = this.#options.protocol ?? protocol;
    this.#incoming = incoming;
    this.#connect();
    globalThis.addEventListener?.('pagehide', this.#left);
    globalThis.addEventListener?.('pageshow', this.#back);
  }

  /** Ends the connection for good; loops over it end, sends that wait fail. */
  close() {
    if (this.state === 'closed') return;
    globalThis.removeEventListener?.('pagehide', this.#left);
    globalThis.removeEventListener?.('pageshow', this.#back);
    this.#drop();
    this.#enter('closed', null);
    for (const mailbox of this.#mailboxes) mailbox.end();
    for (const {reject} of this.#outbox.splice(0)) reject(new Error(`leat: the connection to ${this.url} was closed`));
  }

  /** Resolves when the connection is open, now or later; rejects when it is closed for good. @returns {Promise<void>} */
  opened() {
    if (this.state === 'open') return Promise.resolve();
    const opened = new Promise((resolve, reject) => {
      const look = () => {
        if (this.state !== 'open' && this.state !== 'closed') return;
        this.removeEventListener('state', look);
        if (this.state === 'open') resolve();
        else reject(new Error(`leat: the connection to ${this.url} was closed`));
      };
      this.addEventListener('state', look);
      look();
    });
    opened.catch(() => {});
    return opened;
  }

  [Symbol.asyncIterator]() {
    const mailbox = new Mailbox(this.#options.buffer, () => this.dropped++);
    this.#mailboxes.add(mailbox);
    if (this.state === 'closed') mailbox.end();
    return {
      next: () => mailbox.take(),
      return: () => {
        this.#mailboxes.delete(mailbox);
        mailbox.end();
        return Promise.resolve({value: undefined, done: true});
      },
    };
  }

  /** For the kinds that send: hands bytes to the socket, now or as soon as it is open. @returns {Promise<void>} */
  _transmit(bytes) {
    if (this.state === 'closed') return Promise.reject(new Error(`leat: the connection to ${this.url} was closed`));
    if (this.state === 'open') {
      this.#socket.send(bytes);
      return this.#room(this.#socket);
    }
    const copy = bytes.slice(); // the caller may use its buffer again
    const sent = new Promise((resolve, reject) => this.#outbox.push({bytes: copy, resolve, reject}));
    sent.catch(() => {}); // whoever does not wait for it need not know
    return sent;
  }

  /** A WebSocket takes whatever it is given, and has no event for when it has room again. */
  async #room(socket) {
    while (socket === this.#socket && socket.bufferedAmount > FULL_BYTES) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  /** Lets go of the socket, and of the next one. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#opened = 0;
    if (this.state === 'open') this.#enter('waiting', null);
    socket?.close();
  }

  #enter(state, error) {
    this.state = state;
    this.error = error;
    this.dispatchEvent(new ConnectionEvent('state', {state, error}));
    this.#options.onState?.(state, error);
  }

  #connect() {
    const socket = new WebSocket(this.url, this.protocol);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => socket === this.#socket && this.#onOpen();
    socket.onmessage = (event) => socket === this.#socket && this.#onMessage(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#onClose(event);
    this.#socket = socket;
    if (this.state !== 'connecting') this.#enter('connecting', this.error);
  }

  #onOpen() {
    this.#opened = performance.now();
    this.#heard = false;
    for (const {bytes, resolve} of this.#outbox.splice(0)) {
      this.#socket.send(bytes);
      resolve(this.#room(this.#socket));
    }
    this.#enter('open', null);
  }

  #onMessage(data) {
    const bytes = this.#incoming(toBytes(data));
    if (!this.#heard) {
      this.#heard = true;
      this.#failures = 0;
    }
    if (bytes) this.#deliver(bytes);
  }

  #deliver(bytes) {
    let message;
    try {
      message = readers[this.#options.as](bytes);
    } catch (error) {
      this.error = error;
      this.dispatchEvent(new ConnectionEvent('error', {state: this.state, error}));
      return;
    }
    this.received++;
    for (const mailbox of this.#mailboxes) mailbox.put(message);
    this.dispatchEvent(new ConnectionEvent('message', {data: message}));
    this.#options.onMessage?.(message);
  }

  #onClose(event) {
    const stood = this.#opened ? performance.now() - this.#opened : 0;
    const error = new Error(`leat: ${this.#reason(event, stood)}`);
    if (stood > SETTLED_MS) this.#failures = 0;
    this.#opened = 0;
    this.#socket = null;
    const bound = Math.min(this.#options.reconnectMax, this.#options.reconnectMin * 2 ** this.#failures);
    this.#failures = Math.min(this.#failures + 1, 30);
    this.#timer = setTimeout(() => this.#connect(), bound * (0.5 + Math.random() / 2));
    this.#enter('waiting', error);
    this.dispatchEvent(new ConnectionEvent('error', {state: this.state, error}));
  }

  /** A browser never says why a handshake failed, so this names what it usually is. */
  #reason({code, reason}, stood) {
    if (!this.#opened)
      return (
        `no connection to ${this.url}: nothing listens there, or it refused. It refuses another path than its own (404), ` +
        `another sub-protocol than its own (400; this end said '${this.protocol}'), and another host name: a listener at ` +
        `127.0.0.1 does not answer to 'localhost'`
      );
    if (code === 1000 && !this.#heard && stood < 1000)
      return (
        `${this.url} let this page in and closed at once: it does not admit pages from ${globalThis.location?.origin}` +
        ` (ws.origins), or, being a pair, has its one peer already`
      );
    if (code === 1009) return `${this.url} closed: a message was larger than its receive_limit`;
    return `the connection to ${this.url} ended (${code}${reason ? `: ${reason}` : ''})`;
  }
}

/** A connection that can also send. */
export class Channel extends Connection {
  #outgoing;

  constructor(url, protocol, options, incoming, outgoing) {
    super(url, protocol, options, incoming);
    this.#outgoing = outgoing;
  }

  /**
   * Sends one message, as soon as the connection is open. Resolves when the browser has it and has less than a MiB that is still to
   * go, so a loop that awaits each send goes no faster than the connection. That is no promise that it arrives: what is under way
   * when a connection breaks is lost. Rejects after close().
   *
   * @param {string|ArrayBuffer|ArrayBufferView} data A string goes out as UTF-8.
   * @returns {Promise<void>}
   */
  send(data) {
    return this._transmit(this.#outgoing(toBytes(data)));
  }
}

/** @returns {string} absolute; relative ones are taken from the page, whose http becomes ws */
function checkedUrl(text) {
  let url;
  try {
    url = new URL(text, globalThis.location?.href);
  } catch {
    throw new TypeError(`leat: '${text}' is no URL; expected one such as ws://127.0.0.1:5572/quotes`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:')
    throw new TypeError(`leat: '${text}': a browser speaks ws:// and wss:// only`);
  url.hash = '';
  return url.href;
}

/**
 * Messages of a publisher: a bridge with `pattern = pubsub`, `direction = out`.
 *
 * @param {string} url
 * @param {Options & {topics?: (string|Uint8Array)[]}} [options] `topics`: only messages that start with one of them are handed
 *   out. A publisher sends everything to everybody: this filters here and saves no bandwidth.
 * @returns {Connection}
 */
export function subscribe(url, options = {}) {
  const topics = (options.topics ?? []).map(toBytes);
  const wanted = (bytes) => topics.length === 0 || topics.some((topic) => startsWith(bytes, topic));
  return new Connection(url, 'pub' + SUFFIX, options, (bytes) => (wanted(bytes) ? bytes : null));
}

/**
 * One peer, both ways: a bridge with `pattern = pair`.
 *
 * @param {string} url
 * @param {Options & {version?: 0|1}} [options] `version`: as the bridge's `pair.version` (0).
 * @returns {Channel}
 */
export function pair(url, options = {}) {
  const version = options.version ?? 0;
  if (version !== 0 && version !== 1) throw new TypeError(`leat: version must be 0 or 1, not ${version}`);
  if (version === 0) return new Channel(url, 'pair' + SUFFIX, options, (bytes) => bytes, (bytes) => bytes);
  const unwrapped = (bytes) => (bytes.length >= PAIR1_HEADER.length ? bytes.subarray(PAIR1_HEADER.length) : null);
  const wrapped = (bytes) => {
    const whole = new Uint8Array(PAIR1_HEADER.length + bytes.length);
    whole.set(PAIR1_HEADER);
    whole.set(bytes, PAIR1_HEADER.length);
    return whole;
  };
  return new Channel(url, 'pair1' + SUFFIX, options, unwrapped, wrapped);
}

/**
 * Everybody hears everybody who is connected directly: a bridge with `pattern = bus`.
 *
 * @param {string} url
 * @param {Options} [options]
 * @returns {Channel}
 */
export function bus(url, options = {}) {
  return new Channel(url, 'bus' + SUFFIX, options, (bytes) => bytes, (bytes) => bytes);
}
