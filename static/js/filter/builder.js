// The filter builder: conditions as rows, kept as JSON in the form's text area, counted live by the API.
import { number } from "../format.js";
import { callJson } from "../http.js";
import { Rows } from "./rows.js";
import { Fields, isComplete, parse, written } from "./tree.js";

// So long after the last key, the server is asked.
const PAUSE_MS = 250;

class Builder {
  constructor(root) {
    this.root = root;
    this.area = root.querySelector("textarea[name=where]");
    this.place = root.querySelector("[data-tree]");
    this.total = root.querySelector("[data-count]");
    this.trouble = root.querySelector("[data-filter-error]");
    this.matches = document.querySelector("[data-matches]");
    const fields = new Fields(JSON.parse(document.getElementById("theme-fields").textContent));
    const changed = (options) => this.changed(options);
    this.rows = new Rows({ fields, icons: root.dataset.icons, changed });
    this.tree = parse(this.area.value) ?? { all: [fields.fresh()] };
    this.render();
    this.write();
    this.area.addEventListener("input", () => this.read());
  }

  // What somebody writes into the text area, as rows; the text stays as it was written.
  read() {
    const tree = parse(this.area.value);
    if (!tree) return;
    this.tree = tree;
    this.render();
  }

  write() {
    this.area.value = JSON.stringify(written(this.tree), null, 1);
  }

  changed({ redraw = false } = {}) {
    this.write();
    if (redraw) this.render();
    else this.count();
  }

  render() {
    this.place.replaceChildren(this.rows.draw(this.tree));
    this.count();
  }

  count() {
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the filter of before
    this.total.setAttribute("aria-busy", "true");
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  async ask() {
    this.controller = new AbortController();
    const { signal } = this.controller;
    this.trouble.hidden = true;
    for (const { count } of this.rows.leaves) count.textContent = "";
    if (!this.root.dataset.preview) return;
    // What the live check says is newer.
    for (const sent of this.root.querySelectorAll("[data-sent-error]")) sent.remove();
    const where = written(this.tree);
    if (!isComplete(where)) {
      this.total.textContent = "–";
      this.total.setAttribute("aria-busy", "false");
      return;
    }
    try {
      this.show(await callJson("POST", this.root.dataset.preview, { json: { where }, signal }));
      // Another filter has other samples, and a server that is gone is told of here already.
      this.samples(where, signal).catch(() => {});
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
    } finally {
      if (!signal.aborted) this.total.setAttribute("aria-busy", "false");
    }
  }

  show(answer) {
    this.total.textContent = number(answer.num_samples);
    const bar = this.root.querySelector("[data-share]");
    bar.max = answer.total || 1;
    bar.value = answer.num_samples;
    // What each condition keeps by itself comes in the order in which they are written.
    if (this.rows.leaves.length < 2) return;
    this.rows.leaves.forEach(({ count }, i) => {
      count.textContent = `keeps ${number(answer.counts[i]?.num_samples)} by itself`;
    });
  }

  fail(error) {
    this.total.textContent = "–";
    this.trouble.hidden = false;
    this.trouble.textContent = error.message;
  }

  async samples(where, signal) {
    if (!this.matches) return;
    const body = new FormData();
    body.set("where", JSON.stringify(where));
    body.set("csrfmiddlewaretoken", document.body.dataset.csrf);
    const response = await fetch(this.matches.dataset.matches, { method: "POST", body, signal });
    if (response.ok) this.matches.innerHTML = await response.text();
  }
}

document.querySelectorAll("[data-conditions]").forEach((root) => new Builder(root));
