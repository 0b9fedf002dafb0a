// ---- the whole: what is asked, and how often ---------------------------------------------------------------------------------------

const EVERY_MS = 2000;
const EVENTS_SHOWN = 100;
const rows = new Map();
const past = {times: [], last_ns: 0};
const SERIES = ['messages_out', 'messages_in', 'bytes_out', 'bytes_in', 'dropped', 'lost', 'in_flight', 'peers', 'latency_p50_ns', 'latency_p99_ns'];
let eventsSeen = 0, timer = null, busy = false, started = null;

const charts = [
  new Chart('Messages each second', [{name: 'messages_out', label: 'out', color: 'var(--out)'}, {name: 'messages_in', label: 'in', color: 'var(--in)'}], rate),
  new Chart('Bytes each second', [{name: 'bytes_out', label: 'out', color: 'var(--out)'}, {name: 'bytes_in', label: 'in', color: 'var(--in)'}], bytes),
  new Chart('Not delivered, each second', [{name: 'dropped', label: 'dropped', color: 'var(--dropped)'}, {name: 'lost', label: 'lost by slow peers', color: 'var(--lost)'}], rate),
  new Chart('Latency', [{name: 'latency_p50_ns', label: 'half within', color: 'var(--out)'}, {name: 'latency_p99_ns', label: '99 % within', color: 'var(--lost)'}], latency),
];

// ---- the gateway -------------------------------------------------------------------------------------------------------------------

function tile(label) {
  const value = h('b', {}, '–');
  byId('tiles').append(h('div', {class: 'tile'}, h('span', {class: 'muted'}, label), value));
  return (text, how = '') => { setText(value, text); value.className = how; };
}

const tiles = {bridges: tile('Bridges running'), peers: tile('Peers'), out: tile('Out, messages/s'), in: tile('In, messages/s'), bytes: tile('Bytes/s'), lost: tile('Dropped and lost/s')};

function showGateway(gateway) {
  if (started !== null && started !== gateway.started_ns) location.reload(); // it was started again: everything is another
  started = gateway.started_ns;
  document.title = `${gateway.name} – leat`;
  setText(byId('gateway'), gateway.name);
  byId('state').replaceChildren(badge(gateway.state));
  const reloaded = gateway.reloaded_ns ? `, reloaded ${ago(gateway.reloaded_ns, gateway.now_ns)} ago` : '';
  setText(byId('facts'), `up for ${ago(gateway.started_ns, gateway.now_ns)} · configuration ${gateway.generation}${reloaded} · ${clock(gateway.now_ns / 1e6)}`);
  setText(byId('version'), `leat ${gateway.version}`);
}

function showTroubles(gateway, bridges, now_ns) {
  const troubles = [];
  if (gateway.reload_failure) troubles.push(`The last reload failed ${ago(gateway.reload_failed_ns, now_ns)} ago, and the configuration before it runs on: ${gateway.reload_failure}`);
  if (gateway.books === 'off') troubles.push('The books of a lane do not balance; leat ledger shows which.');
  for (const bridge of bridges) {
    const days = certificateDays(bridge.certificate, now_ns);
    if (BAD.has(bridge.state)) troubles.push(`${bridge.name} has ${bridge.state}${bridge.reason ? ': ' + bridge.reason : ''}`);
    if (bridge.certificate?.trouble) troubles.push(`${bridge.name} goes on with its old certificate: ${bridge.certificate.trouble}`);
    if (days !== null && days < 30) troubles.push(days < 0 ? `${bridge.name}: its certificate has expired` : `${bridge.name}: its certificate expires in ${certificateText(days)}`);
  }
  const wanted = troubles.join('\n'), list = byId('troubles');
  if (list.dataset.text !== wanted) list.replaceChildren(...troubles.map((text) => h('li', {}, text)));
  list.dataset.text = wanted;
}

function showTiles(bridges) {
  const last = (name) => past[name]?.[past[name].length - 1] ?? 0;
  const running = bridges.filter((bridge) => GOOD.has(bridge.state)).length, undelivered = last('dropped') + last('lost');
  tiles.bridges(`${running} of ${bridges.length}`, running === bridges.length ? '' : bridges.some((bridge) => BAD.has(bridge.state)) ? 'bad' : 'fair');
  tiles.peers(count(bridges.reduce((total, bridge) => total + bridge.peers, 0)));
  tiles.out(rate(last('messages_out')));
  tiles.in(rate(last('messages_in')));
  tiles.bytes(bytes(last('bytes_out') + last('bytes_in')));
  tiles.lost(rate(undelivered), undelivered ? 'bad' : '');
}

