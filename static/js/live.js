// Events from the server as they happen: replayed from where the page was rendered, then live; polled where
// there is no socket.
import { announce, listenAgain, tellAgain } from "./announcements.js";
import { amount, duration, progressLine, rate } from "./format.js";

const RETRY_MS = [500, 1000, 2000, 5000, 10000];
const POLL_MS = 4000;
// The id of the last event that the page knows: what it shows is no older.
let since = 0;
// Connections that failed one after the other; after two the page polls as well, until one is open again.
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
  for (const root of document.querySelectorAll(`[data-job="${id}"]`))
    for (const part of root.querySelectorAll("[data-job-part]")) showPart(part, data);
}

function showPart(part, data) {
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

// The end of a job that the page shows, for those who do not see its bar.
const ENDS = { "job.succeeded": "is done", "job.failed": "failed", "job.cancelled": "was cancelled" };
function say(event) {
  const place = document.getElementById("said");
  if (place && ENDS[event.kind] && document.querySelector(`[data-job="${event.job}"]`))
    place.textContent = `${event.data.title} ${ENDS[event.kind]}`;
}

function receive(event) {
  if (event.id <= since) return; // the socket and the poll may both bring it
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
