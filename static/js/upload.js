// Resumable upload in parts, then the ingest it starts, all on one line: upload, ingest, version.
import { amount, bytes, duration, number, progressLine, rate } from "./format.js";
import { ApiError, call, callJson } from "./http.js";

const PART = 8 * 1000 * 1000;
const RETRIES = 8;
const FINISHED = new Set(["succeeded", "failed", "cancelled"]);

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

class Upload {
  constructor(file, { show }) {
    Object.assign(this, { file, show, paused: false, stopped: false, url: null, offset: 0, samples: [] });
  }

  // The same file chosen again in this browser goes on where it broke off.
  get memory() {
    return `themis.upload.${this.file.name}.${this.file.size}.${this.file.lastModified}`;
  }

  async open() {
    const kept = localStorage.getItem(this.memory);
    if (kept) {
      try {
        const found = await callJson("GET", kept);
        if (found.state === "open" && found.num_bytes === this.file.size) {
          this.url = kept;
          this.id = found.id;
          this.offset = found.received;
          return;
        }
        if (found.state === "complete" && found.num_bytes === this.file.size) {
          this.url = kept;
          this.id = found.id;
          this.offset = found.num_bytes;
          return;
        }
      } catch (error) {
        if (error.status === 0) throw error;
      }
      localStorage.removeItem(this.memory);
    }
    const made = await callJson("POST", "/api/v1/uploads/", {
      json: { filename: this.file.name, num_bytes: this.file.size },
    });
    this.url = made.url;
    this.id = made.id;
    localStorage.setItem(this.memory, made.url);
  }

  async part() {
    const start = this.offset;
    const stop = Math.min(start + PART, this.file.size);
    await this.send(this.file.slice(start, stop), start);
    this.offset = stop;
  }

  // XMLHttpRequest, for it says how much of a part has gone out.
  send(body, start) {
    return new Promise((done, fail) => {
      const request = new XMLHttpRequest();
      this.request = request;
      request.open("PATCH", this.url);
      request.setRequestHeader("X-CSRFToken", document.body.dataset.csrf);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.setRequestHeader("Upload-Offset", String(start));
      request.setRequestHeader("Accept", "application/json");
      request.upload.addEventListener("progress", (event) => this.note(start + event.loaded));
      request.addEventListener("load", () => {
        if (request.status < 300) {
          this.note(start + body.size);
          done();
          return;
        }
        let answer = {};
        try {
          answer = JSON.parse(request.responseText);
        } catch {
          /* a proxy's own page */
        }
        fail(
          new ApiError(answer.error || `The server answered ${request.status}.`, {
            status: request.status,
            code: answer.code,
            fields: answer.fields,
          }),
        );
      });
      request.addEventListener("error", () => fail(new ApiError("The connection broke off.")));
      request.addEventListener("abort", () => fail(new ApiError("paused", { code: "paused" })));
      request.send(body);
    });
  }

  note(done) {
    const now = performance.now();
    this.samples.push([now, done]);
    while (this.samples.length > 2 && now - this.samples[0][0] > 5000) this.samples.shift();
    const [then, before] = this.samples[0];
    const speed = now > then ? (1000 * (done - before)) / (now - then) : 0;
    this.show({
      done,
      total: this.file.size,
      unit: "bytes",
      rate: speed,
      eta_seconds: speed > 0 ? (this.file.size - done) / speed : null,
    });
  }

  async find() {
    const response = await call("HEAD", this.url);
    this.offset = Number(response.headers.get("Upload-Offset"));
  }

  async run(say) {
    let failures = 0;
    await this.open();
    while (this.offset < this.file.size && !this.stopped) {
      if (this.paused) {
        await sleep(150);
        continue;
      }
      try {
        await this.part();
        failures = 0;
      } catch (error) {
        if (error.code === "paused") {
          this.samples = [];
          continue;
        }
        const again = error.status === 0 || error.status === 409 || error.status >= 500;
        failures += 1;
        if (!again || failures > RETRIES) throw error;
        const wait = Math.min(15, 2 ** (failures - 1));
        say(`${error.message} Trying again in ${duration(wait)}.`);
        await sleep(1000 * wait);
        this.samples = [];
        await this.find().catch(() => {});
      }
    }
    return !this.stopped;
  }

  pause() {
    this.paused = true;
    this.request?.abort();
  }
  resume() {
    this.paused = false;
    this.samples = [];
  }
  async cancel() {
    this.stopped = true;
    this.request?.abort();
    localStorage.removeItem(this.memory);
    if (this.url) await call("DELETE", this.url).catch(() => {});
  }
}

