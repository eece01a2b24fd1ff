// The stream's page: asks the API what the form's request would send, and shows it with the code to run it.
import { callJson } from "../http.js";
import { showFailure, showPlan } from "./plan.js";
import { bare, bodyOf, canGoOn, themeRows } from "./request.js";
import { snippets } from "./snippets.js";

// So long after the last change, the server is asked.
const PAUSE_MS = 300;

const themeOf = (row) => row.querySelector("select");

class StreamPage {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("form");
    const { form } = this;
    form.addEventListener("input", (event) => {
      event.target.dataset.touched = "";
      this.changed();
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.querySelector("[data-go]").addEventListener("change", (event) => {
      location.search = `?dataset=${event.target.selectedOptions[0].dataset.id}`;
    });
    form.querySelector("[data-mix-in]")?.addEventListener("click", () => this.mixIn());
    form.dataset.ready = "";
    this.changed();
  }

  // Another row for a theme that is not in the mix yet.
  mixIn() {
    const rows = themeRows(this.form);
    const row = rows[0].cloneNode(true);
    const select = themeOf(row);
    const taken = rows.map((each) => themeOf(each).value);
    const free = [...select.options].find((option) => option.value && !taken.includes(option.value));
    select.removeAttribute("id");
    select.setAttribute("aria-label", "Theme");
    select.querySelector("option[value='']").remove();
    if (free) select.value = free.value;
    row.querySelector("[data-proportion]").value = "";
    row.querySelector("[data-remove]").addEventListener("click", () => {
      row.remove();
      this.changed();
    });
    rows.at(-1).after(row);
    this.changed();
    select.focus();
  }

  changed() {
    this.arrange();
    this.tellWhat();
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the form of before
    let body;
    try {
      body = bodyOf(this.form);
    } catch (error) {
      this.fail(error);
      return;
    }
    const panels = document.querySelectorAll("[data-part=code] pre");
    snippets(this.root.dataset.endpoint, body).forEach((words, i) => {
      panels[i].textContent = words;
    });
    this.timer = setTimeout(() => this.ask(body), PAUSE_MS);
  }

  // Only the inputs that the other ones leave a meaning to are shown.
  arrange() {
    const { form } = this;
    const format = form.format.value;
    const isRaw = format === "raw";
    const weighted = form.order.value === "weighted";
    const rows = themeRows(form);
    const first = themeOf(rows[0]);
    const show = (selector, shown) => {
      for (const each of form.querySelectorAll(selector)) each.hidden = !shown;
    };
    for (const field of form.querySelectorAll("[data-formats]"))
      field.hidden = !field.dataset.formats.split(" ").includes(format);
    // What nobody has touched follows the format.
    for (const box of form.querySelectorAll("[data-usual]"))
      if (!("touched" in box.dataset)) box.checked = !bare(form);
    show("[data-not-raw]", !isRaw);
    show("[data-weighting]", !isRaw || weighted);
    show("[data-weight-switch]", !weighted);
    show("[data-weights]", weighted || form.enable_weights.checked);
    show("[data-freshness]", form.auto_weight_by_freshness.checked);
    show("[data-stored]", canGoOn(form));
    show("[data-drawn]", form.order.value !== "stored");
    show("[data-mixed], [data-proportion]", rows.length > 1);
    // One of the options is the whole dataset, which is mixed with nothing.
    show("[data-mix-in]", first.value && rows.length < first.options.length - 1);
    rows.forEach((row, i) => {
      row.querySelector("[data-remove]").hidden = i === 0;
    });
    form.metadata_fields.hidden = !form.include_metadata.checked;
  }

  tellWhat() {
    const { form } = this;
    const say = (name, words) => {
      document.querySelector(`[data-part="${name}"]`).textContent = words;
    };
    const themes = themeRows(form).map((row) => themeOf(row).value);
    say("shape", form.format.selectedOptions[0].dataset.shape);
    say("theme", themes.join(" + ") || "none");
    say("version", form.version.selectedOptions[0].textContent.trim());
  }

  async ask(body) {
    this.controller = new AbortController();
    const { signal } = this.controller;
    const json = { ...body, dry_run: true };
    try {
      const plan = await callJson("POST", "/api/export/jsonl_llm/stream", { json, signal });
      this.mark({});
      showPlan(plan, this.form);
    } catch (error) {
      if (error.name !== "AbortError") this.fail(error);
    }
  }

  fail(error) {
    showFailure(error);
    this.mark(error.fields ?? {});
  }

  // The inputs of the fields that the API finds wrong; `themes[1].proportion` is one of the mix's rows.
  mark(fields) {
    this.form.querySelectorAll(".is-error").forEach((each) => each.classList.remove("is-error"));
    for (const name of Object.keys(fields)) {
      const [, row, what] = /^themes\[(\d+)\]\.(\w+)/.exec(name) ?? [];
      const place =
        row === undefined
          ? this.form[name.split(".").at(-1)]
          : themeRows(this.form)[row]?.querySelector(what === "theme" ? "select" : "[data-proportion]");
      place?.classList?.add("is-error");
    }
  }
}

document.querySelectorAll("[data-stream]").forEach((root) => new StreamPage(root));
