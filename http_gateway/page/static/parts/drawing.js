// A place to draw on; white on black, as the digits are.

import { html, useEffect, useRef } from "../app/html.js";

const SIZE = 280; // CSS pixels, and those of the drawing
const PEN = 22;

// `onDrawn` gets the canvas after each stroke; null once it is empty again.
export function Drawing({ onDrawn }) {
  const canvas = useRef(null);
  const last = useRef(null);
  useEffect(() => clear(canvas.current), []);
  function begin(event) {
    event.preventDefault();
    canvas.current.setPointerCapture(event.pointerId);
    last.current = placeOf(event);
    line(canvas.current, last.current, last.current);
  }
  function go(event) {
    if (last.current === null) return;
    const next = placeOf(event);
    line(canvas.current, last.current, next);
    last.current = next;
  }
  function end() {
    if (last.current === null) return;
    last.current = null;
    onDrawn(canvas.current);
  }
  return html`<div class="drawing">
    <canvas
      ref=${canvas}
      width=${SIZE}
      height=${SIZE}
      role="img"
      aria-label="Draw here with a pointer, or choose an image below"
      onPointerDown=${begin}
      onPointerMove=${go}
      onPointerUp=${end}
      onPointerCancel=${end}
    ></canvas>
    <button
      type="button"
      class="small"
      onClick=${() => {
        clear(canvas.current);
        onDrawn(null);
      }}
    >
      Clear
    </button>
  </div>`;
}

function placeOf(event) {
  const box = event.currentTarget.getBoundingClientRect();
  const scale = SIZE / box.width;
  return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
}

function line(canvas, from, to) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.strokeStyle = "#fff";
  context.lineWidth = PEN;
  context.lineCap = context.lineJoin = "round";
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

function clear(canvas) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "#000";
  context.fillRect(0, 0, SIZE, SIZE);
}
