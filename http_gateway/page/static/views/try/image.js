import { html, useEffect, useRef, useState } from "../../app/html.js";
import { linesOf } from "../../app/answers.js";
import { call, request } from "../../app/api.js";
import { pixelsOf, placingOf } from "../../app/ink.js";
import { Bars } from "../../parts/bars.js";
import { Drawing } from "../../parts/drawing.js";
import { Result } from "../../parts/result.js";
import { Card, useAction } from "../../parts/ui.js";

const MOST_DRAWN_SIDE = 64; // a larger image is no drawing
const SHOWN_SIDE = 112;

export function TryImage({ path, job, data }) {
  const [channels, height, width] = data.inputs.shape.slice(-3);
  const isDrawn = channels === 1 && Math.max(height, width) <= MOST_DRAWN_SIDE;
  const [pixels, setPixels] = useState(null);
  const [answer, setAnswer] = useState(null);
  const { busy, error, run, clear } = useAction();
  async function ask(work) {
    setAnswer((await run("asking", work)) ?? null);
  }
  function drawn(canvas) {
    const next = canvas && pixelsOf(canvas, height, width, placingOf(job.dataset_config));
    setPixels(next);
    if (next) return ask(() => call("POST", path, { inputs: [next] }));
    setAnswer(null);
    return clear();
  }
  function sent(file) {
    setPixels(null);
    const body = new FormData();
    body.append("image", file);
    return ask(async () => (await request("POST", path, { body })).json());
  }
  const classes = data.classes.map((one) => one.name);
  return html`<div class="try">
    ${
      isDrawn &&
      html`<${Card} title="Draw" note=${`White on black; the network sees ${height} × ${width} pixels.`}>
      <${Drawing} onDrawn=${drawn} />
      ${pixels && html`<${Seen} pixels=${pixels} height=${height} width=${width} />`}
    <//>`
    }
    <${ImageFile} onFile=${sent} />
    <${Result} answer=${answer} error=${error} busy=${busy}>
      ${answer && html`<${Bars} lines=${linesOf(answer, 0, classes)} title=${`Job ${job.job_id} judges`} />`}
    <//>
  </div>`;
}

function Seen({ pixels, height, width }) {
  const place = useRef(null);
  useEffect(() => {
    const image = new ImageData(width, height);
    pixels.forEach((value, i) => image.data.set([value, value, value, 255], 4 * i));
    place.current.getContext("2d").putImageData(image, 0, 0);
  }, [pixels]);
  return html`<figure class="seen-pixels">
    <canvas ref=${place} width=${width} height=${height} style=${{ width: `${SHOWN_SIDE}px` }}></canvas>
    <figcaption class="note">What the network sees</figcaption>
  </figure>`;
}

function ImageFile({ onFile }) {
  const [isOver, setOver] = useState(false);
  const [shown, setShown] = useState(null);
  useEffect(() => () => shown && URL.revokeObjectURL(shown), [shown]);
  function take(file) {
    if (!file) return;
    setShown(URL.createObjectURL(file));
    onFile(file);
  }
  function drop(event) {
    event.preventDefault();
    setOver(false);
    take(event.dataTransfer.files[0]);
  }
  return html`<${Card} title="Drop an image" note="It is prepared as in validation, on the gateway's side.">
    <label
      class=${isOver ? "drop over" : "drop"}
      onDragOver=${(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave=${() => setOver(false)}
      onDrop=${drop}
    >
      ${shown ? html`<img src=${shown} alt="The image that was sent" />` : html`<span>Drop a file here, or choose one</span>`}
      <input type="file" accept="image/*" onChange=${(event) => take(event.target.files[0])} />
    </label>
  <//>`;
}
