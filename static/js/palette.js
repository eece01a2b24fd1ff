// The palette (Ctrl K) and the keyboard: `/`, `j` and `k`, `g` and a letter, `?`.
const PLACES = {
  o: "/",
  d: "/datasets/",
  t: "/themes/",
  s: "/stream/",
  e: "/exports/",
  l: "/links/",
  j: "/jobs/",
  k: "/tokens/",
  n: "/snapshots/",
  i: "/indexes/",
  w: "/rules/",
  f: "/feedback/",
};
const GO_MS = 1000;
let pendingGo = 0;

const palette = () => document.getElementById("palette");
const options = () => [...document.querySelectorAll("#palette-options [role=option]")];

function select(index) {
  const all = options();
  all.forEach((each, i) => each.setAttribute("aria-selected", String(i === index)));
  all[index]?.scrollIntoView({ block: "nearest" });
}

function open() {
  const dialog = palette();
  if (!dialog || dialog.open) return;
  dialog.showModal();
  const input = dialog.querySelector("input");
  input.select();
  window.htmx.trigger(input, "palette:open");
}

function inPalette(event) {
  const all = options();
  const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "ArrowDown") select(Math.min(at + 1, all.length - 1));
  else if (event.key === "ArrowUp") select(Math.max(at - 1, 0));
  else if (event.key === "Enter") all[Math.max(at, 0)]?.click();
  else return;
  event.preventDefault();
}

function move(step) {
  const rows = [...document.querySelectorAll("main [data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.getAttribute("aria-selected") === "true");
  rows[at]?.removeAttribute("aria-selected");
  const row = rows[Math.min(Math.max(at + step, 0), rows.length - 1)];
  row.setAttribute("aria-selected", "true");
  row.scrollIntoView({ block: "nearest" });
  row.querySelector("a")?.focus({ preventScroll: true });
}

const typing = (target) => target.matches("input, textarea, select, [contenteditable]");

function closeMenu() {
  const menu = document.querySelector("details[data-menu][open]");
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary").focus();
}

// After a `g` the next letter is a place, for a second.
function awaitPlace(awaited) {
  clearTimeout(pendingGo);
  pendingGo = awaited ? setTimeout(() => awaitPlace(false), GO_MS) : 0;
}

function onKey(event) {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
    event.preventDefault();
    open();
    return;
  }
  if (palette()?.open) {
    inPalette(event);
    return;
  }
  if (event.key === "Escape") {
    closeMenu();
    return;
  }
  const withOthers = event.ctrlKey || event.metaKey || event.altKey;
  if (!withOthers && !typing(event.target) && !document.querySelector("dialog[open]")) onLetter(event);
}

function onLetter(event) {
  if (pendingGo && PLACES[event.key]) {
    awaitPlace(false);
    location.assign(PLACES[event.key]);
  } else if (event.key === "g") awaitPlace(true);
  else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "?") document.getElementById("help")?.showModal();
  else if (event.key === "/") {
    event.preventDefault();
    const search = document.querySelector("main input[type=search]");
    if (search) search.select();
    else open();
  }
}

export function startPalette() {
  document.addEventListener("keydown", onKey);
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]")) open();
    if (event.target.closest("[data-help]")) document.getElementById("help").showModal();
    if (event.target instanceof HTMLDialogElement) event.target.close();
    for (const menu of document.querySelectorAll("details[data-menu][open]"))
      if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id === "palette-options") select(0);
  });
}
