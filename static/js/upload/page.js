// The upload's page: files one after the other, each resumable, then one ingest of all into a version.
import { el } from "../dom.js";
import { bytes } from "../format.js";
import { callJson } from "../http.js";
import { Line } from "./line.js";
import { Transfer } from "./transfer.js";

const FINISHED = new Set(["succeeded", "failed", "cancelled"]);

const warn = (event) => event.preventDefault();

class UploadPage {
  constructor(form) {
    this.form = form;
    this.line = new Line(document.querySelector("[data-upload-line]"));
    this.trouble = document.querySelector("[data-upload-error]");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.file.addEventListener("change", () => this.take(form.file.files));
    this.acceptDrops(form.querySelector("[data-drop]"));
    // A file may have been chosen before this script was there.
    this.take(form.file.files);
    if (form.dataset.runningJob) {
      form.hidden = true;
      this.line.uploadedBefore();
      this.follow(form.dataset.runningJob);
    }
  }

  acceptDrops(place) {
    for (const name of ["dragenter", "dragover"])
      place.addEventListener(name, (event) => {
        event.preventDefault();
        place.classList.add("over");
      });
    for (const name of ["dragleave", "drop"])
      place.addEventListener(name, () => place.classList.remove("over"));
    place.addEventListener("drop", (event) => {
      event.preventDefault();
      this.take(event.dataTransfer.files);
    });
  }

  async take(list) {
    const files = [...list];
    if (!files.length) return;
    const transfers = [];
    this.trouble.replaceChildren();
    this.form.hidden = true;
    this.line.begin();
    addEventListener("beforeunload", warn);
    try {
      if (!(await this.send(files, transfers))) return;
      this.line.uploaded(files.reduce((total, file) => total + file.size, 0));
      const job = await this.ingest(transfers);
      for (const each of transfers) each.forget();
      this.follow(job.id);
    } catch (error) {
      this.broken(error, transfers.at(-1));
    } finally {
      removeEventListener("beforeunload", warn);
    }
  }

  // True when all files are there; `transfers` grows by each that was begun.
  async send(files, transfers) {
    const cancel = async () => {
      await Promise.all(transfers.map((each) => each.cancel()));
      this.line.root.hidden = true;
      this.form.hidden = false;
      this.form.reset();
    };
    for (const [at, file] of files.entries()) {
      this.line.naming(files.length > 1 ? `${at + 1} of ${files.length}: ${file.name}` : file.name);
      const transfer = new Transfer(file, { show: (progress) => this.line.show(progress) });
      transfers.push(transfer);
      this.line.control(transfer, { cancel });
      if (!(await transfer.run((words) => this.line.say(words)))) return false;
    }
    return true;
  }

  async ingest(transfers) {
    const { form } = this;
    const ids = transfers.map((each) => each.id);
    const source = ids.length > 1 ? { uploads: ids } : { upload: ids[0] };
    const { job } = await callJson("POST", `/api/v1/datasets/${form.dataset.dataset}/versions/`, {
      json: { ...source, mode: form.mode?.value ?? "append", note: form.note.value },
    });
    return job;
  }

  // Where only the connection or the server failed, what was sent is not lost, and the line stays to show it.
  broken(error, last) {
    const resumable = last?.url && (error.status === 0 || error.status >= 500);
    const goOn = resumable ? ` Choose the same again to go on at ${bytes(last.offset)} of ${last.name}.` : "";
    this.fail(`${error.message}${goOn}`);
    this.line.broken();
    this.line.root.hidden = !resumable;
    this.offerAgain();
  }

  fail(message) {
    this.trouble.replaceChildren(
      el("p", { className: "th-note err", attrs: { role: "alert" }, textContent: message }),
    );
  }

  offerAgain() {
    this.form.hidden = false;
    this.form.file.value = "";
  }

  // Its progress comes with the live events; the job is asked for at the start and whenever one announces it.
  follow(id) {
    this.line.ingesting(id, this.form.dataset.jobUrl.replace("/0/", `/${id}/`));
    history.replaceState(null, "", `?job=${id}`);
    let over = false;
    const look = async () => {
      const job = await callJson("GET", `/api/v1/jobs/${id}/`);
      if (over) return;
      if (job.state === "running" && job.total) this.line.ingestedSoFar(job);
      if (FINISHED.has(job.state)) {
        over = true;
        this.finish(job);
      }
    };
    document.body.addEventListener(`themis:job-${id}`, () => look().catch(() => {}));
    look().catch((error) => this.fail(error.message));
  }

  async finish(job) {
    if (job.state !== "succeeded") {
      this.line.notIngested(job);
      this.fail(job.error || "The ingest was cancelled; nothing has changed.");
      this.offerAgain();
      return;
    }
    this.line.ingested(job);
    const version = await callJson("GET", `/api/v1/versions/${job.result.version}/`);
    const address = this.form.dataset.versionUrl.replace("/0/", `/${version.id}/`);
    this.line.published(version, address, job.result);
  }
}

document.querySelectorAll("[data-upload]").forEach((form) => new UploadPage(form));
