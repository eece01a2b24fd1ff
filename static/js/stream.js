// Builds a stream request from the form, asks the API what it would send, and writes the code that runs it.
import { bytes, number } from "./format.js";
import { callJson } from "./http.js";
import { jsonNodes } from "./code.js";

const WHOLE = ["start", "limit", "batch_size"];
const WORDS = ["from_date", "to_date", "domain", "subject"];
const QUALITY = { min_output_length: Number, max_output_length: Number, min_rating: Number };

const text = (form, name) => (form[name] && !form[name].disabled ? form[name].value.trim() : "");
const filled = (object) => Object.keys(object).length > 0;

// Only what differs from the API's defaults, so that the request stays short.
export function bodyOf(form, format) {
  const body = {};
  const theme = text(form, "theme");
  if (theme) body.theme = theme;
  body.dataset = form.dataset.value;
  if (form.version.value !== "latest") body.version = Number(form.version.value);
  for (const name of WORDS) if (text(form, name)) body[name] = text(form, name);
  if (format !== "instruction_tuning") body.format = format;
  const mapping = {};
  for (const field of form.querySelectorAll("[data-formats]")) {
    const input = field.querySelector("input");
    if (field.dataset.formats.split(" ").includes(format) && input.value.trim()) mapping[input.name] = input.value.trim();
  }
  if (filled(mapping)) body.field_mapping = mapping;
  if (format !== "raw") {
    if (!form.include_metadata.checked) body.include_metadata = false;
    else if (text(form, "metadata_fields")) body.metadata_fields = text(form, "metadata_fields").split(",").map((name) => name.trim()).filter(Boolean);
    const weighting = weightingOf(form);
    if (filled(weighting)) body.weighting = weighting;
    const quality = {};
    for (const [name, read] of Object.entries(QUALITY)) if (text(form, name)) quality[name] = read(text(form, name));
    if (!form.skip_empty_outputs.checked) quality.skip_empty_outputs = false;
    if (filled(quality)) body.quality_filters = quality;
  }
  if (form.order.value !== "stored") {
    body.order = form.order.value;
    for (const name of ["seed", "epoch"]) if (text(form, name)) body[name] = Number(text(form, name));
  }
  for (const name of WHOLE) if (text(form, name)) body[name] = Number(text(form, name));
  return body;
}

function weightingOf(form) {
  if (!form.enable_weights.checked) return { enable_weights: false };
  const weighting = {};
  if (text(form, "weight_field")) weighting.weight_field = text(form, "weight_field");
  if (text(form, "default_weight")) weighting.default_weight = Number(text(form, "default_weight"));
  if (form.auto_weight_by_length.checked) weighting.auto_weight_by_length = true;
  if (form.auto_weight_by_freshness.checked) {
    weighting.auto_weight_by_freshness = true;
    if (text(form, "freshness_half_life_days")) weighting.freshness_half_life_days = Number(text(form, "freshness_half_life_days"));
    if (text(form, "timestamp_field")) weighting.timestamp_field = text(form, "timestamp_field");
  }
  return weighting;
}

const shellQuoted = (words) => `'${words.replaceAll("'", "'\\''")}'`;

// Python's literals differ from JSON's in three words.
function python(value, depth = 0) {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null) return "None";
  if (Array.isArray(value)) return `[${value.map((each) => python(each, depth)).join(", ")}]`;
  if (typeof value === "object") {
    const pad = "    ".repeat(depth + 1);
    return `{\n${Object.entries(value).map(([key, each]) => `${pad}${JSON.stringify(key)}: ${python(each, depth + 1)},`).join("\n")}\n${"    ".repeat(depth)}}`;
  }
  return JSON.stringify(value);
}

export function snippets(endpoint, body) {
  const head = `URL = ${JSON.stringify(endpoint)}\nHEADERS = {"Authorization": f"Bearer {os.environ['THEMIS_TOKEN']}"}\nBODY = ${python(body)}\n`;
  const loop = (indent, verb) => [
    "with requests.post(URL, headers=HEADERS, json=BODY, stream=True) as answer:",
    "    answer.raise_for_status()",
    "    for line in answer.iter_lines():",
    `        ${verb}`,
  ].map((line) => indent + line).join("\n");
  return [
    `curl -N -X POST ${endpoint} \\\n  -H "Authorization: Bearer $THEMIS_TOKEN" \\\n  -H "Content-Type: application/json" \\\n  -d ${shellQuoted(JSON.stringify(body))}`,
    `import json, os\nimport requests\n\n${head}\n${loop("", "sample = json.loads(line)")}`,
    `import json, os\nimport requests\nfrom torch.utils.data import DataLoader, IterableDataset\n\n${head}\n\nclass Stream(IterableDataset):\n    def __iter__(self):\n${loop("        ", "yield json.loads(line)")}\n\n\nloader = DataLoader(Stream(), batch_size=8, collate_fn=list)`,
    `import json, os\nimport requests\nfrom datasets import IterableDataset\n\n${head}\n\ndef samples():\n${loop("    ", "yield json.loads(line)")}\n\n\ndataset = IterableDataset.from_generator(samples)`,
  ];
}

