// ---- elements: text is always text, whatever a peer or a configuration has put into it -----------------------------------------

const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) node.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? '' : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS('http://www.w3.org/2000/svg', tag), attributes, children);

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// ---- numbers for people --------------------------------------------------------------------------------------------------------

function scaled(value, steps, space) {
  const [limit, unit] = steps.find(([from]) => value >= from) ?? steps[steps.length - 1];
  const number = value / limit;
  const digits = number >= 100 || Number.isInteger(number) ? 0 : number >= 10 ? 1 : 2;
  return number.toFixed(digits) + (unit ? space + unit : '');
}

const NARROW = '\u202f';
const THOUSANDS = [[1e9, 'G'], [1e6, 'M'], [1e3, 'k'], [1, '']];
const BYTES = [[1e12, 'TB'], [1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']];
const TIMES = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs'], [1, 'ns']];
const SPANS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

const count = (value) => (value < 1e5 ? String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, NARROW) : scaled(value, THOUSANDS, NARROW));
const rate = (value) => (value === null ? '–' : value > 0 && value < 10 ? value.toFixed(1).replace(/\.0$/, '') : count(value));
const bytes = (value) => (value === null ? '–' : scaled(Math.round(value), BYTES, NARROW));
const latency = (ns) => (ns ? scaled(ns, TIMES, NARROW) : ns === 0 ? '0' : '–');
const span = (seconds) => {
  const [limit, unit] = SPANS.find(([from]) => seconds >= from) ?? [1, 's'];
  return Math.floor(Math.max(0, seconds) / limit) + NARROW + unit;
};
const clock = (ms) => new Date(ms).toLocaleTimeString([], {hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23'});
const ago = (ns, now_ns) => span((now_ns - ns) / 1e9);

// ---- asking --------------------------------------------------------------------------------------------------------------------

class Refused extends Error {}

const TOKEN = 'leat-token';

async function ask(path) {
  const token = sessionStorage.getItem(TOKEN);
  const answer = await fetch(path, {headers: token ? {Authorization: 'Bearer ' + token} : {}, cache: 'no-store', signal: AbortSignal.timeout(10000)});
  if (answer.status === 401) throw new Refused();
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error ?? answer.statusText);
  return body;
}
