// The line on the upload's page: upload, ingest, version, each marked as it comes.
import { el } from "../dom.js";
import { amount, bytes, number, progressLine, rate } from "../format.js";

export class Line {
  constructor(root) {
    this.root = root;
  }

  #step(name) {
    return this.root.querySelector(`[data-step="${name}"]`);
  }

  #part(name, step) {
    return this.#step(step).querySelector(`[data-part="${name}"]`);
  }

  #mark(step, look) {
    this.#step(step).className = look;
  }

  // Empty again, with the upload under way.
  begin() {
    this.root.hidden = false;
    this.#mark("upload", "now");
    for (const later of ["ingest", "version"]) this.#mark(later, "todo");
    this.#part("progress", "ingest").replaceChildren();
    this.#part("job", "ingest").hidden = true;
    this.#offer(true);
  }

  // Pausing and cancelling are offered while something is sent.
  #offer(offered) {
    for (const name of ["pause", "cancel"]) this.#part(name, "upload").hidden = !offered;
  }

  naming(words) {
    this.#part("name", "upload").textContent = words;
  }

  say(words) {
    this.#part("line", "upload").textContent = words;
  }

  show(progress) {
    const bar = this.#part("bar", "upload");
    bar.max = progress.total;
    bar.value = progress.done;
    this.say(progressLine(progress));
  }

  // The buttons work on the transfer that is under way; cancelling is for all of them.
  control(transfer, { cancel }) {
    const pause = this.#part("pause", "upload");
    pause.textContent = "Pause";
    pause.onclick = () => {
      if (transfer.paused) transfer.resume();
      else {
        transfer.pause();
        this.say(`paused at ${bytes(transfer.offset)} of ${bytes(transfer.size)}`);
      }
      pause.textContent = transfer.paused ? "Resume" : "Pause";
    };
    this.#part("cancel", "upload").onclick = cancel;
  }

  broken() {
    this.#mark("upload", "bad");
    this.#offer(false);
  }

  uploaded(numBytes) {
    this.#mark("upload", "done");
    this.#offer(false);
    this.say(`done, ${bytes(numBytes)}`);
  }

  // The page was loaded again after the upload had been over.
  uploadedBefore() {
    this.root.hidden = false;
    this.#mark("upload", "done");
    this.#part("bar", "upload").value = 1;
    this.#offer(false);
  }

  // The live events find the job's figures by `data-job` and `data-job-part`.
  ingesting(job, address) {
    this.#mark("ingest", "now");
    const link = this.#part("job", "ingest");
    link.hidden = false;
    link.href = address;
    link.textContent = `job ${job}`;
    const holder = this.#part("progress", "ingest");
    holder.dataset.job = job;
    this.bar = el("progress", {
      className: "th-progress",
      max: 1,
      data: { jobPart: "bar" },
      attrs: { "aria-label": "Ingest" },
    });
    this.words = el("p", {
      className: "meta",
      textContent: "waiting for a worker",
      data: { jobPart: "line" },
    });
    holder.replaceChildren(this.bar, this.words);
  }

  ingestedSoFar(job) {
    this.bar.max = job.total;
    this.bar.value = job.done;
    this.words.textContent = progressLine(job);
  }

  notIngested(job) {
    this.#mark("ingest", "bad");
    this.bar.remove();
    this.words.textContent = job.state;
  }

  ingested(job) {
    this.bar.max = 1;
    this.bar.value = 1;
    const speed = job.rate ? ` at ${rate(job.rate, job.unit)}` : "";
    this.words.textContent = `done, ${amount(job.total, job.unit)}${speed}`;
    this.#mark("ingest", "done");
    this.#mark("version", "now");
  }

  published(version, address, result) {
    const open = this.#part("open", "version");
    open.hidden = false;
    open.href = address;
    open.textContent = `Open version ${version.number}`;
    const differing = ["added", "changed", "unchanged"].filter((what) => `num_${what}` in result);
    const facts = [
      `${number(version.num_samples)} samples`,
      bytes(version.num_bytes),
      `${number(result.num_rejects ?? version.num_rejects)} rejected`,
      ...differing.map((what) => `${number(result[`num_${what}`])} ${what}`),
    ];
    this.#step("version").append(el("p", { className: "meta", textContent: facts.join(", ") }));
  }
}
