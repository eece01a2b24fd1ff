// Makes a file of what the stream page's form says.
import { callJson } from "../http.js";
import { bodyOf } from "./request.js";

const maker = document.querySelector("[data-make-file]");

maker?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const form = document.querySelector("[data-stream] form");
  const file = { type: maker.type.value };
  const error = maker.querySelector("[data-file-error]");
  const button = maker.querySelector("button");
  const megabytes = maker.megabytes.value.trim();
  error.hidden = true;
  if (megabytes) {
    file.max_bytes = Math.round(Number(megabytes.replace(",", ".")) * 1e6);
    if (!(file.max_bytes >= 1)) {
      error.textContent = "A size in MB, such as 500; or nothing, for one file.";
      error.hidden = false;
      return;
    }
  }
  button.disabled = true;
  try {
    const { batch_size, stream_mode, ...body } = bodyOf(form);
    const answer = await callJson("POST", "/api/v1/exports/", { json: { ...body, file } });
    location.assign(`/exports/${answer.export.id}/`);
  } catch (refused) {
    error.textContent = refused.message;
    error.hidden = false;
    button.disabled = false;
  }
});
