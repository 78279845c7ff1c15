// The studio's HTTP API (docs/studio-api.md): every answer is data or a ServerError.

const WAIT_S = 1; // how long the server may hold an answer back; progress is shown this often

export class ServerError extends Error {
  constructor(status, {code = 'unknown', message = 'the server gave no reason'} = {}) {
    super(message);
    Object.assign(this, {status, code});
  }
}

// A token comes in the address (/#token=...), which browsers do not send to servers.
let token = null;
try { token = sessionStorage.getItem('token'); } catch { /* asked for again, then */ }
export function setToken(value) {
  token = value;
  try { sessionStorage.setItem('token', value); } catch { /* the same */ }
}

// Asks for a token when the server needs one; set by the page.
export const ask = {token: async () => null};
let asking = null; // one question for all requests that are waiting

async function send(path, {method = 'GET', body} = {}) {
  const sent = token;
  const headers = token ? {authorization: `Bearer ${token}`} : {};
  if (body !== undefined) headers['content-type'] = 'application/json';
  let reply;
  try {
    reply = await fetch(path, {method, headers, body: body === undefined ? undefined : JSON.stringify(body)});
  } catch {
    throw new ServerError(0, {code: 'away', message: 'the server does not answer; is it still running?'});
  }
  if (reply.status === 401) {
    // Sent before a token was given, answered after: not asked for again.
    if (token !== sent) return send(path, {method, body});
    asking ??= ask.token().finally(() => { asking = null; });
    const given = await asking;
    if (given) {
      setToken(given);
      return send(path, {method, body});
    }
  }
  if (!reply.ok) {
    const {error} = await reply.json().catch(() => ({}));
    const later = reply.headers.get('retry-after');
    if (error && later) error.message += `; try again in ${later} s`;
    throw new ServerError(reply.status, error);
  }
  return reply;
}

const json = async (path, options) => (await send(path, options)).json();

export const model = () => json('/v1/model');
export const jobs = (before = null) => json(`/v1/jobs?limit=30${before ? `&before=${before}` : ''}`);
export const job = id => json(`/v1/jobs/${id}`);
export const cancel = id => json(`/v1/jobs/${id}`, {method: 'DELETE'});
export const forget = id => send(`/v1/jobs/${id}?forget=true`, {method: 'DELETE'});
export const alignment = motion => json(motion.alignment);
export const glb = async motion => (await send(motion.files.glb)).arrayBuffer();

const MOTION = (id, index, verb) => `/v1/jobs/${id}/motions/${index}/${verb}`;
export const PATHS = {
  generate: () => '/v1/generate',
  edit: (id, index) => MOTION(id, index, 'edit'),
  regenerate: (id, index) => MOTION(id, index, 'regenerate'),
};

// Posts and waits until the job has ended; `tell` is given the job whenever news of it arrive.
export async function run(path, body, tell) {
  let found = await json(`${path}?wait=${WAIT_S}`, {method: 'POST', body});
  for (;;) {
    tell(found);
    if (found.status === 'done') return found;
    if (found.status !== 'queued' && found.status !== 'running') throw new ServerError(200, found.error ?? ENDED[found.status]);
    found = await json(`/v1/jobs/${found.id}?wait=${WAIT_S}`);
  }
}

const ENDED = {cancelled: {code: 'cancelled', message: 'cancelled'}};

// Saves a motion file under the name that the server gives it.
export async function save(motion, format) {
  const reply = await send(motion.files[format]);
  const name = /filename="?([^";]+)/.exec(reply.headers.get('content-disposition') ?? '')?.[1] ?? `motion.${format}`;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await reply.blob());
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
