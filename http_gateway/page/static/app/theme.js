import { Store } from "./store.js";

const KEY = "tandem-theme";
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

// "light" or "dark", as it is shown.
export const theme = new Store(document.documentElement.dataset.theme);

theme.listen((shown) => {
  document.documentElement.dataset.theme = shown;
});

prefersDark.addEventListener("change", () => {
  if (localStorage.getItem(KEY) === null) theme.value = prefersDark.matches ? "dark" : "light";
});

export function toggleTheme() {
  theme.value = theme.value === "dark" ? "light" : "dark";
  localStorage.setItem(KEY, theme.value);
}

// A colour of the style sheet, for what is drawn on a canvas.
export function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}
