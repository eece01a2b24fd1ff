// Events from the server as they happen: replayed from where the page was rendered, then live; polled where there is no socket.
import { amount, duration, progressLine, rate } from "./format.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const POLL_MS = 4000;
let since = 0;
let failures = 0;
let poller = 0;

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
      if (name === "bar" && data.total) { part.max = data.total; part.value = Math.min(data.done, data.total); }
      else if (name === "line") part.textContent = progressLine(data);
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
const told = new Map();
function announce(name, detail) {
  if (waiting.has(name)) { waiting.set(name, detail); return; }
  waiting.set(name, detail);
  const since = performance.now() - (told.get(name) ?? -APART_MS);
  setTimeout(() => {
    const latest = waiting.get(name);
    waiting.delete(name);
    told.set(name, performance.now());
    document.body.dispatchEvent(new CustomEvent(name, { detail: latest, bubbles: true }));
  }, Math.max(SOON_MS, APART_MS - since));
}

// The end of a job that the page shows, for those who do not see its bar.
const ENDS = { "job.succeeded": "is done", "job.failed": "failed", "job.cancelled": "was cancelled" };
function say(event) {
  const place = document.getElementById("said");
  if (place && ENDS[event.kind] && document.querySelector(`[data-job="${event.job}"]`)) place.textContent = `${event.data.title} ${ENDS[event.kind]}`;
}

function receive(event) {
  if (event.id <= since) return;
  since = event.id;
  const [noun, verb] = event.kind.split(".");
  if (noun === "job" && event.job && event.data.total !== undefined) showJob(event.job, event.data);
  document.body.dispatchEvent(new CustomEvent("themis:event", { detail: event }));
  if (event.kind === "job.log") { announce(`themis:log-${event.job}`, event); return; }
  if (verb === "progress") return;
  say(event);
  announce(`themis:${noun}`, event);
  if (event.data.dataset && noun !== "statistics") announce(`themis:dataset-${event.data.dataset}`, event);
  if (event.job) announce(`themis:job-${event.job}`, event);
}

async function poll() {
  try {
    const response = await fetch(`/api/v1/events/?since=${since}`, { headers: { Accept: "application/json" } });
    if (!response.ok) return;
    for (const event of (await response.json()).results) receive(event);
    setState("polling", "polling");
  } catch { setState("off", "offline"); }
}

function startPolling() { if (!poller) poller = setInterval(poll, POLL_MS); }
function stopPolling() { clearInterval(poller); poller = 0; }

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws/events?since=${since}`);
  socket.addEventListener("open", () => { failures = 0; stopPolling(); setState("on", "live"); });
  socket.addEventListener("message", (message) => receive(JSON.parse(message.data)));
  socket.addEventListener("close", () => {
    failures += 1;
    setState("off", "reconnecting");
    if (failures >= 2) startPolling();
    setTimeout(connect, RETRY_MS[Math.min(failures - 1, RETRY_MS.length - 1)]);
  });
  addEventListener("pagehide", () => socket.close());
}

export function startLive() {
  if (document.body.dataset.liveSince === undefined) return;
  since = Number(document.body.dataset.liveSince) || 0;
  connect();
}
