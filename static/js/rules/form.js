// The form of a weighting rule, kept as JSON in its text area; what the rule gives is drawn as one writes it.
import { callJson } from "../http.js";
import { Charts } from "./charts.js";

// So long after the last key, the server is asked.
const PAUSE_MS = 250;

// A number, perhaps with a decimal comma; what is none stays as it is, and the server says so.
function numeric(text) {
  const value = Number(text.trim().replace(",", "."));
  return text.trim() !== "" && Number.isFinite(value) ? value : text;
}

class Form {
  constructor(form) {
    this.form = form;
    this.area = form.querySelector("textarea[name=definition]");
    this.template = form.querySelector("[data-row-template]");
    const charts = document.querySelector("[data-rule-charts]");
    this.charts = charts && new Charts(charts);
    this.fill();
    form.addEventListener("input", (event) => {
      if (event.target === this.area) this.fill();
      else if (event.target.closest("[data-kinds], [data-key]")) this.write();
    });
    form.addEventListener("click", (event) => this.click(event));
  }

  get kind() {
    return this.form.querySelector("[data-key=kind]").value;
  }

  // What the text area says, into the inputs.
  fill() {
    let rule;
    try {
      rule = JSON.parse(this.area.value);
    } catch {
      return;
    }
    if (typeof rule !== "object" || rule === null) return;
    for (const input of this.form.querySelectorAll("[data-key]"))
      input.value = rule[input.dataset.key] ?? (input.tagName === "SELECT" ? input.value : "");
    for (const box of this.form.querySelectorAll("[data-rows]")) {
      box.replaceChildren();
      for (const [x, y] of rowsOf(rule, box.dataset.rows)) this.add(box, x, y);
    }
    this.show();
    this.ask();
  }

  add(box, x = "", y = "") {
    const row = this.template.content.firstElementChild.cloneNode(true);
    row.querySelector("[data-x]").value = x;
    row.querySelector("[data-y]").value = y;
    if (box.dataset.rows !== "factors") row.querySelector("[data-x]").inputMode = "decimal";
    box.append(row);
  }

  // Whether an input, or a box of rows, belongs to the kind of rule that is chosen.
  belongs(element) {
    const part = element.closest("[data-kinds]");
    return !part || part.dataset.kinds.split(" ").includes(this.kind);
  }

  show() {
    for (const part of this.form.querySelectorAll("[data-kinds]")) part.hidden = !this.belongs(part);
  }

  click(event) {
    const add = event.target.closest("[data-add]");
    const remove = event.target.closest("[data-remove]");
    if (add) {
      const box = this.form.querySelector(`[data-rows="${add.dataset.add}"]`);
      this.add(box);
      box.lastElementChild.querySelector("input").focus();
    }
    if (remove) {
      remove.closest(".th-mix-row").remove();
      this.write();
    }
  }

  // What the inputs of the kind say, into the text area.
  write() {
    const rule = { kind: this.kind };
    for (const input of this.form.querySelectorAll("[data-key]")) {
      const { key } = input.dataset;
      if (key === "kind" || !this.belongs(input) || input.value.trim() === "") continue;
      rule[key] = "number" in input.dataset ? numeric(input.value) : input.value;
    }
    for (const box of this.form.querySelectorAll("[data-rows]"))
      if (this.belongs(box)) rule[box.dataset.rows] = writtenRows(box);
    this.area.value = JSON.stringify(rule, null, 1);
    this.show();
    this.ask();
  }

  ask() {
    clearTimeout(this.timer);
    this.controller?.abort(); // it was asked for the rule of before
    if (this.form.dataset.preview && this.charts) this.timer = setTimeout(() => this.preview(), PAUSE_MS);
  }

  async preview() {
    this.controller = new AbortController();
    const trouble = this.form.querySelector("[data-rule-error]");
    // What the live check says is newer.
    for (const sent of this.form.querySelectorAll("[data-sent-error]")) sent.remove();
    try {
      const spread = await callJson("POST", this.form.dataset.preview, {
        json: JSON.parse(this.area.value),
        signal: this.controller.signal,
      });
      trouble.hidden = true;
      this.charts.draw(spread, this.kind);
    } catch (error) {
      if (error.name === "AbortError") return;
      trouble.hidden = false;
      trouble.textContent = error.message;
      this.charts.clear();
    }
  }
}

// The pairs of a rule under `key`; where it has none, empty ones to begin with.
function rowsOf(rule, key) {
  if (key === "factors") return Object.entries(rule.factors ?? { "": "" });
  const empty = ["", ""];
  return rule[key] ?? [empty, empty];
}

// Factors are told by their value; points and steps are pairs of numbers, in order.
function writtenRows(box) {
  const pairs = [...box.children]
    .map((row) => [row.querySelector("[data-x]").value, row.querySelector("[data-y]").value])
    .filter(([x, y]) => x.trim() !== "" && y.trim() !== "");
  if (box.dataset.rows === "factors") return Object.fromEntries(pairs.map(([x, y]) => [x, numeric(y)]));
  return pairs.map(([x, y]) => [numeric(x), numeric(y)]).sort((a, b) => a[0] - b[0]);
}

for (const form of document.querySelectorAll("[data-rule]")) new Form(form);
const told = document.getElementById("rule-spread");
if (told) {
  const root = document.querySelector("[data-rule-charts]");
  new Charts(root).draw(JSON.parse(told.textContent), root.dataset.kind);
}