function start(form) {
  const line = document.querySelector("[data-upload-line]");
  const trouble = document.querySelector("[data-upload-error]");
  const step = (name) => line.querySelector(`[data-step="${name}"]`);
  const part = (name, within) => step(within).querySelector(`[data-part="${name}"]`);
  const mark = (name, mark) => {
    step(name).className = mark;
  };

  function fail(message) {
    const note = document.createElement("p");
    note.className = "th-note err";
    note.setAttribute("role", "alert");
    note.textContent = message;
    trouble.replaceChildren(note);
  }

  // Pausing and cancelling are offered while something is sent.
  function choices(offered) {
    part("pause", "upload").hidden = part("cancel", "upload").hidden = !offered;
  }

  function show(progress) {
    const bar = part("bar", "upload");
    bar.max = progress.total;
    bar.value = progress.done;
    part("line", "upload").textContent = progressLine(progress);
  }

  // The job's progress comes with the live events; its row is asked for once at the start.
  function follow(id) {
    mark("ingest", "now");
    const link = part("job", "ingest");
    link.hidden = false;
    link.href = form.dataset.jobUrl.replace("/0/", `/${id}/`);
    link.textContent = `job ${id}`;
    const holder = part("progress", "ingest");
    holder.dataset.job = id;
    const bar = Object.assign(document.createElement("progress"), { className: "th-progress", max: 1 });
    bar.dataset.jobPart = "bar";
    bar.setAttribute("aria-label", "Ingest");
    const words = Object.assign(document.createElement("p"), {
      className: "meta",
      textContent: "waiting for a worker",
    });
    words.dataset.jobPart = "line";
    holder.replaceChildren(bar, words);
    history.replaceState(null, "", `?job=${id}`);
    let over = false;
    const look = async () => {
      const job = await callJson("GET", `/api/v1/jobs/${id}/`);
      if (!over && job.state === "running" && job.total) {
        bar.max = job.total;
        bar.value = job.done;
        words.textContent = progressLine(job);
      }
      if (!over && FINISHED.has(job.state)) {
        over = true;
        finish(job, bar, words);
      }
    };
    document.body.addEventListener(`themis:job-${id}`, () => look().catch(() => {}));
    look().catch((error) => fail(error.message));
  }

  async function finish(job, bar, words) {
    if (job.state !== "succeeded") {
      mark("ingest", "bad");
      bar.remove();
      words.textContent = job.state;
      fail(job.error || "The ingest was cancelled; nothing has changed.");
      form.hidden = false;
      form.file.value = "";
      return;
    }
    bar.max = 1;
    bar.value = 1;
    words.textContent = `done, ${amount(job.total, job.unit)}${job.rate ? ` at ${rate(job.rate, job.unit)}` : ""}`;
    mark("ingest", "done");
    mark("version", "now");
    const version = await callJson("GET", `/api/v1/versions/${job.result.version}/`);
    const open = part("open", "version");
    open.hidden = false;
    open.href = form.dataset.versionUrl.replace("/0/", `/${version.id}/`);
    open.textContent = `Open version ${version.number}`;
    const words2 = document.createElement("p");
    words2.className = "meta";
    const said = ["num_added", "num_changed", "num_unchanged"]
      .filter((name) => name in job.result)
      .map((name) => `${number(job.result[name])} ${name.slice(4)}`);
    words2.textContent = [
      `${number(version.num_samples)} samples`,
      bytes(version.num_bytes),
      `${number(job.result.num_rejects ?? version.num_rejects)} rejected`,
      ...said,
    ].join(", ");
    step("version").append(words2);
  }

  // One file after the other, each resumable; then one ingest of all.
  async function send(files, sent) {
    for (const [at, file] of files.entries()) {
      part("name", "upload").textContent =
        files.length > 1 ? `${at + 1} of ${files.length}: ${file.name}` : file.name;
      const upload = new Upload(file, { show });
      sent.push(upload);
      const pause = part("pause", "upload");
      pause.textContent = "Pause";
      pause.onclick = () => {
        if (upload.paused) upload.resume();
        else {
          upload.pause();
          part("line", "upload").textContent = `paused at ${bytes(upload.offset)} of ${bytes(file.size)}`;
        }
        pause.textContent = upload.paused ? "Resume" : "Pause";
      };
      part("cancel", "upload").onclick = () =>
        Promise.all(sent.map((each) => each.cancel())).then(() => {
          line.hidden = true;
          form.hidden = false;
          form.reset();
        });
      if (
        !(await upload.run((message) => {
          part("line", "upload").textContent = message;
        }))
      )
        return false;
    }
    return true;
  }

  async function take(list) {
    const files = [...list];
    if (!files.length) return;
    trouble.replaceChildren();
    form.hidden = true;
    line.hidden = false;
    mark("upload", "now");
    for (const later of ["ingest", "version"]) mark(later, "todo");
    part("progress", "ingest").replaceChildren();
    part("job", "ingest").hidden = true;
    choices(true);
    const sent = [];
    addEventListener("beforeunload", warn);
    try {
      if (!(await send(files, sent))) return;
      mark("upload", "done");
      choices(false);
      part("line", "upload").textContent =
        `done, ${bytes(files.reduce((total, file) => total + file.size, 0))}`;
      const source = sent.length > 1 ? { uploads: sent.map((each) => each.id) } : { upload: sent[0].id };
      const { job } = await callJson("POST", `/api/v1/datasets/${form.dataset.dataset}/versions/`, {
        json: { ...source, mode: form.mode?.value ?? "append", note: form.note.value },
      });
      for (const each of sent) localStorage.removeItem(each.memory);
      follow(job.id);
    } catch (error) {
      mark("upload", "bad");
      const last = sent[sent.length - 1];
      const resumable = last?.url && (error.status === 0 || error.status >= 500);
      fail(
        resumable
          ? `${error.message} Choose the same again to go on at ${bytes(last.offset)} of ${last.file.name}.`
          : error.message,
      );
      line.hidden = !resumable;
      choices(false);
      form.hidden = false;
      form.file.value = "";
    } finally {
      removeEventListener("beforeunload", warn);
    }
  }

  const warn = (event) => event.preventDefault();
  form.file.addEventListener("change", () => take(form.file.files));
  const drop = form.querySelector("[data-drop]");
  for (const name of ["dragenter", "dragover"])
    drop.addEventListener(name, (event) => {
      event.preventDefault();
      drop.classList.add("over");
    });
  for (const name of ["dragleave", "drop"]) drop.addEventListener(name, () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  // A file may have been chosen before this script was there.
  take(form.file.files);
  if (form.dataset.runningJob) {
    form.hidden = true;
    line.hidden = false;
    mark("upload", "done");
    part("bar", "upload").value = 1;
    choices(false);
    follow(form.dataset.runningJob);
  }
}

document.querySelectorAll("[data-upload]").forEach(start);
