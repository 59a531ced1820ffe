// What a prediction says of one sample, as lines to show: [{name, share}] or [{name, value}].

const MOST = 10;

export function linesOf(answer, index, classes) {
  const names = answer.class_names ?? classes;
  const chances = answer.probabilities?.[index];
  if (Array.isArray(chances)) {
    const lines = chances.map((share, i) => ({ name: names[i] ?? String(i), share }));
    return lines.sort((a, b) => b.share - a.share).slice(0, MOST);
  }
  if (typeof chances === "number") {
    return [
      { name: names[1] ?? "1", share: chances },
      { name: names[0] ?? "0", share: 1 - chances },
    ];
  }
  const values = [answer.values?.[index] ?? []].flat(Infinity);
  return values.map((value, i) => ({ name: values.length > 1 ? `value ${i + 1}` : "value", value }));
}
