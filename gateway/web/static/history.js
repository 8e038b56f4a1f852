// The page of the past: reads what is looked at, shows it as a drawing, a legend and a table.

import { Chart, Zone, firstFrom, valueAt } from "./chart.js";

const MOST_ROWS = 500;
const MOST_SERIES = 24;
const MOST_STATES = 6;
const byId = (id) => document.getElementById(id);
const holder = byId("panels");
const facts = JSON.parse(holder.dataset.facts);
const words = facts.words;
// Without a country English would mean that of America: months first, and twelve hours.
const locale = facts.language === "en" ? "en-GB" : facts.language;
const zone = new Zone(facts.timezone, locale);
const formats = new Map();
const number = {
  plain(value, digits) {
    if (!formats.has(digits)) formats.set(digits, new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: "min2" }));
    // The same separators as on the other pages.
    const parts = formats.get(digits).formatToParts(Object.is(value, -0) ? 0 : value);
    return parts.map(({ type, value: text }) => (type === "group" ? "\u202f" : text)).join("").replace("-", "\u2212");
  },
  unit: (unit) => facts.units[unit] ?? unit,
  shown(value, unit) {
    if (value === null || value === undefined) return words.no_value;
    const kilo = ["W", "VA", "var"].includes(unit) && Math.abs(value) >= 1000;
    const amount = kilo ? value / 1000 : value;
    const digits = Math.abs(amount) >= 1000 ? 0 : Math.abs(amount) >= 100 ? 1 : Math.abs(amount) >= 1 ? 2 : 3;
    const name = number.unit(unit);
    return `${number.plain(amount, ["W", "VA", "var"].includes(unit) && !kilo ? 0 : digits)}${name ? `\u00a0${kilo ? "k" : ""}${name}` : ""}`;
  },
};

const state = { keys: [], start: 0, end: 0, compare: false, live: false, loaded: null, shown: [] };
const canvas = document.createElement("canvas");
canvas.id = "chart";
canvas.tabIndex = 0;
canvas.setAttribute("role", "img");
canvas.setAttribute("aria-describedby", "keys said");
holder.append(canvas);
const chart = new Chart(canvas, { zone, number, onView: moved, onCursor: read });
let waiting = 0;
let asked = null;
let spoken = 0;

function begin() {
  const query = new URLSearchParams(location.search);
  const known = new Set([...document.querySelectorAll('#choice input[name="series"]')].map((box) => box.value));
  state.keys = (query.get("series") ?? "").split(",").filter((key) => known.has(key)).slice(0, MOST_SERIES);
  if (state.keys.length === 0) state.keys = facts.first;
  const now = Date.now();
  const instant = (text) => (/^\d+$/.test(text ?? "") ? Number(text) : Date.parse(text ?? ""));
  const start = instant(query.get("start")), end = instant(query.get("end"));
  state.live = !(end > start);
  state.end = state.live ? now : end;
  state.start = state.live ? now - (Number(query.get("span")) || 86400) * 1000 : start;
  state.compare = query.get("compare") === "1";
  byId("compare").checked = state.compare;
  for (const box of document.querySelectorAll('#choice input[name="series"]')) box.checked = state.keys.includes(box.value);
  for (const group of document.querySelectorAll("#choice details")) group.open = state.keys.some((key) => key.startsWith(`${group.dataset.device}:`));
  chart.look(state.start, state.end);
}

function moved(view, settled) {
  state.start = view.start;
  state.end = view.end;
  if (settled) settle();
  clearTimeout(waiting);
  if (needsMore()) waiting = setTimeout(load, settled ? 60 : 250);
}

/** Keep the controls and the address in step with what is looked at. */
function settle() {
  const span = state.end - state.start;
  for (const button of document.querySelectorAll("[data-span]")) button.setAttribute("aria-pressed", String(Math.abs(Number(button.dataset.span) * 1000 - span) < 1000));
  const local = (ms) => new Date(zone.toLocal(ms)).toISOString().slice(0, 16);
  byId("from").value = local(state.start);
  byId("to").value = local(state.end);
  const range = { start: String(Math.round(state.start)), end: String(Math.round(state.end)) };
  const query = new URLSearchParams({ series: state.keys.join(","), ...(state.live ? { span: String(Math.round(span / 1000)) } : range), ...(state.compare ? { compare: "1" } : {}) });
  history.replaceState(null, "", `?${query.toString().replaceAll("%3A", ":").replaceAll("%2C", ",")}`);
  byId("csv").href = `/api/v1/history.csv?${new URLSearchParams({ site: facts.site, series: state.keys.join(","), ...range })}`;
}

