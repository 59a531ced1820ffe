import { html } from "../app/html.js";
import { number, percent } from "../app/format.js";

// lines: [{name, share}] as bars, or [{name, value}] as figures.
export function Bars({ lines, title }) {
  return html`<figure class="bars">
    <figcaption>${title}</figcaption>
    <ol>
      ${lines.map(
        ({ name, share, value }, i) => html`<li key=${name} class=${i === 0 ? "first" : ""}>
          <span class="bar-name">${name}</span>
          ${
            share !== undefined &&
            html`<span class="bar"><span style=${{ width: `${Math.max(0.5, share * 100)}%` }}></span></span>`
          }
          <span class="figure">${share === undefined ? number(value) : percent(share)}</span>
        </li>`,
      )}
    </ol>
  </figure>`;
}
