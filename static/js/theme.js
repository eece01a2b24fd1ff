// The switch between light, dark and the system's colours; theme-boot.js keeps the choice.
const mark = () => {
  for (const button of document.querySelectorAll("[data-theme-switch] button"))
    button.setAttribute(
      "aria-pressed",
      String(button.value === document.documentElement.dataset.themeChoice),
    );
};

export function startTheme() {
  mark();
  document.addEventListener("themis:theme", mark);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-switch] button");
    if (button) window.themisTheme(button.value);
  });
}
