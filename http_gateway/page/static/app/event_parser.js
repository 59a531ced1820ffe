// Server-sent events: text in pieces of any size in, whole blocks out.
export class EventParser {
  #rest = "";

  // A list of {seq, entry}. Either is null where a block does not have it: the first one has no
  // entry, and a sign of life has neither.
  push(text) {
    const blocks = (this.#rest + text).split(/\r?\n\r?\n/);
    this.#rest = blocks.pop();
    return blocks.map(parsed);
  }
}

function parsed(block) {
  const found = { seq: null, entry: null };
  for (const line of block.split(/\r?\n/)) {
    const [, name, value] = /^(\w*):? ?(.*)$/.exec(line);
    if (name === "id") found.seq = Number(value);
    if (name === "data") found.entry = JSON.parse(value);
  }
  return found;
}
