// Click to copy: `data-copy` holds the text; `data-copy-panel` copies the code block's open panel.
import { toast } from "./toast.js";

async function put(text) {
  if (navigator.clipboard && isSecureContext) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  area.className = "th-offscreen";
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function startCopy() {
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy], [data-copy-panel]");
    if (!button) return;
    event.preventDefault();
    const text =
      button.dataset.copy ?? button.closest(".th-code").querySelector("pre:not([hidden])").textContent;
    try {
      await put(text);
      toast("Copied.");
    } catch {
      toast("The browser did not let the text be copied; select it and copy it by hand.", { kind: "error" });
    }
  });
}
