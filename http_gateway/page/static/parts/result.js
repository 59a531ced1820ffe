import { html } from "../app/html.js";
import { Card, Loading, Problem } from "./ui.js";

// What a network answered: its `children`, or why there is nothing to show.
export function Result({ answer, error, busy, children }) {
  return html`<${Card} title="What it says">
    <div aria-live="polite">
      ${error && html`<${Problem} error=${error} />`}
      ${busy && !answer && html`<${Loading} what="Asking the network" />`}
      ${!answer && !error && !busy && html`<p class="note">Nothing was asked yet.</p>`}
      ${answer && children}
      ${answer?.note && html`<p class="note">${answer.note}</p>`}
    </div>
  <//>`;
}
