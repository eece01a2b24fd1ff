// One file on its way to the server, in parts: after a break it goes on where the server says it is.
import { ApiError, call, callJson } from "../http.js";
import { duration } from "../format.js";

const PART = 8 * 1000 * 1000;
const RETRIES = 8;
const LONGEST_WAIT_S = 15;
const PAUSED = "paused";
// The rate is that of the last so many milliseconds.
const RATE_MS = 5000;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Transfer {
  #file;
  #show;
  #request;
  #stopped = false;
  #samples = [];

  constructor(file, { show }) {
    this.#file = file;
    this.#show = show;
    this.paused = false;
    this.url = null;
    this.offset = 0;
  }

  get name() {
    return this.#file.name;
  }

  get size() {
    return this.#file.size;
  }

  // True when all of it is there, false when it was cancelled; `say` hears why it has to wait.
  async run(say) {
    let failures = 0;
    await this.#open();
    while (this.offset < this.size && !this.#stopped) {
      if (this.paused) {
        await sleep(150);
        continue;
      }
      try {
        await this.#part();
        failures = 0;
      } catch (error) {
        this.#samples = []; // the rate begins anew after a break
        if (error.code === PAUSED) continue;
        failures += 1;
        if (failures > RETRIES || !worthTrying(error)) throw error;
        const wait = Math.min(LONGEST_WAIT_S, 2 ** (failures - 1));
        say(`${error.message} Trying again in ${duration(wait)}.`);
        await sleep(1000 * wait);
        await this.#find().catch(() => {}); // then the next part says what is wrong
      }
    }
    return !this.#stopped;
  }

  pause() {
    this.paused = true;
    this.#request?.abort();
  }

  resume() {
    this.paused = false;
    this.#samples = [];
  }

  async cancel() {
    this.#stopped = true;
    this.#request?.abort();
    this.forget();
    if (this.url) await call("DELETE", this.url).catch(() => {});
  }

  // The same file chosen again in this browser goes on where it broke off.
  get #memory() {
    return `themis.upload.${this.name}.${this.size}.${this.#file.lastModified}`;
  }

  forget() {
    localStorage.removeItem(this.#memory);
  }

  async #open() {
    if (await this.#remembered()) return;
    const json = { filename: this.name, num_bytes: this.size };
    const made = await callJson("POST", "/api/v1/uploads/", { json });
    this.url = made.url;
    this.id = made.id;
    localStorage.setItem(this.#memory, made.url);
  }

  async #remembered() {
    const kept = localStorage.getItem(this.#memory);
    if (!kept) return false;
    try {
      const found = await callJson("GET", kept);
      if (found.num_bytes === this.size && (found.state === "open" || found.state === "complete")) {
        this.url = kept;
        this.id = found.id;
        this.offset = found.state === "open" ? found.received : found.num_bytes;
        return true;
      }
    } catch (error) {
      // It may be there still, when the server is back.
      if (error.status === 0) throw error;
    }
    this.forget();
    return false;
  }

  async #part() {
    const start = this.offset;
    const stop = Math.min(start + PART, this.size);
    await this.#send(this.#file.slice(start, stop), start);
    this.offset = stop;
  }

  // XMLHttpRequest, for it says how much of a part has gone out.
  #send(body, start) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      this.#request = request;
      request.open("PATCH", this.url);
      request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Upload-Offset", String(start));
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => this.#note(start + event.loaded));
      request.addEventListener("load", () => {
        if (request.status < 300) {
          this.#note(start + body.size);
          done();
        } else fail(refusal(request));
      });
      request.addEventListener("error", () => fail(new ApiError("The connection broke off.")));
      request.addEventListener("abort", () => fail(new ApiError("paused", { code: PAUSED })));
      request.send(body);
    });
  }

  async #find() {
    const response = await call("HEAD", this.url);
    this.offset = Number(response.headers.get("Upload-Offset"));
  }

  #note(done) {
    const now = performance.now();
    this.#samples.push([now, done]);
    while (this.#samples.length > 2 && now - this.#samples[0][0] > RATE_MS) this.#samples.shift();
    const [then, before] = this.#samples[0];
    const rate = now > then ? (1000 * (done - before)) / (now - then) : 0;
    const eta_seconds = rate > 0 ? (this.size - done) / rate : null;
    this.#show({ done, total: this.size, unit: "bytes", rate, eta_seconds });
  }
}

// No connection, a part that the server has already or not yet, or a server in trouble: that may pass.
const worthTrying = ({ status }) => status === 0 || status === 409 || status >= 500;

function refusal(request) {
  let answer = {};
  try {
    answer = JSON.parse(request.responseText);
  } catch {
    // a proxy's own page
  }
  const { code, fields } = answer;
  const message = answer.error || `The server answered ${request.status}.`;
  return new ApiError(message, { status: request.status, code, fields });
}
