// ---- bridges: a row each, and what stands behind it ------------------------------------------------------------------------------

const SPARK_MAX = 32; // bridges whose past is asked for when the page opens
const DAY_S = 86400;
const GOOD = new Set(['running']), BAD = new Set(['failed', 'stopped']);

const tone = (state) => (GOOD.has(state) ? 'good' : BAD.has(state) ? 'bad' : 'fair');
const badge = (state) => h('span', {class: 'badge ' + tone(state)}, state);
const sum = (lanes, key) => lanes.reduce((total, lane) => total + lane[key], 0);

function certificateDays(certificate, now_ns) {
  if (!certificate) return null;
  return Math.floor((certificate.expires_ns - now_ns) / 1e9 / DAY_S);
}

function certificateText(days) {
  return days === null ? '–' : days < 0 ? 'expired' : days === 1 ? '1 day' : `${days} days`;
}

const certificateTone = (days) => (days === null ? '' : days < 7 ? 'bad' : days < 30 ? 'fair' : '');
const worstLatency = (lanes) => Math.max(0, ...lanes.map((lane) => lane.latency.p99_ns));

function booksCell(lane) {
  if (lane.books === 'off') return h('b', {class: 'bad'}, `off by ${lane.off_by}`);
  return lane.books === 'moving' ? h('span', {class: 'muted'}, 'moving') : h('span', {class: 'good'}, 'balanced');
}

function droppedText(dropped) {
  return Object.entries(dropped).filter(([, value]) => value).map(([reason, value]) => `${count(value)} ${reason}`).join(', ');
}

function table(heads, rows) {
  return h('div', {class: 'scroll'}, h('table', {},
    h('thead', {}, h('tr', {}, heads.map((head) => h('th', {}, head)))), h('tbody', {}, rows.map((row) => h('tr', {class: row.class}, row.cells.map((cell) => h('td', {}, cell)))))));
}

function lanesTable(lanes) {
  return table(['Lane', 'State', 'Read', 'Forwarded', 'Dropped', 'Returned', 'In flight', 'Books'], lanes.map((lane) => ({cells: [
    `${lane.direction} ${lane.channel}`, lane.state, count(lane.read), count(lane.forwarded),
    lane.dropped_total ? h('span', {}, count(lane.dropped_total), h('small', {class: 'muted'}, ' ' + droppedText(lane.dropped))) : '0',
    count(lane.returned), count(lane.in_flight), booksCell(lane)]})));
}

function lostCell(peer) {
  if (peer.lost === null) return h('span', {class: 'fair'}, 'unknown');
  if (!peer.may_lose) return '–';
  const losing = peer.lost_since_ns ? ` since ${clock(peer.lost_since_ns / 1e6)}` : '';
  return h('span', {class: losing ? 'bad' : ''}, count(peer.lost) + losing);
}

function peersTable(bridge, now_ns) {
  const known = (value) => (value === null ? 'unknown' : count(value));
  const shown = [...bridge.peers_shown].sort((a, b) => (a.until_ns ? 1 : 0) - (b.until_ns ? 1 : 0) || a.since_ns - b.since_ns);
  if (!shown.length) return h('p', {class: 'muted'}, 'none');
  return table(['Address', 'Name', 'Here for', 'Offered', 'Sent', 'Queued', 'Lost', 'Received'], shown.map((peer) => ({class: peer.until_ns ? 'gone' : '', cells: [
    peer.address, peer.name || '–', peer.until_ns ? `left ${ago(peer.until_ns, now_ns)} ago` : ago(peer.since_ns, now_ns),
    count(peer.offered), known(peer.sent), known(peer.queued), lostCell(peer), known(peer.received)]})));
}

function latencyParts(lanes) {
  return lanes.map((lane) => h('div', {class: 'latency'},
    h('p', {}, `${lane.direction} ${lane.channel}`, h('br'), h('span', {class: 'muted'},
      lane.latency.count ? `half within ${latency(lane.latency.p50_ns)}, 99 % within ${latency(lane.latency.p99_ns)}, the longest ${latency(lane.latency.max_ns)}` : 'no message was timed yet')),
    lane.latency.steps.length ? histogram(lane.latency.steps) : null));
}

// What opens below a row.
class Detail {
  constructor(name) {
    this.name = name;
    this.chart = new Chart('Messages each second', [
      {name: 'messages_out', label: 'out', color: 'var(--out)'}, {name: 'messages_in', label: 'in', color: 'var(--in)'},
      {name: 'dropped', label: 'dropped', color: 'var(--dropped)'}, {name: 'lost', label: 'lost', color: 'var(--lost)'}], rate);
    this.facts = h('p', {class: 'facts'});
    this.lanes = h('div', {});
    this.peers = h('div', {});
    this.latency = h('div', {class: 'latencies'});
    this.element = h('div', {class: 'detail'}, this.facts, this.chart.element, h('h3', {}, 'Books'), this.lanes, h('h3', {}, 'Peers'), this.peers, h('h3', {}, 'Latency'), this.latency);
  }

