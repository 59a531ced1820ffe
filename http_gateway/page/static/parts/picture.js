// Saves a chart as a PNG file, with its background and its legend.

import { lineColour } from "./chart.js";
import { colour } from "../app/theme.js";

const LEGEND_HEIGHT = 36; // in CSS pixels

export function savePicture(plot, lines, name) {
  const source = plot.ctx.canvas;
  const scale = devicePixelRatio;
  const canvas = document.createElement("canvas");
  canvas.width = source.width;
  canvas.height = source.height + LEGEND_HEIGHT * scale;
  const context = canvas.getContext("2d");
  context.fillStyle = colour("surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(source, 0, 0);
  drawLegend(
    context,
    lines.filter((line) => !line.faint),
    source.height,
    scale,
  );
  canvas.toBlob((blob) => saveAs(blob, name), "image/png");
}

function drawLegend(context, lines, top, scale) {
  const middle = top + (LEGEND_HEIGHT / 2) * scale;
  let left = 16 * scale;
  context.font = `${13 * scale}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  context.lineWidth = 2 * scale;
  for (const line of lines) {
    context.strokeStyle = lineColour(line.colour);
    context.setLineDash(line.dashed ? [6 * scale, 4 * scale] : []);
    context.beginPath();
    context.moveTo(left, middle);
    context.lineTo(left + 18 * scale, middle);
    context.stroke();
    context.fillStyle = colour("text");
    context.fillText(line.label, left + 24 * scale, middle);
    left += 44 * scale + context.measureText(line.label).width;
  }
}

export function saveAs(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
