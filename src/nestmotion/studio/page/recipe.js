// What makes a motion again, as the part of an address after "#".
//
// {request: {prompt, seconds, seed, samples, steps, guidance, postprocess, by_turns}, bundle, sample, edits: [...]}:
// first a generate request, then edits of one sample, each as it was sent to the server.

const NUMBERS = ['seconds', 'seed', 'samples', 'steps', 'guidance'];
const EDITS = {
  edit: {phrase: 'string', to: 'string', seed: 'number', steps: 'number', guidance: 'number'},
  regenerate: {start_s: 'number', end_s: 'number', seed: 'number', steps: 'number', guidance: 'number'},
};

export function toFragment({request, bundle, sample = 0, edits = []}) {
  const parts = new URLSearchParams({prompt: request.prompt});
  for (const name of NUMBERS) if (request[name] != null) parts.set(name, String(request[name]));
  if (request.postprocess === false) parts.set('postprocess', 'false');
  if (request.by_turns === false) parts.set('by_turns', 'false');
  if (sample) parts.set('sample', String(sample));
  for (const {kind, request: change} of edits) {
    const told = Object.fromEntries(Object.keys(EDITS[kind]).filter(key => change[key] != null).map(key => [key, change[key]]));
    parts.append(kind, JSON.stringify(told));
  }
  if (bundle) parts.set('bundle', bundle);
  return `#${parts}`;
}

// The recipe in a fragment; null when there is none. What is no number or not known is left out, and the
// server judges the rest.
export function fromFragment(fragment) {
  const parts = new URLSearchParams(fragment.replace(/^#/, '')), prompt = parts.get('prompt');
  if (!prompt?.trim()) return null;
  const request = {prompt};
  for (const name of NUMBERS) {
    const value = Number(parts.get(name));
    if (parts.get(name) && Number.isFinite(value)) request[name] = value;
  }
  if (parts.get('postprocess') === 'false') request.postprocess = false;
  if (parts.get('by_turns') === 'false') request.by_turns = false;
  const edits = [...parts].filter(([kind]) => Object.hasOwn(EDITS, kind)).map(([kind, text]) => ({kind, request: change(kind, text)}));
  const sample = Number.parseInt(parts.get('sample') ?? '0', 10);
  return {
    request, bundle: parts.get('bundle'), sample: sample > 0 ? sample : 0,
    edits: edits.filter(edit => edit.request),
  };
}

function change(kind, text) {
  try {
    const told = Object.entries(JSON.parse(text));
    return Object.fromEntries(told.filter(([key, value]) => Object.hasOwn(EDITS[kind], key) && typeof value === EDITS[kind][key]));
  } catch {
    return null;
  }
}

// Makes what a recipe says, with `make(kind, request, source)` -> job for each step that none of the jobs
// in `made` is the outcome of. Gives the last job and, for an edit, the one before it.
export async function replay({request, bundle, sample, edits}, made, make) {
  const whole = job => job.status === 'done' && !job.source && (!bundle || job.recipe.bundle_digest === bundle)
    && job.motions.length >= (request.samples ?? 1) && agrees({by_turns: true, ...request}, {by_turns: false, ...job.recipe});
  let before = null, job = made.find(whole) ?? await make('generate', request, null);
  for (const edit of job ? edits : []) {
    const source = {job: job.id, motion: before ? 0 : sample};
    const done = other => other.status === 'done' && other.kind === edit.kind && other.source?.job === source.job
      && other.source.motion === source.motion && agrees(edit.request, other.request);
    [before, job] = [job, made.find(done) ?? await make(edit.kind, edit.request, source)];
    if (!job) break;
  }
  return {job, before};
}

const agrees = (asked, told) => Object.entries(asked).every(([key, value]) => key === 'samples' || told[key] === value);

// How a job of the history came to be: its generate request and the edits that followed, or null when
// a job on the way was removed. find: id -> job.
export async function recipeOf(job, sample, find) {
  const edits = [];
  while (job.source) {
    edits.unshift({kind: job.kind, request: job.request});
    sample = job.source.motion;
    try { job = await find(job.source.job); } catch { return null; }
  }
  const {prompt, seconds, steps, guidance, postprocess, by_turns = false, seed, bundle_digest: bundle} = job.recipe;
  const samples = Math.max(job.motions.length, sample + 1);
  const request = {prompt, seconds, seed, samples, steps, guidance, postprocess, by_turns};
  return {request, bundle, sample, edits};
}
