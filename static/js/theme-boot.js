// Sets the colours before the first paint; loaded without defer on purpose.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const wanted = () => {
    try {
      return localStorage.getItem("themis.theme") || "system";
    } catch {
      return "system";
    }
  };
  const apply = () => {
    const choice = wanted();
    const isDark = choice === "dark" || (choice === "system" && dark.matches);
    document.documentElement.dataset.theme = isDark ? "themis-dark" : "themis-light";
    document.documentElement.dataset.themeChoice = choice;
    document.dispatchEvent(new CustomEvent("themis:theme"));
  };
  apply();
  dark.addEventListener("change", apply);
  addEventListener("storage", apply);
  window.themisTheme = (choice) => {
    localStorage.setItem("themis.theme", choice);
    apply();
  };
})();
