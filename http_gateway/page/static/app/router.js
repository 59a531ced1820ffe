import { Store } from "./store.js";

// The view's address is behind the #, so that each view has a link and none needs the gateway.
function parse() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const parts = path.split("/").filter(Boolean).map(decodeURIComponent);
  return { parts: parts.length ? parts : ["jobs"], query: new URLSearchParams(query) };
}

// {parts: ["jobs", "1", "plan"], query}
export const route = new Store(parse());

addEventListener("hashchange", () => {
  route.value = parse();
});

export function linkTo(...parts) {
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

export function goTo(...parts) {
  location.hash = linkTo(...parts);
}

// Changes the query without a new entry in the browser's history.
export function setQuery(changes) {
  const query = new URLSearchParams(route.value.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  history.replaceState(null, "", linkTo(...route.value.parts) + (text ? `?${text}` : ""));
  route.value = parse();
}
