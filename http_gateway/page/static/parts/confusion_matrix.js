import { html } from "../app/html.js";
import { counted } from "../app/format.js";
import { Scroll } from "./ui.js";

// matrix: how many samples of class i were taken for class j, in [i][j].
export function ConfusionMatrix({ matrix, nameOf }) {
  return html`<${Scroll} label="Confusion matrix">
    <table class="confusion">
      <thead>
        <tr>
          <td></td>
          ${matrix.map((_, index) => html`<th scope="col" class="figure">${nameOf(index)}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${matrix.map((counts, index) => html`<${Row} counts=${counts} index=${index} nameOf=${nameOf} />`)}
      </tbody>
    </table>
  <//>`;
}

function Row({ counts, index, nameOf }) {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return html`<tr>
    <th scope="row">${nameOf(index)}</th>
    ${counts.map(
      (count, other) => html`<td
        class=${`figure ${count === 0 ? "none" : index === other ? "right" : "wrong"}`}
        style=${{ "--share": shadeOf(count, all) }}
        title=${`${counted(count, "sample")} of ${nameOf(index)} taken for ${nameOf(other)}`}
      >
        ${count.toLocaleString("en")}
      </td>`,
    )}
  </tr>`;
}

// Mistakes are few, so that a share by itself would hardly be seen.
function shadeOf(count, all) {
  return count === 0 ? 0 : Math.sqrt(count / all).toFixed(3);
}
