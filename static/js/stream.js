// The stream page: asks the API what the form's request would send, and shows that and the code that runs it.
import { bytes, number } from "./format.js";
import { callJson } from "./http.js";
import { jsonNodes } from "./code.js";
import { bare, bodyOf, canGoOn, themeRows } from "./request.js";
import { snippets } from "./snippets.js";

function beam(weight) {
  const x = 32 * Math.min(Math.max(weight, 0), 2);
  const box = document.createElement("span");
  box.className = "th-w";
  box.title = weight.toFixed(4);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "th-beam");
  svg.setAttribute("viewBox", "0 0 64 12");
  const add = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    svg.append(made);
  };
  add("path", { class: "ax", d: "M0 6h64" });
  add("rect", { class: x >= 32 ? "hv" : "lt", x: Math.min(x, 32), y: 4, width: Math.abs(x - 32), height: 4 });
  add("path", { class: "pv", d: "M32 1v10" });
  box.append(svg, weight.toFixed(2));
  return box;
}

const tag = (name, className, ...children) => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
};

class StreamPage {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("form");
    this.part = (name) => document.querySelector(`[data-part="${name}"]`);
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
    const select = row.querySelector("select");
    const taken = rows.map((each) => each.querySelector("select").value);
    const free = [...select.options].find((option) => option.value && !taken.includes(option.value));
    select.removeAttribute("id");
    select.setAttribute("aria-label", "Theme");
    select.querySelector("option[value='']").remove();
    if (free) select.value = free.value;
    row.querySelector("[data-proportion]").value = "";
    const remove = row.querySelector("[data-remove]");
    remove.addEventListener("click", () => {
      row.remove();
      this.changed();
    });
    rows.at(-1).after(row);
    this.changed();
    select.focus();
  }

  changed() {
    const { form } = this;
    const format = form.format.value;
    const rows = themeRows(form);
    const weighted = form.order.value === "weighted";
    const show = (selector, shown) => {
      for (const each of form.querySelectorAll(selector)) each.hidden = !shown;
    };
    for (const field of form.querySelectorAll("[data-formats]"))
      field.hidden = !field.dataset.formats.split(" ").includes(format);
    for (const box of form.querySelectorAll("[data-usual]"))
      if (!("touched" in box.dataset)) box.checked = !bare(form);
    this.part("shape").textContent = form.format.selectedOptions[0].dataset.shape;
    show("[data-not-raw]", format !== "raw");
    show("[data-weighting]", format !== "raw" || weighted);
    show("[data-weight-switch]", !weighted);
    show("[data-weights]", weighted || form.enable_weights.checked);
    show("[data-freshness]", form.auto_weight_by_freshness.checked);
    show("[data-stored]", canGoOn(form));
    show("[data-drawn]", form.order.value !== "stored");
    show("[data-mixed], [data-proportion]", rows.length > 1);
    rows.forEach((row, i) => {
      row.querySelector("[data-remove]").hidden = i === 0;
    });
    show(
      "[data-mix-in]",
      rows[0].querySelector("select").value &&
        rows.length < rows[0].querySelector("select").options.length - 1,
    );
    form.metadata_fields.hidden = !form.include_metadata.checked;
    this.part("theme").textContent =
      rows.map((row) => row.querySelector("select").value).join(" + ") || "none";
    this.part("version").textContent = form.version.selectedOptions[0].textContent;
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the form of before
    let body;
    try {
      body = bodyOf(form);
    } catch (error) {
      this.failed(error);
      return;
    }
    const panels = this.part("code").querySelectorAll("pre");
    snippets(this.root.dataset.endpoint, body).forEach((words, i) => {
      panels[i].textContent = words;
    });
    this.timer = setTimeout(() => this.ask(body), 300);
  }

  async ask(body) {
    this.controller = new AbortController();
    try {
      this.show(
        await callJson("POST", "/api/export/jsonl_llm/stream", {
          json: { ...body, dry_run: true },
          signal: this.controller.signal,
        }),
      );
    } catch (error) {
      if (error.name !== "AbortError") this.failed(error);
    }
  }

  failed(error) {
    for (const name of ["lines", "mix"]) this.part(name).replaceChildren();
    this.part("lines-meta").textContent = "";
    for (const name of ["num_samples", "bytes", "tokens", "plan"]) this.part(name).textContent = "–";
    this.notes([["err", error.message]]);
    this.errors(error.fields ?? {});
  }

  errors(fields) {
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

  notes(list) {
    this.part("notes").replaceChildren(
      ...list.map(([kind, words]) => {
        const note = document.createElement("p");
        note.className = `th-note ${kind}`;
        note.textContent = words;
        return note;
      }),
    );
  }

  show(plan) {
    this.errors({});
    this.part("num_samples").textContent = number(plan.num_samples);
    this.part("total").textContent =
      plan.total === plan.num_samples ? "all of the selection" : `of ${number(plan.total)}`;
    this.part("bytes").textContent = bytes(plan.estimated_bytes);
    this.part("tokens").textContent = number(plan.estimated_tokens);
    const id = document.createElement("button");
    Object.assign(id, {
      type: "button",
      className: "th-id",
      title: plan.plan,
      textContent: plan.plan.slice(0, 8),
    });
    id.dataset.copy = plan.plan;
    this.part("plan").replaceChildren(id);
    const notes = plan.missing_fields.map((name) => [
      "warn",
      `No sample has the field ${name}, so it is left out or counts as empty.`,
    ]);
    if (plan.num_duplicates) notes.push(["info", `${number(plan.num_duplicates)} duplicates are left out.`]);
    if (plan.num_invalid) notes.push(["info", `${number(plan.num_invalid)} samples ${this.reason()}.`]);
    if (!plan.num_samples)
      notes.push([
        "warn",
        "Nothing is left to stream. Loosen the dates, the filters or the theme, or name the fields of this dataset under Format.",
      ]);
    this.notes(notes);
    this.part("mix").replaceChildren(...(plan.themes ? [this.mix(plan.themes)] : []));
    this.part("lines-meta").textContent = plan.lines.length
      ? `${plan.lines.length} of ${number(plan.num_samples)}`
      : "";
    this.part("lines").replaceChildren(...plan.lines.map((line) => this.line(line)));
  }

  reason() {
    const schema = this.form.json_schema.value.trim();
    if (!schema) return "hold no conversation and are left out";
    return this.form.reject_invalid.checked
      ? "are left out: their output does not satisfy the schema"
      : "do not satisfy the schema and stay";
  }

  // What each theme of a mix gives.
  mix(themes) {
    const cell = (name, ...words) => tag("td", name, ...words);
    const heads = ["Theme", "Share", "Lines", "Repeated", "Size"].map((words, i) =>
      tag("th", i ? "num" : "", words),
    );
    const rows = themes.map((each) =>
      tag(
        "tr",
        "",
        cell("name", each.theme),
        cell("num", `${(100 * each.proportion).toFixed(1)} %`),
        cell("num", number(each.num_samples)),
        cell("num", number(each.num_repeats)),
        cell("num", bytes(each.bytes)),
      ),
    );
    return tag(
      "div",
      "th-scroll",
      tag("table", "th-ledger", tag("thead", "", tag("tr", "", ...heads)), tag("tbody", "", ...rows)),
    );
  }

  line(raw) {
    const box = document.createElement("div");
    box.className = "th-code th-lines";
    const sample = JSON.parse(raw);
    if (typeof sample.weight === "number" && this.form.format.value !== "raw") {
      const bar = document.createElement("div");
      bar.className = "bar";
      const words = document.createElement("span");
      words.className = "th-type";
      words.textContent = "weight";
      bar.append(words, beam(sample.weight));
      box.append(bar);
    }
    const pre = document.createElement("pre");
    pre.className = "wrap";
    pre.tabIndex = 0;
    pre.append(jsonNodes(raw));
    box.append(pre);
    return box;
  }
}

document.querySelectorAll("[data-stream]").forEach((root) => new StreamPage(root));
