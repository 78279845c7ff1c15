// The rater's page: one question after another. The server knows how far the rater is; the page keeps nothing.

import {create} from './viewer.js';

const $ = id => document.getElementById(id);
const TOKEN = location.pathname.split('/').pop();
const API = `../api/${TOKEN}`;
const KINDS = {
  pair: 'Two clips of one sentence: choose the one that you prefer, with the arrow keys if you like.',
  scores: 'One clip: give it 1 to 5 points for each of three things.',
};
const ASPECTS = [
  ['text_match', 'Does it do what the sentence says?', 'not at all', 'exactly'],
  ['naturalness', 'Does it move like a real person?', 'not at all', 'just like one'],
  ['smoothness', 'Does it move smoothly?', 'jerks a lot', 'all smooth'],
];

let viewer = null, state = null, sending = false, ready = false;

async function ask(path, body) {
  const options = body === undefined ? {} : {
    method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body),
  };
  const response = await fetch(API + path, options);
  // 409: answered already, for instance in another window. The server says what comes next.
  if (response.status === 409) return ask('');
  if (!response.ok) throw new Error((await response.json()).error.message);
  return response.json();
}

function show(id) {
  for (const main of document.querySelectorAll('main')) main.hidden = main.id !== id;
}

function count() {
  $('bar').max = state.total;
  $('bar').value = state.answered;
  $('count').textContent = `${state.answered} of ${state.total}`;
}

function buildScores() {
  for (const [name, question, low, high] of ASPECTS) {
    const field = document.createElement('fieldset'), legend = document.createElement('legend');
    const row = document.createElement('div');
    legend.textContent = question;
    row.className = 'points';
    row.append(word(low), ...[1, 2, 3, 4, 5].map(value => point(name, value, low, high)), word(high));
    field.append(legend, row);
    $('scores').append(field);
  }
  const send = document.createElement('button');
  send.id = 'send';
  send.className = 'big';
  send.textContent = 'Next';
  $('scores').append(send);
}

function word(text) {
  const span = document.createElement('span');
  span.textContent = text;
  span.setAttribute('aria-hidden', 'true');
  return span;
}

function point(name, value, low, high) {
  const label = document.createElement('label'), input = document.createElement('input');
  Object.assign(input, {type: 'radio', name, value: String(value), required: true});
  const meaning = value === 1 ? `, ${low}` : value === 5 ? `, ${high}` : '';
  input.setAttribute('aria-label', `${value}${meaning}`);
  const face = document.createElement('span');
  face.textContent = String(value);
  label.append(input, face);
  return label;
}

async function next() {
  count();
  if (!state.question) {
    viewer?.pause();
    show('done');
    return;
  }
  const {id, kind, prompt, clips} = state.question;
  show('question');
  setReady(false);
  $('problem').textContent = '';
  $('prompt').textContent = prompt;
  $('prompt').focus({preventScroll: true});
  scrollTo(0, 0);
  $('pair').hidden = kind !== 'pair';
  $('scores').hidden = kind !== 'scores';
  $('scores').reset();
  viewer ??= watch(create($('canvas')));
  await viewer.load(clips.map(side => `${API}/questions/${id}/${side}.glb`));
  viewer.seek(0);
  viewer.speed = Number($('speed').value);
  viewer.play();
  setReady(true);
}

function setReady(yes) {
  ready = yes;
  $('loading').hidden = yes;
  for (const id of ['choose-a', 'choose-b', 'send']) $(id).disabled = !yes;
  if (!yes) for (const side of ['a', 'b']) $(`label-${side}`).textContent = '';
}

function watch(made) {
  made.addEventListener('layout', labels);
  made.addEventListener('load', labels);
  made.addEventListener('frame', () => {
    $('time').max = String(made.duration);
    $('time').value = String(made.time);
  });
  const playing = () => {
    $('play').textContent = made.playing ? 'Pause' : 'Play';
    $('play').setAttribute('aria-label', $('play').textContent);
  };
  made.addEventListener('play', playing);
  made.addEventListener('pause', playing);
  return made;
}

function labels() {
  for (const [k, side] of ['a', 'b'].entries()) {
    const tile = viewer.tiles[k], label = $(`label-${side}`);
    label.textContent = tile && state.question?.clips.length === 2 ? side.toUpperCase() : '';
    if (tile) Object.assign(label.style, {left: `${tile.x + 10}px`, top: `${tile.y + 8}px`});
  }
}

async function send(body) {
  if (sending || !ready) return;
  sending = true;
  try {
    state = await ask(`/questions/${state.question.id}`, body);
    await next();
  } catch (error) {
    $('problem').textContent = `${error.message}. Try again; if that does not help, load the page anew.`;
    setReady(true);
  } finally {
    sending = false;
  }
}

function wire() {
  $('choose-a').onclick = () => send({choice: 'a'});
  $('choose-b').onclick = () => send({choice: 'b'});
  $('scores').onsubmit = event => {
    event.preventDefault();
    const values = new FormData($('scores'));
    send(Object.fromEntries(ASPECTS.map(([name]) => [name, Number(values.get(name))])));
  };
  $('play').onclick = () => viewer.playing ? viewer.pause() : viewer.play();
  $('again').onclick = () => { viewer.seek(0); viewer.play(); };
  $('speed').onchange = () => { viewer.speed = Number($('speed').value); };
  $('time').oninput = () => { viewer.pause(); viewer.seek(Number($('time').value)); };
  addEventListener('keydown', event => {
    const typing = event.target.matches?.('input, select');
    if (typing || event.altKey || event.ctrlKey || event.metaKey || event.repeat) return;
    if ($('question').hidden || state.question.kind !== 'pair') return;
    const choice = {ArrowLeft: 'a', ArrowRight: 'b'}[event.key];
    if (choice) send({choice});
  });
}

async function start() {
  buildScores();
  wire();
  state = await ask('');
  count();
  if (state.answered > 0 || !state.question) return next();
  $('kinds').replaceChildren(...Object.values(KINDS).map(text => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  }));
  show('intro');
  $('begin').onclick = () => next().catch(fail);
}

function fail(error) {
  show('question');
  $('problem').textContent = `${error.message}. Load the page anew.`;
}

start().catch(fail);
