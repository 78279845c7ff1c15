// The studio's page: what the person asks for goes to the server, what comes back to the stage.

import * as api from './api.js';
import {connect} from './controls.js';
import {History} from './history.js';
import {fromFragment, recipeOf, replay, toFragment} from './recipe.js';
import {Stage} from './stage.js';
import {Timeline} from './timeline.js';
import {create} from './viewer.js';

const $ = id => document.getElementById(id);
const phone = matchMedia('(max-width: 52rem)');
const numberIn = id => ($(id).value === '' ? null : Number($(id).value));

let model = null, running = null, chosenNode = null;

// ---- Messages

function problem(error) {
  $('problem').hidden = !error;
  $('problem').textContent = error ? error.message : '';
  if (error && !(error instanceof api.ServerError)) console.error(error);
}

// Runs what a person asked for; what goes wrong is told in one line.
const guarded = act => async (...given) => {
  problem(null);
  try { return await act(...given); } catch (error) { problem(error); return null; }
};

function busy(job) {
  running = job;
  // Not `disabled`, which would take the focus away.
  for (const button of document.querySelectorAll('#generate, #edit button')) button.setAttribute('aria-disabled', String(Boolean(job)));
  $('cancel').hidden = $('progress').hidden = !job;
  if (!job) return;
  $('cancel').disabled = !job.id;
  $('progress').value = job.progress ?? 0;
  $('status').textContent = job.status === 'queued' && job.ahead ? `${job.ahead} before this one` : 'Making the motion…';
}

// ---- Stage

const viewer = (() => {
  try { return create($('view')); } catch (error) {
    problem(new Error(`this browser cannot show 3D graphics (${error.message})`));
    throw error;
  }
})();
const timeline = new Timeline($('timeline'));
const stage = new Stage(viewer, $('tiles'));
const past = new History($('history'), $('older'), {
  problem,
  open: guarded(openJob),
  beside: guarded(job => stage.show([...stage.entries, ...samplesOf(job, true)], stage.entries.length)),
});
connect(viewer, timeline, k => stage.choose(k));

const samplesOf = (job, named = false) => job.motions.map((motion, k) => {
  const sample = job.motions.length > 1 ? `Sample ${k + 1}` : '';
  return {job, motion, label: named ? [job.prompt, sample.toLowerCase()].filter(Boolean).join(', ') : sample};
});

// A job of the history: all its samples, or the motion before a change and the one after it.
async function openJob(job, before = null) {
  if (!job.source) return stage.show(samplesOf(job));
  const source = before ?? await api.job(job.source.job).catch(() => null);
  const [after] = samplesOf(job), motion = source?.motions[job.source.motion];
  if (!motion) return stage.show([after]);
  return stage.show([{job: source, motion, label: 'Before'}, {...after, label: 'After'}], 1);
}

stage.addEventListener('choose', guarded(async () => {
  const {entry} = stage, {job, motion} = entry;
  showTitle(null);
  $('view').setAttribute('aria-label', `A mannequin moving: ${stage.entries.map(({job: {prompt}}) => prompt).join('; ')}`);
  $('details').textContent = `${motion.seconds.toFixed(2)} s · ${motion.frames} frames at ${motion.fps} a second · seed ${job.recipe.seed}`;
  $('empty').hidden = true;
  for (const id of ['about', 'controls', 'take', 'reset']) $(id).hidden = false;
  past.mark(job.id);
  chooseNode(null);
  showLink(entry);
  const alignment = await stage.alignment(motion);
  if (stage.entry === entry) timeline.show(alignment, stage.seconds, motion.changed);
}));

// The prompt as text, the part that a node is about marked. Places count code points.
function showTitle(node) {
  const prompt = stage.entry?.job.prompt ?? '', letters = Array.from(prompt);
  if (!node || node.level === 1) return $('title').replaceChildren(prompt);
  const mark = document.createElement('mark');
  mark.textContent = letters.slice(node.start, node.end).join('');
  $('title').replaceChildren(letters.slice(0, node.start).join(''), mark, letters.slice(node.end).join(''));
}

timeline.addEventListener('light', ({detail: node}) => {
  showTitle(node);
  if (node) viewer.light(node.start_s, node.end_s);
  else viewer.light();
});

// ---- Making motions

async function make(kind, request, source) {
  $('status').textContent = '';
  busy({});
  try {
    const job = await api.run(api.PATHS[kind](source?.job, source?.motion), request, told => {
      busy(told);
      past.put(told);
    });
    $('status').textContent = job.warnings.join(' ');
    return job;
  } catch (error) {
    $('status').textContent = '';
    if (error.code === 'cancelled') $('status').textContent = 'Cancelled.';
    else throw error;
    return null;
  } finally {
    busy(null);
  }
}

$('ask').addEventListener('submit', guarded(async event => {
  event.preventDefault();
  if (running) return;
  const request = {prompt: $('prompt').value, seed: numberIn('seed'), samples: numberIn('samples')};
  for (const name of ['seconds', 'guidance']) if (numberIn(name) !== null) request[name] = numberIn(name);
  if (!$('by-turns').checked) request.by_turns = false;
  const job = await make('generate', request, null);
  if (job) await openJob(job);
  if (job && phone.matches) $('stage').scrollIntoView({block: 'nearest'});
}));

