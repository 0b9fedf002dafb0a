// ---- lines over time -----------------------------------------------------------------------------------------------------------

const WINDOW_MS = 15 * 60 * 1000;
const WINDOW_LEAST_MS = 60 * 1000;
const GAP_MS = 4000; // nothing was looked at for so long: the line ends and begins again

// "40 s", "2 min 30 s"
function lapse(ms) {
  const seconds = Math.round(ms / 1000), minutes = Math.floor(seconds / 60), rest = seconds % 60;
  return [minutes ? minutes + NARROW + 'min' : '', rest || !minutes ? rest + NARROW + 's' : ''].filter(Boolean).join(' ');
}

function niceTop(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 2.5, 5, 10].map((step) => step * power).find((top) => top >= value * 1.0001) ?? 10 * power;
}

// How far back a chart goes: a gateway that has just begun fills it too.
function windowOf(times, now) {
  return times.length ? Math.min(WINDOW_MS, Math.max(WINDOW_LEAST_MS, now - times[0])) : WINDOW_LEAST_MS;
}

// The pieces of a line: a value that there was not leaves a gap.
function linePath(times, values, x, y) {
  let path = '', open = false;
  for (let i = 0; i < values.length; i++) {
    if (values[i] === null || values[i] === undefined || (i > 0 && times[i] - times[i - 1] > GAP_MS)) open = false;
    if (values[i] === null || values[i] === undefined) continue;
    path += (open ? 'L' : 'M') + x(times[i]).toFixed(1) + ' ' + y(values[i]).toFixed(1);
    open = true;
  }
  return path;
}

function highest(lines) {
  let top = 0;
  for (const line of lines) for (const value of line.values) if (value > top) top = value;
  return top;
}

class Chart {
  // lines: [{name, color}], named like the series of /api/v1/history that they show.
  constructor(title, lines, format) {
    Object.assign(this, {lines, format, times: [], height: 168, left: 56, bottom: 22, top: 8, right: 8});
    this.plot = svg('svg', {role: 'img', 'aria-label': title + ' lately'});
    this.legend = h('div', {class: 'legend'}, lines.map((line) => (line.value = h('b', {}), h('span', {}, h('i', {style: `background:${line.color}`}), line.label, ' ', line.value))));
    this.element = h('figure', {class: 'chart'}, h('figcaption', {}, h('h3', {}, title), this.legend), this.plot);
    this.plot.addEventListener('pointermove', (event) => this.point(event.offsetX));
    this.plot.addEventListener('pointerleave', () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  show(history, now) {
    this.times = history.times;
    this.now = now;
    this.window = windowOf(history.times, now);
    for (const line of this.lines) line.values = history[line.name];
    this.draw();
  }

  x(time) {
    return this.left + (1 - (this.now - time) / this.window) * (this.width - this.left - this.right);
  }

  y(value) {
    return this.top + (1 - value / this.max) * (this.height - this.top - this.bottom);
  }

  axis() {
    const marks = [];
    for (const part of [0, 0.5, 1]) {
      const at = this.y(part * this.max);
      marks.push(svg('line', {class: 'grid', x1: this.left, x2: this.width - this.right, y1: at, y2: at}),
        svg('text', {class: 'tick', x: this.left - 6, y: at + 4, 'text-anchor': 'end'}, this.format(part * this.max)));
    }
    for (const part of this.width < 460 ? [1, 0.5, 0] : [1, 2 / 3, 1 / 3, 0]) {
      marks.push(svg('text', {class: 'tick', x: this.x(this.now - part * this.window), y: this.height - 6,
        'text-anchor': part === 1 ? 'start' : part ? 'middle' : 'end'}, part ? '−' + lapse(part * this.window) : 'now'));
    }
    return marks;
  }

  draw() {
    this.width = this.plot.clientWidth || this.element.clientWidth;
    if (!this.width || !this.times.length) return;
    this.max = niceTop(highest(this.lines));
    const x = (time) => this.x(time), y = (value) => this.y(value);
    this.plot.setAttribute('viewBox', `0 0 ${this.width} ${this.height}`);
    this.plot.setAttribute('height', this.height);
    this.plot.replaceChildren(...this.axis(),
      ...this.lines.map((line, i) => svg('path', {class: i % 2 ? 'line second' : 'line', d: linePath(this.times, line.values, x, y), stroke: line.color})),
      this.cursor = svg('line', {class: 'cursor', y1: this.top, y2: this.height - this.bottom, visibility: 'hidden'}));
    this.point(this.pointed ?? null);
  }

  // The values under the pointer, or the latest.
  point(offset) {
    if (!this.times.length || !this.cursor) return;
    this.pointed = offset;
    let at = this.times.length - 1;
    if (offset !== null) {
      const time = this.now - (1 - (offset - this.left) / (this.width - this.left - this.right)) * this.window;
      at = this.times.reduce((best, each, i) => (Math.abs(each - time) < Math.abs(this.times[best] - time) ? i : best), at);
      const x = this.x(this.times[at]);
      for (const name of ['x1', 'x2']) this.cursor.setAttribute(name, x);
    }
    this.cursor.setAttribute('visibility', offset === null ? 'hidden' : 'visible');
    this.element.title = offset === null ? '' : clock(this.times[at]);
    for (const line of this.lines) setText(line.value, line.values[at] === null || line.values[at] === undefined ? '–' : this.format(line.values[at]));
  }
}

// ---- a line in a row -----------------------------------------------------------------------------------------------------------

function sparkline(times, values, now) {
  const width = 120, height = 28, top = niceTop(highest([{values}])), shown = windowOf(times, now);
  const path = linePath(times, values, (time) => width * (1 - (now - time) / shown), (value) => height - 2 - (height - 4) * value / top);
  return svg('svg', {class: 'spark', viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true'}, svg('path', {class: 'line', d: path}));
}

// ---- how long messages took ----------------------------------------------------------------------------------------------------

// Steps of the histogram, four to a doubling, as bars of a doubling each.
function doublings(steps) {
  const bars = new Map();
  for (const step of steps) {
    const octave = step.from_ns ? Math.floor(Math.log2(step.from_ns) + 1e-9) : 7;
    bars.set(octave, (bars.get(octave) ?? 0) + step.count);
  }
  return bars;
}

function histogram(steps) {
  const bars = doublings(steps), octaves = [...bars.keys()];
  const first = Math.min(...octaves) - 1, last = Math.max(...octaves) + 1, total = [...bars.values()].reduce((a, b) => a + b, 0);
  const top = Math.max(...bars.values()), width = 26, height = 84;
  const marks = [];
  for (let octave = first; octave <= last; octave++) {
    const value = bars.get(octave) ?? 0, tall = value ? Math.max(2, value / top * (height - 22)) : 0, x = (octave - first) * width;
    marks.push(svg('rect', {class: 'bar', x: x + 2, y: height - 16 - tall, width: width - 4, height: tall},
      svg('title', {}, `${latency(2 ** octave)} to ${latency(2 ** (octave + 1))}: ${(100 * value / total).toFixed(2)} %`)));
    if ((octave - first) % 3 === 0) marks.push(svg('text', {class: 'tick', x, y: height - 2}, latency(2 ** octave)));
  }
  return svg('svg', {class: 'histogram', viewBox: `0 0 ${(last - first + 2) * width} ${height}`, width: (last - first + 2) * width, height, role: 'img', 'aria-label': 'How long messages took'}, ...marks);
}
