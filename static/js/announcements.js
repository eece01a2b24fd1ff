// What the parts of a page hear of the events: soon after the first of a name, and in a storm of them no oftener
// than every second, for each makes a part ask for itself anew.
const SOON_MS = 80;
const APART_MS = 1000;

// By name: the latest event of those that have not been announced yet.
const waiting = new Map();
// By name: the last announcement, with its number and when it was made.
const announced = new Map();
let count = 0;

export function announce(name, detail) {
  const isDue = waiting.has(name);
  waiting.set(name, detail);
  if (isDue) return;
  const passed = performance.now() - (announced.get(name)?.at ?? -APART_MS);
  setTimeout(() => release(name), Math.max(SOON_MS, APART_MS - passed));
}

function release(name) {
  const detail = waiting.get(name);
  waiting.delete(name);
  count += 1;
  announced.set(name, { number: count, detail, at: performance.now() });
  tell(name, detail);
}

function tell(name, detail) {
  document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}

// Again what came after the first so many announcements.
export function tellAgain(after) {
  for (const [name, { number, detail }] of [...announced]) if (number > after) tell(name, detail);
}

// A part of the page that takes its own place hears nothing while its answer is on its way, and that answer may have
// been made before what it missed. So each request remembers how many announcements there had been when it was sent,
// and when its answer has settled, the later ones are told again.
export function listenAgain() {
  const sentAfter = new WeakMap();
  document.addEventListener("htmx:beforeSend", ({ detail }) => sentAfter.set(detail.xhr, count));
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const after = sentAfter.get(detail.xhr);
    sentAfter.delete(detail.xhr); // one answer may settle in several places
    if (after !== undefined) tellAgain(after);
  });
}