$('prompt').addEventListener('keydown', event => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('ask').requestSubmit();
});

$('cancel').addEventListener('click', guarded(() => running?.id && api.cancel(running.id)));
$('new-seed').addEventListener('click', () => { $('seed').value = Math.floor(10_000 * Math.random()); });
$('empty').addEventListener('click', ({target}) => {
  if (!target.dataset.try) return;
  $('prompt').value = target.dataset.try;
  $('ask').requestSubmit();
});

// ---- Changing one stretch

// The stretch, or one about it that is long enough to be made anew (generate/editing.py).
const SHORTEST_S = 0.4;
function widened(start, end, seconds) {
  const from = Math.max(0, Math.min(start, (start + end - SHORTEST_S) / 2, seconds - SHORTEST_S));
  return [from, Math.max(end, Math.min(from + SHORTEST_S, seconds))];
}

function chooseNode(node) {
  chosenNode = node;
  $('edit').hidden = !node || node.level === 1 || !model?.editable;
  if (!node) return;
  $('phrase').value = node.text;
  const [from, to] = widened(node.start_s, node.end_s, stage.seconds);
  $('from').value = from.toFixed(2);
  $('to').value = to.toFixed(2);
  viewer.seek(node.start_s);
  $('edit').scrollIntoView({block: 'nearest'});
}

timeline.addEventListener('choose', ({detail: node}) => chooseNode(node));

const change = (kind, request) => guarded(async event => {
  event.preventDefault();
  if (running || !stage.entry) return;
  const {job, motion} = stage.entry;
  const made = await make(kind, request(), {job: job.id, motion: motion.index});
  if (made) await openJob(made, job);
});
$('say').addEventListener('submit', change('edit', () =>
  ({...timeline.change(chosenNode, $('phrase').value, stage.entry.job.prompt), seed: numberIn('seed')})));
$('again').addEventListener('submit', change('regenerate', () =>
  ({start_s: numberIn('from'), end_s: numberIn('to'), seed: Math.floor(1_000_000 * Math.random())})));

// ---- Taking away

for (const button of document.querySelectorAll('[data-format]')) {
  button.addEventListener('click', guarded(() => api.save(stage.entry.motion, button.dataset.format)));
}

// The address of the page always holds the recipe of what is chosen.
async function showLink({job, motion}) {
  const recipe = await recipeOf(job, motion.index, api.job);
  if (stage.entry?.job !== job) return;
  $('share').disabled = !recipe;
  $('share').title = recipe ? '' : 'The motion that this one was made from is no longer there';
  $('link').hidden = true;
  window.history.replaceState(null, '', recipe ? toFragment(recipe) : location.pathname);
}

$('share').addEventListener('click', async () => {
  try {
    await navigator.clipboard.writeText(location.href);
    $('share').textContent = 'Link copied';
    setTimeout(() => { $('share').textContent = 'Copy link'; }, 2000);
  } catch { // no clipboard without https, or not allowed: shown, to be copied by hand
    $('link').value = location.href;
    $('link').hidden = false;
    $('link').select();
  }
});

async function followLink() {
  const parts = new URLSearchParams(location.hash.slice(1));
  if (parts.has('token')) {
    api.setToken(parts.get('token'));
    parts.delete('token');
    window.history.replaceState(null, '', `${location.pathname}${parts.size ? `#${parts}` : ''}`);
  }
  model ??= await prepare();
  await past.refresh();
  const recipe = fromFragment(location.hash);
  if (!recipe) return;
  const {request, bundle, sample, edits} = recipe;
  $('prompt').value = request.prompt;
  for (const name of ['seconds', 'seed', 'samples', 'guidance']) $(name).value = request[name] ?? $(name).defaultValue;
  $('by-turns').checked = request.by_turns !== false;
  const {job, before} = await replay(recipe, past.jobs, make);
  if (!job) return;
  if (before) await openJob(job, before);
  else await stage.show(samplesOf(job), edits.length ? 0 : sample);
  if (bundle && bundle !== model.bundle_digest) {
    $('status').textContent = 'This link was made with another model: the motion is not the same.';
  }
}

async function prepare() {
  const told = await api.model();
  Object.assign($('seconds'), {min: told.seconds.shortest, max: told.seconds.longest});
  $('samples').max = told.limits.samples;
  $('prompt').maxLength = told.limits.prompt_characters;
  Object.assign($('guidance'), {max: told.limits.guidance, placeholder: told.defaults.guidance});
  return told;
}

// ---- The page

api.ask.token = () => new Promise(resolve => {
  $('token-dialog').addEventListener('close', () => resolve($('token').value.trim() || null), {once: true});
  $('token-dialog').showModal();
});
$('keys-button').addEventListener('click', () => $('keys').showModal());
const unfold = () => {
  $('settings').open = !phone.matches;
  $('view').style.touchAction = phone.matches ? 'pan-y' : 'none'; // so that a finger on the stage scrolls the page
};
phone.addEventListener('change', unfold);
unfold();
addEventListener('hashchange', guarded(followLink));
guarded(followLink)();
