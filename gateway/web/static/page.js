// Keeps an open page fresh, and says so when it no longer is.

const STALE_MS = 15000;
const body = document.body;
const born = performance.now();
const seen = new Map(); // data-age → the instant on performance.now() at which it was 0, or null
let heard = born;

function remember(key, seconds) {
  seen.set(key, seconds === null ? null : performance.now() - seconds * 1000);
}

function words(seconds) {
  if (seconds < 60) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86400)}\u00a0d`;
}

function countOn() {
  const now = performance.now();
  for (const element of document.querySelectorAll("[data-age]")) {
    const since = seen.get(element.dataset.age);
    if (since === undefined || since === null) continue;
    const text = words(Math.max(0, (now - since) / 1000));
    if (element.textContent !== text) element.textContent = text;
  }
  const banner = document.getElementById("stale");
  if (banner === null || !body.dataset.live) return;
  const silent = now - heard > STALE_MS;
  body.classList.toggle("stale", silent);
  if (silent) {
    const text = banner.dataset.text.replace("{age}", words((now - heard) / 1000));
    if (banner.textContent !== text) banner.textContent = text;
  }
  banner.hidden = !silent;
}

function take(message) {
  heard = performance.now();
  for (const [key, seconds] of Object.entries(message.a)) remember(key, seconds);
  for (const [key, html] of Object.entries(message.f)) {
    const element = document.querySelector(`[data-f="${CSS.escape(key)}"]`);
    // What a person is selecting or has focused is not pulled away from under them.
    if (element === null || element.contains(document.activeElement) || element.innerHTML === html) continue;
    element.innerHTML = html;
  }
  countOn();
}

function listen() {
  if (!body.dataset.live) return;
  const source = new EventSource(body.dataset.live);
  source.addEventListener("message", (event) => take(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    // A browser gives up for good after an answer that is no event stream, for example while the gateway restarts.
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000);
  });
}

for (const element of document.querySelectorAll("[data-age][data-seconds]")) {
  remember(element.dataset.age, Number(element.dataset.seconds));
}
listen();
setInterval(countOn, 1000);
