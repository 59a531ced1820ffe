// From a drawing to the pixels that a network takes, placed as its data places them.

// MNIST's digits lie in a box of 20 of 28 pixels, centred by mass; scikit-learn's fill the picture.
const PLACINGS = { digits: { fill: 1, byMass: false } };
const USUAL = { fill: 20 / 28, byMass: true };

export function placingOf(dataset) {
  return PLACINGS[dataset.name] ?? USUAL;
}

// The box around what is brighter than black: {left, top, width, height}, or null.
export function inkBox(pixels, width, height) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (pixels[4 * (y * width + x)] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return right < 0 ? null : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

// How far the ink's centre of mass is from the picture's middle, in its pixels: [x, y].
export function massOffset(values, width, height) {
  let [sum, sumX, sumY] = [0, 0, 0];
  values.forEach((value, i) => {
    sum += value;
    sumX += value * ((i % width) + 0.5);
    sumY += value * (Math.floor(i / width) + 0.5);
  });
  return sum === 0 ? [0, 0] : [sumX / sum - width / 2, sumY / sum - height / 2];
}

// height × width numbers from 0 to 255, row by row; null where nothing is drawn.
export function pixelsOf(canvas, height, width, { fill, byMass }) {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const image = context.getImageData(0, 0, canvas.width, canvas.height);
  const box = inkBox(image.data, canvas.width, canvas.height);
  if (box === null) return null;
  const middle = shrunk(canvas, box, height, width, fill, [0, 0]);
  return byMass ? shrunk(canvas, box, height, width, fill, massOffset(middle, width, height)) : middle;
}

function shrunk(canvas, box, height, width, fill, [shiftX, shiftY]) {
  const small = document.createElement("canvas");
  [small.width, small.height] = [width, height];
  const context = small.getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "high";
  const scale = fill * Math.min(width / box.width, height / box.height);
  const [drawnWidth, drawnHeight] = [box.width * scale, box.height * scale];
  const x = (width - drawnWidth) / 2 - shiftX;
  const y = (height - drawnHeight) / 2 - shiftY;
  context.drawImage(canvas, box.left, box.top, box.width, box.height, x, y, drawnWidth, drawnHeight);
  const { data } = context.getImageData(0, 0, width, height);
  return Array.from({ length: width * height }, (_, i) => data[4 * i]);
}
