// What is on the stage: one or more motions side by side, one of them the chosen one.

import * as api from './api.js';

const MOST = 8, KEPT_FILES = 48;

// Events: 'choose' when another motion is meant (also after `show`).
export class Stage extends EventTarget {
  #viewer; #tiles; #files = new Map(); #turn = 0;
  entries = []; // [{job, motion, label}]
  chosen = 0;

  constructor(viewer, tiles) {
    super();
    [this.#viewer, this.#tiles] = [viewer, tiles];
    viewer.addEventListener('layout', () => this.#arrange());
  }

  get entry() { return this.entries[this.chosen] ?? null; }

  // Replaces what is shown and plays it, unless the person asked their system for less motion.
  async show(entries, chosen = 0) {
    const turn = ++this.#turn, shown = entries.slice(-MOST);
    const main = Math.min(chosen, shown.length - 1);
    const files = await Promise.all([...shown.map(({motion}) => this.#file(motion)), this.alignment(shown[main].motion)]);
    if (turn !== this.#turn) return;
    this.entries = shown;
    this.#label();
    this.choose(main); // before the motions are loaded, so that they are drawn once, in the room that is left
    await this.#viewer.load(files.slice(0, -1));
    if (turn === this.#turn && !matchMedia('(prefers-reduced-motion: reduce)').matches) this.#viewer.play();
  }

  choose(index) {
    if (!this.entries[index]) return;
    this.chosen = index;
    [...this.#tiles.children].forEach((tile, k) => tile.firstChild.setAttribute('aria-pressed', String(k === index)));
    this.dispatchEvent(new Event('choose'));
  }

  // Length of the time axis, in seconds.
  get seconds() { return Math.max(...this.entries.map(({motion}) => motion.seconds)); }

  alignment(motion) { return this.#kept(motion.alignment, () => api.alignment(motion)); }
  #file(motion) { return this.#kept(motion.files.glb, () => api.glb(motion)); }

  async #kept(key, get) {
    if (!this.#files.has(key)) this.#files.set(key, await get());
    while (this.#files.size > KEPT_FILES) this.#files.delete(this.#files.keys().next().value);
    return this.#files.get(key);
  }

  #label() {
    this.#tiles.replaceChildren(...this.entries.map(({label}, k) => {
      const tile = document.createElement('div'), button = document.createElement('button');
      button.type = 'button';
      button.textContent = button.title = label;
      button.addEventListener('click', () => this.choose(k));
      tile.append(button);
      return tile;
    }));
    this.#tiles.hidden = this.entries.length < 2;
    this.#arrange();
  }

  // Each label stands over its motion.
  #arrange() {
    for (const [k, place] of this.#viewer.tiles.entries()) {
      const tile = this.#tiles.children[k];
      if (!tile) continue;
      for (const [name, size] of [['left', place.x], ['top', place.y], ['width', place.width], ['height', place.height]]) {
        tile.style[name] = `${size}px`;
      }
      tile.classList.toggle('inner', place.x > 0);
      tile.classList.toggle('lower', place.y > 0);
    }
  }
}
