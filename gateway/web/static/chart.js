// Draws series over time on one canvas, panel below panel. It knows nothing of where they come from.

const LEFT = 58;
const RIGHT = 14;
const AXIS = 40;
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [1, 2, 5, 10, 15, 30].map((n) => n * SECOND)
  .concat([1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), [1, 2, 3, 6, 12].map((n) => n * HOUR), [1, 2, 7, 14].map((n) => n * DAY));
const LEAST_SPAN = 10 * SECOND;
const MOST_SPAN = 50 * 366 * DAY;

/** Local time of a time zone, whatever the browser's own is. */
export class Zone {
  constructor(timezone, language) {
    this.offsets = new Map();
    const whole = { year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23", timeZone: timezone };
    this.parts = new Intl.DateTimeFormat("en-US", whole);
    const make = (options) => new Intl.DateTimeFormat(language, { hourCycle: "h23", timeZone: timezone, ...options });
    this.minute = make({ hour: "2-digit", minute: "2-digit" });
    this.second = make({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
    this.day = make({ day: "numeric", month: "short" });
    this.month = make({ month: "short" });
    this.year = make({ year: "numeric" });
    this.stamp = make({ year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
    this.full = make({ weekday: "short", year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }

  /** Local time minus UTC, in milliseconds. */
  offset(ms) {
    const hour = Math.floor(ms / (HOUR / 4));
    let found = this.offsets.get(hour);
    if (found === undefined) {
      const at = hour * (HOUR / 4);
      const p = Object.fromEntries(this.parts.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
      found = Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - at;
      if (this.offsets.size > 5000) this.offsets.clear();
      this.offsets.set(hour, found);
    }
    return found;
  }

  toLocal(ms) { return ms + this.offset(ms); }

  toUtc(local) { return local - this.offset(local - this.offset(local)); }

  /** Ticks that stand on whole local minutes, hours, days or months. */
  ticks(start, end, most) {
    const step = STEPS.find((each) => (end - start) / each <= most);
    const found = [];
    if (step !== undefined) {
      for (let local = Math.ceil(this.toLocal(start) / step) * step; found.length <= most + 1; local += step) {
        const at = this.toUtc(local);
        if (at > end) break;
        if (at >= start) found.push({ at, ...this.words(at, local, step) });
      }
      return found;
    }
    const months = [1, 2, 3, 6, 12, 24, 60, 120].find((n) => (end - start) / (n * 30.4 * DAY) <= most) ?? 240;
    const first = new Date(this.toLocal(start));
    for (let n = Math.floor((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months; found.length <= most + 1; n += months) {
      const local = Date.UTC(Math.floor(n / 12), n % 12, 1);
      const at = this.toUtc(local);
      if (at > end) break;
      if (at < start) continue;
      found.push({ at, upper: months < 12 ? this.month.format(at) : this.year.format(at), lower: n % 12 === 0 && months < 12 ? this.year.format(at) : "" });
    }
    return found;
  }

  words(at, local, step) {
    if (step >= DAY) return { upper: this.day.format(at), lower: "" };
    const midnight = local % DAY === 0;
    return { upper: (step < MINUTE ? this.second : this.minute).format(at), lower: midnight ? this.day.format(at) : "" };
  }
}

/** Round steps for values: 1, 2 or 5 times a power of ten. */
export function scale(low, high, most) {
  if (!(high > low)) {
    const half = Math.abs(low) * 0.1 || 1;
    low -= half;
    high += half;
  }
  const rough = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((each) => each >= rough * 0.999);
  const bottom = Math.floor(low / step + 1e-9) * step;
  const top = Math.ceil(high / step - 1e-9) * step;
  const ticks = [];
  for (let n = 0; bottom + n * step <= top + step / 2; n += 1) ticks.push(bottom + n * step);
  return { bottom, top, step, ticks };
}

/** Index of the first time that is not before `at`. */
export function firstFrom(times, at) {
  let low = 0, high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < at) low = middle + 1; else high = middle;
  }
  return low;
}

/** The value of a series at an instant, as it is drawn there: nothing inside a gap. */
export function valueAt(series, at) {
  if (series.drawn === "bars") {
    const n = firstFrom(series.starts, at + 1) - 1;
    if (n < 0 || at >= series.ends[n]) return null;
    return { at: series.starts[n], end: series.ends[n], value: series.amounts[n], share: series.shares[n] };
  }
  const place = at - series.half;
  const reach = series.reach;
  let best = -1;
  const n = firstFrom(series.times, place);
  for (let i = n; i < series.times.length && series.times[i] - place <= reach; i += 1) {
    if (series.mean[i] !== null) { best = i; break; }
  }
  for (let i = n - 1; i >= 0 && place - series.times[i] <= reach; i -= 1) {
    if (series.mean[i] === null) continue;
    if (best < 0 || series.drawn === "state" || place - series.times[i] < series.times[best] - place) best = i;
    break;
  }
  if (best < 0 || Math.abs(series.times[best] - place) > reach * 0.6) return null;
  return { at: series.times[best], value: series.mean[best], least: series.least[best], greatest: series.greatest[best] };
}

export class Chart {
  constructor(canvas, { zone, number, onView, onCursor }) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.zone = zone;
    this.number = number;
    this.onView = onView;
    this.onCursor = onCursor;
    this.view = { start: 0, end: DAY };
    this.series = [];
    this.gaps = [];
    this.panels = [];
    this.cursor = null;
    this.pointers = new Map();
    this.frame = 0;
    this.readColours();
    new ResizeObserver(() => this.layOut()).observe(canvas.parentElement);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.readColours(); this.draw(); });
    this.listen();
  }

  readColours() {
    const style = getComputedStyle(this.canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    this.ink = read("--ink");
    this.quiet = read("--quiet");
    this.line = read("--line");
    this.card = read("--card");
    this.accent = read("--accent");
    this.hatch = read("--gap-ink") || this.quiet;
    this.palette = [1, 2, 3, 4, 5, 6, 7, 8].map((n) => read(`--series-${n}`));
    this.font = read("--text") || "sans-serif";
    this.pattern = null;
  }

  colour(series) { return this.palette[series.place % this.palette.length]; }

  show(series, gaps) {
    this.series = series;
    this.gaps = gaps;
    const panels = new Map();
    for (const each of series) {
      const key = each.drawn === "state" ? `state ${each.key}` : `${each.drawn} ${each.unit}`;
      if (!panels.has(key)) panels.set(key, { drawn: each.drawn, unit: each.unit, series: [] });
      panels.get(key).series.push(each);
    }
    this.panels = [...panels.values()];
    this.layOut();
  }

  layOut() {
    const width = this.canvas.parentElement.clientWidth;
    if (width === 0) return;
    const narrow = width < 560;
    const alone = this.panels.filter((panel) => panel.drawn !== "state").length === 1;
    let y = 6;
    for (const panel of this.panels) {
      panel.top = y + (panel.drawn === "state" ? 6 : 22);
      panel.height = panel.drawn === "state" ? 30 : alone ? (narrow ? 230 : 330) : narrow ? 150 : 190;
      y = panel.top + panel.height + 10;
    }
    this.width = width;
    this.height = Math.max(y, narrow ? 200 : 280) + AXIS;
    this.ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * this.ratio);
    this.canvas.height = Math.round(this.height * this.ratio);
    this.canvas.style.height = `${this.height}px`;
    this.pattern = null;
    this.paint();
  }

  x(at) { return LEFT + ((at - this.view.start) / (this.view.end - this.view.start)) * (this.width - LEFT - RIGHT); }

  at(x) { return this.view.start + ((x - LEFT) / (this.width - LEFT - RIGHT)) * (this.view.end - this.view.start); }

  draw() {
    if (this.frame === 0) this.frame = requestAnimationFrame(() => { this.frame = 0; this.paint(); });
  }

  paint() {
    const c = this.context;
    c.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    c.fillStyle = this.card;
    c.fillRect(0, 0, this.width, this.height);
    c.font = `12px ${this.font}`;
    const ticks = this.zone.ticks(this.view.start, this.view.end, Math.max(2, Math.floor((this.width - LEFT) / 84)));
    this.paintTime(c, ticks);
    for (const panel of this.panels) this.paintPanel(c, panel, ticks);
    this.paintCursor(c);
  }

  paintTime(c, ticks) {
    const y = this.height - AXIS + 8;
    c.textAlign = "center";
    c.textBaseline = "top";
    ticks.forEach((tick, n) => {
      const x = Math.min(Math.max(this.x(tick.at), LEFT + 6), this.width - 20);
      c.fillStyle = tick.lower ? this.ink : this.quiet;
      c.fillText(tick.upper, x, y);
      const first = n === 0 && !ticks.some((each) => each.lower) && this.view.end - this.view.start < 20 * DAY;
      if (tick.lower || first) {
        c.fillStyle = this.ink;
        c.fillText(tick.lower || this.zone.day.format(tick.at), x, y + 15);
      }
    });
  }

  paintPanel(c, panel, ticks) {
    const { top, height } = panel;
    c.save();
    c.beginPath();
    c.rect(LEFT, top - 1, this.width - LEFT - RIGHT, height + 2);
    c.clip();
    c.strokeStyle = this.line;
    c.lineWidth = 1;
    c.beginPath();
    for (const tick of ticks) {
      const x = Math.round(this.x(tick.at)) + 0.5;
      c.moveTo(x, top);
      c.lineTo(x, top + height);
    }
    c.stroke();
    this.paintGaps(c, panel);
    c.restore();
    if (panel.drawn === "state") { this.paintState(c, panel); return; }
    panel.scale = this.scaleOf(panel);
    this.paintValues(c, panel);
    c.save();
    c.beginPath();
    c.rect(LEFT, top - 1, this.width - LEFT - RIGHT, height + 2);
    c.clip();
    // What is compared with lies behind what is looked at.
    for (const series of [...panel.series].sort((one, other) => other.shift - one.shift)) {
      if (panel.drawn === "bars") this.paintBars(c, panel, series); else this.paintLine(c, panel, series);
    }
    c.restore();
  }

  paintGaps(c, panel) {
    this.pattern ??= this.makePattern(c);
    for (const gap of this.gaps) {
      const left = Math.max(this.x(gap.start), LEFT), right = Math.min(this.x(gap.end), this.width - RIGHT);
      if (right < LEFT || left > this.width - RIGHT) continue;
      c.fillStyle = this.pattern;
      c.fillRect(left, panel.top, Math.max(right - left, 2), panel.height);
    }
  }

  makePattern(c) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const t = tile.getContext("2d");
    t.strokeStyle = this.hatch;
    t.globalAlpha = 0.45;
    t.lineWidth = 1;
    t.beginPath();
    for (const shift of [-8, 0, 8]) { t.moveTo(shift, 8); t.lineTo(shift + 8, 0); }
    t.stroke();
    return c.createPattern(tile, "repeat");
  }

  scaleOf(panel) {
    let low = Infinity, high = -Infinity;
    const grow = (value) => { if (value !== null && value !== undefined) { if (value < low) low = value; if (value > high) high = value; } };
    for (const each of panel.series) {
      if (panel.drawn === "bars") {
        for (let i = Math.max(firstFrom(each.starts, this.view.start) - 1, 0); i < each.starts.length && each.starts[i] < this.view.end; i += 1) grow(each.amounts[i]);
        continue;
      }
      const last = Math.min(firstFrom(each.times, this.view.end) + 1, each.times.length);
      for (let i = Math.max(firstFrom(each.times, this.view.start) - 1, 0); i < last; i += 1) {
        grow(each.least[i] ?? each.mean[i]);
        grow(each.greatest[i] ?? each.mean[i]);
      }
    }
    if (low > high) { low = 0; high = 1; }
    if (panel.drawn === "bars" || (low > 0 && low < 0.4 * high)) low = Math.min(low, 0);
    if (panel.drawn === "bars" && high <= 0) high = 1;
    if (high < 0 && high > 0.4 * low) high = 0;
    return scale(low, high, panel.height < 180 ? 3 : 5);
  }

  y(panel, value) {
    const { bottom, top } = panel.scale;
    return panel.top + panel.height - ((value - bottom) / (top - bottom)) * panel.height;
  }

  paintValues(c, panel) {
    c.textAlign = "right";
    c.textBaseline = "middle";
    const { ticks, step } = panel.scale;
    const thousands = ["W", "VA", "var"].includes(panel.unit) && Math.max(...ticks.map(Math.abs)) >= 2000;
    const factor = thousands ? 1000 : 1;
    const digits = Math.max(0, -Math.floor(Math.log10(step / factor) + 1e-9));
    for (const tick of ticks) {
      const y = Math.round(this.y(panel, tick)) + 0.5;
      c.strokeStyle = Math.abs(tick) < step / 1e6 ? this.quiet : this.line;
      c.lineWidth = 1;
      c.beginPath();
      c.moveTo(LEFT, y);
      c.lineTo(this.width - RIGHT, y);
      c.stroke();
      c.fillStyle = this.quiet;
      c.fillText(this.number.plain(tick / factor, digits), LEFT - 8, y);
    }
    c.textAlign = "left";
    c.textBaseline = "bottom";
    c.fillStyle = this.ink;
    c.font = `600 12px ${this.font}`;
    c.fillText(`${thousands ? "k" : ""}${this.number.unit(panel.unit)}${panel.note ? ` ${panel.note}` : ""}`, 6, panel.top - 7);
    c.font = `12px ${this.font}`;
  }

  paintLine(c, panel, series) {
    const { times, mean, least, greatest, half, reach } = series;
    const from = Math.max(firstFrom(times, this.view.start - half) - 2, 0);
    const to = Math.min(firstFrom(times, this.view.end - half) + 2, times.length);
    const pieces = [];
    let piece = [], last = -Infinity;
    for (let i = from; i < to; i += 1) {
      if (mean[i] === null) continue;
      if (times[i] - last > reach && piece.length) { pieces.push(piece); piece = []; }
      piece.push(i);
      last = times[i];
    }
    if (piece.length) pieces.push(piece);
    const colour = this.colour(series);
    c.globalAlpha = series.shift ? 0.1 : 0.2;
    c.fillStyle = colour;
    if (series.hasRange && !series.shift) {
      for (const each of pieces) this.fillRange(c, panel, series, each);
    }
    c.globalAlpha = series.shift ? 0.7 : 1;
    c.strokeStyle = colour;
    c.lineWidth = series.shift ? 1.25 : 1.75;
    c.lineJoin = "round";
    c.setLineDash(series.shift ? [5, 4] : []);
    c.beginPath();
    for (const each of pieces) {
      each.forEach((i, n) => {
        const x = this.x(times[i] + half), y = this.y(panel, mean[i]);
        if (n === 0) c.moveTo(x, y); else c.lineTo(x, y);
      });
    }
    c.stroke();
    c.setLineDash([]);
    for (const each of pieces) {
      if (each.length > 1) continue;
      c.beginPath();
      c.arc(this.x(times[each[0]] + half), this.y(panel, mean[each[0]]), 2, 0, 2 * Math.PI);
      c.fill();
    }
    c.globalAlpha = 1;
  }

  fillRange(c, panel, series, piece) {
    const { times, mean, least, greatest, half } = series;
    c.beginPath();
    piece.forEach((i, n) => {
      const x = this.x(times[i] + half), y = this.y(panel, greatest[i] ?? mean[i]);
      if (n === 0) c.moveTo(x, y); else c.lineTo(x, y);
    });
    for (let n = piece.length - 1; n >= 0; n -= 1) {
      const i = piece[n];
      c.lineTo(this.x(times[i] + half), this.y(panel, least[i] ?? mean[i]));
    }
    c.closePath();
    c.fill();
  }

  paintBars(c, panel, series) {
    const colour = this.colour(series);
    const beside = panel.series.filter((each) => !each.shift);
    const lane = Math.max(beside.findIndex((each) => each.place === series.place), 0);
    const zero = this.y(panel, 0);
    for (let i = Math.max(firstFrom(series.starts, this.view.start) - 1, 0); i < series.starts.length && series.starts[i] < this.view.end; i += 1) {
      const left = this.x(series.starts[i]), whole = this.x(series.ends[i]) - left;
      const margin = whole > 6 ? Math.min(whole * 0.1, 4) : whole > 3 ? 0.5 : 0;
      const wide = Math.max((whole - 2 * margin) / beside.length, 0.75);
      const x = left + margin + lane * wide;
      const y = this.y(panel, series.amounts[i]);
      if (series.shift) {
        c.strokeStyle = colour;
        c.lineWidth = 1.5;
        c.setLineDash([3, 2]);
        c.beginPath();
        c.moveTo(x, y);
        c.lineTo(x + wide, y);
        c.stroke();
        c.setLineDash([]);
        continue;
      }
      c.fillStyle = colour;
      c.globalAlpha = series.shares[i] < 0.999 ? 0.45 : 0.9;
      c.fillRect(x, y, Math.max(wide - (whole > 6 ? 0.5 : 0), 0.75), Math.max(zero - y, series.amounts[i] > 0 ? 1 : 0));
      c.globalAlpha = 1;
    }
  }

  paintState(c, panel) {
    const [series] = panel.series;
    const { top, height } = panel;
    c.save();
    c.beginPath();
    c.rect(LEFT, top, this.width - LEFT - RIGHT, height);
    c.clip();
    c.textAlign = "left";
    c.textBaseline = "middle";
    const { times, mean, reach } = series;
    let i = Math.max(firstFrom(times, this.view.start) - 1, 0);
    while (i < times.length && times[i] < this.view.end) {
      if (mean[i] === null) { i += 1; continue; }
      let n = i + 1, end = times[i], code = mean[i];
      while (n < times.length && times[n] - end <= reach && (mean[n] === code || mean[n] === null)) {
        if (mean[n] !== null) end = times[n];
        n += 1;
      }
      const until = n < times.length && times[n] - end <= reach ? times[n] : end + Math.min(series.step, reach);
      const left = Math.max(this.x(times[i]), LEFT), right = this.x(until);
      c.fillStyle = this.stateColour(code);
      c.globalAlpha = 0.4;
      c.fillRect(left, top, Math.max(right - left - 1, 1), height);
      c.globalAlpha = 1;
      const text = series.states[code] ?? String(code);
      if (c.measureText(text).width + 12 < right - left) {
        c.fillStyle = this.ink;
        c.fillText(text, left + 6, top + height / 2);
      }
      i = Math.max(n, i + 1);
    }
    c.restore();
  }

  /** Colour of a state, the same in every drawing. */
  stateColour(code) { return this.palette[Math.abs(code) % this.palette.length]; }

  paintCursor(c) {
    if (this.cursor === null || this.cursor < this.view.start || this.cursor > this.view.end) return;
    const x = this.x(this.cursor);
    c.strokeStyle = this.ink;
    c.globalAlpha = 0.55;
    c.lineWidth = 1;
    c.beginPath();
    c.moveTo(Math.round(x) + 0.5, 6);
    c.lineTo(Math.round(x) + 0.5, this.height - AXIS + 4);
    c.stroke();
    c.globalAlpha = 1;
    for (const panel of this.panels) {
      if (panel.drawn !== "line") continue;
      for (const series of panel.series) {
        const found = valueAt(series, this.cursor);
        if (found === null) continue;
        c.beginPath();
        c.arc(this.x(found.at + series.half), this.y(panel, found.value), 4, 0, 2 * Math.PI);
        c.fillStyle = this.colour(series);
        c.fill();
        c.strokeStyle = this.card;
        c.lineWidth = 2;
        c.stroke();
      }
    }
  }

  /** Look at another stretch of time; `settled` when the hand has let go. */
  look(start, end, settled = true) {
    const span = Math.min(Math.max(end - start, LEAST_SPAN), MOST_SPAN);
    const middle = (start + end) / 2;
    this.view = { start: Math.max(middle - span / 2, 0), end: Math.max(middle - span / 2, 0) + span };
    this.draw();
    this.onView(this.view, settled);
  }

  pan(share) {
    const by = (this.view.end - this.view.start) * share;
    this.look(this.view.start + by, this.view.end + by);
  }

  zoom(factor, about = (this.view.start + this.view.end) / 2) {
    const span = (this.view.end - this.view.start) * factor;
    if (span < LEAST_SPAN || span > MOST_SPAN) return;
    this.look(about - (about - this.view.start) * factor, about + (this.view.end - about) * factor);
  }

  point(at) {
    this.cursor = at;
    this.onCursor(at);
    this.draw();
  }

  listen() {
    const { canvas } = this;
    const place = (event) => event.clientX - canvas.getBoundingClientRect().left;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.pointers.set(event.pointerId, place(event));
      this.grip = null;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (this.pointers.has(event.pointerId)) {
        this.drag(event.pointerId, place(event));
        return;
      }
      this.point(Math.min(Math.max(this.at(place(event)), this.view.start), this.view.end));
    });
    const release = (event) => {
      if (!this.pointers.delete(event.pointerId)) return;
      canvas.classList.remove("moving");
      this.grip = null;
      if (event.type === "pointerup" && event.pointerType !== "mouse") this.point(this.at(place(event)));
      this.onView(this.view, true);
    };
    canvas.addEventListener("pointerup", release);
    canvas.addEventListener("pointercancel", release);
    canvas.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") this.point(null); });
    canvas.addEventListener("dblclick", (event) => this.zoom(0.5, this.at(place(event))));
    canvas.addEventListener("wheel", (event) => {
      // A page that scrolls must not stop at the drawing; whoever has clicked it, or holds Ctrl, means the drawing.
      if (!event.ctrlKey && document.activeElement !== canvas && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
      event.preventDefault();
      if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.pan(event.deltaX / this.width);
      else this.zoom(Math.exp(Math.min(Math.max(event.deltaY, -200), 200) / 300), this.at(place(event)));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => this.press(event));
  }

  drag(id, x) {
    const before = this.pointers.get(id);
    this.canvas.classList.add("moving");
    this.pointers.set(id, x);
    if (this.pointers.size === 1) {
      const by = ((before - x) / (this.width - LEFT - RIGHT)) * (this.view.end - this.view.start);
      this.look(this.view.start + by, this.view.end + by, false);
      return;
    }
    const [one, other] = [...this.pointers.values()].slice(0, 2).sort((a, b) => a - b);
    if (this.grip === null) this.grip = [this.at(one), this.at(other)];
    const apart = Math.max(other - one, 12);
    const span = ((this.grip[1] - this.grip[0]) / apart) * (this.width - LEFT - RIGHT);
    const start = this.grip[0] - ((one - LEFT) / (this.width - LEFT - RIGHT)) * span;
    if (span >= LEAST_SPAN && span <= MOST_SPAN) this.look(start, start + span, false);
  }

  press(event) {
    const { start, end } = this.view;
    const small = ((end - start) / (this.width - LEFT - RIGHT)) * 6;
    const from = this.cursor ?? (start + end) / 2;
    const to = (at) => this.point(Math.min(Math.max(at, start), end));
    const actions = {
      ArrowLeft: () => (event.shiftKey ? this.pan(-0.2) : to(from - small)),
      ArrowRight: () => (event.shiftKey ? this.pan(0.2) : to(from + small)),
      PageUp: () => this.pan(-1),
      PageDown: () => this.pan(1),
      Home: () => to(start),
      End: () => to(end),
      "+": () => this.zoom(0.5),
      "=": () => this.zoom(0.5),
      "-": () => this.zoom(2),
      Escape: () => this.point(null),
    };
    const action = actions[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }
}
