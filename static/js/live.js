// Events from the server as they happen: replayed from where the page was rendered, then live; polled where there is no socket.
import { amount, duration, progressLine, rate } from "./format.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const POLL_MS = 4000;
let since = 0;
let failures = 0;
let poller = 0;
let socket;

function setState(state, word) {
  const light = document.getElementById("live");
  if (!light) return;
  light.dataset.state = state;
  light.querySelector(".lbl").textContent = word;
}

// Job figures in place: [data-job="12"] holds elements named by data-job-part.
function showJob(id, data) {
  for (const root of document.querySelectorAll(`[data-job="${id}"]`)) {
    for (const part of root.querySelectorAll("[data-job-part]")) {
      const name = part.dataset.jobPart;
      if (name === "bar" && data.total) {
        part.max = data.total;
        part.value = Math.min(data.done, data.total);
      } else if (name === "line") part.textContent = progressLine(data);
      else if (name === "of" && data.total) part.textContent = `of ${amount(data.total, data.unit)}`;
      else if (name === "done") part.textContent = amount(data.done, data.unit);
      else if (name === "rate") part.textContent = rate(data.rate, data.unit);
      else if (name === "eta") part.textContent = duration(data.eta_seconds);
    }
  }
}

// What pages hear: soon after the first event of a name, and in a storm of them no oftener than every second.
const SOON_MS = 80;
const APART_MS = 1000;
const waiting = new Map();
// With the number of the announcement: whoever asked before it may have been told what was before it.
const announced = new Map();
const asked = new WeakMap();
let count = 0;
function announce(name, detail) {
  if (waiting.has(name)) {
    waiting.set(name, detail);
    return;
  }
  waiting.set(name, detail);
  const since = performance.now() - (announced.get(name)?.at ?? -APART_MS);
  setTimeout(
    () => {
      const latest = waiting.get(name);
      waiting.delete(name);
      count += 1;
      announced.set(name, { number: count, detail: latest, at: performance.now() });
      tell(name, latest);
    },
    Math.max(SOON_MS, APART_MS - since),
  );
}

// The end of a job that the page shows, for those who do not see its bar.
const ENDS = { "job.succeeded": "is done", "job.failed": "failed", "job.cancelled": "was cancelled" };
function say(event) {
  const place = document.getElementById("said");
  if (place && ENDS[event.kind] && document.querySelector(`[data-job="${event.job}"]`))
    place.textContent = `${event.data.title} ${ENDS[event.kind]}`;
}

function tell(name, detail) {
  document.body.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
}

// Again what came after so many announcements.
function tellAgain(after) {
  for (const [name, { number, detail }] of [...announced]) if (number > after) tell(name, detail);
}

// A part of the page that takes its own place hears nothing while its answer is on its way.
function listenAgain() {
  document.addEventListener("htmx:beforeSend", ({ detail }) => asked.set(detail.xhr, count));
  document.addEventListener("htmx:afterSettle", ({ detail }) => {
    const after = asked.get(detail.xhr);
    asked.delete(detail.xhr); // one answer may settle in several places
    if (after !== undefined) tellAgain(after);
  });
}

function receive(event) {
  if (event.id <= since) return;
  since = event.id;
  const [noun, verb] = event.kind.split(".");
  if (noun === "job" && event.job && event.data.total !== undefined) showJob(event.job, event.data);
  document.body.dispatchEvent(new CustomEvent("themis:event", { detail: event }));
  if (event.kind === "job.log") {
    announce(`themis:log-${event.job}`, event);
    return;
  }
  if (verb === "progress") return;
  say(event);
  announce(`themis:${noun}`, event);
  if (event.data.dataset && noun !== "statistics") announce(`themis:dataset-${event.data.dataset}`, event);
  if (event.job) announce(`themis:job-${event.job}`, event);
}

async function poll() {
  try {
    const response = await fetch(`/api/v1/events/?since=${since}`, {
      headers: { Accept: "application/json" },
    });
    if (!response.ok) return;
    for (const event of (await response.json()).results) receive(event);
    setState("polling", "polling");
  } catch {
    setState("off", "offline");
  }
}

function startPolling() {
  if (!poller) poller = setInterval(poll, POLL_MS);
}
function stopPolling() {
  clearInterval(poller);
  poller = 0;
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  socket = new WebSocket(`${scheme}://${location.host}/ws/events?since=${since}`);
  socket.addEventListener("open", () => {
    if (failures) tellAgain(0); // what was asked for meanwhile may have failed
    failures = 0;
    stopPolling();
    setState("on", "live");
  });
  socket.addEventListener("message", (message) => receive(JSON.parse(message.data)));
  socket.addEventListener("close", () => {
    failures += 1;
    setState("off", "reconnecting");
    if (failures >= 2) startPolling();
    setTimeout(connect, RETRY_MS[Math.min(failures - 1, RETRY_MS.length - 1)]);
  });
}

export function startLive() {
  if (document.body.dataset.liveSince === undefined) return;
  since = Number(document.body.dataset.liveSince) || 0;
  listenAgain();
  // One that is not open yet goes by itself, and a browser complains where it is closed.
  addEventListener("pagehide", () => {
    if (socket?.readyState === WebSocket.OPEN) socket.close();
  });
  // Not before all that listens on this page does.
  if (document.readyState === "complete") connect();
  else addEventListener("DOMContentLoaded", connect);
}
