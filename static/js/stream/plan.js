// What the server would send, on the stream's page: figures, notes, the shares of a mix, the first lines.
import { el, svg } from "../dom.js";
import { bytes, number } from "../format.js";
import { jsonNodes } from "./json.js";

const part = (name) => document.querySelector(`[data-part="${name}"]`);

const say = (name, words) => {
  part(name).textContent = words;
};

const NOTHING_LEFT =
  "Nothing is left to stream. Loosen the dates, the filters or the theme, " +
  "or name the fields of this dataset under Format.";

export function showPlan(plan, form) {
  say("num_samples", number(plan.num_samples));
  say("total", plan.total === plan.num_samples ? "all of the selection" : `of ${number(plan.total)}`);
  say("bytes", bytes(plan.estimated_bytes));
  say("tokens", number(plan.estimated_tokens));
  part("plan").replaceChildren(digest(plan.plan));
  showNotes(notesOf(plan, form));
  part("mix").replaceChildren(...(plan.themes ? [mixTable(plan.themes)] : []));
  say("lines-meta", plan.lines.length ? `${plan.lines.length} of ${number(plan.num_samples)}` : "");
  const isRaw = form.format.value === "raw";
  part("lines").replaceChildren(...plan.lines.map((raw) => lineBox(raw, { isRaw })));
}

export function showFailure(error) {
  for (const name of ["lines", "mix"]) part(name).replaceChildren();
  say("lines-meta", "");
  for (const name of ["num_samples", "bytes", "tokens", "plan"]) say(name, "–");
  showNotes([["err", error.message]]);
}

function digest(plan) {
  return el("button", {
    type: "button",
    className: "th-id",
    title: plan,
    textContent: plan.slice(0, 8),
    data: { copy: plan },
  });
}

function notesOf(plan, form) {
  const notes = plan.missing_fields.map((name) => [
    "warn",
    `No sample has the field ${name}, so it is left out or counts as empty.`,
  ]);
  if (plan.num_duplicates) notes.push(["info", `${number(plan.num_duplicates)} duplicates are left out.`]);
  if (plan.num_invalid) notes.push(["info", `${number(plan.num_invalid)} samples ${whyInvalid(form)}.`]);
  if (!plan.num_samples) notes.push(["warn", NOTHING_LEFT]);
  return notes;
}

function whyInvalid(form) {
  if (!form.json_schema.value.trim()) return "hold no conversation and are left out";
  return form.reject_invalid.checked
    ? "are left out: their output does not satisfy the schema"
    : "do not satisfy the schema and stay";
}

function showNotes(notes) {
  const made = notes.map(([kind, words]) => el("p", { className: `th-note ${kind}`, textContent: words }));
  part("notes").replaceChildren(...made);
}

// What each theme of a mix gives.
function mixTable(themes) {
  const cell = (tag, className, words) => el(tag, { className }, words);
  const heads = ["Theme", "Share", "Lines", "Repeated", "Size"].map((words, i) =>
    cell("th", i ? "num" : "", words),
  );
  const rows = themes.map((each) =>
    el(
      "tr",
      {},
      cell("td", "name", each.theme),
      cell("td", "num", `${(100 * each.proportion).toFixed(1)} %`),
      cell("td", "num", number(each.num_samples)),
      cell("td", "num", number(each.num_repeats)),
      cell("td", "num", bytes(each.bytes)),
    ),
  );
  const table = el(
    "table",
    { className: "th-ledger" },
    el("thead", {}, el("tr", {}, ...heads)),
    el("tbody", {}, ...rows),
  );
  return el("div", { className: "th-scroll" }, table);
}

function lineBox(raw, { isRaw }) {
  const box = el("div", { className: "th-code th-lines" });
  const sample = JSON.parse(raw);
  // A raw sample may have a field of this name, which is no weight of ours.
  if (typeof sample.weight === "number" && !isRaw)
    box.append(
      el("div", { className: "bar" }, el("span", { className: "th-type" }, "weight"), beam(sample.weight)),
    );
  box.append(el("pre", { className: "wrap", tabIndex: 0 }, jsonNodes(raw)));
  return box;
}

// A weight on its balance, as the server's `beam` draws it: the fulcrum is 1, the ends are 0 and 2.
function beam(weight) {
  const x = 32 * Math.min(Math.max(weight, 0), 2);
  const bar = { class: x >= 32 ? "hv" : "lt", x: Math.min(x, 32), y: 4, width: Math.abs(x - 32), height: 4 };
  const picture = svg(
    "svg",
    { class: "th-beam", viewBox: "0 0 64 12" },
    svg("path", { class: "ax", d: "M0 6h64" }),
    svg("rect", bar),
    svg("path", { class: "pv", d: "M32 1v10" }),
  );
  return el("span", { className: "th-w", title: weight.toFixed(4) }, picture, weight.toFixed(2));
}
