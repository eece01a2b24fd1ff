// Starts what every page has: colours, times, copying, toasts, keyboard, live events, small states.
import Alpine from "../vendor/alpine-csp.esm.min.js";
import { startCopy } from "./copy.js";
import { showTimes } from "./format.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { tabs } from "./tabs.js";
import { startTheme } from "./theme.js";
import { startToasts, toast } from "./toast.js";

Alpine.data("tabs", tabs);

// A destructive form: its button works once the name has been typed.
Alpine.data("typedName", () => ({
  typed: "",
  get wrong() {
    return this.typed.trim() !== this.$root.dataset.name;
  },
}));

// A switch that shows more of a form.
Alpine.data("disclosure", () => ({
  open: false,
  init() {
    this.open = this.$root.dataset.open === "true";
  },
  toggle() {
    this.open = !this.open;
  },
}));

window.Alpine = Alpine;
Alpine.start();
startTheme();
startToasts();
startCopy();
startPalette();
startLive();
showTimes();
setInterval(showTimes, 30000);

// A form that came back goes on at its first mistake.
document.querySelector("main [aria-invalid=true]")?.focus();

document.addEventListener("htmx:afterSettle", () => showTimes());
document.addEventListener("htmx:responseError", (event) =>
  toast(`The server answered ${event.detail.xhr.status}.`, { kind: "error" }),
);
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-dialog]");
  if (opener) {
    event.preventDefault();
    document.getElementById(opener.dataset.dialog)?.showModal();
  }
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});
// Forms that filter a list send themselves when a choice changes.
document.addEventListener("change", (event) => event.target.closest("form[data-auto]")?.requestSubmit());