function beam(weight) {
  const x = 32 * Math.min(Math.max(weight, 0), 2);
  const box = document.createElement("span");
  box.className = "th-w";
  box.title = weight.toFixed(4);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "th-beam");
  svg.setAttribute("viewBox", "0 0 64 12");
  const add = (tag, attributes) => { const made = document.createElementNS("http://www.w3.org/2000/svg", tag); for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value); svg.append(made); };
  add("path", { class: "ax", d: "M0 6h64" });
  add("rect", { class: x >= 32 ? "hv" : "lt", x: Math.min(x, 32), y: 4, width: Math.abs(x - 32), height: 4 });
  add("path", { class: "pv", d: "M32 1v10" });
  box.append(svg, weight.toFixed(2));
  return box;
}

class StreamPage {
  constructor(root) {
    this.root = root;
    this.form = root.querySelector("form");
    this.format = this.form.querySelector("[data-format][aria-pressed=true]").value;
    this.part = (name) => document.querySelector(`[data-part="${name}"]`);
    this.form.addEventListener("input", () => this.changed());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.dataset.ready = "";
    this.form.querySelector("[data-go]").addEventListener("change", (event) => { location.search = `?dataset=${event.target.selectedOptions[0].dataset.id}`; });
    for (const button of this.form.querySelectorAll("[data-format]")) button.addEventListener("click", () => { this.format = button.value; this.changed(); });
    this.changed();
  }

  changed() {
    const { form } = this;
    for (const button of form.querySelectorAll("[data-format]")) button.setAttribute("aria-pressed", String(button.value === this.format));
    for (const field of form.querySelectorAll("[data-formats]")) field.hidden = !field.dataset.formats.split(" ").includes(this.format);
    for (const field of form.querySelectorAll("[data-not-raw]")) field.hidden = this.format === "raw";
    form.querySelector("[data-weights]").hidden = !form.enable_weights.checked;
    form.querySelector("[data-freshness]").hidden = !form.auto_weight_by_freshness.checked;
    for (const field of form.querySelectorAll("[data-shuffled]")) field.hidden = form.order.value !== "shuffled";
    form.metadata_fields.hidden = !form.include_metadata.checked;
    this.part("theme").textContent = form.theme.value || "none";
    this.part("version").textContent = form.version.selectedOptions[0].textContent;
    const body = bodyOf(form, this.format);
    const panels = this.part("code").querySelectorAll("pre");
    snippets(this.root.dataset.endpoint, body).forEach((words, i) => { panels[i].textContent = words; });
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(body), 300);
  }

  async ask(body) {
    this.controller?.abort();
    this.controller = new AbortController();
    try {
      const plan = await callJson("POST", "/api/export/jsonl_llm/stream", { json: { ...body, dry_run: true }, signal: this.controller.signal });
      this.show(plan);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.part("lines").replaceChildren();
      this.part("lines-meta").textContent = "";
      for (const name of ["num_samples", "bytes", "tokens", "plan"]) this.part(name).textContent = "–";
      this.notes([["err", error.message]]);
      this.errors(error.fields);
    }
  }

  errors(fields) {
    this.form.querySelectorAll(".is-error").forEach((each) => each.classList.remove("is-error"));
    for (const name of Object.keys(fields)) this.form[name.split(".").at(-1)]?.classList?.add("is-error");
  }

  notes(list) {
    this.part("notes").replaceChildren(...list.map(([kind, words]) => {
      const note = document.createElement("p");
      note.className = `th-note ${kind}`;
      note.textContent = words;
      return note;
    }));
  }

  show(plan) {
    this.errors({});
    this.part("num_samples").textContent = number(plan.num_samples);
    this.part("total").textContent = plan.total === plan.num_samples ? "all of the selection" : `of ${number(plan.total)}`;
    this.part("bytes").textContent = bytes(plan.estimated_bytes);
    this.part("tokens").textContent = number(plan.estimated_tokens);
    const id = document.createElement("button");
    Object.assign(id, { type: "button", className: "th-id", title: plan.plan, textContent: plan.plan.slice(0, 8) });
    id.dataset.copy = plan.plan;
    this.part("plan").replaceChildren(id);
    const notes = plan.missing_fields.map((name) => ["warn", `No sample has the field ${name}, so it is left out or counts as empty.`]);
    if (!plan.num_samples) notes.push(["warn", "Nothing is left to stream. Loosen the dates, the filters or the theme, or name the fields of this dataset under Format."]);
    this.notes(notes);
    this.part("lines-meta").textContent = plan.lines.length ? `${plan.lines.length} of ${number(plan.num_samples)}` : "";
    this.part("lines").replaceChildren(...plan.lines.map((line) => this.line(line)));
  }

  line(raw) {
    const box = document.createElement("div");
    box.className = "th-code th-lines";
    const sample = JSON.parse(raw);
    if (typeof sample.weight === "number" && this.format !== "raw") {
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
