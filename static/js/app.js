// Starts what every page of the console has: colours, times, copying, toasts, keyboard, live events, small states.
import Alpine from "../vendor/alpine-csp.esm.min.js";
import { startCopy } from "./copy.js";
import { showTimes } from "./format.js";
import { startLive } from "./live.js";
import { startPalette } from "./palette.js";
import { startTheme } from "./theme.js";
import { startToasts, toast } from "./toast.js";

// A code block's language tabs; the choice is kept for the next block that has the same.
const KEPT_TAB = "themis.tab";
const kept = () => {
  try {
    return localStorage.getItem(KEPT_TAB);
  } catch {
    return null;
  }
};
const keep = (title) => {
  try {
    localStorage.setItem(KEPT_TAB, title);
  } catch {
    /* private windows keep nothing */
  }
};
Alpine.data("tabs", () => ({
  init() {
    const last = [...this.$el.querySelectorAll("[data-tab]")].find((each) => each.textContent === kept());
    const first = last ?? this.$el.querySelector("[data-tab]");
    if (first) this.choose(first);
    this.$el.addEventListener("click", (event) => {
      const button = event.target.closest("[data-tab]");
      if (button) {
        this.choose(button);
        keep(button.textContent);
      }
    });
    // As tabs have it: one stop of the Tab key, and the arrows between them.
    this.$el.addEventListener("keydown", (event) => {
      const tabs = [...this.$el.querySelectorAll("[data-tab]")];
      const at = tabs.indexOf(event.target);
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (at < 0 || !step) return;
      const next = tabs[(at + step + tabs.length) % tabs.length];
      next.focus();
      next.click();
    });
  },
  choose(button) {
    for (const each of this.$el.querySelectorAll("[data-tab]")) {
      each.setAttribute("aria-selected", String(each === button));
      each.tabIndex = each === button ? 0 : -1;
    }
    for (const panel of this.$el.querySelectorAll("[role=tabpanel]"))
      panel.hidden = panel.id !== button.getAttribute("aria-controls");
  },
}));

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
