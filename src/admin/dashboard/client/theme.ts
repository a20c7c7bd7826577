import { byId } from "./element.ts";

const KEY = "freshline-theme";

/** Light or dark: as the system says unless somebody chose. `changed` is for what style sheets do not reach. */
export function followTheme(changed: () => void): void {
  const select = byId<HTMLSelectElement>("theme");
  const apply = (choice: string): void => {
    if (choice === "auto") delete document.documentElement.dataset["theme"];
    else document.documentElement.dataset["theme"] = choice;
    changed();
  };
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") {
    select.value = chosen;
    apply(chosen);
  }
  select.addEventListener("change", () => {
    localStorage.setItem(KEY, select.value);
    apply(select.value);
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);
}