  async refresh(now_ns) {
    const name = encodeURIComponent(this.name);
    const [bridge, past] = await Promise.all([ask('api/v1/bridges/' + name), ask('api/v1/history?bridge=' + name)]);
    past.times = past.times_ns.map((ns) => ns / 1e6);
    this.chart.show(past, now_ns / 1e6);
    const facts = [`worker ${bridge.worker} (pid ${bridge.worker_pid || '–'})`, `${count(bridge.restarts)} restarts`, `${count(bridge.peers_ever)} peers ever`,
      `${count(bridge.denied)} refused`, bridge.queue_messages ? `queue of ${count(bridge.queue_messages)} for each peer` : null,
      bridge.certificate?.trouble ? `certificate: ${bridge.certificate.trouble}` : null];
    setText(this.facts, facts.filter(Boolean).join(' · '));
    this.lanes.replaceChildren(lanesTable(bridge.lanes));
    this.peers.replaceChildren(peersTable(bridge, now_ns));
    this.latency.replaceChildren(...latencyParts(bridge.lanes));
  }
}

class BridgeRow {
  constructor(bridge) {
    this.name = bridge.name;
    this.past = {times: [], values: []};
    this.cells = {};
    const cell = (key, label) => h('div', {class: 'cell ' + key, 'data-label': label}, (this.cells[key] = h('span', {})));
    this.toggle = h('button', {class: 'toggle', 'aria-expanded': 'false', onclick: () => this.open(!this.detail)}, h('span', {class: 'mark', 'aria-hidden': 'true'}, '▸'), h('span', {}, bridge.name));
    this.why = h('div', {class: 'why'});
    this.line = h('div', {class: 'row'}, h('div', {class: 'who'}, this.toggle, (this.badge = badge(bridge.state)), (this.what = h('div', {class: 'muted what'})), this.why),
      h('div', {class: 'cell past', 'data-label': 'Last 15 min'}, (this.spark = h('span', {}))), cell('rate', 'Messages/s'), cell('bytes', 'Bytes/s'), cell('peers', 'Peers'),
      cell('dropped', 'Dropped'), cell('lost', 'Lost'), cell('p99', '99 % within'), cell('certificate', 'Certificate'));
    this.element = h('div', {class: 'bridge', role: 'listitem', 'data-bridge': bridge.name}, this.line);
  }

  async takePast() {
    const past = await ask('api/v1/history?bridge=' + encodeURIComponent(this.name));
    const times = past.times_ns.map((ns) => ns / 1e6);
    const values = past.messages_out.map((out, i) => (out === null ? null : out + past.messages_in[i]));
    const first = this.past.times[0] ?? Infinity, older = times.filter((time) => time < first).length;
    this.past = {times: [...times.slice(0, older), ...this.past.times], values: [...values.slice(0, older), ...this.past.values]};
  }

  open(wanted) {
    this.detail?.element.remove();
    this.detail = wanted ? new Detail(this.name) : null;
    if (wanted) this.element.append(this.detail.element);
    this.toggle.setAttribute('aria-expanded', String(wanted));
    setText(this.toggle.firstChild, wanted ? '▾' : '▸');
    if (wanted) refresh();
  }

  // Rates since the last look; a counter that has begun anew counts from there.
  measure(bridge, now_ns) {
    const total = {messages: sum(bridge.lanes, 'forwarded'), bytes: sum(bridge.lanes, 'forwarded_bytes')};
    const seconds = this.last ? (now_ns - this.last.now_ns) / 1e9 : 0;
    const per = (key) => (seconds > 0 && total[key] >= this.last[key] ? (total[key] - this.last[key]) / seconds : null);
    const rates = {messages: per('messages'), bytes: per('bytes')};
    this.last = {...total, now_ns};
    return rates;
  }

  update(bridge, now_ns) {
    const rates = this.measure(bridge, now_ns), days = certificateDays(bridge.certificate, now_ns), now = now_ns / 1e6;
    if (rates.messages !== null) {
      this.past.times.push(now);
      this.past.values.push(rates.messages);
      while (this.past.times[0] < now - WINDOW_MS) this.past.times.shift(), this.past.values.shift();
    }
    this.spark.replaceChildren(sparkline(this.past.times, this.past.values, now));
    const fresh = badge(bridge.state);
    this.badge.replaceWith(fresh);
    this.badge = fresh;
    const directions = new Set(bridge.lanes.map((lane) => lane.direction));
    setText(this.what, [bridge.pattern, directions.size === 2 ? 'both' : [...directions][0], bridge.urls].filter(Boolean).join(' · '));
    setText(this.why, bridge.state === 'running' ? '' : bridge.reason);
    this.put('rate', rate(rates.messages));
    this.put('bytes', bytes(rates.bytes));
    this.put('peers', bridge.peers_losing ? `${count(bridge.peers)}, ${count(bridge.peers_losing)} losing` : count(bridge.peers), bridge.peers_losing ? 'bad' : '');
    this.put('dropped', count(sum(bridge.lanes, 'dropped_total')));
    this.put('lost', bridge.peers_uncounted ? (bridge.traffic.lost ? `${count(bridge.traffic.lost)} and more` : 'unknown') : count(bridge.traffic.lost), bridge.peers_uncounted ? 'fair' : '');
    this.put('p99', latency(worstLatency(bridge.lanes) || null));
    this.put('certificate', bridge.certificate?.trouble ? 'not reloaded' : certificateText(days), bridge.certificate?.trouble ? 'bad' : certificateTone(days));
  }

  put(key, text, how = '') {
    setText(this.cells[key], text);
    this.cells[key].className = how;
  }
}