function needsMore() {
  const { loaded } = state;
  if (loaded === null) return true;
  const span = state.end - state.start;
  return state.start < loaded.start || state.end > Math.max(loaded.end, loaded.now) || span < loaded.span * 0.62 || span > loaded.span * 1.6;
}

async function load() {
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const span = state.end - state.start;
  // Half a screen more on either side, so that a hand that moves the time finds something there.
  const wanted = { start: Math.max(Math.floor(state.start - span / 2), 0), end: Math.ceil(state.end + span / 2), span, now: Date.now() };
  const buckets = Math.min(2000, Math.max(400, Math.round(2 * chart.width)));
  const byDevice = new Map();
  for (const key of state.keys) {
    const [device, point] = key.split(":");
    byDevice.set(device, [...(byDevice.get(device) ?? []), point]);
  }
  const asks = [...byDevice].flatMap(([device, points]) => (state.compare ? [0, 1] : [0]).map(async (weeks) => {
    const query = new URLSearchParams({ site: facts.site, device, points: points.join(","), start: wanted.start, end: wanted.end, buckets, weeks_back: weeks });
    const response = await fetch(`/api/v1/history?${query}`, { signal, headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(String(response.status));
    return { device, weeks, answer: await response.json() };
  }));
  try {
    const found = await Promise.all(asks);
    state.loaded = wanted;
    take(found, wanted);
  } catch (error) {
    if (error.name === "AbortError") return;
    byId("said").textContent = words.failed;
    state.loaded = null;
  }
}

function take(found, wanted) {
  const series = [], gaps = [];
  for (const { device, weeks, answer } of found) {
    const shift = weeks ? wanted.start - answer.start_ms : 0;
    if (!weeks) gaps.push(...answer.gaps.map((gap) => ({ start: gap.start_ms, end: gap.end_ms, cause: gap.cause })));
    const times = answer.times.map((time) => time + shift);
    for (const each of answer.series) series.push(made(each, answer, { device, shift, times }));
  }
  series.sort((one, other) => one.place - other.place || one.shift - other.shift);
  state.shown = series;
  chart.show(series.filter((each) => each.drawn !== "state" || !each.shift), gaps);
  for (const panel of chart.panels) panel.note = panel.drawn === "bars" ? words[`bar.${nameOfBar(found[0]?.answer.bar_ms)}`] : "";
  chart.draw();
  legend();
  read(chart.cursor);
  table();
  const nothing = series.every((each) => each.times.length === 0 && each.starts.length === 0);
  byId("said").textContent = state.keys.length === 0 ? words.choose_more : nothing ? words.nothing : resolution(found);
  canvas.setAttribute("aria-label", `${series.filter((each) => !each.shift).map((each) => each.title).join(", ")}: ${zone.stamp.format(state.start)} – ${zone.stamp.format(state.end)}`);
}

function made(each, answer, { device, shift, times }) {
  const key = `${device}:${each.point}`;
  const bucket = answer.resolution_ms;
  return {
    key, shift, times, device,
    place: state.keys.indexOf(key),
    title: `${each.label} · ${facts.names[device] ?? device}`,
    label: each.label,
    unit: each.unit,
    drawn: each.drawn,
    states: each.states,
    mean: each.mean,
    hasRange: each.least.length > 0,
    least: each.least.length ? each.least : each.mean,
    greatest: each.greatest.length ? each.greatest : each.mean,
    half: each.drawn === "line" ? bucket / 2 : 0,
    step: Math.max(bucket, each.interval_ms),
    reach: Math.max(1.5 * bucket, 2.5 * each.interval_ms, 1500),
    starts: each.bars ? each.bars.starts.map((time) => time + shift) : [],
    ends: each.bars ? each.bars.ends.map((time) => time + shift) : [],
    amounts: each.bars?.amounts ?? [],
    shares: each.bars?.shares ?? [],
  };
}

const nameOfBar = (ms) => (ms <= 900000 ? "quarter" : ms <= 3600000 ? "hour" : ms <= 86400000 ? "day" : "month");

function resolution(found) {
  const lengths = found.filter(({ answer }) => answer.times.length).map(({ answer }) => answer.resolution_ms);
  if (lengths.length === 0) return "";
  const ms = Math.max(...lengths);
  if (ms === 0) return words.raw;
  const [amount, unit] = ms < 60000 ? [ms / 1000, "s"] : ms < 3600000 ? [ms / 60000, "min"] : ms < 86400000 ? [ms / 3600000, "h"] : [ms / 86400000, "d"];
  return words.bucket.replace("{length}", `${number.plain(amount, Number.isInteger(amount) ? 0 : 1)}\u00a0${unit}`);
}

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** One line per point: colour, name, value under the cursor, and the value of the week before. */
function legend() {
  const body = element("tbody");
  for (const key of state.keys) {
    const own = state.shown.find((each) => each.key === key && !each.shift);
    if (own === undefined) continue;
    const swatch = element("span", { class: own.drawn === "state" ? "swatch hollow" : "swatch", "aria-hidden": "true" });
    if (own.drawn !== "state") swatch.style.background = chart.colour(own);
    const name = element("th", { scope: "row" }, swatch, element("span", {}, own.label), element("span", { class: "quiet" }, ` ${facts.names[own.device] ?? own.device}`));
    body.append(element("tr", { "data-key": key }, name, element("td", { class: "now" }), element("td", { class: "range quiet" }), element("td", { class: "before quiet" })));
  }
  const head = element("thead", {}, element("tr", {}, element("th", { scope: "col", id: "when" }), element("td"), element("td"), element("td", { class: "quiet" }, state.compare ? words.week_before : "")));
  byId("legend").replaceChildren(element("table", {}, head, body));
}

function said(series, found) {
  if (found === null) return words.no_value;
  if (series.drawn === "state") return series.states[found.value] ?? String(found.value);
  const text = number.shown(found.value, series.unit);
  return found.share !== undefined && found.share < 0.999 ? `${text} (${words.incomplete})` : text;
}

function read(at) {
  const when = byId("when");
  if (when === null) return;
  when.textContent = at === null ? `${zone.stamp.format(state.start)} – ${zone.stamp.format(state.end)}` : zone.full.format(at);
  const heard = [];
  for (const row of document.querySelectorAll("#legend tbody tr")) {
    const own = state.shown.find((each) => each.key === row.dataset.key && !each.shift);
    const before = state.shown.find((each) => each.key === row.dataset.key && each.shift);
    const found = at === null ? null : valueAt(own, at);
    const [, now, range, past] = row.children;
    now.classList.toggle("states", own.drawn === "state" && at === null);
    if (own.drawn === "state" && at === null) now.replaceChildren(...statesOf(own));
    else now.textContent = at === null ? summary(own) : said(own, found);
    range.textContent = found?.least !== undefined && own.hasRange && found.least !== null ? `${number.shown(found.least, own.unit)} … ${number.shown(found.greatest, own.unit)}` : "";
    past.textContent = before === undefined || (at === null && before.drawn === "state") ? "" : at === null ? summary(before) : said(before, valueAt(before, at));
    heard.push(`${own.label} ${now.textContent}`);
  }
  clearTimeout(spoken);
  if (at !== null && document.activeElement === canvas) spoken = setTimeout(() => { byId("said").textContent = `${when.textContent}: ${heard.join(", ")}`; }, 300);
}

/** The states in what is looked at, each with its colour. */
function statesOf(series) {
  return codesOf(series).slice(0, MOST_STATES).map((code) => {
    const swatch = element("span", { class: "swatch faint", "aria-hidden": "true" });
    swatch.style.background = chart.stateColour(code);
    return element("span", {}, swatch, series.states[code] ?? String(code));
  });
}

function codesOf(series) {
  const found = new Set();
  for (let i = Math.max(firstFrom(series.times, state.start) - 1, 0); i < series.times.length && series.times[i] < state.end; i += 1) {
    if (series.mean[i] !== null) found.add(series.mean[i]);
  }
  return [...found].sort((one, other) => one - other);
}

/** What a point says about the whole of what is looked at. */
function summary(series) {
  if (series.drawn === "state") return codesOf(series).map((code) => series.states[code] ?? String(code)).join(", ");
  if (series.drawn === "bars") {
    let sum = 0, any = false;
    for (let i = firstFrom(series.starts, state.start); i < series.starts.length && series.starts[i] < state.end; i += 1) { sum += series.amounts[i]; any = true; }
    return any ? `Σ ${number.shown(sum, series.unit)}` : words.no_value;
  }
  let low = Infinity, high = -Infinity;
  for (let i = firstFrom(series.times, state.start); i < series.times.length && series.times[i] < state.end; i += 1) {
    if (series.mean[i] === null) continue;
    low = Math.min(low, series.least[i] ?? series.mean[i]);
    high = Math.max(high, series.greatest[i] ?? series.mean[i]);
  }
  return low > high ? words.no_value : `${number.shown(low, series.unit)} … ${number.shown(high, series.unit)}`;
}

function table() {
  const place = byId("table");
  if (!place.closest("details").open) { place.replaceChildren(); return; }
  const rows = new Map();
  const columns = state.shown.filter((each) => !each.shift);
  const dated = columns.some((each) => each.times.some((time) => time % 60000)) ? zone.full : zone.stamp;
  columns.forEach((series, column) => {
    const put = (at, text) => {
      if (at < state.start || at >= state.end) return;
      if (!rows.has(at)) rows.set(at, new Array(columns.length).fill(""));
      rows.get(at)[column] = text;
    };
    series.times.forEach((time, i) => { if (series.drawn !== "bars" && series.mean[i] !== null) put(time, said(series, { value: series.mean[i] })); });
    series.starts.forEach((start, i) => put(start, said(series, { value: series.amounts[i], share: series.shares[i] })));
  });
  const times = [...rows.keys()].sort((one, other) => one - other);
  const caption = words.table_of.replace("{from}", zone.stamp.format(state.start)).replace("{to}", zone.stamp.format(state.end));
  const head = element("tr", {}, element("th", { scope: "col" }, words.time), ...columns.map((each) => element("th", { scope: "col", class: "number" }, each.title)));
  const body = element("tbody", {}, ...times.slice(0, MOST_ROWS).map((time) => element("tr", {}, element("th", { scope: "row" }, dated.format(time)), ...rows.get(time).map((text) => element("td", { class: "number" }, text)))));
  place.replaceChildren(element("table", {}, element("caption", {}, element("span", {}, caption)), element("thead", {}, head), body));
  if (times.length > MOST_ROWS) place.append(element("p", { class: "quiet" }, words.cut.replace("{count}", MOST_ROWS).replace("{all}", times.length)));
}

function reload() {
  state.loaded = null;
  settle();
  clearTimeout(waiting);
  waiting = setTimeout(load, 60);
}

/** The drawing with its legend, as one picture. */
function picture() {
  const own = state.shown.filter((each) => !each.shift);
  const ratio = chart.ratio, line = 20;
  const made = document.createElement("canvas");
  made.width = canvas.width;
  made.height = canvas.height + (own.length + 2) * line * ratio;
  const c = made.getContext("2d");
  c.scale(ratio, ratio);
  c.fillStyle = chart.card;
  c.fillRect(0, 0, chart.width, chart.height + (own.length + 2) * line);
  c.textBaseline = "middle";
  c.font = `600 13px ${chart.font}`;
  c.fillStyle = chart.ink;
  c.fillText(`${facts.site}: ${zone.stamp.format(state.start)} – ${zone.stamp.format(state.end)} (${facts.timezone})`, 12, line);
  c.font = `12px ${chart.font}`;
  own.forEach((each, n) => {
    const y = (n + 2) * line;
    c.fillStyle = chart.colour(each);
    c.fillRect(12, y - 5, 14, 10);
    c.fillStyle = chart.ink;
    c.fillText(`${each.title} [${number.unit(each.unit) || "1"}]  ${summary(each)}`, 34, y);
  });
  c.drawImage(canvas, 0, (own.length + 2) * line, chart.width, chart.height);
  made.toBlob((blob) => {
    const link = element("a", { href: URL.createObjectURL(blob), download: `${facts.site}-history.png` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }, "image/png");
}

function listen() {
  for (const button of document.querySelectorAll("[data-span]")) {
    button.addEventListener("click", () => {
      const end = state.live ? Date.now() : state.end;
      chart.look(end - Number(button.dataset.span) * 1000, end);
    });
  }
  const moves = {
    earlier: () => { state.live = false; chart.pan(-0.8); },
    later: () => { state.live = false; chart.pan(0.8); },
    closer: () => chart.zoom(0.5),
    farther: () => chart.zoom(2),
    now: () => { state.live = true; const span = state.end - state.start; chart.look(Date.now() - span, Date.now()); reload(); },
  };
  for (const button of document.querySelectorAll("[data-move]")) button.addEventListener("click", moves[button.dataset.move]);
  canvas.addEventListener("pointerdown", () => { state.live = false; });
  canvas.addEventListener("keydown", () => { state.live = false; });
  byId("range").addEventListener("submit", (event) => {
    event.preventDefault();
    const [from, to] = ["from", "to"].map((id) => zone.toUtc(Date.parse(`${byId(id).value}Z`)));
    if (!(to > from)) { byId("to").focus(); return; }
    state.live = false;
    chart.look(from, to);
  });
  byId("compare").addEventListener("change", (event) => { state.compare = event.target.checked; reload(); });
  byId("png").addEventListener("click", picture);
  byId("choice").addEventListener("change", (event) => {
    const { value, checked } = event.target;
    const others = state.keys.filter((key) => key !== value);
    if (checked && others.length >= MOST_SERIES) { event.target.checked = false; return; }
    state.keys = checked ? [...others, value] : others;
    reload();
  });
  byId("table").closest("details").addEventListener("toggle", table);
  setInterval(() => {
    if (!state.live || document.hidden) return;
    const span = state.end - state.start;
    state.loaded = null;
    chart.look(Date.now() - span, Date.now());
  }, 30000);
}

listen();
begin();
