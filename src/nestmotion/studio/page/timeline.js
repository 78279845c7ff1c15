// The semantic tree under the time axis: a row for each node, darker where it is more about the moment.
//
// Events: 'light' (detail: the node under the pointer or focus, or null), 'choose' (detail: the node).

const NAMES = {1: 'sentence', 2: 'action', 3: 'phrase', 4: 'word', 5: 'piece'};
const percent = part => `${(100 * part).toFixed(3)}%`;

export class Timeline extends EventTarget {
  #root; #list; #over; #scrub; #seconds = 1; #nodes = []; #chosen = null;

  constructor(root) {
    super();
    this.#root = root;
    this.#list = root.querySelector('ol');
    this.#over = Object.fromEntries(['changed', 'lit', 'head'].map(id => [id, root.querySelector(`#${id}`)]));
    this.#scrub = root.querySelector('input');
    this.#list.addEventListener('keydown', event => this.#move(event));
    // Lit while the pointer is over a row or the focus in it; the pointer comes first.
    for (const [type, on] of [['pointerover', true], ['pointerout', false], ['focusin', true], ['focusout', false]]) {
      this.#list.addEventListener(type, event => this.#light(on ? this.#nodeOf(event.target) : this.#focused()));
    }
    this.#list.addEventListener('click', event => {
      const node = this.#nodeOf(event.target);
      if (node) this.choose(node);
    });
  }

  #nodeOf(target) {
    const row = target.closest?.('li');
    return row ? this.#nodes[Number(row.dataset.node)] : null;
  }

  #focused() { return this.#nodeOf(document.activeElement); }

  // alignment: as docs/studio-api.md has it; seconds: length of the axis;
  // changed: {start_s, end_s} or null.
  show(alignment, seconds, changed = null) {
    this.#seconds = seconds;
    this.#nodes = alignment.nodes;
    this.#chosen = null;
    this.#list.replaceChildren(...this.#nodes.filter(node => node.level <= 4).map(node => this.#row(node, alignment)));
    this.#place(this.#over.changed, changed);
    this.#light(null);
    this.#rule();
  }

  #row(node, {frames, fps}) {
    const row = document.createElement('li'), button = document.createElement('button'), track = document.createElement('span');
    row.dataset.node = node.id;
    row.dataset.level = node.level;
    button.type = 'button';
    button.setAttribute('aria-pressed', 'false');
    const text = document.createElement('span'), told = document.createElement('span');
    text.textContent = node.text;
    told.className = 'unseen';
    told.textContent = `, ${NAMES[node.level]}${node.level === 3 ? ` of ${node.role}` : ''}, `
      + `${node.start_s.toFixed(1)} to ${node.end_s.toFixed(1)} seconds`;
    button.append(text, told);
    button.title = `${node.text} (${node.role})`;
    track.className = 'track';
    const span = document.createElement('i');
    this.#place(span, node);
    const strip = heat(node.weight, frames);
    strip.style.width = percent(frames / fps / this.#seconds);
    track.append(strip, span);
    row.append(button, track);
    return row;
  }

  #place(bar, span) {
    bar.hidden = !span;
    if (!span) return;
    bar.style.left = percent(span.start_s / this.#seconds);
    bar.style.width = percent(Math.max(0, span.end_s - span.start_s) / this.#seconds);
  }

  // Seconds along the top, as many as there is room for.
  #rule() {
    const ruler = this.#root.querySelector('.ruler');
    ruler.querySelectorAll('span').forEach(mark => mark.remove());
    const every = this.#seconds > 12 ? 2 : 1;
    for (let second = 0; second <= this.#seconds - 0.15; second += every) {
      const mark = document.createElement('span');
      mark.textContent = String(second);
      mark.style.left = percent(second / this.#seconds);
      ruler.append(mark);
    }
  }

  #light(node) {
    this.#place(this.#over.lit, node ?? this.#chosen);
    for (const row of this.#list.children) row.classList.toggle('lit', Number(row.dataset.node) === (node ?? this.#chosen)?.id);
    this.dispatchEvent(new CustomEvent('light', {detail: node ?? this.#chosen}));
  }

  choose(node) {
    this.#chosen = node;
    for (const row of this.#list.children) {
      row.querySelector('button').setAttribute('aria-pressed', String(Number(row.dataset.node) === node?.id));
    }
    this.#light(this.#focused());
    this.dispatchEvent(new CustomEvent('choose', {detail: node}));
  }

  #move(event) {
    const step = {ArrowUp: -1, ArrowDown: 1}[event.key];
    if (!step) return;
    event.preventDefault();
    const buttons = [...this.#list.querySelectorAll('button')];
    buttons[buttons.indexOf(document.activeElement) + step]?.focus();
  }

  // The words to be changed when a node is to say something else, and what to say in their place. Words that
  // stand more than once in the prompt do not tell which are meant, so more of those around them are taken.
  change(node, said, prompt) {
    const letters = Array.from(prompt), words = (from, to) => letters.slice(from, to).join('');
    let around = node;
    while (around.parent !== null && prompt.toLowerCase().split(around.text.toLowerCase()).length > 2) around = this.#nodes[around.parent];
    const to = words(around.start, node.start) + said + words(node.end, around.end);
    return {phrase: words(around.start, around.end), to};
  }

  // Frame k begins at k of `frames` parts of the axis, so the slider has one place more than there are frames.
  setFrame(frame, frames) {
    this.#scrub.max = frames;
    this.#scrub.value = frame;
    this.#scrub.setAttribute('aria-valuetext', `frame ${frame + 1} of ${frames}`);
    this.#over.head.style.left = percent(frame / Math.max(1, frames));
  }
}

// A strip whose strength at each moment is the node's weight there.
function heat(weight, frames) {
  const strip = document.createElement('b');
  const stops = weight.map((w, k) => `color-mix(in srgb, var(--tone) ${Math.round(100 * Math.min(1, Math.max(0, w)))}%, transparent) `
    + `${percent(k / frames)} ${percent((k + 1) / frames)}`);
  strip.style.backgroundImage = `linear-gradient(to right, ${stops.join(', ')})`;
  return strip;
}
