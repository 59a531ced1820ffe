import { useEffect, useState } from "./html.js";

// One value that several parts of the page look at.
export class Store {
  #value;
  #listeners = new Set();

  constructor(value) {
    this.#value = value;
  }

  get value() {
    return this.#value;
  }

  set value(next) {
    if (next === this.#value) return;
    this.#value = next;
    for (const tell of [...this.#listeners]) tell(next);
  }

  // Returns what ends it.
  listen(tell) {
    this.#listeners.add(tell);
    return () => this.#listeners.delete(tell);
  }
}

export function useStore(store) {
  const [, again] = useState(0);
  const shown = store.value;
  useEffect(() => {
    if (store.value !== shown) again((n) => n + 1); // it changed while this was drawn
    return store.listen(() => again((n) => n + 1));
  }, [store]);
  return shown;
}
