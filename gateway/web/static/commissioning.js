// Scans while one watches, reads open devices again and again, and compares with displays.

const AGAIN_MS = 5000;
const csrf = document.querySelector('meta[name="csrf"]').content;

function send(form) {
  const body = new URLSearchParams(new FormData(form));
  return fetch(form.action, { method: "POST", body, headers: { "X-CSRF-Token": csrf } });
}

async function lines(response, take) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const part of parts) take(JSON.parse(part));
  }
}

async function scan(form) {
  const progress = form.querySelector('[data-scan="progress"]');
  const found = document.querySelector('[data-scan="found"]');
  const button = form.querySelector("button");
  button.disabled = true;
  progress.hidden = false;
  progress.textContent = "…";
  try {
    const response = await send(form);
    if (!response.ok) throw new Error(String(response.status));
    await lines(response, (step) => {
      const part = step.total ? ` ${Math.min(step.done, step.total)}/${step.total}` : "";
      if (!step.finished) progress.textContent = `${step.stage}${part} · ${step.count}`;
      if (step.finished) {
        progress.hidden = true;
        found.innerHTML = step.html;
      }
    });
  } catch (error) {
    progress.textContent = error.message;
  } finally {
    button.disabled = false;
  }
}

async function compare(form) {
  const place = document.querySelector(`[data-checks="${CSS.escape(form.dataset.check)}"]`);
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const response = await send(form);
    place.innerHTML = await response.text();
    const pill = place.querySelector("template")?.content.firstElementChild;
    if (pill) place.closest("details").querySelector("summary .pill").replaceWith(pill);
    if (response.ok) form.querySelector('[name="shown"]').value = "";
  } finally {
    button.disabled = false;
  }
}

async function read(device) {
  const place = device.querySelector("[data-reading]");
  try {
    const response = await fetch(device.dataset.path);
    const html = await response.text();
    const shown = place.querySelector('[name="shown"]');
    // What a person types is not pulled away from under them.
    const busy = place.contains(document.activeElement) || (shown !== null && shown.value !== "");
    if (!busy) place.innerHTML = html;
  } finally {
    if (device.open && document.body.contains(device)) setTimeout(() => read(device), AGAIN_MS);
    else delete device.dataset.busy;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.scan === "form" || form.dataset.check) {
    event.preventDefault();
    if (form.dataset.check) compare(form);
    else scan(form);
  } else if (form.dataset.slow) {
    const button = form.querySelector("button");
    button.textContent = form.dataset.slow;
    setTimeout(() => { button.disabled = true; });
  }
});

for (const device of document.querySelectorAll("details[data-device]")) {
  device.addEventListener("toggle", () => {
    if (!device.open || device.dataset.busy) return;
    device.dataset.busy = "1";
    read(device);
  });
}
