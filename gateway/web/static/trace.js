// Shows the frames of a bus while its trace is open.

const MOST = 300;

function line(frame) {
  const item = document.createElement("li");
  for (const [name, text] of [
    ["when", frame.time.slice(11, 23)],
    ["way", frame.direction === "out" ? "→" : "←"],
    ["said", frame.text],
    ["octets", frame.hex],
  ]) {
    const part = document.createElement("span");
    part.className = name;
    part.textContent = text;
    item.append(part);
  }
  item.className = frame.direction;
  return item;
}

for (const details of document.querySelectorAll("details[data-trace]")) {
  const list = details.querySelector("ol");
  let source = null;
  const stop = () => {
    if (source !== null) source.close();
    source = null;
  };
  details.addEventListener("toggle", () => {
    stop();
    if (!details.open) return;
    list.replaceChildren();
    source = new EventSource(details.dataset.trace);
    source.addEventListener("message", (event) => {
      list.prepend(line(JSON.parse(event.data)));
      while (list.childElementCount > MOST) list.lastElementChild.remove();
    });
  });
  details.querySelector("[data-stop]").addEventListener("click", stop);
}
