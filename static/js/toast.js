// One message at a time, bottom right; errors stay until they are dismissed.
const STAY_MS = 6000;
let timer = 0;

function later(toast) {
  clearTimeout(timer);
  if (toast.dataset.toast !== "error") timer = setTimeout(() => toast.remove(), STAY_MS);
}

export function toast(text, { kind = "info" } = {}) {
  const box = document.getElementById("toasts");
  const element = document.createElement("div");
  element.className = "th-toast";
  element.dataset.toast = kind;
  const words = document.createElement("span");
  words.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.dismiss = "";
  button.textContent = "Dismiss";
  element.append(words, button);
  box.replaceChildren(element);
  later(element);
}

export function startToasts() {
  const shown = [...document.querySelectorAll("#toasts .th-toast")];
  shown.slice(0, -1).forEach((each) => each.remove());
  if (shown.length) later(shown.at(-1));
  document.addEventListener("click", (event) =>
    event.target.closest("[data-dismiss]")?.closest(".th-toast")?.remove(),
  );
}