// ---- bridges and events ------------------------------------------------------------------------------------------------------------

async function showBridges(answer) {
  const names = new Set(answer.bridges.map((bridge) => bridge.name));
  for (const [name, row] of rows) if (!names.has(name)) row.element.remove(), rows.delete(name);
  for (const bridge of answer.bridges) {
    if (rows.has(bridge.name)) continue;
    const row = new BridgeRow(bridge);
    rows.set(bridge.name, row);
    byId('bridges').append(row.element);
    if (rows.size <= SPARK_MAX) await row.takePast().catch(() => {}); // without one it begins now
  }
  for (const bridge of answer.bridges) rows.get(bridge.name).update(bridge, answer.now_ns);
}

function takePast(answer) {
  const times = answer.times_ns.map((ns) => ns / 1e6), from = Date.now() - 2 * WINDOW_MS;
  past.times = [...past.times, ...times].slice(-900);
  for (const name of SERIES) past[name] = [...(past[name] ?? []), ...answer[name]].slice(-900);
  past.last_ns = answer.times_ns[answer.times_ns.length - 1] ?? past.last_ns;
}

function showEvents(answer) {
  const list = byId('events');
  for (const event of answer.events) {
    const ms = event.time_ns / 1e6;
    list.prepend(h('li', {}, h('time', {datetime: new Date(ms).toISOString(), title: new Date(ms).toLocaleString()}, clock(ms)), h('b', {}, event.bridge || 'gateway'), h('span', {}, event.text)));
    eventsSeen = Math.max(eventsSeen, event.number);
  }
  while (list.children.length > EVENTS_SHOWN) list.lastChild.remove();
}

// ---- turns -------------------------------------------------------------------------------------------------------------------------

async function turn() {
  const [gateway, bridges, history, events] = await Promise.all([ask('api/v1/gateway'), ask('api/v1/bridges'),
    ask('api/v1/history' + (past.last_ns ? `?after=${BigInt(past.last_ns) + 1000n}` : '')), ask(`api/v1/events?after=${eventsSeen}`)]);
  byId('door').hidden = true;
  byId('main').hidden = false;
  takePast(history);
  showGateway(gateway);
  showTroubles(gateway, bridges.bridges, gateway.now_ns);
  await showBridges(bridges);
  showTiles(bridges.bridges);
  showEvents(events);
  for (const chart of charts) chart.show(past, gateway.now_ns / 1e6);
  await Promise.all([...rows.values()].map((row) => row.detail?.refresh(gateway.now_ns)));
  document.body.classList.remove('away');
}

function askForToken() {
  byId('main').hidden = true;
  byId('refused').hidden = !sessionStorage.getItem(TOKEN);
  sessionStorage.removeItem(TOKEN);
  byId('door').hidden = false;
}

async function refresh() {
  if (busy) return;
  busy = true;
  clearTimeout(timer);
  try {
    await turn();
  } catch (error) {
    if (error instanceof Refused) {
      askForToken();
    } else {
      document.body.classList.add('away');
      setText(byId('facts'), `the gateway does not answer (${error.message}); asking again`);
    }
  }
  busy = false;
  if (!document.hidden && byId('door').hidden) timer = setTimeout(refresh, EVERY_MS);
}

byId('door').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, byId('token').value.trim());
  byId('token').value = '';
  refresh();
});

// Links to the API carry the token too; a browser cannot show a header of its own there.
for (const link of document.querySelectorAll('a[data-api]')) {
  link.addEventListener('click', () => {
    const token = sessionStorage.getItem(TOKEN);
    if (token) link.search = '?token=' + token;
  });
}

// A token in the address is taken out of it, so that it stays in no history and no picture of the screen.
const given = new URLSearchParams(location.search).get('token');
if (given) {
  sessionStorage.setItem(TOKEN, given);
  history.replaceState(null, '', location.pathname);
}

byId('charts').append(...charts.map((chart) => chart.element));
document.addEventListener('visibilitychange', () => document.hidden || refresh());
refresh();
