// The list of what was made before. Calls open(job), beside(job); asks the server to forget.

import * as api from './api.js';

const MARKS = {queued: 'waiting', running: 'running', failed: 'failed', cancelled: 'cancelled', interrupted: 'interrupted'};
const KINDS = {edit: 'phrase changed', regenerate: 'another take'};

export class History {
  #list; #older; #calls; #next = null; #open = null; #jobs = new Map();

  constructor(list, older, calls) {
    [this.#list, this.#older, this.#calls] = [list, older, calls];
    older.addEventListener('click', () => this.#load(this.#next));
  }

  get jobs() { return [...this.#jobs.values()]; }

  refresh() { return this.#load(null); }

  async #load(before) {
    const {jobs, next} = await api.jobs(before);
    if (!before) this.#list.replaceChildren();
    this.#list.append(...jobs.map(job => this.#item(job)));
    this.#next = next;
    this.#older.hidden = !next;
    this.mark(this.#open);
  }

  // A job that has ended or changed takes its place in the list, a new one the first.
  put(job) {
    const item = this.#item(job), old = this.#list.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
    if (old) old.replaceWith(item);
    else this.#list.prepend(item);
    this.mark(this.#open);
  }

  mark(id) {
    this.#open = id;
    for (const item of this.#list.children) {
      const button = item.querySelector('.open');
      if (item.dataset.job === id) button.setAttribute('aria-current', 'true');
      else button.removeAttribute('aria-current');
    }
  }

  #item(job) {
    const item = document.createElement('li'), prompt = job.prompt ?? job.request.prompt ?? 'a change of a motion';
    item.dataset.job = job.id;
    this.#jobs.set(job.id, job);
    const open = button('open', '', () => this.#calls.open(job)), title = document.createElement('span');
    title.textContent = prompt;
    const details = document.createElement('small');
    details.textContent = describe(job);
    open.append(title, details);
    open.disabled = job.status !== 'done';
    item.append(open);
    if (job.status === 'done') {
      const beside = button('quiet', '', () => this.#calls.beside(job));
      beside.append(icon('M2 3h5v10H2zM9 3h5v10H9z'));
      beside.setAttribute('aria-label', `Compare: ${prompt}`);
      beside.title = 'Compare: show beside what is on the stage';
      item.append(beside);
    }
    const remove = button('quiet', '', () => this.#remove(job, item));
    remove.append(icon('M4 4l8 8M12 4l-8 8'));
    remove.setAttribute('aria-label', `Remove: ${prompt}`);
    remove.title = 'Remove for good';
    item.append(remove);
    return item;
  }

  async #remove(job, item) {
    const next = item.nextElementSibling ?? item.previousElementSibling;
    try { await api.forget(job.id); } catch (error) { if (error.status !== 404) return this.#calls.problem(error); }
    this.#jobs.delete(job.id);
    item.remove();
    next?.querySelector('.open').focus();
  }
}

function describe(job) {
  const parts = [];
  if (MARKS[job.status]) parts.push(MARKS[job.status]);
  if (KINDS[job.kind]) parts.push(KINDS[job.kind]);
  const [first] = job.motions;
  if (first) parts.push(`${first.seconds.toFixed(1)} s`);
  if (job.motions.length > 1) parts.push(`${job.motions.length} samples`);
  parts.push(when(job.created));
  return parts.join(' · ');
}

function when(time) {
  const date = new Date(time), today = new Date().toDateString() === date.toDateString();
  return date.toLocaleString(undefined, today ? {timeStyle: 'short'} : {dateStyle: 'medium'});
}

function icon(outline) {
  const space = 'http://www.w3.org/2000/svg', drawn = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  for (const [name, value] of [['viewBox', '0 0 16 16'], ['class', 'line'], ['aria-hidden', 'true']]) drawn.setAttribute(name, value);
  path.setAttribute('d', outline);
  drawn.append(path);
  return drawn;
}

function button(kind, text, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.className = kind;
  made.textContent = text;
  made.addEventListener('click', act);
  return made;
}
