// Reads a stream's request out of the stream page's form: only what differs from the API's defaults.
import { ApiError } from "../http.js";

const WHOLE = ["start", "limit", "batch_size"];
const WORDS = ["split", "from_date", "to_date", "domain", "subject"];
const LENGTHS = ["min_output_length", "max_output_length"];

const filled = (object) => Object.keys(object).length > 0;

export const text = (form, name) => (form[name] && !form[name].disabled ? form[name].value.trim() : "");
export const themeRows = (form) => [...form.querySelectorAll("[data-theme-row]")];
// Presets and raw lines carry neither weights nor metadata unless asked to.
export const bare = (form) => form.format.selectedOptions[0].hasAttribute("data-bare");

// Only what has an order without an end can go on with later versions.
export const canGoOn = (form) => form.order.value === "stored" && themeRows(form).length === 1;

export function bodyOf(form) {
  const format = form.format.value;
  const body = { ...subjectOf(form) };
  for (const name of WORDS) if (text(form, name)) body[name] = text(form, name);
  if (format !== "instruction_tuning") body.format = format;
  const mapping = {};
  for (const field of form.querySelectorAll("[data-formats]")) {
    const input = field.querySelector("input");
    if (field.dataset.formats.split(" ").includes(format) && input.value.trim())
      mapping[input.name] = input.value.trim();
  }
  if (filled(mapping)) body.field_mapping = mapping;
  if (format !== "raw") Object.assign(body, metadataOf(form), structuredOf(form));
  const weighting = weightingOf(form);
  if (filled(weighting)) body.weighting = weighting;
  if (form.explain.checked && format !== "raw" && form.enable_weights.checked) body.explain = true;
  const quality = qualityOf(form);
  if (filled(quality)) body.quality_filters = quality;
  if (form.order.value !== "stored") {
    body.order = form.order.value;
    for (const name of ["seed", "epoch"]) if (text(form, name)) body[name] = Number(text(form, name));
  }
  if (canGoOn(form) && form.continuous.checked) body.stream_mode = "continuous";
  for (const name of WHOLE) if (text(form, name)) body[name] = Number(text(form, name));
  return body;
}

function subjectOf(form) {
  const body = {};
  const rows = themeRows(form);
  const name = (row) => row.querySelector("select").value;
  if (rows.length > 1) {
    body.themes = rows.map((row) => {
      const share = row.querySelector("[data-proportion]").value.trim();
      return share ? { theme: name(row), proportion: Number(share.replace(",", ".")) } : { theme: name(row) };
    });
    if (form.proportion_unit.value !== "samples") body.proportion_unit = form.proportion_unit.value;
    if (form.stop.value !== "first_exhausted") body.stop = form.stop.value;
  } else if (name(rows[0])) body.theme = name(rows[0]);
  body.dataset = form.dataset.value;
  const version = form.version.value; // a number, or a label
  if (version !== "latest") body.version = /^\d+$/.test(version) ? Number(version) : version;
  return body;
}

function metadataOf(form) {
  if (!form.include_metadata.checked) return bare(form) ? {} : { include_metadata: false };
  const names = text(form, "metadata_fields")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  if (names.length) return { metadata_fields: names };
  return bare(form) ? { include_metadata: true } : {};
}

function structuredOf(form) {
  const schema = text(form, "json_schema");
  if (!schema) return {};
  let json_schema;
  try {
    json_schema = JSON.parse(schema);
  } catch (error) {
    throw new ApiError(`The JSON Schema is no JSON: ${error.message}.`, {
      fields: { "structured.json_schema": "no JSON" },
    });
  }
  return {
    structured: form.reject_invalid.checked ? { json_schema } : { json_schema, reject_invalid: false },
  };
}

function qualityOf(form) {
  const quality = {};
  if (form.format.value !== "raw") {
    for (const name of LENGTHS) if (text(form, name)) quality[name] = Number(text(form, name));
    if (!form.skip_empty_outputs.checked) quality.skip_empty_outputs = false;
  }
  if (text(form, "min_rating")) quality.min_rating = Number(text(form, "min_rating"));
  if (form.remove_duplicates.checked) quality.remove_duplicates = true;
  return quality;
}

// In weighted order the weights decide how often a sample comes, whether its line shows one or not.
function weightingOf(form) {
  const weighting = {};
  if (form.order.value !== "weighted") {
    if (form.format.value === "raw") return {};
    if (!form.enable_weights.checked) return bare(form) ? {} : { enable_weights: false };
    if (bare(form)) weighting.enable_weights = true;
  }
  const rules = [...form.querySelectorAll("input[name=rules]:checked")].map((box) => box.value);
  if (rules.length) weighting.rules = rules;
  if (text(form, "weight_field")) weighting.weight_field = text(form, "weight_field");
  if (text(form, "default_weight")) weighting.default_weight = Number(text(form, "default_weight"));
  if (form.auto_weight_by_length.checked) weighting.auto_weight_by_length = true;
  if (form.auto_weight_by_freshness.checked) {
    weighting.auto_weight_by_freshness = true;
    if (text(form, "freshness_half_life_days"))
      weighting.freshness_half_life_days = Number(text(form, "freshness_half_life_days"));
    if (text(form, "timestamp_field")) weighting.timestamp_field = text(form, "timestamp_field");
  }
  return weighting;
}
