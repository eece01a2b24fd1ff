// A code block's language tabs; the choice is kept for the next block that has the same.
const KEPT = "themis.tab";

function kept() {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(title) {
  try {
    localStorage.setItem(KEPT, title);
  } catch {
    // private windows keep nothing
  }
}

const titleOf = (tab) => tab.textContent.trim();

// A component of Alpine's, which calls `init` and sets `$el`.
export const tabs = () => ({
  init() {
    const first = this.all().find((each) => titleOf(each) === kept()) ?? this.all()[0];
    if (first) this.choose(first);
    this.$el.addEventListener("click", (event) => {
      const tab = event.target.closest("[data-tab]");
      if (!tab) return;
      this.choose(tab);
      keep(titleOf(tab));
    });
    this.$el.addEventListener("keydown", (event) => this.step(event));
  },

  all() {
    return [...this.$el.querySelectorAll("[data-tab]")];
  },

  // As tabs have it: one stop of the Tab key, and the arrows between them.
  step(event) {
    const all = this.all();
    const at = all.indexOf(event.target);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (at < 0 || !step) return;
    const next = all[(at + step + all.length) % all.length];
    next.focus();
    next.click();
  },

  choose(tab) {
    for (const each of this.all()) {
      each.setAttribute("aria-selected", String(each === tab));
      each.tabIndex = each === tab ? 0 : -1;
    }
    for (const panel of this.$el.querySelectorAll("[role=tabpanel]"))
      panel.hidden = panel.id !== tab.getAttribute("aria-controls");
  },
});
